"""Accuracy against coverage where unsure rows are left to a person, and the threshold that reaches what is asked."""

from __future__ import annotations

import math

import numpy as np

from mlflow_evalplus.core.counts import Margin
from mlflow_evalplus.core.intervals import wilson
from mlflow_evalplus.core.risk_coverage import RiskCoverage, risk_coverage
from mlflow_evalplus.core.scores import ScoredRows
from mlflow_evalplus.core.threshold_choice import MIN_ROWS, choose, needed
from mlflow_evalplus.core.thresholds import FINER, all_thresholds
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Abstention, AbstentionPoint, Estimate

STEP = 0.02  # of the rows between two points of the curve
MIN_CLUSTERS = 5


def launch_accuracy(requirements: Requirements | None) -> float | None:
    """Return the accuracy over all examples that the requirements ask for; the highest of several.

    Examples
    --------
    >>> from mlflow_evalplus.requirements import load
    >>> launch_accuracy(load({"thresholds": [{"metric": "accuracy", "min": 0.9}]}))
    0.9
    """
    asked = requirements.thresholds if requirements else ()
    least = [t.min for t in asked if t.metric == "accuracy" and t.min is not None and not (t.slice or t.every)]
    return max(least, default=None)


def abstention(
    rows: ScoredRows, margin: Margin, launch: float | None = None, confidence: float = 0.95
) -> Abstention | None:
    """Return how accurate the answers are where only rows are answered whose highest score is at least a threshold.

    Accuracy and coverage have the intervals of any other metric. With a launch accuracy, the threshold of the largest
    coverage is chosen whose accuracy is shown to be at least that; with a probability of at most ``1 - confidence``
    its true accuracy is less.

    Parameters
    ----------
    rows : ScoredRows
    margin : Margin
        Of all examples.
    launch : float, optional
    confidence : float

    Returns
    -------
    Abstention or None
        None where not every label has a score, or scores do not sum to 1.

    Notes
    -----
    How the threshold is chosen: `threshold_choice`. Area under the curve: Geifman, Uziel and El-Yaniv (2019),
    arXiv:1805.08206, to whose oracle it is compared.
    """
    if not rows.complete:
        return None
    curve = risk_coverage(rows.confidence(margin))
    kept = _kept(curve)
    level = (1 - confidence) / 2
    points = _points(curve, kept, level)
    area, oracle = curve.areas()
    if launch is None:
        return Abstention(points, area, oracle)
    tested = curve.at([place for _, place in kept][::-1])
    chosen = choose(tested, launch, level)
    if chosen is not None:
        return Abstention(points, area, oracle, launch, points[::-1][chosen])
    known = np.array([not point.accuracy.small_support for point in points[::-1]])
    grown = needed(tested, launch, level, known)
    if grown is None:
        return Abstention(points, area, oracle, launch, None, _nearest(points, launch))
    place, times = grown
    return Abstention(points, area, oracle, launch, None, points[::-1][place], math.ceil(times * curve.n[-1]))


def _kept(curve: RiskCoverage) -> list[tuple[float, int]]:
    """Return threshold and place in the curve of each point, all rows first."""
    thresholds = all_thresholds()
    answered = np.searchsorted(-curve.cells, -FINER * np.arange(len(thresholds)), side="right") - 1
    share, _ = curve.coverage()
    kept, last = [(0.0, len(share) - 1)], 1.0
    for threshold, place in zip(thresholds.tolist(), answered.tolist(), strict=True):
        if place >= 0 and share[place] <= last - STEP + 1e-12:
            last = float(share[place])
            kept.append((threshold, place))
    return kept


def _points(curve: RiskCoverage, kept: list[tuple[float, int]], level: float) -> tuple[AbstentionPoint, ...]:
    (right, right_worth), (answered, answered_worth) = curve.accuracy(), curve.coverage()
    z = curve.quantile(level)
    low, high = wilson(right, right_worth, z)
    least, most = wilson(answered, answered_worth, z[-1])
    least[-1] = 1.0  # by definition
    small = curve.n < MIN_ROWS
    if curve.clusters is not None:
        small |= curve.clusters < MIN_CLUSTERS
    return tuple(
        AbstentionPoint(
            threshold,
            Estimate(float(answered[i]), float(least[i]), float(most[i]), int(curve.n[-1]), bool(small[-1])),
            Estimate(float(right[i]), float(low[i]), float(high[i]), int(curve.n[i]), bool(small[i])),
        )
        for threshold, i in kept
    )


def _nearest(points: tuple[AbstentionPoint, ...], launch: float) -> AbstentionPoint | None:
    """Return the point with the best bound among those above `launch`; one of few rows only for want of others."""
    above = [point for point in points if point.accuracy.value > launch]
    return max(above, key=lambda point: (not point.accuracy.small_support, point.accuracy.lower), default=None)
