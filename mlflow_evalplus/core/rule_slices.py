"""The slices in which a rule surely breaks more than it fixes."""

from __future__ import annotations

import numpy as np

from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.paired_gains import sign_tests
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results.rule_effects import RuleSlice

MAX_SLICES = 5
MAX_Q = 0.05


def broken_slices(predictions: Predictions, gains: np.ndarray) -> list[tuple[RuleSlice, ...]]:
    """Return for each rule at most five slices, the most broken first.

    Parameters
    ----------
    predictions : Predictions
        For its slices, weights and clusters.
    gains : int array, [rules, rows]
        1 for a row that a rule fixes, -1 for one that it breaks, else 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> frame = pd.DataFrame({"label": ["a"] * 40, "prediction": "a", "channel": ["app"] * 20 + ["web"] * 20})
    >>> found = broken_slices(read(frame, slices=["channel"]), np.array([[-1] * 12 + [1] * 2 + [0] * 26]))
    >>> [(part.name, part.fixed, part.broken) for part in found[0]]
    [('channel=app', 2, 12)]
    """
    rule, row = np.nonzero(gains)
    own, weights = gains[rule, row], predictions.floats("weight")
    amounts = own if weights is None else own * weights[row]
    found: list[tuple[int, str, int, int, float, float]] = []
    for column in predictions.slice_columns:
        codes, values = predictions.codes(f"slice.{column}")
        group, size = rule * len(values) + codes[row], len(gains) * len(values)
        fixed, broken = (np.bincount(group[own == side], minlength=size) for side in (1, -1))
        net, p_values = np.bincount(group, amounts, size), sign_tests(predictions, group, row, own, size)
        for place in np.flatnonzero(fixed + broken).tolist():
            name = f"{column}={values[place % len(values)]}"
            found.append((place // len(values), name, int(fixed[place]), int(broken[place]), float(net[place]),
                          float(p_values[place])))  # fmt: skip
    q_values = false_discovery(np.array([part[-1] for part in found])).tolist() if found else []
    weak: list[list[tuple[float, RuleSlice]]] = [[] for _ in gains]
    for (place, name, n_fixed, n_broken, change, _), q in zip(found, q_values, strict=True):
        if q < MAX_Q and change < 0:
            weak[place].append((change, RuleSlice(name, n_fixed, n_broken, q)))
    return [tuple(part for _, part in sorted(parts, key=lambda part: part[0])[:MAX_SLICES]) for parts in weak]
