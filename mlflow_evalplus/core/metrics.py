"""Each metric as a value and a gradient on cell shares, for all slices at once.

With ``p`` the shares of the cells (label i, prediction j) and ``m(p)`` a metric, the gradient
``g = ∂m/∂p`` gives the influence of an example, ``ψ(c) = g_c - Σ p·g``, and so the standard error in closed
form (delta method: van der Vaart, *Asymptotic Statistics*, 1998, ch. 3).

A metric that is undefined (no such class, nothing predicted as it) is nan, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray

Formula = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Shares [slices, labels, predictions] → value [slices] and gradient [slices, labels, predictions]."""


@dataclass(frozen=True)
class Metric:
    """A function of the cell shares.

    Attributes
    ----------
    name : str
        Its key in ``Evaluation.metrics`` and in requirements.
    formula : callable
        Shares [slices, labels, predictions] → (value [slices], gradient, of the shares' shape).
    low, high : float
        The range of its values.
    denominator : callable
        (labels, predictions) → boolean matrix of the cells whose examples stand behind it.
    needs : tuple of int, optional
        Classes that need at least 5 examples for the interval to be trusted; None: all that occur, and 5
        errors in all.
    lower_is_better : bool
        Whether a smaller value is a better one.
    one_class : tuple of Ratio and int, optional
        The ratio of one class that it is, and its place among the labels.
    smooth : bool
        Its variance is taken at smoothed counts: it averages shares of single classes, and a small class
        that happens to be without errors would otherwise seem to be known exactly.
    """

    name: str
    formula: Formula
    low: float = 0.0
    high: float = 1.0
    denominator: Callable[[int, int], FloatArray] = lambda k, m: np.ones((k, m))
    needs: tuple[int, ...] | None = ()
    smooth: bool = False
    lower_is_better: bool = False
    one_class: tuple[Ratio, int] | None = None


def _parts(p: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the diagonal [s, k], the label shares [s, k] and the prediction shares [s, m]."""
    return np.diagonal(p, axis1=1, axis2=2), p.sum(axis=2), p.sum(axis=1)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide; nan where the denominator is 0."""
    nowhere = np.full(np.shape(numerator), np.nan)
    return np.asarray(np.divide(numerator, denominator, out=nowhere, where=denominator > 0))


def _identity(p: FloatArray) -> FloatArray:
    return np.broadcast_to(np.eye(p.shape[1], p.shape[2]), p.shape)


def accuracy(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of right predictions, ``Σ p_ii``; 0 … 1."""
    return np.trace(p, axis1=1, axis2=2), _identity(p)


@dataclass(frozen=True)
class Ratio:
    """A class's ``factor · p_ii / d_i``, where d_i sums what is labelled and / or predicted as class i.

    Undefined (nan) where d_i is 0: recall of a class without examples, precision of a class that was
    never predicted, F1 of a class that is neither.
    """

    factor: float
    of_label: bool
    of_prediction: bool

    def values(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the classes' values and their denominators, both [slices, classes]."""
        diagonal, rows, columns = _parts(p)
        denominators = self.of_label * rows + self.of_prediction * columns[:, : p.shape[1]]
        return _ratio(self.factor * diagonal, denominators), denominators

    def gradient(self, p: FloatArray, coefficients: FloatArray) -> FloatArray:
        """Return ``∂(Σ_i coefficients_i · value_i)/∂p``; undefined classes do not count."""
        values, denominators = self.values(p)
        defined = denominators > 0
        per_share = np.where(defined, _ratio(coefficients + 0 * values, denominators), 0)
        pull = np.where(defined, values * per_share, 0)
        gradient = self.factor * per_share[:, :, None] * np.eye(*p.shape[1:])
        if self.of_label:
            gradient -= pull[:, :, None]
        if self.of_prediction:
            gradient[:, :, : p.shape[1]] -= pull[:, None, :]
        return gradient

    def mean(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Unweighted mean over the classes for which it is defined; nan if there is none."""
        values, _ = self.values(p)
        defined = ~np.isnan(values)
        n_defined = defined.sum(axis=1)
        value = _ratio(np.where(defined, values, 0).sum(axis=1), n_defined)
        return value, self.gradient(p, _ratio(defined + 0.0, n_defined[:, None] + 0 * defined))

    def of(self, index: int) -> Formula:
        """Return the formula of one class."""

        def formula(p: FloatArray) -> tuple[FloatArray, FloatArray]:
            return self.values(p)[0][:, index], self.gradient(p, np.eye(p.shape[1])[index])

        return formula

    def cells(self, index: int, k: int, m: int) -> FloatArray:
        """Return the cells [k, m] whose examples stand behind one class's value, as 0 and 1."""
        cells = np.zeros((k, m))
        cells[index, :] = self.of_label
        cells[:, index] = np.maximum(cells[:, index], self.of_prediction)
        cells[index, index] = 1
        return cells


PRECISION = Ratio(1.0, of_label=False, of_prediction=True)
RECALL = Ratio(1.0, of_label=True, of_prediction=False)
F1 = Ratio(2.0, of_label=True, of_prediction=True)


def one_of(ratio: Ratio) -> Metric:
    """Return the ratio of the first class as a metric, for cells of one class against the rest."""
    return Metric("one class", ratio.of(0), denominator=partial(ratio.cells, 0), needs=(0,))


def f1_weighted(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``Σ_i r_i F1_i`` with r the label shares; 0 … 1."""
    rows = p.sum(axis=2)
    values = np.where(rows > 0, F1.values(p)[0], 0)
    return (rows * values).sum(axis=1), values[:, :, None] + F1.gradient(p, rows)


def cohen_kappa(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``(p_o - p_e) / (1 - p_e)``, -1 … 1; undefined where labels and predictions are one class.

    Cohen, *Educational and Psychological Measurement* 20 (1960), doi:10.1177/001316446002000104.
    """
    diagonal, rows, columns = _parts(p)
    k = p.shape[1]
    observed, expected = diagonal.sum(axis=1), (rows * columns[:, :k]).sum(axis=1)
    value = _ratio(observed - expected, _positive(1 - expected))
    slope = _chance_slope(rows, columns)
    rest = (1 - expected)[:, None, None]
    gradient = _ratio(_identity(p) * rest - (1 - observed)[:, None, None] * slope, _positive(rest) ** 2 + 0 * p)
    return value, gradient


def mcc(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Matthews correlation of several classes, -1 … 1; undefined where labels or predictions are one class.

    Gorodkin, *Computational Biology and Chemistry* 28 (2004), doi:10.1016/j.compbiolchem.2004.09.006.
    """
    diagonal, rows, columns = _parts(p)
    k = p.shape[1]
    covariance = diagonal.sum(axis=1) - (rows * columns[:, :k]).sum(axis=1)
    of_labels, of_predictions = (_positive(1 - (x**2).sum(axis=1)) for x in (rows, columns))
    norm = np.sqrt(of_labels * of_predictions)
    value = _ratio(covariance, norm)
    shrink = _ratio(rows, of_labels[:, None] + 0 * rows)[:, :, None]
    shrink = shrink + _ratio(columns, of_predictions[:, None] + 0 * columns)[:, None, :]
    numerator = _identity(p) - _chance_slope(rows, columns)
    return value, _ratio(numerator, norm[:, None, None] + 0 * p) + value[:, None, None] * shrink


def _chance_slope(rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return ``∂p_e/∂p_ij = columns_i + rows_j``; a prediction that is no label has no row."""
    k, m = rows.shape[1], columns.shape[1]
    padded = np.pad(rows, ((0, 0), (0, m - k)))
    return columns[:, :k, None] + padded[:, None, :]


def _positive(x: FloatArray) -> FloatArray:
    """Return x, with what is 0 but for rounding as exactly 0."""
    return np.where(x > 1e-12, x, 0.0)


def error_cost(costs: FloatArray) -> Metric:
    """Return the mean cost of an example, ``Σ p_ij cost_ij``, in the unit of `costs` [labels, predictions]."""

    def formula(p: FloatArray) -> tuple[FloatArray, FloatArray]:
        return (p * costs).sum(axis=(1, 2)), np.broadcast_to(costs, p.shape)

    return Metric(
        "error_cost", formula, lower_is_better=True, low=min(float(costs.min()), 0.0), high=float(costs.max()) or 1.0
    )


def answered(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of the examples whose prediction is one of the labels; 0 … 1."""
    k, m = p.shape[1:]
    gradient = np.broadcast_to((np.arange(m) < k).astype(np.float64), p.shape)
    return p[:, :, :k].sum(axis=(1, 2)), gradient


COVERAGE = Metric(names.COVERAGE, answered)


def weighted_sum(terms: Sequence[tuple[Metric, float]]) -> Metric:
    """Return ``Σ weight · metric`` as a metric; nan where one of them is."""

    def formula(p: FloatArray) -> tuple[FloatArray, FloatArray]:
        value, gradient = np.zeros(len(p)), np.zeros(p.shape)
        for metric, weight in terms:
            own, slope = metric.formula(p)
            value, gradient = value + weight * own, gradient + weight * slope
        return value, gradient

    ends = [sorted((weight * metric.low, weight * metric.high)) for metric, weight in terms]
    return Metric("sum", formula, low=sum(low for low, _ in ends), high=sum(high for _, high in ends), needs=None)


OVERALL: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", accuracy),
        Metric("f1_macro", F1.mean, needs=None, smooth=True),
        Metric("balanced_accuracy", RECALL.mean, needs=None, smooth=True),
        Metric("f1_weighted", f1_weighted, needs=None),
        Metric("precision_macro", PRECISION.mean, needs=None, smooth=True),
        Metric("cohen_kappa", cohen_kappa, low=-1.0, needs=None),
        Metric("mcc", mcc, low=-1.0, needs=None),
    )
}


def of_classes(labels: Sequence[str]) -> dict[str, Metric]:
    """Return ``precision[…]``, ``recall[…]`` and ``f1[…]`` of every label."""
    ratios = {"precision": PRECISION, "recall": RECALL, "f1": F1}
    metrics = [
        Metric(
            names.class_metric(name, label),
            ratios[name].of(index),
            denominator=partial(ratios[name].cells, index),
            needs=(index,),
            one_class=(ratios[name], index),
        )
        for index, label in enumerate(labels)
        for name in names.CLASS_METRICS
    ]
    return {metric.name: metric for metric in metrics}
