"""Paired differences from counts: of each metric, for every slice at once, on the cells that occur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Margin, count_cells
from mlflow_evalplus.core.intervals import ROUNDING, effective_rows, influence, quantile, variance, wilson
from mlflow_evalplus.core.metrics import Metric, one_of
from mlflow_evalplus.core.one_class import one_against_rest
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results import Difference


@dataclass(frozen=True)
class PairedCells:
    """The cells (label, A's answer, B's answer) that occur: with many labels they are few of all that there could be.

    Attributes
    ----------
    label, a, b : int array, [cells]
        Codes; an answer that is none of the labels has the code `k`.
    k, width : int
        Labels, and answers: one more where an answer is none of the labels.
    """

    label: IntArray
    a: IntArray
    b: IntArray
    k: int
    width: int

    def of(self, answer: IntArray, shares: FloatArray) -> FloatArray:
        """Return the shares [slices, labels, answers] of one of the two models; `shares` is [slices, cells]."""
        target, size = self.label * self.width + answer, self.k * self.width
        found = np.stack([np.bincount(target, row, size) for row in shares])
        return found.astype(np.float64).reshape(-1, self.k, self.width)


def pair(a: Predictions, b: Predictions) -> tuple[PairedCells, IntArray]:
    """Return the cells that occur in paired rows, and which of them each row is in."""
    k = len(a.labels)
    label, *answers = (rows.label_codes(name) for rows, name in ((a, "label"), (a, "prediction"), (b, "prediction")))
    width = k + int(np.max(answers) == k)
    codes, cells = np.unique(np.ravel_multi_index((label, *answers), (k, width, width)), return_inverse=True)
    label_of, a_of, b_of = np.unravel_index(codes, (k, width, width))
    return PairedCells(label_of, a_of, b_of, k, width), cells


def count_pairs(
    rows: Predictions, pairs: PairedCells, cells: IntArray, margins: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], Margin]:
    """Count the cells over the values of each set of slice columns."""
    return count_cells(rows, cells, len(pairs.label), margins)


def differences(
    chosen: Mapping[str, Metric], margin: Margin, pairs: PairedCells, confidence: float
) -> list[dict[str, Difference]]:
    """Return each slice's differences, A less B: the mean of ``ψ_A(row) - ψ_B(row)`` has their variance.

    Metrics of single classes are taken of all classes at once, each against the rest.
    """
    whole = _Paired(margin, pairs)
    ratios = {metric.one_class[0] for metric in chosen.values() if metric.one_class}
    against = _Paired(*_each_class(margin, pairs)) if ratios else whole
    of_classes = {ratio: _difference(one_of(ratio), against, quantile(against.margin, confidence)) for ratio in ratios}
    z = quantile(margin, confidence)
    columns = {
        name: tuple(array[metric.one_class[1] :: pairs.k] for array in of_classes[metric.one_class[0]])
        if metric.one_class
        else _difference(metric, whole, z)
        for name, metric in chosen.items()
    }
    return [{name: _at(column, i) for name, column in columns.items()} for i in range(len(margin.values))]


def _each_class(margin: Margin, pairs: PairedCells) -> tuple[Margin, PairedCells]:
    against = one_against_rest(margin, (pairs.label, pairs.a, pairs.b), pairs.k)
    label, a, b = np.unravel_index(np.arange(8), (2, 2, 2))
    return against, PairedCells(label, a, b, 2, 2)


def _at(column: tuple[FloatArray, ...], index: int) -> Difference:
    value, lower, upper, p_value, effect, n = (float(array[index]) for array in column)
    return Difference(value, lower, upper, p_value, int(n), effect)


@dataclass(frozen=True)
class _Paired:
    """Counted pairs, and what all metrics need of them."""

    margin: Margin
    pairs: PairedCells

    @cached_property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """The shares [slices, labels, answers] of A and of B."""
        shares = self.margin.shares
        return self.pairs.of(self.pairs.a, shares), self.pairs.of(self.pairs.b, shares)

    @cached_property
    def occurs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether each label [slices, labels] and each answer of A and of B [slices, answers] occurs in a slice."""
        of_a, of_b = self.shares
        return of_a.sum(axis=2) > 0, of_a.sum(axis=1) > 0, of_b.sum(axis=1) > 0

    @cached_property
    def inside(self) -> np.ndarray:
        """Whether label and answers of each cell occur in a slice, [slices, cells]."""
        label, a, b = self.occurs
        return np.asarray(label[:, self.pairs.label] & a[:, self.pairs.a] & b[:, self.pairs.b])


def _difference(metric: Metric, paired: _Paired, z: FloatArray) -> tuple[FloatArray, ...]:
    """Return value, bounds, p-value, effect size and the examples behind them per slice."""
    margin, pairs = paired.margin, paired.pairs
    (value_a, psi_a), (value_b, psi_b) = (influence(metric, shares) for shares in paired.shares)
    # what a first row of a class would change is no matter of gradients
    psi = np.where(paired.inside, psi_a[:, pairs.label, pairs.a] - psi_b[:, pairs.label, pairs.b], 0)
    value, span = value_a - value_b, metric.high - metric.low
    value = np.where(np.abs(value) < ROUNDING * span, 0.0, value)  # nan stays nan
    behind = metric.denominator(pairs.k, pairs.width) > 0
    mask = (behind[pairs.label, pairs.a] | behind[pairs.label, pairs.b]).astype(np.float64)
    spread = np.sqrt((margin.shares * psi**2).sum(axis=1))
    alike = np.where(value == 0, 0.0, np.nan)
    effect = np.divide(value, spread, out=alike, where=spread > np.sqrt(ROUNDING) * span)
    part = (margin.shares * mask).sum(axis=1)
    gain, loss = _largest(psi_a, psi_b, behind, paired)
    largest = (part * gain + value, part * loss - value)
    lower, upper, p_value = difference_bounds(margin, psi, value, z, mask, span, largest)
    return value, lower, upper, p_value, effect, (margin.rows * mask).sum(axis=1)


def _largest(
    psi_a: FloatArray, psi_b: FloatArray, behind: np.ndarray, paired: _Paired
) -> tuple[FloatArray, FloatArray]:
    """Return the most that a row can add to a difference, and take from it, with labels and answers that occur.

    A row stands behind the metric where either of its cells (label, answer) does.
    """
    label, *answers = paired.occurs
    psi_of = (psi_a, psi_b)
    known = [label[:, :, None] & answer[:, None, :] for answer in answers]
    found = []
    for sign in (1, -1):
        # the most that A's answer adds, and B's takes away: with an answer that stands behind the metric, and with any
        (a_behind, a_any), (b_behind, b_any) = (
            [np.where(which, side * psi, -np.inf).max(axis=2) for which in (known[i] & behind, known[i])]
            for i, (side, psi) in enumerate(zip((sign, -sign), psi_of, strict=True))
        )
        most = np.maximum(a_behind + b_any, a_any + b_behind).max(axis=1)
        found.append(np.where(np.isfinite(most), most, 0.0))  # nothing stands behind a metric that is undefined
    return found[0], found[1]


def difference_bounds(
    margin: Margin,
    psi: FloatArray,
    value: FloatArray,
    z: FloatArray,
    mask: FloatArray,
    span: float = 1.0,
    largest: Sequence[FloatArray] = (),
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
    span : float
        Of the metric's range.
    largest : sequence of float array, [slices]
        The largest gain and loss that one of the rows behind the metric could make; of the cells by default.
    """
    var = variance(margin, psi)
    differ = var > ROUNDING * span**2
    # however few rows differ, n rows cannot show more than Wilson's upper bound of 0 / n; where none does, n clusters
    n = np.where(differ, effective_rows(replace(margin, blocks=None), mask), effective_rows(margin, mask))
    with np.errstate(divide="ignore", invalid="ignore"):
        below, above = _reach(margin, psi, value, mask, n, z, largest)
        wald = np.where(differ, z * np.sqrt(var), span * z**2 / (n + z**2))
        # second moment, not variance: McNemar's statistic for accuracy, and finite where all rows differ alike
        moment = np.sqrt(np.maximum(var, ROUNDING * span**2) + value**2 / n)
    p_value = 2 * stats.norm.sf(np.abs(value) / moment)
    lower, upper = value - np.maximum(wald, below), value + np.maximum(wald, above)
    return np.clip(lower, -span, span), np.clip(upper, -span, span), p_value


def _reach(
    margin: Margin,
    psi: FloatArray,
    value: FloatArray,
    mask: FloatArray,
    n: FloatArray,
    z: FloatArray,
    largest: Sequence[FloatArray],
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
    amounts = (np.maximum(change, 0), np.maximum(-change, 0))
    sides = []
    for amount, most in zip(amounts, largest or [amount.max(axis=1) for amount in amounts], strict=True):
        top = np.maximum(most, ROUNDING)
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
