"""Means over questions in strata and clusters, with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import MIN_ERRORS, ROUNDING, wilson
from mlflow_evalplus.core.online.means import ALIKE, MIN_UNITS, without_rounding
from mlflow_evalplus.core.selection.layouts import Layout
from mlflow_evalplus.results import Estimate

TINY = 1e-300


@dataclass(frozen=True)
class Mean:
    """A mean over questions.

    Attributes
    ----------
    value : float
        nan where a stratum that counts has no value.
    variance : float
        nan with fewer than two clusters.
    freedom : float
        Degrees of freedom of the variance.
    n, units : int
        Questions and clusters behind it.
    effective : float
        Clusters of equal weight that would say as much.
    pull : float array, [questions]
        What each question adds to the mean's deviation; the variance is the sum of their clusters' squares.
    few : bool
        A stratum has fewer than 5 clusters.
    """

    value: float
    variance: float
    freedom: float
    n: int
    units: int
    effective: float
    pull: FloatArray
    few: bool


def mean(values: FloatArray, layout: Layout, *, contrast: bool = False) -> Mean:
    """Return the stratified mean of the values that are not nan, with its variance over clusters.

    ``Σ_clusters (Σ_questions c (y - mean of its stratum) √k)²`` with c the question's weight in the mean and k what the
    mean takes from the squares: G / (G - 1) for a stratum of G clusters of equal weight. It is at least as if weights
    and clusters had nothing to do with the values, so that it does not shrink where it was the light questions that
    failed; not so of a `contrast`, two sides that clusters are on both of, as what twins have in common falls out. A
    stratum of one cluster, which shows no spread, is held against the whole mean.

    Notes
    -----
    Cochran, *Sampling Techniques* (1977), sec. 5.4 and 9A; k is unbiased where clusters are alike but for their weight,
    as HC2 is: Bell and McCaffrey, *Survey Methodology* 28 (2002), 169-181. Degrees of freedom by Satterthwaite (1946),
    doi:10.2307/3002019, from the clusters' weights, at most clusters - 1.
    """
    size = len(layout.shares)
    rows = np.flatnonzero(~np.isnan(values) & (layout.shares[layout.strata] != 0) & (layout.weights > 0))
    strata, clusters, y, w = layout.strata[rows], layout.clusters[rows], values[rows], layout.weights[rows]
    total = np.bincount(strata, w, size)
    counted = layout.shares != 0
    if not len(rows) or (total[counted] == 0).any():
        return Mean(math.nan, math.nan, 1.0, len(rows), 0, 0.0, np.zeros(len(values)), few=True)
    center = np.divide(np.bincount(strata, w * y, size), total, out=np.zeros(size), where=total > 0)
    largest = float(np.abs(y).max())
    value = float(without_rounding(layout.shares @ center, largest))
    part = layout.shares[strata] * w / total[strata]
    span = int(clusters.max()) + 1
    keys, place = np.unique(strata * span + clusters, return_inverse=True)
    of_key, size_of_key = keys // span, np.bincount(place, np.abs(part)).astype(np.float64)
    groups = np.bincount(of_key, minlength=size)
    correction = np.where(groups > 1, _correction(of_key, size_of_key, size), 1.0)
    center = np.where(groups > 1, center, value)
    residual = without_rounding(y - center[strata], largest)
    pull = np.zeros(len(values))
    pull[rows] = part * correction[strata] * residual
    variance = over_clusters(pull, layout.clusters)
    alike = (np.bincount(strata, w * residual**2, size) / np.maximum(total, TINY)) @ np.bincount(strata, part**2, size)
    if 0 < variance < alike and not contrast:
        pull *= math.sqrt(alike / variance)
        variance = float(alike)
    of_cluster = np.bincount(clusters, np.abs(part))
    units = int((of_cluster > 0).sum())
    few = bool(groups[counted].min() < MIN_UNITS)
    return Mean(
        value, variance if units > 1 else math.nan,
        _freedom(of_key, size_of_key, size, units), len(rows), units,
        float(of_cluster.sum() ** 2 / (of_cluster**2).sum()), pull, few,
    )  # fmt: skip


def over_clusters(pull: FloatArray, clusters: IntArray) -> float:
    """Return the sum of the squares of what the clusters add, but for rounding."""
    sums = without_rounding(np.bincount(clusters, pull).astype(np.float64), float(np.abs(pull).max(initial=0)))
    return float((sums**2).sum())


def _correction(of_key: IntArray, size_of_key: FloatArray, size: int) -> FloatArray:
    """Return the root of what the squares of each stratum must grow by, as its mean is taken from the same clusters."""
    sums, squares = (np.bincount(of_key, size_of_key**power, size) for power in (1, 2))
    share = size_of_key / sums[of_key]
    left = size_of_key**2 * (1 - 2 * share + (squares / np.maximum(sums**2, TINY))[of_key])
    return np.asarray(np.sqrt(squares / np.maximum(np.bincount(of_key, left, size), TINY)))


def _freedom(of_key: IntArray, size_of_key: FloatArray, size: int, units: int) -> float:
    squares, fourths = np.bincount(of_key, size_of_key**2, size), np.bincount(of_key, size_of_key**4, size)
    used = fourths > 0
    effective = squares[used] ** 2 / fourths[used]
    found = float(squares.sum() ** 2 / (squares[used] ** 2 / np.maximum(effective - 1, 1)).sum())
    return max(min(found, units - 1), 1.0)


def estimate(values: FloatArray, layout: Layout, confidence: float, *, bounded: bool = True) -> Estimate:
    """Return the mean of the values that are not nan with its interval.

    Parameters
    ----------
    values : float array, [questions]
    layout : Layout
        Its shares sum to 1.
    confidence : float
    bounded : bool
        The values lie in 0 … 1: Wilson's interval with Student's quantile and the effective number
        ``m (1 - m) / variance``, at most 3 n where fewer than 5 questions' worth is right or wrong; where nothing
        varies the effective number of clusters. Else Student's t.

    Returns
    -------
    Estimate
        nan with n where a stratum has no value; nan bounds with fewer than two clusters, and, for values that are not
        bounded, where nothing varies.

    Notes
    -----
    Wilson (1927), doi:10.1080/01621459.1927.10502953; effective sample sizes: Korn and Graubard, *Survey Methodology*
    24 (1998), 193-201. Its simulated coverage is in docs/selection_statistics.md.

    Examples
    --------
    >>> alone = Layout(np.arange(4), np.zeros(4, dtype=int), np.ones(4), np.ones(1))
    >>> print(estimate(np.array([1.0, 0.0, 1.0, np.nan]), alone, 0.95))
    0.667 [0.044, 0.989] n=3
    """
    found = mean(values, layout)
    if math.isnan(found.value):
        return Estimate(math.nan, math.nan, math.nan, found.n, small_support=True)
    value, z = found.value, quantile(found, confidence)
    if not bounded:
        half = z * math.sqrt(found.variance) if found.variance > 0 else math.nan
        return Estimate(value, value - half, value + half, found.n, found.few)
    value = snapped(value)
    lower, upper = wilson_bounds(value, found, z)
    few = found.few or min(value, 1 - value) * found.n < MIN_ERRORS - 0.5
    return Estimate(value, lower, upper, found.n, few)


def quantile(found: Mean, confidence: float) -> float:
    """Return the two-sided quantile of Student's t."""
    return float(stats.t.ppf((1 + confidence) / 2, found.freedom))


def snapped(value: float) -> float:
    """Return a mean of values in 0 … 1, just 0 or 1 where it differs by rounding."""
    return 0.0 if value < ALIKE else 1.0 if value > 1 - ALIKE else value


def wilson_bounds(value: float, found: Mean, z: float) -> tuple[float, float]:
    """Return Wilson's interval of a mean of values in 0 … 1, with the effective number of questions."""
    if math.isnan(found.variance):
        return math.nan, math.nan
    varies = found.variance > ROUNDING and 0 < value < 1
    n = value * (1 - value) / found.variance if varies else found.effective
    if varies and min(value, 1 - value) * found.n < MIN_ERRORS:
        n = min(n, 3 * found.n)
    lower, upper = wilson(np.array(value), np.array(n), z)
    return float(lower), float(upper)
