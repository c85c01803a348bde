"""Paired differences of two candidates on the same questions, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.selection.estimates import Mean, mean, over_clusters, quantile, snapped, wilson_bounds
from mlflow_evalplus.core.selection.layouts import Layout
from mlflow_evalplus.results import Difference

MANY = 10  # clusters that gain, and that lose, from which on Student's t knows both


@dataclass(frozen=True)
class Paired:
    """The difference of two candidates: its mean, and how far its interval reaches below and above it."""

    mean: Mean
    below: float
    above: float
    z: float

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference.

        By the second moment and not the variance, which would be 0 where all questions differ alike (McNemar's
        statistic where answers are right or wrong), and not more certain than the interval.
        """
        value, toward = self.mean.value, self.below if self.mean.value > 0 else self.above
        if math.isnan(value) or math.isnan(toward):
            return math.nan
        if value == 0:
            return 1.0
        moment = max(self.mean.variance + value**2 / self.mean.effective, (toward / self.z) ** 2)
        return float(2 * stats.t.sf(abs(value) / math.sqrt(moment), self.mean.freedom))

    def difference(self, limit: float = math.inf) -> Difference:
        """Return the difference with its bounds, which lie in -limit … limit."""
        value = self.mean.value
        lower, upper = max(value - self.below, -limit), min(value + self.above, limit)
        if math.isnan(self.below):
            lower = upper = math.nan
        return Difference(value, lower, upper, self.p_value, self.mean.n)


def paired(a: FloatArray, b: FloatArray, layout: Layout, confidence: float, *, bounded: bool = True) -> Paired:
    """Return the difference, a less b, on the questions where both have a value.

    Of values in 0 … 1 the interval reaches as far as Student's t; where fewer than 10 clusters gain or fewer than 10
    lose, at least as far as Newcombe's, which sets the Wilson bounds of gains and losses together: where nothing
    differs, n clusters still allow for ``z² / (n + z²)``.

    Notes
    -----
    Newcombe, *Statistics in Medicine* 17 (1998), 2635-2650, method 10,
    doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C;
    for any two means: Zou and Donner (2008), doi:10.1002/sim.3095.

    Examples
    --------
    >>> alone = Layout(np.arange(50), np.zeros(50, dtype=int), np.ones(50), np.ones(1))
    >>> print(paired(np.ones(50), np.ones(50), alone, 0.95).difference(1.0))
    +0.000 [-0.075, +0.075]
    """
    change = a - b
    found = mean(change, layout)
    z = quantile(found, confidence)
    if math.isnan(found.variance):
        return Paired(found, math.nan, math.nan, z)
    wald = z * math.sqrt(found.variance)
    if not bounded:
        return Paired(found, wald, wald, z)
    if wald == 0:
        wald = z**2 / (found.effective + z**2)
    below, above = (0.0, 0.0) if _many(change, layout) else _reach(change, layout, found.variance, z)
    return Paired(found, max(wald, below), max(wald, above), z)


def _many(change: FloatArray, layout: Layout) -> bool:
    """Whether enough clusters gain and enough lose for Student's t to know both."""
    counted = layout.shares[layout.strata] != 0
    return all(len(np.unique(layout.clusters[side & counted])) >= MANY for side in (change > 0, change < 0))


def _reach(change: FloatArray, layout: Layout, variance: float, z: float) -> tuple[float, float]:
    """Return how far below and above the difference an interval of gains less losses reaches."""
    gain, loss = mean(np.maximum(change, 0), layout), mean(np.maximum(-change, 0), layout)
    (low_gain, high_gain), (low_loss, high_loss) = (
        wilson_bounds(snapped(side.value), side, z) for side in (gain, loss)
    )
    product = gain.variance * loss.variance
    together = (gain.variance + loss.variance - variance) / (2 * math.sqrt(product)) if product > 0 else 0.0
    together = min(max(together, -1.0), 1.0)

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(one**2 + other**2 - 2 * together * one * other, 0.0))

    below = reach(gain.value - low_gain, high_loss - loss.value)
    return below, reach(high_gain - gain.value, loss.value - low_loss)


def combined(parts: Sequence[tuple[float, Paired]], clusters: IntArray, confidence: float) -> Paired:
    """Return the weighted sum of paired differences on the same questions.

    Its variance is of the sum, cluster by cluster. What a part's interval reaches beyond its Student's t is kept:
    the squares of the excess are added.

    Parameters
    ----------
    parts : sequence of (weight, Paired)
        At least one.
    clusters : int array, [questions]
    confidence : float
    """
    means = [part.mean for _, part in parts]
    value = sum(weight * part.mean.value for weight, part in parts)
    pull = np.sum([weight * part.mean.pull for weight, part in parts], axis=0)
    each = np.array([weight**2 * part.mean.variance for weight, part in parts])
    freedom = np.array([found.freedom for found in means])
    free = float(each.sum() ** 2 / (each**2 / freedom).sum()) if each.sum() > 0 else float(freedom.min())
    variance = over_clusters(pull, clusters) if not np.isnan(each).any() else math.nan
    found = Mean(
        value, variance, free, max(m.n for m in means), max(m.units for m in means), min(m.effective for m in means),
        pull, any(m.few for m in means),
    )  # fmt: skip
    z = quantile(found, confidence)
    below, above = (_total(parts, side, z**2 * variance) for side in ("below", "above"))
    return Paired(found, below, above, z)


def _total(parts: Sequence[tuple[float, Paired]], side: str, square: float) -> float:
    excess = sum(
        weight**2 * max(getattr(part, side) ** 2 - part.z**2 * part.mean.variance, 0.0) for weight, part in parts
    )
    return math.sqrt(square + excess)
