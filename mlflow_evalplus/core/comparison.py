"""Two evaluations of the same examples, paired: differences, intervals and tests from counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import stats

from mlflow_evalplus.core import cost, metrics
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Margin, count_cells, crossings
from mlflow_evalplus.core.intervals import (
    ROUNDING,
    effective_rows,
    false_discovery,
    influence,
    quantile,
    small_sample,
    variance,
    wilson,
)
from mlflow_evalplus.core.latency import not_comparable
from mlflow_evalplus.core.metrics import Metric
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
    labels, y = rows_a.labels, rows_a.label_codes("label")
    answers, cells, shape = _cells(rows_a, rows_b)
    chosen = comparable(a, b, labels, shape[1])
    depth = _depth(a) if intersections is None else intersections
    margins = count_cells(rows_a, cells, math.prod(shape), crossings(rows_a.slice_columns, depth))
    (overall,) = _differences(chosen, margins[()], shape, a.confidence)
    overall |= _score_differences(rows_a, rows_b, margins[()], a.confidence)
    right_a, right_b = (answer == y for answer in answers)
    fixed, broken = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    return Comparison(
        a=names[0], b=names[1], n=len(rows_a), metrics=overall,
        slices=_slices(margins, chosen, shape, a.confidence), fixed=fixed, broken=broken,
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
    _, cells, shape = _cells(rows, other)
    known = comparable(a, b, rows.labels, shape[1])
    terms = [(known[name], weight) for name, weight in weights.items()]
    chosen = terms[0][0] if len(terms) == 1 and terms[0][1] == 1 else metrics.weighted_sum(terms)
    margin = count_cells(rows, cells, math.prod(shape), [()])[()]
    return _differences({"sum": chosen}, margin, shape, confidence or a.confidence)[0]["sum"]


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
    _, cells, shape = _cells(a, b)
    margin = count_cells(a, cells, math.prod(shape), [()])[()]
    return _differences(chosen, margin, shape, confidence)[0]


def _cells(a: Predictions, b: Predictions) -> tuple[list[IntArray], IntArray, tuple[int, int, int]]:
    """Return both answers, each row's cell of (label, A's answer, B's answer), and their numbers."""
    answers = [rows.label_codes("prediction") for rows in (a, b)]
    k = len(a.labels)
    width = k + int(np.max(answers) == k)
    cells = np.ravel_multi_index((a.label_codes("label"), *answers), (k, width, width))
    return answers, cells, (k, width, width)


def _differences(
    chosen: dict[str, Metric], margin: Margin, shape: tuple[int, int, int], confidence: float
) -> list[dict[str, Difference]]:
    """Return each slice's differences: the mean of ``ψ_A(row) - ψ_B(row)`` has their variance.

    `shape` is that of the cells: labels, predictions of A, predictions of B.
    """
    shares = margin.shares.reshape(-1, *shape)
    z = quantile(margin, confidence)
    columns = {name: _difference(metric, margin, shares, z) for name, metric in chosen.items()}
    return [{name: _at(column, i) for name, column in columns.items()} for i in range(len(margin.values))]


def _at(column: tuple[FloatArray, ...], index: int) -> Difference:
    value, lower, upper, p_value, effect, n = (float(array[index]) for array in column)
    return Difference(value, lower, upper, p_value, int(n), effect)


def _difference(metric: Metric, margin: Margin, shares: FloatArray, z: FloatArray) -> tuple[FloatArray, ...]:
    """Return value, bounds, p-value, effect size and the examples behind them per slice."""
    value_a, psi_a = influence(metric, shares.sum(axis=3))
    value_b, psi_b = influence(metric, shares.sum(axis=2))
    label, answer_a, answer_b = (shares.sum(axis=axes) > 0 for axes in ((2, 3), (1, 3), (1, 2)))
    # what a first row of a class would change is no matter of gradients
    occur = label[:, :, None, None] & answer_a[:, None, :, None] & answer_b[:, None, None, :]
    psi = np.where(occur, psi_a[:, :, :, None] - psi_b[:, :, None, :], 0).reshape(margin.rows.shape)
    value, span = value_a - value_b, metric.high - metric.low
    value = np.where(np.abs(value) < ROUNDING * span, 0.0, value)  # nan stays nan
    behind = metric.denominator(*shares.shape[1:3])
    mask = np.maximum(behind[:, :, None], behind[:, None, :]).ravel()
    spread = np.sqrt((margin.shares * psi**2).sum(axis=1))
    alike = np.where(value == 0, 0.0, np.nan)
    effect = np.divide(value, spread, out=alike, where=spread > np.sqrt(ROUNDING) * span)
    lower, upper, p_value = difference_bounds(margin, psi, value, z, mask, span)
    return value, lower, upper, p_value, effect, (margin.rows * mask).sum(axis=1)


def difference_bounds(
    margin: Margin, psi: FloatArray, value: FloatArray, z: FloatArray, mask: FloatArray, span: float = 1.0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the bounds of paired differences and their p-values, per slice of the margin.

    Parameters
    ----------
    margin : Margin
    psi : float array, [slices, cells]
        What an example of a cell does to the difference.
    value, z : float array, [slices]
        The differences, each in -`span` … `span`, and the quantiles of their intervals.
    mask : float array, [cells]
        The cells whose rows stand behind the metric.
    """
    var = variance(margin, psi)
    differ = var > ROUNDING * span**2
    # however few rows differ, n rows cannot show more than Wilson's upper bound of 0 / n; where none does, n clusters
    n = np.where(differ, effective_rows(replace(margin, blocks=None), mask), effective_rows(margin, mask))
    with np.errstate(divide="ignore", invalid="ignore"):
        below, above = _reach(margin, psi, value, mask, n, z)
        wald = np.where(differ, z * np.sqrt(var), span * z**2 / (n + z**2))
        # second moment, not variance: McNemar's statistic for accuracy, and finite where all rows differ alike
        moment = np.sqrt(np.maximum(var, ROUNDING * span**2) + value**2 / n)
    p_value = 2 * stats.norm.sf(np.abs(value) / moment)
    lower, upper = value - np.maximum(wald, below), value + np.maximum(wald, above)
    return np.clip(lower, -span, span), np.clip(upper, -span, span), p_value


def _reach(
    margin: Margin, psi: FloatArray, value: FloatArray, mask: FloatArray, n: FloatArray, z: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return how far below and above a difference reaches an interval of gains less losses.

    Both are means of a row's share of the largest change that a row can make with labels and answers that occur, so
    each has Wilson's bounds; their distances are squared and added. Where the few changes are nearly all of one kind,
    the bounds of the other kind still allow for more, which the variance of the difference does not.

    Parameters
    ----------
    margin : Margin
    psi : float array, [slices, cells]
    mask : float array, [cells]
        The cells whose `n` rows stand behind the metric.
    value, n, z : float array, [slices]

    Notes
    -----
    Newcombe, *Statistics in Medicine* 17 (1998), 2635-2650, method 10; for any two means: Zou and Donner, *Statistics
    in Medicine* 27 (2008), 1693-1702.
    """
    part = (margin.shares * mask).sum(axis=1, keepdims=True)
    change = mask * (part * psi + value[:, None])  # its mean over the rows behind the metric is the difference
    sides = []
    for amount in (np.maximum(change, 0), np.maximum(-change, 0)):
        top = np.maximum(amount.max(axis=1), ROUNDING)
        share = (margin.shares * amount / part).sum(axis=1) / top
        spread = variance(margin, mask * (amount / top[:, None] - share[:, None]) / part)
        n_eff = np.where(spread > ROUNDING, np.minimum(share * (1 - share) / spread, 3 * n), n)
        lower, upper = wilson(share, n_eff, z)
        sides.append((top * (share - lower), top * (upper - share), top**2 * np.where(spread > ROUNDING, spread, 0)))
    (less_gain, more_gain, of_gain), (less_loss, more_loss, of_loss) = sides
    both, product = of_gain + of_loss - variance(margin, psi), of_gain * of_loss
    correlation = np.where(product > 0, both / (2 * np.sqrt(product)), 0).clip(-1, 1)
    below = less_gain**2 + more_loss**2 - 2 * correlation * less_gain * more_loss
    above = more_gain**2 + less_loss**2 - 2 * correlation * more_gain * less_loss
    return np.sqrt(below), np.sqrt(above)


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
    margins: dict[tuple[str, ...], Margin], chosen: dict[str, Metric], shape: tuple[int, int, int], confidence: float
) -> tuple[SliceDifference, ...]:
    rows = [
        SliceDifference(columns, values, differences, q_value=float("nan"))
        for columns, margin in margins.items()
        if columns
        for values, differences in zip(margin.values, _differences(chosen, margin, shape, confidence), strict=True)
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
