"""Where a candidate is weak: each value of each tag against the rest of its questions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.online.means import MIN_UNITS
from mlflow_evalplus.core.selection.estimates import estimate, mean
from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.layouts import Layouts
from mlflow_evalplus.results.selection import TagScore

WEAK_Q = 0.05
WEAK_POINTS = 0.02
MIN_QUESTIONS = 5
NEARLY_ALL = 0.9


def tag_scores(
    facts: Mapping[str, Facts], layouts: Layouts, confidence: float = 0.95
) -> dict[str, tuple[TagScore, ...]]:
    """Return each candidate's score by tag, the lowest against the rest first.

    A question counts as it does in the score. The p-value is of the pooled variance, over clusters: that there is no
    gap; q is over all values of all tags of all candidates (Benjamini and Hochberg 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x). Where nearly every cluster is on both sides, as twins are by their
    language, what they have in common falls out. A value on fewer than 5 questions, or but for fewer than 5, is left
    out; one in fewer than 5 clusters is not tested.
    """
    found = {name: list(_of_candidate(each, layouts, confidence)) for name, each in facts.items()}
    q_values = iter(false_discovery(np.array([row.p_value for rows in found.values() for row in rows])).tolist())
    return {name: tuple(sorted((_judged(row, next(q_values)) for row in rows), key=_order))
            for name, rows in found.items()}  # fmt: skip


def _judged(row: TagScore, q_value: float) -> TagScore:
    return replace(row, q_value=q_value, weak=q_value < WEAK_Q and row.gap <= -WEAK_POINTS)


def _order(row: TagScore) -> tuple[bool, float, str]:
    return not row.weak, row.gap, row.name


def _of_candidate(facts: Facts, layouts: Layouts, confidence: float) -> Iterator[TagScore]:
    values = facts["score"]
    weights = layouts.score.in_mean(values)
    counted = weights > 0
    for tag, column in layouts.tags.items():
        values_of, counts = np.unique(column[counted & (column != "")], return_counts=True)
        for value in values_of[counts >= MIN_QUESTIONS].tolist():
            inside = column == value
            if (counted & ~inside).sum() >= MIN_QUESTIONS:
                yield _tag_score(tag, value, inside, values, weights, layouts, confidence)


def _tag_score(
    tag: str, value: str, inside: np.ndarray, values: FloatArray, weights: FloatArray, layouts: Layouts,
    confidence: float,
) -> TagScore:  # fmt: skip
    alone = replace(layouts.plain, weights=weights)
    score = estimate(np.where(inside, values, np.nan), alone, confidence)
    gap = mean(values, layouts.plain.against(inside, weights), contrast=_splits(inside, weights, layouts.clusters))
    sides = [_clusters(np.where(side, weights, 0.0), layouts.clusters) for side in (inside, ~inside)]
    share = weights[inside].sum() / weights.sum()
    # the pooled variance: that of both sides about the mean of all
    moment = gap.variance + gap.value**2 * ((1 - share) ** 2 / sides[0][1] + share**2 / sides[1][1])
    p_value = math.nan
    if min(n for n, _ in sides) >= MIN_UNITS:
        p_value = float(2 * stats.t.sf(abs(gap.value) / math.sqrt(moment), gap.freedom)) if moment > 0 else 1.0
    return TagScore(tag, value, score, gap.value, p_value, math.nan, weak=False)


def _splits(inside: np.ndarray, weights: FloatArray, clusters: IntArray) -> bool:
    """Whether nearly all clusters that count are on both sides, as twins are by their language."""
    one, other = (np.bincount(clusters, np.where(side, weights, 0.0)) for side in (inside, ~inside))
    return bool((one + other)[(one > 0) & (other > 0)].sum() >= NEARLY_ALL * weights.sum())


def _clusters(weights: FloatArray, clusters: IntArray) -> tuple[int, float]:
    """Return the clusters that count, and how many of equal weight would say as much."""
    sums = np.bincount(clusters, weights)
    return int((sums > 0).sum()), float(sums.sum() ** 2 / (sums**2).sum())
