"""Latency percentiles of requests that come one after the other, where a slow one is seldom alone."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.results import Estimate

PERCENTILES = (50, 90, 95, 99)
BATCHES = 20


def serial_percentiles(values: FloatArray, confidence: float = 0.95) -> dict[str, Estimate]:
    """Return p50, p90, p95 and p99 of values in the order in which they arose.

    Parameters
    ----------
    values : float array
        nan where nothing was measured, which is left out.
    confidence : float

    Returns
    -------
    dict of str to Estimate
        Empty where there are no values. A bound for which there are too few is nan.

    Notes
    -----
    Order-statistic bounds, as `core.latency.percentiles` has them, at the effective number of values: requests that
    wait in one queue are late together. It is ``n / f``, f the variance of the share below the percentile over 20
    batches of neighbours, over that of independent values, at least 1, with Student's t (batch means: Law, *Simulation
    Modeling and Analysis*, ch. 9). Fewer than 40 values are taken as independent.

    Examples
    --------
    >>> print(serial_percentiles(np.random.default_rng(4).permutation(np.arange(200.0)))["p50"])
    99.5 [85.0, 114.0] n=200
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return {}
    ordered = np.sort(values)
    return {f"p{percent}": _percentile(values, ordered, percent / 100, confidence) for percent in PERCENTILES}


def _percentile(values: FloatArray, ordered: FloatArray, share: float, confidence: float) -> Estimate:
    n, tail, value = len(values), (1 - confidence) / 2, float(np.quantile(ordered, share))
    scale = inflation(values <= value)
    if scale > 1:
        tail = float(stats.norm.sf(stats.t.isf(tail, BATCHES - 1)))
    n_eff = max(int(n / scale), 1)
    low = math.ceil(scale * float(stats.binom.ppf(tail, n_eff, share))) - 1
    high = math.floor(scale * float(stats.binom.ppf(1 - tail, n_eff, share)))
    lower = min(float(ordered[low]), value) if 0 <= low < n else math.nan
    upper = max(float(ordered[high]), value) if high < n else math.nan
    return Estimate(value, lower, upper, n)


def inflation(below: np.ndarray) -> float:
    """Return by how much the variance of a share is larger than that of independent values; at least 1.

    Examples
    --------
    >>> inflation(np.arange(400) % 2 == 0), round(inflation(np.arange(400) < 200))
    (1.0, 21)
    """
    n = len(below)
    share = float(below.mean())
    if n < 2 * BATCHES or not 0 < share < 1:
        return 1.0
    size = n // BATCHES
    batches = below[: size * BATCHES].reshape(BATCHES, size).mean(axis=1)
    return max(float(batches.var(ddof=1)) * size / (share * (1 - share)), 1.0)
