"""Two evaluations of the same examples, paired: differences, intervals and tests from counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import stats

from mlflow_evalplus.core import cost, metrics
from mlflow_evalplus.core.counts import Margin, crossings
from mlflow_evalplus.core.intervals import false_discovery, quantile, small_sample
from mlflow_evalplus.core.latency import not_comparable
from mlflow_evalplus.core.metrics import Metric
from mlflow_evalplus.core.paired import PairedCells, count_pairs, differences, pair
from mlflow_evalplus.core.pairing import paired_rows
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.score_metrics import row_influences
from mlflow_evalplus.names import COVERAGE, OTHER, UNBOUNDED
from mlflow_evalplus.results import Comparison, Difference, Evaluation, SliceDifference

EXACT_BELOW = 25


def compare_evaluations(
    a: Evaluation,
    b: Evaluation,
    *,
    names: tuple[str, str] = ("A", "B"),
    shared_only: bool = False,
    intersections: int | None = None,
) -> Comparison:
    """Compare two evaluations row by row.

    Parameters
    ----------
    a, b : Evaluation
        Differences are A less B: B is the baseline.
    names : tuple of str
        How to call them.
    shared_only : bool
        Compare on the examples that both have, where the test sets differ.
    intersections : int, optional
        Depth of the slices compared; by default single columns, and as deep as a requirement of A names a slice.

    Raises
    ------
    ComparisonError
        The rows are not at hand, the test sets differ (the counts of shared and unshared ids are
        named), or one example has two labels.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> frame = pd.DataFrame({"label": ["a", "b"] * 20, "old": ["a"] * 40, "new": ["a", "b"] * 20})
    >>> new, old = evaluate(frame, prediction="new"), evaluate(frame, prediction="old")
    >>> print(compare_evaluations(new, old).metrics["accuracy"])
    +0.500 [+0.328, +0.655]
    """
    rows_a, rows_b = paired_rows(a, b, shared_only)
    pairs, cells = pair(rows_a, rows_b)
    chosen = comparable(a, b, rows_a.labels, pairs.width)
    depth = _depth(a) if intersections is None else intersections
    margins = count_pairs(rows_a, pairs, cells, crossings(rows_a.slice_columns, depth))
    (overall,) = differences(chosen, margins[()], pairs, a.confidence)
    overall |= _score_differences(rows_a, rows_b, margins[()], a.confidence)
    right_a, right_b = ((answer == pairs.label)[cells] for answer in (pairs.a, pairs.b))
    fixed, broken = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    return Comparison(
        a=names[0], b=names[1], n=len(rows_a), metrics=overall,
        slices=_slices(margins, chosen, pairs, a.confidence), fixed=fixed, broken=broken,
        mcnemar_p=mcnemar(fixed, broken),
        notes=_part(len(rows_a), a, b, names) + not_comparable({names[0]: a.latency, names[1]: b.latency}),
    )  # fmt: skip


def comparable(a: Evaluation, b: Evaluation, labels: tuple[str, ...], width: int) -> dict[str, Metric]:
    """Return the metrics of labels and predictions that two evaluations can be compared in.

    `width` is the number of labels, or one more where a prediction is none of them.
    """
    columns = (*labels, OTHER)[:width]
    chosen = {**metrics.OVERALL, **metrics.of_classes(labels)}
    if a.requirements and a.requirements.error_costs:
        chosen["error_cost"] = metrics.error_cost(cost.cost_matrix(a.requirements.error_costs, labels, columns))
    chosen[COVERAGE] = metrics.COVERAGE
    return chosen | {own.name: own.bound(labels) for own in a.custom_metrics or b.custom_metrics}


def paired_difference(
    a: Evaluation, b: Evaluation, weights: Mapping[str, float], confidence: float | None = None
) -> Difference:
    """Return the difference, A less B, of a weighted sum of metrics on the same examples.

    Parameters
    ----------
    a, b : Evaluation
        With their rows.
    weights : mapping of str to float
        Metrics of labels and predictions, as `comparable` names them.
    confidence : float, optional
        That of A by default.

    Raises
    ------
    ComparisonError
        The rows are not at hand, the test sets differ, or one example has two labels.
    """
    rows, other = paired_rows(a, b)
    pairs, cells = pair(rows, other)
    known = comparable(a, b, rows.labels, pairs.width)
    terms = [(known[name], weight) for name, weight in weights.items()]
    chosen = terms[0][0] if len(terms) == 1 and terms[0][1] == 1 else metrics.weighted_sum(terms)
    margin = count_pairs(rows, pairs, cells, [()])[()]
    return differences({"sum": chosen}, margin, pairs, confidence or a.confidence)[0]["sum"]


def _part(n: int, a: Evaluation, b: Evaluation, names: tuple[str, str]) -> tuple[str, ...]:
    if n == a.n == b.n:
        return ()
    return (f"Compared on the {n:,} examples that both have, of {a.n:,} of {names[0]} and {b.n:,} of {names[1]}.",)


def _depth(evaluation: Evaluation) -> int:
    """Return how many columns the deepest slice has that a requirement compares with the baseline."""
    asked = evaluation.requirements.thresholds if evaluation.requirements else ()
    return max([1, *(t.slice.count(" & ") + 1 for t in asked if t.not_worse_than and t.slice)])


def overall_differences(
    a: Predictions, b: Predictions, chosen: dict[str, Metric], confidence: float
) -> dict[str, Difference]:
    """Return the differences of some metrics over all of the paired rows."""
    pairs, cells = pair(a, b)
    return differences(chosen, count_pairs(a, pairs, cells, [()])[()], pairs, confidence)[0]


def _score_differences(a: Predictions, b: Predictions, margin: Margin, confidence: float) -> dict[str, Difference]:
    """Return the differences of the metrics of the scores, over all examples, from the influence of every row."""
    found_a, found_b = row_influences(a), row_influences(b)
    weights, n = a.floats("weight"), len(a)
    w = np.ones(n) if weights is None else weights
    clusters = a.codes("cluster")[0] if "cluster" in a.table.column_names else np.arange(n)
    units = len(np.unique(clusters))
    (z,), (correction,) = quantile(margin, confidence), small_sample(margin)
    differences = {}
    for name in (name for name in found_a if name in found_b):
        (value_a, psi_a), (value_b, psi_b) = found_a[name], found_b[name]
        totals = np.bincount(clusters, w * (psi_a - psi_b))
        value, error = value_a - value_b, float(np.sqrt(correction * (totals**2).sum())) / w.sum()
        span = math.inf if name in UNBOUNDED else 1.0
        half = z * error if name in UNBOUNDED else max(z * error, z**2 / (n + z**2))
        # second moment, as for metrics of counts: no certainty where all rows differ alike
        moment = math.hypot(error, value / math.sqrt(units))
        p_value = float(2 * stats.norm.sf(abs(value) / moment)) if moment else 1.0
        if math.isnan(value) or units < 2:  # one row, or cluster, alone shows no spread
            half = p_value = math.nan
        lower, upper = max(value - half, -span), min(value + half, span)
        spread = math.sqrt(float(np.average((psi_a - psi_b) ** 2, weights=w)))
        effect = value / spread if spread else 0.0 if value == 0 else math.nan
        differences[name] = Difference(value, float(lower), float(upper), p_value, n, effect)
    return differences


def _slices(
    margins: dict[tuple[str, ...], Margin], chosen: dict[str, Metric], pairs: PairedCells, confidence: float
) -> tuple[SliceDifference, ...]:
    rows = [
        SliceDifference(columns, values, found, q_value=float("nan"))
        for columns, margin in margins.items()
        if columns
        for values, found in zip(margin.values, differences(chosen, margin, pairs, confidence), strict=True)
    ]
    q_values = false_discovery(np.array([row.metrics["accuracy"].p_value for row in rows]))
    judged = [replace(row, q_value=float(q)) for row, q in zip(rows, q_values, strict=True)]
    return tuple(sorted(judged, key=lambda row: (row.q_value, row.name)))


def mcnemar(fixed: int, broken: int) -> float:
    """Return McNemar's two-sided p-value; exact binomial below 25 discordant pairs, else χ² with continuity.

    McNemar (1947), doi:10.1007/BF02295996.

    Examples
    --------
    >>> mcnemar(6, 1)
    0.125
    """
    discordant = fixed + broken
    if discordant == 0:
        return 1.0
    if discordant < EXACT_BELOW:
        return float(stats.binomtest(fixed, discordant).pvalue)
    return float(stats.chi2.sf((abs(fixed - broken) - 1) ** 2 / discordant, 1))
