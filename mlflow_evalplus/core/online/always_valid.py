"""Intervals and p-values that hold at every look at once, so that a test may be stopped on what it shows."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy import special

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.online.means import Between, Means, difference_variance, freedom

PLANNED = 10_000


@cache
def tuned(confidence: float) -> float:
    """Return ``ρ² n`` at which the interval is tightest at n rows: the root of ``a = log(1 + a) + 2 log(1 / α)``.

    Examples
    --------
    >>> round(tuned(0.95), 2)
    8.21
    """
    alpha = 1 - confidence
    return float(-1 - special.lambertw(-(alpha**2) / math.e, -1).real)


def always_valid(
    value: FloatArray,
    variance: FloatArray,
    effective: FloatArray,
    df: FloatArray,
    *,
    confidence: float = 0.95,
    planned: int = PLANNED,
) -> tuple[FloatArray, FloatArray]:
    """Return the half-width of the always-valid interval and the always-valid p-value of ``value = 0``.

    With probability `confidence` the interval holds the truth at every look at once, however many there are.

    Parameters
    ----------
    value, variance : float array
        A mean or a difference of means, and its variance, cluster-robust where rows are not independent.
    effective : float array
        Independent rows that would give this variance.
    df : float array
        Degrees of freedom of the variance.
    confidence : float
    planned : int
        Effective rows at which the interval is tightest; to be chosen before the first look, and then kept.

    Returns
    -------
    half_width : float array
        Infinite where too few rows are in; nan where the variance is 0 or undefined.
    p_value : float array
        In 0 … 1; below ``1 - confidence`` just where the interval leaves 0 out.

    Notes
    -----
    The likelihood ratio of Student's t is mixed over effects of N(0, ρ²) standard deviations of a row (Lai 1976,
    doi:10.1214/aos/1176343406; Wang and Ramdas 2023, arXiv:2310.03722), which is Robbins' normal mixture (1970,
    doi:10.1214/aoms/1177696786) and Johari et al.'s mSPRT (2022, doi:10.1287/opre.2021.2135) as `df` grows. For data
    that are not normal it holds by the central limit theorem (Waudby-Smith et al. 2024, doi:10.1214/24-AOS2408).

    Examples
    --------
    >>> half, p = always_valid(*(np.array([x]) for x in (0.0304, 1e-4, 10_000.0, 9_998.0)))
    >>> round(float(half[0]), 4), round(float(p[0]), 3)
    (0.0304, 0.049)
    """
    usable = (variance > 0) & (df > 0)
    variance, df = np.where(usable, variance, np.nan), np.where(usable, df, np.nan)
    widening = np.log1p(tuned(confidence) / planned * effective)  # log(1 + ρ² n)
    needed = 2 / (df + 1) * (widening / 2 - math.log(1 - confidence))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(needed < widening, np.expm1(needed) / -np.expm1(needed - widening), np.inf)
        t_square = value**2 / variance / df
        evidence = (df + 1) / 2 * (np.log1p(t_square) - np.log1p(t_square * np.exp(-widening))) - widening / 2
        half = np.where(usable, np.sqrt(variance * df * ratio), np.nan)
        p_value = np.where(usable, np.exp(-np.maximum(evidence, 0)), np.nan)
    return np.asarray(half), np.asarray(p_value)


def of_difference(found: Means, between: Between) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what `always_valid` takes, of the difference of each pair of groups, control first."""
    control, treatment = found[::2], found[1::2]
    variance = difference_variance(treatment, control, between.covariance)
    alone = control.row_variance + treatment.row_variance
    smooth = control.smoothed_row_variance + treatment.smoothed_row_variance
    n, units = control.n + treatment.n, control.units + treatment.units
    df = freedom(treatment.smoothed_row_variance, treatment, control.smoothed_row_variance, control)
    return treatment.value - control.value, *_effective(variance, alone, smooth, n, units), df


def of_mean(found: Means) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what `always_valid` takes, of the mean of each group."""
    smooth = found.smoothed_row_variance
    return found.value, *_effective(found.variance, found.row_variance, smooth, found.n, found.units), found.units - 1


def _effective(
    variance: FloatArray, alone: FloatArray, smooth: FloatArray, n: FloatArray, units: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the variance and the independent rows that would give it; of yes and no smoothed, so seldom 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        design = np.where(alone > 0, variance / alone, n / units)  # of rows that are not independent
        return np.asarray(smooth * design), np.asarray(np.where(design > 0, n / design, np.nan))


def times_more(
    value: float, variance: float, effective: float, df: float, *, confidence: float = 0.95, planned: int = PLANNED
) -> float | None:
    """Return how many times the present data would leave 0 out, if the value stays; None if no sensible number would.

    Examples
    --------
    >>> round(times_more(0.02, 1e-4, 10_000.0, 9_998.0), 1)
    2.4
    >>> times_more(0.0, 1e-4, 10_000.0, 9_998.0) is None
    True
    """
    grid = np.geomspace(1, 1e4, 2001)
    half, _ = always_valid(
        np.full_like(grid, value), variance / grid, effective * grid, df * grid, confidence=confidence, planned=planned
    )
    enough = np.flatnonzero(half < abs(value))
    return float(grid[enough[0]]) if len(enough) else None
