"""Accuracy against cost: which runs no other run beats in both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mlflow_evalplus.core.cost import priced_alike
from mlflow_evalplus.core.decision import measured
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.side_by_side import Front, FrontPoint

# What is taken as the cost: the first of these that is known for most runs.
COSTS = ("total_cost_per_1000", "cost_per_1000", "latency_ms_p95")


def on_front(gain: Sequence[float], cost: Sequence[float]) -> list[bool]:
    """Return for each point whether it is on the Pareto front of more gain for less cost.

    It is unless another point has at least its gain at no more than its cost, and is better in one of the two; so
    points that are equal in both are on it together. A point with a nan is not.

    Examples
    --------
    >>> on_front([0.90, 0.92, 0.91, 0.92], [1.0, 2.0, 3.0, 2.0])
    [True, True, False, True]
    """
    g, c = np.asarray(gain, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    as_good = (g[:, None] >= g) & (c[:, None] <= c)
    better = (g[:, None] > g) | (c[:, None] < c)
    beaten = (as_good & better).any(axis=0)
    return [bool(x) for x in ~beaten & ~np.isnan(g) & ~np.isnan(c)]


def front(evaluations: Mapping[str, Evaluation]) -> Front | None:
    """Return the accuracy of each evaluation against its cost; of those that are priced as the first is.

    The cost is what a thousand predictions cost in all, errors too; else what they cost to make; else the 95th
    percentile of the latency: the one that most runs know. None where fewer than two runs know the same.
    """
    known = {key: _known(evaluations, key) for key in COSTS}
    key = max(COSTS, key=lambda key: len(known[key]))
    points = known[key]
    if len(points) < 2:
        return None
    costs = {name: measured(evaluations[name], key) for name in points}
    flags = on_front([evaluations[name].metrics["accuracy"].value for name in points], list(points.values()))
    found = [
        FrontPoint(name, evaluations[name].metrics["accuracy"], cost, flag)
        for (name, cost), flag in zip(costs.items(), flags, strict=True)
        if cost is not None
    ]
    asked = next(iter(evaluations.values())).requirements
    return Front(
        cost=key, currency=asked.prices.currency if asked and not key.startswith("latency") else "",
        points=tuple(sorted(found, key=lambda point: (point.cost.value, -point.accuracy.value, point.name))),
        unknown=tuple(name for name in evaluations if name not in points),
    )  # fmt: skip


def _known(evaluations: Mapping[str, Evaluation], key: str) -> dict[str, float]:
    """Return name → cost of the evaluations that know it, in the money of the first, and whose accuracy is defined."""
    first, errors = next(iter(evaluations.values())), key == "total_cost_per_1000"
    found = {
        name: measured(evaluation, key)
        for name, evaluation in evaluations.items()
        if key.startswith("latency") or priced_alike(evaluation, first, errors=errors)
    }
    return {
        name: cost.value
        for name, cost in found.items()
        if cost and math.isfinite(cost.value) and evaluations[name].metrics["accuracy"].defined
    }
