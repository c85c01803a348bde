"""Several runs on the same examples: corrected for how many are compared, and which of them no other one beats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.comparison import comparable
from mlflow_evalplus.core.intervals import ROUNDING, influence
from mlflow_evalplus.core.pairing import paired_rows
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results import Comparison, Evaluation
from mlflow_evalplus.results.choice import Family


def holm(p_values: FloatArray) -> FloatArray:
    """Return p-values adjusted so that the chance of any false one stays below its level; nan stays nan.

    Holm, *Scandinavian Journal of Statistics* 6 (1979), 65-70.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested])]
    adjusted = np.full(len(p_values), np.nan)
    scaled = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def family(
    evaluations: Mapping[str, Evaluation], comparisons: Mapping[str, Comparison], metric: str = "accuracy"
) -> Family:
    """Test every run against the baseline, and every two runs against each other.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By name, the baseline first, of the same examples, with their rows.
    comparisons : mapping of str to Comparison
        Of every run but the baseline, with it.
    metric : str
        ``error_cost`` or one of the metrics of labels and predictions.

    Raises
    ------
    ComparisonError
        The rows are not at hand, or the test sets differ.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.comparison import compare_evaluations
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> frame = pd.DataFrame({"label": list("ab") * 50, "old": ["a"] * 100, "new": list("ab") * 50})
    >>> runs = {name: evaluate(frame, prediction=name) for name in ("old", "new")}
    >>> family(runs, {"new": compare_evaluations(runs["new"], runs["old"])}).unbeaten
    ('new',)
    """
    baseline = next(iter(evaluations.values()))
    pairs = list(combinations(evaluations, 2))
    values, p_values = _all_pairs(list(evaluations.values()), metric)
    first, second = np.triu_indices(len(evaluations), 1)
    gains = (values[first] - values[second]) * (-1 if metric in names.LOWER_IS_BETTER else 1)
    beaten: dict[str, list[str]] = {name: [] for name in evaluations}
    for (a, b), gain, p_value in zip(pairs, gains, holm(p_values[first, second]), strict=True):
        if p_value < 1 - baseline.confidence:
            beaten[b if gain > 0 else a].append(a if gain > 0 else b)
    against = holm(np.array([comparison.metrics[metric].p_value for comparison in comparisons.values()]))
    return Family(
        metric, dict(zip(comparisons, against.tolist(), strict=True)),
        {name: tuple(better) for name, better in beaten.items()}, len(pairs), baseline.confidence,
    )  # fmt: skip


def _all_pairs(evaluations: Sequence[Evaluation], metric: str) -> tuple[FloatArray, FloatArray]:
    """Return the metric of each run and the p-values of all their differences, [runs, runs].

    The difference of two runs has the variance of the mean of ``ψ_A(row) - ψ_B(row)``, as in `compare_evaluations`; for
    all pairs at once it is in the cross products of the runs' influences.
    """
    values, totals = [], []
    for evaluation in evaluations:
        rows, other = paired_rows(evaluations[0], evaluation)
        y, answers = rows.label_codes("label"), other.label_codes("prediction")
        k = len(rows.labels)
        width = k + int(np.max(answers) == k)
        weights = rows.floats("weight")
        w = np.ones(len(y)) if weights is None else weights
        shares = np.bincount(y * width + answers, w, k * width).reshape(1, k, width) / w.sum()
        tested = comparable(evaluations[0], evaluation, rows.labels, width)[metric]
        value, psi = influence(tested, shares)
        values.append(value[0])
        totals.append(_totals(rows, w * psi[0, y, answers]))
    found, moved = np.array(values), np.stack(totals, axis=1) / w.sum()
    products = moved.T @ moved
    spread = np.diag(products)
    n = w.sum() ** 2 / (w**2).sum()
    units = len(moved) if "cluster" in rows.table.column_names else math.inf if weights is None else n
    var = (spread[:, None] + spread - 2 * products) / (1 - 1 / max(units, 2))
    gaps = np.abs(found[:, None] - found)
    # second moment, not variance, as McNemar's statistic has it for accuracy
    return found, 2 * stats.norm.sf(
        gaps / np.sqrt(np.maximum(var, ROUNDING * (tested.high - tested.low) ** 2) + gaps**2 / n)
    )


def _totals(rows: Predictions, amounts: FloatArray) -> FloatArray:
    """Return the amounts summed over what was drawn together."""
    if "cluster" not in rows.table.column_names:
        return amounts
    codes, known = rows.codes("cluster")
    return np.bincount(codes, amounts, len(known)).astype(np.float64)
