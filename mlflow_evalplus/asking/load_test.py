"""An open-loop load test of one candidate: requests come at a stated rate, whether or not others were answered."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from mlflow_evalplus.asking.budget import Budget, most_money
from mlflow_evalplus.asking.candidate import Candidate
from mlflow_evalplus.asking.open_loop import VARIANT, OpenLoop, due_times
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.questions.prompting import as_asked
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.serial_latency import serial_percentiles
from mlflow_evalplus.errors import DataError, EvalPlusError, did_you_mean
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.results.load_test import ARRIVALS, LoadTest

T = TypeVar("T")


def load_test(
    candidate: Candidate,
    questions: QuestionSet,
    *,
    rate: float,
    seconds: float | None = None,
    n: int | None = None,
    arrivals: str = "poisson",
    max_in_flight: int = 256,
    wait_s: float = 60.0,
    system: str = "",
    seed: int = 0,
    budget: Budget | None = None,
    currency: str = "",
    on_answer: Callable[[Answer], None] | None = None,
) -> LoadTest:
    """Ask a candidate at a stated rate, and measure from the moment at which each request was due.

    A closed loop asks the next question when the last one is answered: a server that stalls is then asked less, and the
    stall counts once (coordinated omission). Here arrivals wait for nothing.

    Parameters
    ----------
    candidate : Candidate
        Its own limits and retries hold; what they take counts as latency.
    questions : QuestionSet
        Asked in order, over and over.
    rate : float
        Requests per second.
    seconds : float, optional
        For how long requests come; give it or `n`.
    n : int, optional
        How many requests come.
    arrivals : str
        ``poisson``, as of many users who know nothing of each other, or ``constant``.
    max_in_flight : int
        A request that is due while so many are under way is dropped, and counted as dropped.
    wait_s : float
        For how long answers are waited for after the last arrival; what has not come by then is a ``timeout``.
    system : str
    seed : int
        Of the arrivals.
    budget : Budget, optional
        A request that could exceed it is not sent; it counts as the error ``budget``.
    currency : str
        Of the candidate's price.
    on_answer : callable, optional
        Told every answer as it comes.

    Returns
    -------
    LoadTest

    Raises
    ------
    EvalPlusError
        The candidate calls nobody, or the one request that is sent beforehand, uncounted, is refused.

    Notes
    -----
    Schroeder, Wierman and Harchol-Balter, *Open versus closed: a cautionary tale*, NSDI 2006.
    """
    _check(candidate, questions, rate=rate, max_in_flight=max_in_flight, arrivals=arrivals)
    due = due_times(rate, seconds=seconds, n=n, arrivals=arrivals, seed=seed)
    send_s = float(seconds) if seconds is not None else float(due[-1]) + 1 / rate
    requests = [Request(question.id, as_asked(question, system), VARIANT) for question in questions]
    if budget:
        most_money(candidate, requests[0])  # raises where it cannot be held
    run = OpenLoop(candidate, requests, due, send_s, max_in_flight, wait_s, budget, on_answer or (lambda answer: None))
    _finished(run.all())
    return _summary(run, arrivals, rate, seed, currency)


def _check(candidate: Candidate, questions: QuestionSet, *, rate: float, max_in_flight: int, arrivals: str) -> None:
    if not len(questions):
        raise DataError("a load test needs at least one question")
    if not 0 < rate < math.inf:
        raise DataError(f"rate is the requests per second, above 0, got {rate}")
    if max_in_flight < 1:
        raise DataError(f"max_in_flight must be at least 1, got {max_in_flight}")
    if arrivals not in ARRIVALS:
        raise DataError(f"arrivals are one of {list(ARRIVALS)}, not {arrivals!r}.{did_you_mean(arrivals, ARRIVALS)}")
    if not candidate.asks:
        raise EvalPlusError(f"candidate {candidate.name!r} holds recorded answers: there is nobody to put under load")


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _summary(run: OpenLoop, arrivals: str, rate: float, seed: int, currency: str) -> LoadTest:
    numbers = [number for number, answer in sorted(run.answers.items()) if answer.answered]
    answers, done, due = [run.answers[number] for number in numbers], run.done[numbers], run.due[numbers]
    calls = np.array([answer.seconds for answer in answers])
    firsts = np.array([answer.first_token_s for answer in answers])
    total = float(max(done.max(initial=0.0), run.send_s))
    counted = [answer.completion_tokens for answer in answers if answer.completion_tokens is not None]
    prices = [answer.money for answer in run.answers.values() if not math.isnan(answer.money)]
    sent = ~np.isnan(run.sent)
    achieved, pace = _pace(due, done)
    return LoadTest(
        run.candidate.name, dict(run.candidate.about), arrivals, rate,
        len(run.due), int(sent.sum()), run.n_dropped, len(answers),
        dict(Counter(answer.error or "other" for answer in run.answers.values() if not answer.answered)),
        len(run.due) / run.send_s, achieved, pace, run.send_s, total, serial_percentiles(1000 * (done - due)),
        serial_percentiles(1000 * (done - due - calls + firsts)), serial_percentiles(1000 * calls),
        sum(counted) / total if counted else math.nan, sum(answer.attempts - 1 for answer in answers),
        run.max_in_flight, run.most_in_flight,
        float(np.quantile(1000 * (run.sent - run.due)[sent], 0.99)) if sent.any() else math.nan,
        math.fsum(prices) if prices else math.nan, currency, seed,
    )  # fmt: skip


def _pace(due: FloatArray, done: FloatArray) -> tuple[float, float]:
    """Return the answers per second over their middle 90 %, and that over how fast the same requests were due."""
    n = len(done)
    first, last = round(0.05 * n), n - 1 - round(0.05 * n)
    if last - first < 1:
        return math.nan, math.nan
    came, planned = np.sort(done)[[first, last]], np.sort(due)[[first, last]]
    took = float(came[1] - came[0])
    return ((last - first) / took, float(planned[1] - planned[0]) / took) if took > 0 else (math.nan, math.nan)
