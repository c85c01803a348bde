"""Money: what errors cost, and what a thousand predictions cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.requirements import Prices, Requirements
from mlflow_evalplus.results import Estimate, Evaluation, Latency
from mlflow_evalplus.results.latency import measured_once


def cost_matrix(
    costs: Mapping[str, Mapping[str, float]], labels: Sequence[str], predictions: Sequence[str]
) -> FloatArray:
    """Return the cost of each cell, [labels, predictions]; a cell that is not named costs 0.

    A prediction that is none of the labels costs what the label's dearest error costs.

    Examples
    --------
    >>> cost_matrix({"neg": {"pos": 20}}, ["neg", "pos"], ["neg", "pos", "(other)"]).tolist()
    [[0.0, 20.0, 20.0], [0.0, 0.0, 0.0]]
    """
    matrix = np.zeros((len(labels), len(predictions)))
    for i, label in enumerate(labels):
        row = costs.get(label, {})
        for j, prediction in enumerate(predictions):
            matrix[i, j] = row.get(prediction, 0.0) if prediction in labels else max(row.values(), default=0.0)
    return matrix


def cost_estimate(latency: Latency | None, prices: Prices) -> Estimate | None:
    """Return the money for a thousand predictions; None where a price needs a throughput that was not measured.

    One machine at its highest measured throughput, ``latency.best``, whose interval it has, and what an API charges.

    Examples
    --------
    >>> fast = Latency({}, 100, 1.0, "a machine", throughput={8: Estimate(250.0, 200.0, 300.0, 50)})
    >>> print(cost_estimate(fast, Prices(machine_per_hour=3600, per_1000_requests=2)))
    6.000 [5.333, 7.000] n=50
    """
    charged, hour = prices.per_1000_requests, prices.machine_per_hour
    if hour is None:
        return None if charged is None else Estimate(charged, charged, charged, 0)
    best = latency.best if latency else None
    if best is None:
        return None
    rate = best[1]
    value, lower, upper = (hour / 3600 * 1000 / r + (charged or 0.0) for r in (rate.value, rate.upper, rate.lower))
    return Estimate(value, lower, upper, rate.n)


def cost_per_1000(latency: Latency | None, prices: Prices) -> float | None:
    """Return the money for a thousand predictions, without its interval."""
    found = cost_estimate(latency, prices)
    return found.value if found else None


def priced_alike(a: Evaluation, b: Evaluation, *, errors: bool = True) -> bool:
    """Say whether the money of two evaluations is of one currency and, with `errors`, of the same costs of errors."""
    one, other = (evaluation.requirements or Requirements() for evaluation in (a, b))
    same = one.prices.currency == other.prices.currency
    return same and (not errors or one.error_costs == other.error_costs)


def per_1000(evaluation: Evaluation) -> Estimate | None:
    """Return an evaluation's `cost_per_1000` with its interval; without bounds where its timing is not at hand."""
    cost = evaluation.cost_per_1000
    if cost is None:
        return None
    prices = evaluation.requirements.prices if evaluation.requirements else Prices()
    return cost_estimate(evaluation.latency, prices) or measured_once(cost)


def total_per_1000(evaluation: Evaluation) -> Estimate | None:
    """Return the money for a thousand predictions and the errors among them; None where one of the two is not known.

    Notes
    -----
    The parts are independent. Their intervals are added by Zou and Donner's method of variance estimates recovery
    (2008), doi:10.1002/sim.3095: the distances from value to bound, squared, add up.
    """
    made, errors = per_1000(evaluation), evaluation.metrics.get("error_cost")
    if made is None or errors is None:
        return None
    value = made.value + 1000 * errors.value
    below = math.hypot(made.value - made.lower, 1000 * (errors.value - errors.lower))
    above = math.hypot(made.upper - made.value, 1000 * (errors.upper - errors.value))
    return Estimate(value, value - below, value + above, errors.n)
