"""Seconds of several calls that shall be compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def medians(calls: Sequence[Callable[[], object]], repeats: int, *, warm_up: bool = True) -> list[float]:
    """Return the median seconds of each call, made in turns: what else the machine does hits all alike."""
    for call in calls if warm_up else ():
        call()
    taken: list[list[float]] = [[] for _ in calls]
    turn = list(zip(calls, taken, strict=True))
    for repeat in range(repeats):
        for call, times in turn if repeat % 2 else turn[::-1]:
            times.append(seconds(call))
    return [statistics.median(times) for times in taken]
