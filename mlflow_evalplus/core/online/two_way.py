"""Means whose rows belong together in two ways, by example and by rater, and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import wilson
from mlflow_evalplus.core.online.means import MIN_UNITS, without_rounding
from mlflow_evalplus.results import Estimate


@dataclass(frozen=True)
class TwoWay:
    """A mean, or a difference of means.

    Attributes
    ----------
    value, variance : float
        The variance is nan where there are fewer than two examples or raters, and just 0 where neither differ but for
        rounding.
    n_examples, n_raters : int
    """

    value: float
    variance: float
    n_examples: int
    n_raters: int

    @property
    def df(self) -> int:
        """Degrees of freedom: the smaller number of clusters, less 1."""
        return max(min(self.n_examples, self.n_raters) - 1, 1)

    @property
    def p_value(self) -> float:
        """Two-sided, of a value of 0; nan without variance."""
        if not self.variance > 0:
            return float("nan")
        return float(2 * stats.t.sf(abs(self.value) / np.sqrt(self.variance), self.df))

    def estimate(self, confidence: float, low: float, high: float, *, share: bool = False) -> Estimate:
        """Return the estimate, its bounds within `low` and `high`; those of a `share` of yes are Wilson's."""
        t = float(stats.t.ppf((1 + confidence) / 2, self.df))
        lower = upper = float("nan")
        if share and not np.isnan(self.variance):
            spread = self.value * (1 - self.value)
            n = min(spread / self.variance, 3 * self.n_examples) if self.variance > 0 else self.n_examples
            lower, upper = (float(bound[0]) for bound in wilson(np.array([self.value]), np.array([float(n)]), t))
        elif self.variance > 0:
            half = t * float(np.sqrt(self.variance))
            lower, upper = max(self.value - half, low), min(self.value + half, high)
        return Estimate(self.value, lower, upper, self.n_examples, self.df + 1 < MIN_UNITS)


def two_way(value: float, influence: FloatArray, examples: IntArray, raters: IntArray) -> TwoWay:
    """Return a figure with the variance over examples and raters, given each row's influence on it, of sum 0.

    Notes
    -----
    ``V_example + V_rater - V_both``, each ``G / (G - 1) Σ_clusters (Σ_rows ψ)²``, and not below either of the first
    two: Cameron, Gelbach and Miller (2011), doi:10.1198/jbes.2010.07136.

    Examples
    --------
    >>> rows = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> round(two_way(3.0, np.array([-0.5, 0.0, 0.0, 0.5]), *rows).variance, 3)
    1.333
    """
    _, example = np.unique(examples, return_inverse=True)
    _, rater = np.unique(raters, return_inverse=True)
    n_examples, n_raters = int(example.max(initial=-1)) + 1, int(rater.max(initial=-1)) + 1
    if min(n_examples, n_raters) < 2:
        return TwoWay(value, float("nan"), n_examples, n_raters)
    of_examples, of_raters, of_both = (_one_way(influence, c) for c in (example, rater, example * n_raters + rater))
    variance = max(of_examples + of_raters - of_both, of_examples, of_raters)
    return TwoWay(value, variance, n_examples, n_raters)


def _one_way(influence: FloatArray, clusters: IntArray) -> float:
    _, place = np.unique(clusters, return_inverse=True)
    size = np.bincount(place).astype(np.float64) * np.abs(influence).max(initial=0)
    sums = without_rounding(np.bincount(place, influence).astype(np.float64), size)
    return float((sums**2).sum() * len(sums) / max(len(sums) - 1, 1))
