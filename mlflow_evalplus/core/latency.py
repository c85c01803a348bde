"""Latency and throughput with order-statistic intervals, and whether two runs' may be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sized

import numpy as np
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.results import Estimate, Latency


def percentiles(milliseconds: FloatArray, confidence: float = 0.95) -> dict[str, Estimate]:
    """Return p50, p90, p95 and p99 of single requests.

    The bounds are order statistics: the ranks between which a binomial count of requests below the
    percentile lies with the given confidence (David and Nagaraja, *Order Statistics*, 2003, sec. 7.1). A
    bound for which there are too few requests is nan, so a gate on it stays undecided; p99 has an upper bound from 368
    requests on.

    Examples
    --------
    >>> print(percentiles(np.arange(1.0, 201.0))["latency_ms_p50"])
    100.5 [86.0, 115.0] n=200
    """
    ordered = np.sort(milliseconds)
    shares = {name: int(name.rsplit("p", 1)[1]) / 100 for name in names.LATENCY_METRICS}
    return {name: _percentile(ordered, share, confidence) for name, share in shares.items()}


def throughput(seconds: Mapping[int, FloatArray], confidence: float = 0.95) -> dict[int, Estimate]:
    """Return examples per second by batch size: of the median call, with its order-statistic interval.

    Parameters
    ----------
    seconds : mapping of int to float array
        Batch size → seconds of each call; two bounds at 95 % need 6 calls.

    Examples
    --------
    >>> print(throughput({8: np.array([0.1] * 6 + [0.2] * 3)})[8])
    80.0 [40.0, 80.0] n=9
    """
    calls = {size: _percentile(np.sort(taken), 0.5, confidence) for size, taken in seconds.items()}
    return {
        size: Estimate(_rate(size, call.value), _rate(size, call.upper), _rate(size, call.lower), call.n)
        for size, call in calls.items()
    }


def _percentile(ordered: FloatArray, share: float, confidence: float) -> Estimate:
    n, tail = len(ordered), (1 - confidence) / 2
    low, high = int(stats.binom.ppf(tail, n, share)) - 1, int(stats.binom.ppf(1 - tail, n, share))
    value = float(np.quantile(ordered, share)) if n else math.nan
    # the value interpolates between ranks, so among very few requests it can lie below the bound's rank
    lower = min(float(ordered[low]), value) if 0 <= low < n else math.nan
    upper = float(ordered[high]) if high < n else math.nan
    return Estimate(value, lower, upper, n)


def _rate(size: int, seconds: float) -> float:
    return size / seconds if seconds > 0 else math.nan


def not_comparable(latencies: Mapping[str, Latency | None]) -> tuple[str, ...]:
    """Return why the latency and cost of runs, by name, cannot be compared; nothing where they can.

    Examples
    --------
    >>> not_comparable({"new": Latency({}, 9, 1.0, "4 cores"), "old": Latency({}, 9, 1.0, "8 cores")})
    ('Latency and cost are not comparable: new was measured on 4 cores; old on 8 cores.',)
    """
    known = {name: latency for name, latency in latencies.items() if latency}
    if len(known) < 2:
        return ()
    machines: dict[str, list[str]] = {}
    for name, latency in known.items():
        machines.setdefault(latency.machine, []).append(name)
    notes = []
    if len(machines) > 1:
        (machine, first), *others = machines.items()
        rest = "".join(f"; {', '.join(more)} on {other}" for other, more in others)
        notes.append(f"{', '.join(first)} {_was(first)} measured on {machine}{rest}.")
    busy = {name: latency.other_load or 0.0 for name, latency in known.items() if latency.busy}
    if busy:
        load = f"{'up to ' * (len(busy) > 1)}{max(busy.values()):.0%} of the machine"
        notes.append(f"{', '.join(busy)} {_was(busy)} measured while other processes used {load}.")
    return tuple(f"Latency and cost are not comparable: {note}" for note in notes)


def _was(runs: Sized) -> str:
    return "was" if len(runs) == 1 else "were"
