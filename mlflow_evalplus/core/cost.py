"""Money: what errors cost, and what a thousand predictions cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.requirements import Prices
from mlflow_evalplus.results import Latency


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


def cost_per_1000(latency: Latency | None, prices: Prices) -> float | None:
    """Return the money for a thousand predictions at the measured throughput of one machine."""
    if latency is None or prices.machine_per_hour is None or not latency.batch_size:
        return None
    return 1000 * latency.batch_seconds / latency.batch_size * prices.machine_per_hour / 3600
