"""All candidates asked at once, each within its own limits, what is journaled not asked again."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mlflow_evalplus.asking.budget import MAYBE_CHARGED, Budget, most_money
from mlflow_evalplus.asking.candidate import Candidate
from mlflow_evalplus.asking.journal import Journal, key_of
from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import EvalPlusError, shorten
from mlflow_evalplus.results.answers import Answer

Answers = dict[str, list[Answer | None]]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; `answers` are those that had come."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.answers = answers


def ask_all(
    candidates: Sequence[Candidate],
    requests: Mapping[str, Sequence[Request]],
    *,
    journal: Journal | None = None,
    budget: Budget | None = None,
    on_answer: Callable[[Answer], None] | None = None,
    call: bool = True,
) -> Answers:
    """Ask every candidate its requests and return the answers in their order.

    A call that fails is an answer with an `error`. It works where an event loop runs already, as in a notebook;
    `on_answer` is called in another thread then.

    Parameters
    ----------
    candidates : sequence of Candidate
    requests : mapping of str to sequence of Request
        By the candidate's name.
    journal : Journal, optional
        What is in it is not asked again; what comes is written to it.
    budget : Budget, optional
        A call that could exceed it is not made: its answer has the error ``budget``.
    on_answer : callable, optional
        Told every answer as it comes, those from the journal first.
    call : bool
        False calls nobody: what is neither recorded nor in the journal is None.

    Returns
    -------
    dict of str to list
        None where a file of recorded answers has none.

    Raises
    ------
    EvalPlusError
        Names are double or unknown, a key is not set, a budget cannot be kept, the journal cannot be written.
    Interrupted
        Ctrl-C was pressed. What had come is in the journal, and with the error.
    """
    run = _Run(candidates, requests, journal, budget, on_answer or _nothing, call)
    try:
        _wait_for(run.all())
    except KeyboardInterrupt:
        raise Interrupted(run.answers) from None
    return run.answers


def _nothing(answer: Answer) -> None:
    pass


def _wait_for(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    loop, outcome = asyncio.new_event_loop(), list[BaseException]()
    task = loop.create_task(work)

    def drive() -> None:
        try:
            loop.run_until_complete(task)
        except BaseException as error:  # raised again in the thread that waits
            outcome.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=drive, name="asking")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if outcome:
        raise outcome[0]


class _Run:
    """One call of `ask_all`."""

    def __init__(
        self, candidates: Sequence[Candidate], requests: Mapping[str, Sequence[Request]], journal: Journal | None,
        budget: Budget | None, on_answer: Callable[[Answer], None], call: bool,
    ) -> None:  # fmt: skip
        self.candidates = {candidate.name: candidate for candidate in candidates}
        if len(self.candidates) < len(candidates):
            raise EvalPlusError(f"candidates have the names {shorten(c.name for c in candidates)}; give each its own")
        if unknown := [name for name in requests if name not in self.candidates]:
            raise EvalPlusError(f"nobody is called {unknown[0]!r}; candidates are {shorten(self.candidates)}")
        self.requests, self.journal, self.budget = requests, journal, budget
        self.on_answer, self.call = on_answer, call
        self.answers: Answers = {name: [None] * len(asked) for name, asked in requests.items()}

    async def all(self) -> None:
        """Take what is journaled, then ask the rest, all candidates at once."""
        self._settled = asyncio.Event()
        waiting = {name: self._not_journaled(candidate) for name, candidate in self._asked()}
        for name, candidate in self._asked():
            self._check(candidate, [self.requests[name][place] for place in waiting[name]])
        tasks = []
        for name, candidate in self._asked():
            places, n_workers = iter(waiting[name]), min(max(candidate.concurrency, 1), len(waiting[name]))
            tasks += [asyncio.ensure_future(self._work(candidate, places)) for _ in range(n_workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _, candidate in self._asked():
                with suppress(Exception):  # what closing says is of no answer
                    await candidate.close()

    def _asked(self) -> list[tuple[str, Candidate]]:
        return [(name, self.candidates[name]) for name in self.requests]

    def _not_journaled(self, candidate: Candidate) -> list[int]:
        asked = self.requests[candidate.name]
        if not candidate.asks or self.journal is None:
            return list(range(len(asked))) if self.call or not candidate.asks else []
        left = []
        for place, request in enumerate(asked):
            answer = self.journal.get(candidate.digest, request)
            if answer is None:
                left.append(place)
                continue
            answer = replace(_charged_now(candidate, answer), candidate=candidate.name)
            if self.budget:
                self.budget.count(key_of(candidate.digest, request), answer.money)
            self._keep(candidate, place, answer)
        return left if self.call else []

    def _check(self, candidate: Candidate, left: list[Request]) -> None:
        """Raise before anything is spent where a candidate cannot be asked, or its cost not be held."""
        check = getattr(candidate, "check", None)
        if left and check:
            check()
        if left and self.budget and candidate.asks:
            most_money(candidate, left[0])

    async def _work(self, candidate: Candidate, places: Iterator[int]) -> None:
        for place in places:
            request = self.requests[candidate.name][place]
            if not candidate.asks:
                answer = await candidate.ask(request)
            elif self.budget:
                answer = await self._within(self.budget, candidate, request)
            else:
                answer = await self._ask(candidate, request)
            if answer is not None:
                self._keep(candidate, place, answer)

    async def _within(self, budget: Budget, candidate: Candidate, request: Request) -> Answer | None:
        most = most_money(candidate, request)
        while not budget.reserve(most):
            if not budget.in_flight:
                told = (
                    f"{budget.spent:.4g} of {budget.amount:g} {budget.currency} are spent; the call may cost {most:.4g}"
                )
                return _error(candidate, request, "budget", told, attempts=0)
            self._settled.clear()
            await self._settled.wait()
        answer, money = None, float("nan")
        try:
            answer = await self._ask(candidate, request)
            free = answer is None or answer.attempts == 0 or (answer.error and answer.error not in MAYBE_CHARGED)
            money = 0.0 if free or answer is None else answer.money
        finally:
            budget.settle(key_of(candidate.digest, request), most, money)
            self._settled.set()
        return answer

    async def _ask(self, candidate: Candidate, request: Request) -> Answer | None:
        try:
            answer = await candidate.ask(request)
        except EvalPlusError:
            raise
        except Exception as error:  # a candidate may fail in any way; the other answers are not lost
            answer = _error(candidate, request, "other", hidden(f"{type(error).__name__}: {error}")[:300], attempts=1)
        if self.journal is not None and answer is not None and answer.attempts:
            self.journal.add(candidate.digest, request, answer)
        return answer

    def _keep(self, candidate: Candidate, place: int, answer: Answer) -> None:
        self.answers[candidate.name][place] = answer
        self.on_answer(answer)


def _error(candidate: Candidate, request: Request, kind: str, message: str, attempts: int) -> Answer:
    return Answer(
        candidate.name, request.question, request.variant, request.repeat, error=kind, message=message,
        attempts=attempts,
    )  # fmt: skip


def _charged_now(candidate: Candidate, answer: Answer) -> Answer:
    """Return a journaled answer at the candidate's present price; without one what it cost is not known any more."""
    if not hasattr(candidate, "price"):
        return answer
    price = getattr(candidate, "price", None)
    return price.charged(answer) if price else replace(answer, money=math.nan)
