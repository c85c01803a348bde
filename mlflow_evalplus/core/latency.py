"""Latency percentiles with order-statistic intervals."""

from __future__ import annotations

import numpy as np
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.results import Estimate


def percentiles(milliseconds: FloatArray, confidence: float = 0.95) -> dict[str, Estimate]:
    """Return p50, p95 and p99 of single requests.

    The bounds are order statistics: the ranks between which a binomial count of requests below the
    percentile lies with the given confidence (David and Nagaraja, *Order Statistics*, 2003, sec. 7.1). A
    bound for which there are too few requests is nan, so a gate on it stays undecided.

    Examples
    --------
    >>> print(percentiles(np.arange(1.0, 201.0))["latency_ms_p50"])
    100.5 [86.0, 115.0] n=200
    """
    ordered = np.sort(milliseconds)
    n = len(ordered)
    tail = (1 - confidence) / 2
    estimates = {}
    for name in names.LATENCY_METRICS:
        share = int(name.rsplit("p", 1)[1]) / 100
        low, high = int(stats.binom.ppf(tail, n, share)) - 1, int(stats.binom.ppf(1 - tail, n, share))
        value = float(np.quantile(ordered, share)) if n else np.nan
        # the value interpolates between ranks, so among very few requests it can lie below the bound's rank
        lower = min(float(ordered[low]), value) if 0 <= low < n else np.nan
        upper = float(ordered[high]) if high < n else np.nan
        estimates[name] = Estimate(value, lower, upper, n)
    return estimates
