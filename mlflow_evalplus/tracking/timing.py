"""How long a model takes: single requests, then batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mlflow_evalplus.core.columns import FloatArray

Predict = Callable[[pd.DataFrame], Any]

WARM_UP = 5
WARM_UP_S = 2.0  # a slow model is warm after fewer
ENOUGH = 200
FOR_P99 = 400  # its upper bound exists from 368 requests on
CHEAP_S = 2.0  # within which requests beyond those that are asked for are free
MAX_SECONDS = 10.0  # of single requests, and of batches
BATCHES = (8, 32, 128)
BATCH_SECONDS = 0.5
BATCH_CALLS = 6  # from so many on the median has bounds
GOLDEN = (5**0.5 - 1) / 2


def time_requests(predict: Predict, features: pd.DataFrame, requests: int = ENOUGH) -> FloatArray:
    """Return milliseconds of one-row calls, those that warm the model up left out.

    As many as are asked, or 10 seconds, whichever ends first. Where 200 are asked and they take under 2 seconds, it
    goes on up to 400 within these, so that the 99th percentile has an upper bound. Wherever it ends, the rows asked
    are spread evenly over the data.
    """
    most = max(requests, FOR_P99) if requests >= ENOUGH else requests
    places = iter((np.arange(1, most + WARM_UP + 1) * GOLDEN % 1 * len(features)).astype(int))
    warm = time.perf_counter() + WARM_UP_S
    for _ in range(WARM_UP):
        _seconds(predict, features.iloc[[next(places)]])
        if time.perf_counter() > warm:
            break
    start, taken = time.perf_counter(), list[float]()
    for place in places:
        taken.append(1000 * _seconds(predict, features.iloc[[place]]))
        elapsed = time.perf_counter() - start
        if elapsed > MAX_SECONDS or len(taken) == most or (len(taken) >= requests and elapsed > CHEAP_S):
            break
    return np.array(taken)


def time_batches(
    predict: Predict, features: pd.DataFrame, seconds_per_row: float, seconds_per_call: float = 0.0, share: float = 1.0
) -> dict[int, FloatArray]:
    """Return seconds of each call by batch size, 8, 32 and 128; one call before them warms the model up.

    Each size is asked for half a second, at least 6 times, with ever other rows; where there are fewer rows than the
    size, they repeat. A size is left out where it would take the batches beyond 10 seconds in all.

    Parameters
    ----------
    predict : callable
    features : pandas.DataFrame
    seconds_per_row, seconds_per_call : float
        What a row takes about, and a call of one row.
    share : float
        Of the half second; 1 at most.
    """
    taken: dict[int, FloatArray] = {}
    end = time.perf_counter() + MAX_SECONDS
    for size in BATCHES:
        if time.perf_counter() + (BATCH_CALLS + 1) * max(size * seconds_per_row, seconds_per_call) > end:
            break
        calls = _repeat(predict, features, size, BATCH_SECONDS * share, end)
        taken |= {size: calls} if len(calls) else {}
    return taken


def _repeat(predict: Predict, features: pd.DataFrame, size: int, seconds: float, end: float) -> FloatArray:
    """Return seconds of each call but the first; a model that turns out slower than thought is asked until `end`."""
    taken: list[float] = []
    while (len(taken) <= BATCH_CALLS or sum(taken[1:]) < seconds) and time.perf_counter() < end:
        rows = np.arange(len(taken) * size, (len(taken) + 1) * size) % len(features)
        taken.append(_seconds(predict, features.iloc[rows].reset_index(drop=True)))
    return np.array(taken[1:])


def _seconds(predict: Predict, rows: pd.DataFrame) -> float:
    start = time.perf_counter()
    predict(rows)
    return time.perf_counter() - start
