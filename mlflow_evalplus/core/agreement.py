"""How far annotators agree, beyond chance too, each figure with its interval over the items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import ROUNDING, wilson
from mlflow_evalplus.results import Estimate

MIN_ITEMS = 5  # with fewer the interval may be too narrow


@dataclass(frozen=True)
class Votes:
    """Who voted for what, one entry per vote.

    Attributes
    ----------
    items, workers, codes : int array, one value per vote
        The row, the annotator and the label voted for, each from 0.
    n_items, n_workers, n_classes : int

    Examples
    --------
    >>> Votes.of(np.array([[0, 0], [1, -1]]), n_classes=2).counts.tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """

    items: IntArray
    workers: IntArray
    codes: IntArray
    n_items: int
    n_workers: int
    n_classes: int

    @classmethod
    def of(cls, matrix: IntArray, n_classes: int) -> Votes:
        """Return the votes of a matrix [items, annotators] of codes; -1 is no vote."""
        items, workers = np.nonzero(matrix >= 0)
        n_items, n_workers = matrix.shape
        return cls(items, workers, matrix[items, workers].astype(np.int64), n_items, n_workers, n_classes)

    @cached_property
    def counts(self) -> FloatArray:
        """How often each item was given each label, [items, classes]."""
        key = self.items * self.n_classes + self.codes
        counted = np.bincount(key, minlength=self.n_items * self.n_classes)
        return counted.reshape(self.n_items, self.n_classes).astype(np.float64)


@dataclass(frozen=True)
class Drawn:
    """How much each item counts, and which items were drawn together.

    Attributes
    ----------
    weights : float array, [items], optional
        Above 0; without them all items count alike.
    clusters : int array, [items], optional
        Items of one code were drawn together; without them each was drawn alone.

    Examples
    --------
    >>> drawn = Drawn(weights=np.array([3.0, 1.0]))
    >>> drawn.mean(np.array([1.0, 0.0])), drawn.scaled(2).tolist()
    (0.75, [1.5, 0.5])
    """

    weights: FloatArray | None = None
    clusters: IntArray | None = None

    def of(self, items: np.ndarray) -> Drawn:
        """Return the same for some of the items, given by a mask or by their numbers."""
        weights, clusters = (None if array is None else array[items] for array in (self.weights, self.clusters))
        return Drawn(weights, clusters)

    def scaled(self, n: int) -> FloatArray:
        """Return the weights of the n items, of mean 1."""
        return np.ones(n) if self.weights is None or not n else self.weights / self.weights.mean()

    def mean(self, values: np.ndarray) -> float:
        """Return the weighted mean of a value per item."""
        return float(np.average(values, weights=self.weights))

    def sum_of_squares(self, psi: FloatArray) -> float:
        """Return ``Σ_clusters (Σ_items w ψ)²``."""
        totals = self.scaled(len(psi)) * psi
        if self.clusters is not None:
            totals = np.bincount(self.clusters, totals).astype(np.float64)
        return float((totals**2).sum())

    def effective(self, n: int) -> float:
        """Return ``n² / Σ_clusters (Σ_items w)²``: n, or the clusters, if all count alike."""
        return n**2 / self.sum_of_squares(np.ones(n)) if n else 0.0

    def units(self, n: int) -> float:
        """Return what was drawn: the clusters, else the effective items."""
        return self.effective(n) if self.clusters is None else float(len(np.unique(self.clusters)))

    def quantile(self, confidence: float, n: int) -> float:
        """Return the two-sided quantile: normal where n items were drawn alike, else Student's t."""
        tail, units = (1 + confidence) / 2, self.units(n)
        alike = self.clusters is None and units > (1 - 1e-9) * n
        return float(stats.norm.ppf(tail) if alike else stats.t.ppf(tail, max(units - 1, 1)))


ALIKE = Drawn()


def agreement(counts: FloatArray, confidence: float = 0.95, drawn: Drawn = ALIKE) -> dict[str, Estimate]:
    """Return percent agreement, Fleiss' kappa and Krippendorff's alpha (nominal), each with an interval.

    Items with fewer than two votes are left out. With unequal numbers of votes percent agreement is the mean over
    items of the share of their pairs of votes that agree; kappa sets it against the agreement by chance of the pooled
    votes, and alpha weighs each item by its votes. Kappa and alpha are undefined where only one label occurs.

    Parameters
    ----------
    counts : float array, [items, classes]
        Votes; see `Votes.counts`.
    confidence : float
    drawn : Drawn
        Weights and clusters of the items.

    Notes
    -----
    Fleiss (1971), doi:10.1037/h0031619; Krippendorff, *Content Analysis* (2004), ch. 11. The interval is Wilson's on
    the effective number of items ``m (1 - m) / Var(m)``; the variance is that of the items' influence on the figure
    (delta method).

    Examples
    --------
    >>> found = agreement(np.array([[2, 0], [2, 0], [0, 2], [1, 1]]))
    >>> print(found["percent_agreement"], "|", found["fleiss_kappa"])
    0.750 [0.256, 0.963] n=4 | 0.467 [-0.526, 0.921] n=4
    """
    several = counts.sum(axis=1) >= 2
    counts, drawn = counts[several], drawn.of(several)
    if not len(counts):
        return dict.fromkeys(("percent_agreement", "fleiss_kappa", "krippendorff_alpha"), undefined(0))
    votes, weights = counts.sum(axis=1), drawn.scaled(len(counts))
    agree = pairs_agreeing(counts)
    mean, mean_votes, all_votes = drawn.mean(agree), drawn.mean(votes), float(weights @ votes)
    share = weights @ counts / all_votes
    chance = float((share**2).sum())
    chance_psi = 2 * (counts @ share - votes * chance) / mean_votes
    pooled = float((weights * agree) @ votes / all_votes)
    pooled_psi = votes * (agree - pooled) / mean_votes
    # alpha takes two votes for chance without putting the first one back
    exact = (chance * all_votes - 1) / (all_votes - 1)
    return {
        "percent_agreement": estimate_of(mean, agree - mean, confidence, drawn=drawn),
        "fleiss_kappa": _beyond_chance(mean, agree - mean, chance, chance_psi, confidence, drawn),
        "krippendorff_alpha": _beyond_chance(pooled, pooled_psi, exact, chance_psi, confidence, drawn),
    }


def pairs_agreeing(counts: FloatArray) -> FloatArray:
    """Return for each item the share of its pairs of votes that agree; nan with fewer than two votes."""
    votes = counts.sum(axis=1)
    pairs = votes * (votes - 1)
    alike = (counts * (counts - 1)).sum(axis=1)
    return np.asarray(np.divide(alike, pairs, out=np.full(len(counts), np.nan), where=pairs > 0))


def against_others(counts: FloatArray, code: int) -> FloatArray:
    """Return the votes for one label and those for any other, [items, 2].

    Their Fleiss' kappa is the category-wise one of Fleiss (1971), undefined where nobody, or everybody, chose it.

    Examples
    --------
    >>> against_others(np.array([[2, 0, 1], [0, 3, 0]]), 1).tolist()
    [[0, 3], [3, 0]]
    """
    return np.column_stack([counts[:, code], counts.sum(axis=1) - counts[:, code]])


def cohen_kappa(
    one: IntArray, other: IntArray, n_classes: int, confidence: float = 0.95, drawn: Drawn = ALIKE
) -> Estimate:
    """Return Cohen's kappa of two annotators over the items that both voted on; -1 is no vote.

    Notes
    -----
    Cohen (1960), doi:10.1177/001316446002000104.

    Examples
    --------
    >>> print(cohen_kappa(np.array([0, 0, 1, 1, -1]), np.array([0, 1, 1, 1, 0]), 2))
    0.500 [-0.399, 0.909] n=4
    """
    both = (one >= 0) & (other >= 0)
    one, other, drawn = one[both], other[both], drawn.of(both)
    if not len(one):
        return undefined(0)
    weights = drawn.scaled(len(one))
    shares = [np.bincount(codes, weights, n_classes) / len(one) for codes in (one, other)]
    chance = float(shares[0] @ shares[1])
    agree = (one == other).astype(np.float64)
    mean, chance_psi = drawn.mean(agree), shares[1][one] + shares[0][other] - 2 * chance
    return _beyond_chance(mean, agree - mean, chance, chance_psi, confidence, drawn)


def _beyond_chance(
    observed: float, observed_psi: FloatArray, chance: float, chance_psi: FloatArray, confidence: float, drawn: Drawn
) -> Estimate:
    if 1 - chance < ROUNDING:
        return undefined(len(observed_psi))
    value = (observed - chance) / (1 - chance)
    psi = observed_psi / (1 - chance) - (1 - observed) / (1 - chance) ** 2 * chance_psi
    return estimate_of(value, psi, confidence, low=-1.0, drawn=drawn)


def estimate_of(value: float, psi: FloatArray, confidence: float, low: float = 0.0, drawn: Drawn = ALIKE) -> Estimate:
    """Return the estimate of a figure from `low` to 1, given each item's influence `psi` on it, of weighted mean 0."""
    n = len(psi)
    span, units, alike = 1 - low, drawn.units(n), drawn.effective(n)
    unit = min(max((value - low) / span, 0.0), 1.0)
    variance = drawn.sum_of_squares(psi) / max(n, 1) ** 2 / (1 - 1 / max(units, 2)) / span**2
    error = min(np.sqrt(variance), 0.5)
    inner = min(max(unit, error), 1 - error)  # at its very end a figure that varies rests on some items, not none
    n_eff = min(inner * (1 - inner) / variance, 3 * n) if variance > ROUNDING else alike
    lower, upper = wilson(np.array([unit]), np.array([float(n_eff)]), drawn.quantile(confidence, n))
    value, *bounds = (low + span * float(share) for share in (unit, lower[0], upper[0]))
    return Estimate(value, bounds[0], bounds[1], n, min(n, round(units)) < MIN_ITEMS)


def undefined(n: int) -> Estimate:
    """Return the estimate of a figure that has no value."""
    return Estimate(float("nan"), float("nan"), float("nan"), n, True)
