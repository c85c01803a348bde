"""One-sided tests of whether a slice's accuracy is below the rest's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Counts, Margin
from mlflow_evalplus.core.slices import gap_tests

NORMAL_SKEW = 1e-4  # what is skewed less is normal
MIN_P = 1e-290  # below it a p-value says no more than that it is tiny


@dataclass(frozen=True)
class Weakness:
    """Of slices against the rest; every array is [slices].

    Attributes
    ----------
    gaps : float array
        Accuracy less the accuracy of the rest; nan without a rest or without rows.
    p_values : float array
        One-sided; 1 where the gap is nan.
    z : float array
        The pooled score statistic of independent rows, positive where the slice is worse.
    scale : float array
        What that z is worth: the normal quantile of the p-value is ``z · scale``.
    """

    gaps: FloatArray
    p_values: FloatArray
    z: FloatArray
    scale: FloatArray

    def take(self, slices: IntArray) -> Weakness:
        """Return some of the slices."""
        return Weakness(self.gaps[slices], self.p_values[slices], self.z[slices], self.scale[slices])

    @property
    def log_p(self) -> FloatArray:
        """Logarithm of the p-value, also where that is too small for a float."""
        return np.asarray(special.log_ndtr(-self.z * self.scale))


def weakness(counts: Counts, margin: Margin) -> Weakness:
    """Test each slice of a margin whose cells are (right, wrong).

    The pooled score test; its p-value is that of the Pearson III distribution with the same skewness, because
    few errors are far from normal. For clustered rows it is half the p-value of `gap_tests`.

    Parameters
    ----------
    counts : Counts
        Its overall margin holds all rows.
    margin : Margin

    Returns
    -------
    Weakness

    Examples
    --------
    >>> overall, app = (Margin((), [()], x, x, x) for x in (np.array([[950.0, 50.0]]), np.array([[42.0, 8.0]])))
    >>> weakness(Counts(("right",), ("right", "wrong"), {(): overall}), app).p_values.round(4).tolist()
    [0.0015]
    """
    (right, wrong), (all_right, all_wrong) = margin.weights.T, counts.overall.weights[0]
    squares, all_squares = margin.squares.sum(axis=1), counts.overall.squares.sum()
    weights, all_weights = right + wrong, all_right + all_wrong
    rest, rest_squares = all_weights - weights, all_squares - squares
    pooled = all_wrong / all_weights
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = (all_wrong - wrong) / rest - wrong / weights
        gaps[rest < 1e-9 * all_weights] = np.nan
        spread = pooled * (1 - pooled) * (squares / weights**2 + rest_squares / rest**2)
        z = np.nan_to_num(-gaps / np.sqrt(spread), posinf=0.0, neginf=0.0)
        if margin.blocks is None:
            cubes, rest_cubes = squares**2 / weights, rest_squares**2 / rest  # of the weights, as if they were alike
            third = pooled * (1 - pooled) * (1 - 2 * pooled) * (cubes / weights**3 - rest_cubes / rest**3)
            p_values = skewed_tail(z, np.nan_to_num(third / spread**1.5, posinf=0.0, neginf=0.0))
        else:
            two_sided = gap_tests(counts, margin)[1]
            p_values = np.where(gaps < 0, two_sided / 2, 1 - two_sided / 2)
        p_values = np.where(np.isnan(gaps), 1.0, p_values)
        known = (z > 0) & (p_values > MIN_P) & (p_values < 0.5)
        scale = np.where(known, -special.ndtri(p_values) / z, 1.0)
    return Weakness(gaps, p_values, z, scale)


def skewed_tail(z: FloatArray, skew: FloatArray) -> FloatArray:
    """Return P(Z > z) for Z of the Pearson III distribution with mean 0, variance 1 and the given skewness.

    Notes
    -----
    Johnson, Kotz and Balakrishnan, *Continuous Univariate Distributions* 1 (1994), ch. 17: a shifted gamma.

    Examples
    --------
    >>> skewed_tail(np.array([3.48]), np.array([0.632])).round(4).tolist()  # 8 errors where 2.5 are expected
    [0.0028]
    """
    normal = np.abs(skew) < NORMAL_SKEW
    skew = np.where(normal, 1.0, skew)
    shape = 4 / skew**2
    x = np.maximum(shape + 2 * z / skew, 0)
    tail = np.where(skew > 0, special.gammaincc(shape, x), special.gammainc(shape, x))
    return np.asarray(np.where(normal, special.ndtr(-z), tail))
