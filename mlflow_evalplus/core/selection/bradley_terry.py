"""How strong each candidate is by pairwise judgements: the model of Bradley and Terry, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy import linalg, optimize, sparse, special, stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.family import holm
from mlflow_evalplus.core.selection.verdicts import Pairwise
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.selection import Ranked

MIN_QUESTIONS = 5
FLAT = 1e-10  # added to the information: far out the likelihood is a straight line, and there is none
PRIOR = 2.0  # ties given to each pair beforehand, divided by the number of candidates


def ranking(
    outcomes: Sequence[Pairwise], clusters: Mapping[str, str] | None = None, *, confidence: float = 0.95
) -> tuple[Ranked, ...]:
    """Return the candidates by strength, the strongest first, and who cannot be told apart from whom.

    Parameters
    ----------
    outcomes : sequence of Pairwise
        As `verdicts.outcomes` returns them. All outcomes of one question and one pair, of several judges or repeats,
        are taken as one, their mean; a tie is half a win.
    clusters : mapping of str to str, optional
        Question → cluster; a question that is not in it is one of its own.
    confidence : float

    Returns
    -------
    tuple of Ranked
        `strength` is the log odds of being preferred to a candidate of mean strength; nan where the candidates fall
        into groups that never met. `tied` holds those from which the difference is not significant (Holm over all
        pairs).

    Notes
    -----
    Bradley and Terry (1952), doi:10.2307/2334029. Each of the pairs of K candidates is given 2 / K ties beforehand:
    with two candidates that is Jeffreys' prior (Firth 1993, doi:10.1093/biomet/80.1.27), so one that wins all has a
    finite strength. Intervals are profiles of that likelihood (Heinze and Schemper 2002, doi:10.1002/sim.1047), scaled
    by the ratio of the variance over clusters of questions to that of the model, with Student's t for G clusters.

    Examples
    --------
    >>> won = [Pairwise("j", f"W{i}", "large", "small", float(i % 4 > 0)) for i in range(40)]
    >>> for row in ranking(won):
    ...     print(row.name, row.strength, row.wins, row.tied)
    large 0.533 [0.185, 0.926] n=40 30 ()
    small -0.533 [-0.926, -0.185] n=40 10 ()
    """
    names = sorted({name for outcome in outcomes for name in (outcome.a, outcome.b)})
    if not names:
        return ()
    met = _Met.of(outcomes, names, clusters or {})
    pairs = list(combinations(range(len(names)), 2))
    apart = holm(np.array([met.p_value(_difference(pair, len(names))) for pair in pairs]))
    tied: dict[int, set[int]] = {number: set() for number in range(len(names))}
    for (a, b), p_value in zip(pairs, apart, strict=True):
        if not p_value < 1 - confidence:
            tied[a].add(b)
            tied[b].add(a)
    strengths = met.strengths if met.connected else np.zeros(len(names))
    order = sorted(range(len(names)), key=lambda number: (-strengths[number], names[number]))
    return tuple(
        Ranked(
            names[one], met.estimate(one, confidence), *_record(outcomes, names[one]),
            tuple(names[other] for other in order if other in tied[one]),
        )
        for one in order
    )  # fmt: skip


def sentence(ranked: Sequence[Ranked]) -> str:
    """Return who is the strongest, and who cannot be told apart from it.

    Examples
    --------
    >>> won = [Pairwise("j", f"W{i}", "large", "small", float(i % 2)) for i in range(10)]
    >>> sentence(ranking(won))
    'The judges cannot tell large and small apart.'
    """
    if not ranked:
        return "No pair was judged."
    first = ranked[0]
    if not first.strength.defined:
        return "The candidates cannot be ranked: they fall into groups that the judges never compared."
    if first.tied:
        names = (first.name, *first.tied)
        return f"The judges cannot tell {', '.join(names[:-1])} and {names[-1]} apart."
    return f"The judges prefer {first.name} to every other candidate."


def _record(outcomes: Sequence[Pairwise], name: str) -> tuple[float, float, float]:
    """Return wins, losses and ties."""
    points = [one.points if one.a == name else 1 - one.points for one in outcomes if name in (one.a, one.b)]
    wins, losses = sum(p > 0.5 for p in points), sum(p < 0.5 for p in points)
    return wins, losses, len(points) - wins - losses


def _difference(pair: tuple[int, int], n: int) -> FloatArray:
    contrast = np.zeros(n)
    contrast[list(pair)] = 1.0, -1.0
    return contrast


@dataclass(frozen=True)
class _Met:
    """One row per question and pair, then the ties given beforehand; `codes` are the clusters of the former."""

    design: FloatArray
    points: FloatArray
    weights: FloatArray
    codes: IntArray
    connected: bool

    @classmethod
    def of(cls, outcomes: Sequence[Pairwise], names: Sequence[str], clusters: Mapping[str, str]) -> _Met:
        n = len(names)
        met: dict[tuple[str, int, int], list[float]] = {}
        for outcome in outcomes:
            one, other = names.index(outcome.a), names.index(outcome.b)
            first, second = sorted((one, other))
            points = outcome.points if one < other else 1 - outcome.points
            met.setdefault((outcome.question, first, second), []).append(points)
        pairs = [(first, second) for _, first, second in met] + list(combinations(range(n), 2))
        n_prior = len(pairs) - len(met)
        graph = sparse.coo_matrix((np.ones(len(met)), np.array(pairs[: len(met)]).T), shape=(n, n))
        _, codes = np.unique([clusters.get(question, question) for question, _, _ in met], return_inverse=True)
        return cls(
            np.stack([_difference(pair, n) for pair in pairs]),
            np.array([*map(np.mean, met.values()), *[0.5] * n_prior]),
            np.array([1.0] * len(met) + [PRIOR / n] * n_prior),
            codes.astype(np.int64), sparse.csgraph.connected_components(graph, directed=False)[0] == 1,
        )  # fmt: skip

    @cached_property
    def strengths(self) -> FloatArray:
        n = self.design.shape[1]
        return self._highest(np.zeros(n), linalg.null_space(np.ones((1, n))))

    @property
    def freedom(self) -> int:
        return max(int(self.codes.max()), 1)

    def likelihood(self, strengths: FloatArray) -> float:
        margin = self.design @ strengths
        return float(
            self.weights @ (self.points * special.log_expit(margin) + (1 - self.points) * special.log_expit(-margin))
        )

    def slope(self, strengths: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the gradient and the information."""
        chance = special.expit(self.design @ strengths)
        gradient = self.design.T @ (self.weights * (self.points - chance))
        return gradient, (self.design.T * (self.weights * chance * (1 - chance))) @ self.design

    def _highest(self, start: FloatArray, free: FloatArray) -> FloatArray:
        """Return the strengths of the highest likelihood that differ from the start in the free directions only."""
        at = start
        for _ in range(100 if free.size else 0):
            gradient, information = self.slope(at)
            inner = free.T @ information @ free + FLAT * np.eye(free.shape[1])
            step = free @ np.linalg.solve(inner, free.T @ gradient)
            while self.likelihood(at + step) < self.likelihood(at) - 1e-12:
                step = step / 2
            at = at + step
            if np.abs(step).max() < 1e-10:
                break
        return at

    def _profile(self, contrast: FloatArray, value: float) -> float:
        """Return twice how much the likelihood loses where the contrast of the strengths has this value."""
        start = contrast * value / (contrast @ contrast)
        free = linalg.null_space(np.stack([np.ones(len(contrast)), contrast]))
        return 2 * (self.likelihood(self.strengths) - self.likelihood(self._highest(start, free)))

    def _scale(self, contrast: FloatArray) -> float:
        """Return the variance of the contrast over clusters of questions, over that of the model.

        The ties given beforehand enter as what they are, wins and losses in equal parts, so that it is near 1 where a
        candidate wins all and its own residuals show no spread.
        """
        chance = special.expit(self.design @ self.strengths)
        n = len(self.codes)
        _, information = self.slope(self.strengths)
        toward = np.linalg.solve(information + np.ones_like(information), contrast)
        own = self.design @ toward
        sums = np.bincount(self.codes, (own * (self.points - chance))[:n])
        clusters = len(sums)
        spread = float(sums @ sums) * clusters / max(clusters - 1, 1)
        given = self.weights * own**2 * ((1 - chance) ** 2 + chance**2) / 2
        return (spread + float(given[n:].sum())) / float(toward @ information @ toward)

    def estimate(self, number: int, confidence: float) -> Estimate:
        n, total = int((self.design[: len(self.codes), number] != 0).sum()), self.design.shape[1]
        if not self.connected:
            return Estimate(math.nan, math.nan, math.nan, n, True)
        contrast = np.full(total, -1 / total)
        contrast[number] += 1
        value = float(contrast @ self.strengths)
        most = float(stats.t.ppf((1 + confidence) / 2, self.freedom)) ** 2 * self._scale(contrast)
        lower, upper = (self._where(contrast, value, side, most) for side in (-1, 1))
        return Estimate(value, lower, upper, n, len(np.unique(self.codes)) < MIN_QUESTIONS)

    def _where(self, contrast: FloatArray, value: float, side: int, most: float) -> float:
        """Return how far to one side the contrast may lie."""
        reach = 1.0
        while self._profile(contrast, value + side * reach) < most:
            reach *= 2
        found = optimize.brentq(lambda away: self._profile(contrast, value + side * away) - most, 0, reach)
        return float(value + side * found)

    def p_value(self, contrast: FloatArray) -> float:
        if not self.connected:
            return math.nan
        statistic = max(self._profile(contrast, 0.0), 0.0) / self._scale(contrast)
        return float(2 * stats.t.sf(math.sqrt(statistic), self.freedom))
