"""Which of many overlapping weak slices to name: those that the others do not explain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.conjunctions import Mask

MAX_BITS = 10  # slices after which strata are numbered anew


@dataclass(frozen=True)
class Population:
    """What the slices are unions of.

    Attributes
    ----------
    masks : bool array, [slices, units]
    weights, errors, squares : float array, [units]
        Sum of the rows' weights, of those of the wrong rows, and of the squared weights.
    log_p : float array, [slices]
        Logarithm of each slice's p-value against all other rows.
    scale : float array, [slices]
        What a slice's z is worth: below 1 where its rows are clustered or errors are few.
    penalty : float array, [slices]
        Logarithm of the number of slices that were looked at for one like it.
    """

    masks: Mask
    weights: FloatArray
    errors: FloatArray
    squares: FloatArray
    log_p: FloatArray
    scale: FloatArray
    penalty: FloatArray

    def evidence(self, slices: IntArray, strata: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return how much worse than the rest of their stratum the slices are, and the logarithm of the p-value.

        The score test of Mantel and Haenszel: a slice's errors less those expected at the strata's error rates.
        """
        n = int(strata.max()) + 1
        inside = self._sums(slices, strata, n)
        total = np.stack([np.bincount(strata, x, n) for x in (self.weights, self.errors, self.squares)])
        W, E, Q = np.where(total[0] > 0, total, 1.0)
        W_in, E_in, Q_in = inside
        rate = E / W
        excess = (E_in - W_in * rate).sum(axis=1)
        compared = (W_in * (W - W_in) / W).sum(axis=1)
        spread = (rate * (1 - rate) * (Q_in * (W - W_in) ** 2 + (Q - Q_in) * W_in**2) / W**2).sum(axis=1)
        known = (compared > 1e-9 * W.sum()) & (spread > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            effect = np.where(known, excess / compared, 0.0)
            z = np.where(known, excess / np.sqrt(spread), 0.0)
        return effect, special.log_ndtr(-z * self.scale[slices])

    def _sums(self, slices: IntArray, strata: IntArray, n: int) -> FloatArray:
        """Return weights, errors and squares per slice and stratum, [3, slices, strata]."""
        if not len(slices):
            return np.zeros((3, 0, n))
        parts = [self.units_of[place] for place in slices]
        units = np.concatenate([units for units, _ in parts])
        key = np.repeat(np.arange(len(slices)) * n, [len(units) for units, _ in parts]) + strata[units]
        masses = np.concatenate([masses for _, masses in parts], axis=1)
        sums = [np.bincount(key, mass, len(slices) * n) for mass in masses]
        return np.stack(sums).astype(np.float64).reshape(3, len(slices), n)

    @cached_property
    def units_of(self) -> list[tuple[IntArray, FloatArray]]:
        """The units of each slice that hold rows, and their weights, errors and squares."""
        masses = np.stack([self.weights, self.errors, self.squares])
        found = [np.flatnonzero(mask & (self.weights > 0)) for mask in self.masks]
        return [(units, masses[:, units]) for units in found]

    def evident(self, one: int, others: list[int], *, max_p: float, min_gap: float) -> bool:
        """Whether a slice is weak beyond the others: by `min_gap`, and p below `max_p` or hardly greater than alone."""
        (effect,), (log_p,) = self.evidence(np.array([one]), self.strata(others))
        return bool(effect >= min_gap and log_p < self.limit(max_p)[one])

    def limit(self, max_p: float) -> FloatArray:
        """Return below which logarithm of its p-value each slice is weak beyond others."""
        return np.asarray(np.maximum(self.log_p + np.log(2), np.log(max_p)))

    def strata(self, slices: list[int]) -> IntArray:
        """Return for each unit which of the slices it lies in, as one number."""
        strata = np.zeros(len(self.weights), dtype=np.int64)
        for place, chosen in enumerate(slices, start=1):
            strata = 2 * strata + self.masks[chosen]
            if place % MAX_BITS == 0:
                strata = _compact(strata)
        return _compact(strata)


def _compact(strata: IntArray) -> IntArray:
    """Return the strata numbered anew, so that none between is empty."""
    return np.asarray((np.cumsum(np.bincount(strata) > 0) - 1)[strata])


def select(population: Population, *, max_p: float, min_gap: float, most: int) -> tuple[list[int], list[float]]:
    """Return the slices that are weak beyond what the others explain, those with the strongest evidence first.

    Forward: the slice with the least penalised p-value is taken, and the others are tested again within and
    outside of it; out are those left without a gap of `min_gap`, or with a p-value above `max_p` that has grown.
    So on until none remains. Then backward: one that is weak only because of those taken later is given up.

    Parameters
    ----------
    population : Population
    max_p, min_gap : float
        Of a slice beyond those taken; the gap is that of error rates, positive where the slice is worse.
    most : int
        At most so many are taken.

    Returns
    -------
    kept : list of int
        Places of the slices.
    penalised : list of float
        Logarithms of their p-values when they were taken, each with its penalty added.

    Notes
    -----
    Mantel and Haenszel (1959), doi:10.1093/jnci/22.4.719, with the patterns of the slices taken as strata.
    """
    log_p, active = population.log_p, np.arange(len(population.masks))
    limit = population.limit(max_p)
    kept: list[int] = []
    penalised: dict[int, float] = {}
    strata = population.strata([])
    while len(active) and len(kept) < most:
        evidence = log_p + population.penalty[active]
        first = int(np.argmin(evidence))
        best = int(active[first])
        kept.append(best)
        penalised[best] = float(evidence[first])
        strata = _compact(2 * strata + population.masks[best])
        active = np.delete(active, first)
        effect, log_p = population.evidence(active, strata)
        left = (effect >= min_gap) & (log_p < limit[active])
        active, log_p = active[left], log_p[left]
    for one in kept[:-1]:
        others = [other for other in kept if other != one]
        if not population.evident(one, others, max_p=max_p, min_gap=min_gap):
            kept = others
    return kept, [penalised[place] for place in kept]


def simplified(population: Population, kept: list[int], *, max_p: float, min_gap: float) -> list[int]:
    """Return the slices with two or more children replaced by their parent where it says the same with fewer columns.

    A child that is weaker than its parent stays beside it.
    """
    masks = population.masks
    for parent in range(len(masks)):
        children = [place for place in kept if place != parent and not (masks[place] & ~masks[parent]).any()]
        others = [place for place in kept if place not in (*children, parent)]
        if len(children) < 2 or not population.evident(parent, others, max_p=max_p, min_gap=min_gap):
            continue
        simpler = [*others, parent]
        weaker = [child for child in children if population.evident(child, simpler, max_p=max_p, min_gap=min_gap)]
        if population.penalty[[*simpler, *weaker]].sum() < population.penalty[kept].sum():
            kept = [*simpler, *weaker]
    return kept
