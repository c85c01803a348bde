"""Means of groups of rows, with variances that know which rows belong together, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import wilson

ALIKE = 1e-12  # what differs by a smaller share of the numbers' size, or cancels out to one, is rounding
MIN_UNITS = 5  # with fewer in a group its interval may be too narrow


@dataclass(frozen=True)
class Means:
    """The mean of each group; every array is [groups], or of any shape that is alike.

    Attributes
    ----------
    n : float array
        Rows.
    units : float array
        What was drawn independently: the clusters, else the rows.
    value, variance : float array
        The mean and its variance, over clusters where there are any; nan with fewer than two units, and just 0 where
        the units do not differ but for rounding.
    row_variance : float array
        The variance if all rows were independent.
    binary : bool
        All outcomes are 0 or 1.
    clustered : bool
    """

    n: FloatArray
    units: FloatArray
    value: FloatArray
    variance: FloatArray
    row_variance: FloatArray
    binary: bool
    clustered: bool = False

    def __getitem__(self, index: Any) -> Means:
        """Return some of the groups."""
        n, units, value = self.n[index], self.units[index], self.value[index]
        return Means(n, units, value, self.variance[index], self.row_variance[index], self.binary, self.clustered)

    @property
    def few(self) -> np.ndarray:
        """Whether a group has fewer than 5 units; or, of yes and no, fewer than 5 rows of the rarer."""
        rarer = np.minimum(self.value, 1 - self.value) * self.n
        return np.asarray((self.units < MIN_UNITS) | (self.binary & ~(rarer > MIN_UNITS - 0.5)))

    @property
    def smoothed_row_variance(self) -> FloatArray:
        """The variance of independent rows; of yes and no, as if one more of each were in, so that it is never 0."""
        if not self.binary:
            return self.row_variance
        share = (self.value * self.n + 1) / (self.n + 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(self.units > 1, share * (1 - share) / self.n, np.nan))


@dataclass(frozen=True)
class Between:
    """What the clusters have in common of group 0 with 1, of 2 with 3, …; every array is [groups / 2].

    Attributes
    ----------
    covariance : float array
        Of the two means.
    shared : float array
        Clusters with rows in both.
    """

    covariance: FloatArray
    shared: FloatArray


def means(
    values: FloatArray, groups: IntArray, n_groups: int, clusters: IntArray | None = None, *, binary: bool = False
) -> tuple[Means, Between]:
    """Return the means of groups of rows; groups 0 and 1, 2 and 3, … are to be compared.

    Parameters
    ----------
    values : float array, [rows]
    groups : int array, [rows]
        From 0.
    n_groups : int
        An even number.
    clusters : int array, [rows], optional
        From 0. The variance is ``G / (G - 1) Σ_clusters (Σ_rows (y - mean) / n)²`` for the G clusters of a group.
    binary : bool

    Examples
    --------
    >>> found, _ = means(np.array([1.0, 2.0, 3.0, 7.0]), np.array([0, 0, 1, 1]), 2)
    >>> found.value.tolist(), found.variance.tolist()
    ([1.5, 5.0], [0.25, 4.0])
    """
    n = np.bincount(groups, minlength=n_groups).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.bincount(groups, values, n_groups) / n
        value = value + np.bincount(groups, values - value[groups], n_groups) / n  # what the first sum rounded off
        size = np.zeros(n_groups)
        np.maximum.at(size, groups, np.abs(values))
        residual = without_rounding(values - value[groups], size[groups])
        row_variance = np.bincount(groups, residual**2, n_groups) / (n - 1) / n
        row_variance = np.where(n > 1, row_variance, np.nan)
        size = size / n
    if clusters is None:
        nothing = np.zeros(n_groups // 2)
        return Means(n, n, value, row_variance, row_variance, binary), Between(nothing, nothing)
    units, squares, between = _clustered(residual / n[groups], groups, size, clusters)
    return Means(n, units, value, squares, row_variance, binary, clustered=True), between


def without_rounding(numbers: FloatArray, size: FloatArray | float) -> FloatArray:
    """Return the numbers, 0 where one is no more than rounding of what had this size.

    Examples
    --------
    >>> without_rounding(np.array([0.1 + 0.2 - 0.3, 0.1]), 0.3).tolist()
    [0.0, 0.1]
    """
    return np.asarray(np.where(np.abs(numbers) <= ALIKE * size, 0.0, numbers))


def _clustered(
    shares: FloatArray, groups: IntArray, size: FloatArray, clusters: IntArray
) -> tuple[FloatArray, FloatArray, Between]:
    """Return the clusters of each group, the variance of its mean over them, and what pairs of groups share."""
    span, n_groups = int(clusters.max(initial=0)) + 1, len(size)
    keys, place, rows = np.unique(groups * span + clusters, return_inverse=True, return_counts=True)
    group = keys // span
    parts = without_rounding(np.bincount(place, shares, len(keys)).astype(np.float64), rows * size[group])
    units = np.bincount(group, minlength=n_groups).astype(np.float64)
    correction = np.where(units > 1, units / np.maximum(units - 1, 1), np.nan)
    variance = np.bincount(group, parts**2, n_groups).astype(np.float64) * correction
    odd = np.flatnonzero(group % 2)
    partner = np.searchsorted(keys, keys[odd] - span)  # the same cluster in the group before; it sorts before
    both = keys[partner] == keys[odd] - span
    pair, product = group[odd[both]] // 2, parts[odd[both]] * parts[partner[both]]
    shared = np.bincount(pair, minlength=n_groups // 2).astype(np.float64)
    covariance = np.bincount(pair, product, n_groups // 2).astype(np.float64)
    covariance *= np.nan_to_num(np.sqrt(correction[::2] * correction[1::2]))
    return units, variance, Between(covariance, shared)


def quantile(means: Means, confidence: float) -> FloatArray:
    """Return the two-sided quantile: normal for independent yes and no, else Student's t on the units."""
    tail = (1 + confidence) / 2
    if means.binary and not means.clustered:
        return np.full(means.n.shape, float(stats.norm.ppf(tail)))
    return np.asarray(stats.t.ppf(tail, np.maximum(means.units - 1, 1)))


def mean_bounds(means: Means, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return the interval of each mean: Wilson's of yes and no, with the effective number of rows, else Student's t."""
    z = quantile(means, confidence)
    if not means.binary:
        half = z * np.sqrt(_positive(means.variance))
        return means.value - half, means.value + half
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = means.value * (1 - means.value) / means.variance if means.clustered else means.n
        n = np.where(means.variance > 0, np.minimum(shared, 3 * means.n), means.units)
    return wilson(means.value, np.where(means.units > 1, n, 0.0), z)


def difference_bounds(
    one: Means, other: Means, covariance: FloatArray, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Return the interval of the difference, one less other: Welch's, or of yes and no Newcombe's.

    Newcombe's tenth method sets each mean's Wilson bounds together; `covariance` enters as in Zou and Donner. Nan where
    the difference shows no spread: reals that are all the same, or clusters that all differ by the same.

    Notes
    -----
    Welch (1947), doi:10.1093/biomet/34.1-2.28; Newcombe, *Statistics in Medicine* 17 (1998), p. 873; Zou and Donner
    (2008), doi:10.1002/sim.3095.
    """
    value, variance = one.value - other.value, difference_variance(one, other, covariance)
    if not one.binary:
        half = stats.t.ppf((1 + confidence) / 2, freedom(one.variance, one, other.variance, other))
        half = half * np.sqrt(_positive(variance))
        return value - half, value + half
    (low, high), (other_low, other_high) = mean_bounds(one, confidence), mean_bounds(other, confidence)
    both = np.sqrt(one.variance * other.variance)
    shared = 2 * np.divide(covariance, both, out=np.zeros_like(both), where=both > 0)
    value = np.where((both > 0) & (variance == 0), np.nan, value)

    def reach(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(np.sqrt(np.maximum(a**2 + b**2 - shared * a * b, 0)))

    lower = value - reach(one.value - low, other_high - other.value)
    return lower, value + reach(high - one.value, other.value - other_low)


def difference_variance(one: Means, other: Means, covariance: FloatArray) -> FloatArray:
    """Return the variance of the difference, just 0 where the covariance takes away all of it but rounding."""
    apart = one.variance + other.variance
    return without_rounding(apart - 2 * covariance, apart)


def freedom(variance: FloatArray, one: Means, other_variance: FloatArray, other: Means) -> FloatArray:
    """Return Welch and Satterthwaite's degrees of freedom, over units; nan where there is no variance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = variance**2 / (one.units - 1) + other_variance**2 / (other.units - 1)
        return np.asarray(np.where(parts > 0, (variance + other_variance) ** 2 / parts, np.nan))


def _positive(variance: FloatArray) -> FloatArray:
    """Return the variance, nan where it is 0: rows without any spread do not show how sure one may be."""
    return np.asarray(np.where(variance > 0, variance, np.nan))
