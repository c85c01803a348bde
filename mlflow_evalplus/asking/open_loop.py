"""Requests sent to one candidate when they are due, whatever others are under way."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

from mlflow_evalplus.asking.budget import MAYBE_CHARGED, Budget, most_money
from mlflow_evalplus.asking.candidate import Candidate
from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import DataError, EvalPlusError
from mlflow_evalplus.results.answers import Answer

HOPELESS = ("authentication", "refused_request")
VARIANT = "load"
MAX_DUE = 1_000_000


def due_times(
    rate: float, *, seconds: float | None = None, n: int | None = None, arrivals: str = "poisson", seed: int = 0
) -> FloatArray:
    """Return when each request is due, in seconds from the start.

    Examples
    --------
    >>> due_times(2, seconds=2, arrivals="constant").tolist()
    [0.0, 0.5, 1.0, 1.5]
    >>> len(due_times(5, n=7))
    7
    """
    if (seconds is None) == (n is None) or not (seconds or n or 0) > 0:
        raise DataError(f"give either for how many seconds requests come, or how many; got seconds={seconds}, n={n}")
    expected = n if n is not None else rate * float(seconds or 0)
    if not expected <= MAX_DUE:
        raise DataError(f"{expected:,.0f} requests would be due; a load test sends at most {MAX_DUE:,}")
    if arrivals == "constant":
        return np.arange(n if n is not None else math.ceil(round(expected, 9))) / rate
    rng = np.random.default_rng(seed)
    if n is not None:
        return np.cumsum(rng.exponential(1 / rate, n))
    return np.sort(rng.uniform(0, float(seconds or 0), max(int(rng.poisson(expected)), 1)))


@dataclass
class OpenLoop:
    """One load test as it runs; the arrays are [requests], in seconds from the start, nan where nothing came.

    Attributes
    ----------
    candidate : Candidate
    requests : list of Request
        Sent over and over.
    due, sent, done : float array
    send_s, wait_s : float
        For how long requests are due, and the last answers waited for.
    max_in_flight, most_in_flight : int
    budget : Budget or None
    on_answer : callable
    answers : dict of int to Answer
        By the number of the request; with an `error` where none came.
    n_dropped : int
    """

    candidate: Candidate
    requests: list[Request]
    due: FloatArray
    send_s: float
    max_in_flight: int
    wait_s: float
    budget: Budget | None
    on_answer: Callable[[Answer], None]
    sent: FloatArray = field(init=False)
    done: FloatArray = field(init=False)
    answers: dict[int, Answer] = field(default_factory=dict)
    most_in_flight: int = 0
    n_dropped: int = 0

    def __post_init__(self) -> None:
        self.sent, self.done = np.full(len(self.due), np.nan), np.full(len(self.due), np.nan)

    async def all(self) -> None:
        """Send what is due when it is due, then wait for what is under way."""
        check = getattr(self.candidate, "check", None)
        if check:
            check()
        try:
            await self._warm_up()
            await self._send()
        finally:
            await self.candidate.close()

    async def _warm_up(self) -> None:
        """Ask once, so that opening the client counts for nobody, and a wrong key or model is told at once."""
        if not self._reserved(self.requests[0]):
            raise EvalPlusError(
                f"candidate {self.candidate.name!r} cannot be asked: not even one call is in the budget"
            )
        answer = await self._call(-1, self.requests[0])
        if answer.error in HOPELESS:
            raise EvalPlusError(f"candidate {self.candidate.name!r} cannot be asked: {answer.error}: {answer.message}")

    async def _send(self) -> None:
        loop, open_ = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        start = loop.time()
        for number, (due, request) in enumerate(zip(self.due.tolist(), cycle(self.requests))):
            if (early := start + due - loop.time()) > 0:
                await asyncio.sleep(early)
            if len(open_) >= self.max_in_flight:
                await asyncio.sleep(0)  # answers that have come are counted first
                if len(open_) >= self.max_in_flight:
                    self.n_dropped += 1
                    continue
            if not self._reserved(request):
                self._keep(number, self._error(request, "budget", "the call could exceed the budget", attempts=0))
                continue
            self.sent[number] = loop.time() - start
            task = asyncio.ensure_future(self._ask(number, request, start))
            open_.add(task)
            task.add_done_callback(open_.discard)
            self.most_in_flight = max(self.most_in_flight, len(open_))
        if open_:
            last = list(open_)
            await asyncio.wait(last, timeout=max(start + self.send_s - loop.time(), 0) + self.wait_s)
            for task in last:
                task.cancel()
            await asyncio.gather(*last, return_exceptions=True)

    async def _ask(self, number: int, request: Request, start: float) -> None:
        try:
            answer = await self._call(number, request)
        except asyncio.CancelledError:
            answer = self._error(request, "timeout", "it had not come when the test ended")
        self.done[number] = asyncio.get_running_loop().time() - start
        self._keep(number, answer)

    async def _call(self, number: int, request: Request) -> Answer:
        money = math.nan
        try:
            answer = await self.candidate.ask(request) or self._error(request, "other", "no answer")
            money = 0.0 if answer.error and answer.error not in MAYBE_CHARGED else answer.money
        except EvalPlusError:
            raise
        except Exception as error:  # a candidate may fail in any way; the others are not lost
            answer = self._error(request, "other", hidden(f"{type(error).__name__}: {error}")[:300])
        finally:
            if self.budget:
                self.budget.settle((VARIANT, id(self), number), most_money(self.candidate, request), money)
        return answer

    def _reserved(self, request: Request) -> bool:
        return not self.budget or self.budget.reserve(most_money(self.candidate, request))

    def _keep(self, number: int, answer: Answer) -> None:
        self.answers[number] = answer
        self.on_answer(answer)

    def _error(self, request: Request, kind: str, message: str, attempts: int = 1) -> Answer:
        name = self.candidate.name
        return Answer(name, request.question, VARIANT, error=kind, message=message, attempts=attempts)
