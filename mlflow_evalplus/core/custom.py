"""Metrics that a user defines: a function of the count cells; its gradient is found numerically where not given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.metrics import Metric
from mlflow_evalplus.errors import DataError

Function = Callable[[FloatArray, tuple[str, ...]], FloatArray]
STEP = 1e-4  # of the smallest share that is not 0


@dataclass(frozen=True)
class CustomMetric:
    """A metric of your own, with intervals, in slices, comparisons and gates like any other.

    Attributes
    ----------
    name : str
        Its key; ``quality/<name>`` in MLflow.
    function : callable
        ``function(shares, labels)`` → values. `shares` is [..., label, prediction] and sums to 1 over both; columns are
        the labels in the same order, and ``(other)`` last where a prediction is none of them. Return one value per
        leading index, ``nan`` where it is undefined.
    low, high : float
        Least and greatest possible value; an interval stays inside.
    lower_is_better : bool
        For ``not_worse_than`` gates.
    smooth : bool
        Whether it is a mean over classes: then a small class that happens to be without errors is not taken as known
        exactly, as in macro F1.
    gradient : callable, optional
        ``gradient(shares, labels)`` → ∂value/∂shares, of the shares' shape. Without it the influence of each cell is
        found by finite differences, two calls for every cell: give it where there are many labels.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> def lost_complaints(shares, labels):
    ...     angry, happy = labels.index("negative"), labels.index("positive")
    ...     return shares[..., angry, happy] / shares[..., angry, :].sum(axis=-1)
    >>> frame = pd.DataFrame({"label": ["negative"] * 80 + ["positive"] * 20,
    ...                       "prediction": ["negative"] * 76 + ["positive"] * 24})
    >>> metric = CustomMetric("lost_complaints", lost_complaints, lower_is_better=True)
    >>> print(evaluate(frame, metrics=[metric]).metrics["lost_complaints"])
    0.050 [0.020, 0.122] n=100
    """

    name: str
    function: Function
    low: float = 0.0
    high: float = 1.0
    lower_is_better: bool = False
    smooth: bool = False
    gradient: Function | None = None

    def bound(self, labels: tuple[str, ...]) -> Metric:
        """Return the metric for these labels."""

        def formula(p: FloatArray) -> tuple[FloatArray, FloatArray]:
            value = partial(self._values, labels=labels)
            if self.gradient is None:
                return value(p), influences(value, p)
            return value(p), self._called(self.gradient, "the gradient of custom metric", p, labels, p.shape)

        return Metric(
            self.name, formula, self.low, self.high, needs=None, smooth=self.smooth,
            lower_is_better=self.lower_is_better,
        )  # fmt: skip

    def _values(self, p: FloatArray, labels: tuple[str, ...]) -> FloatArray:
        values = self._called(self.function, "custom metric", p, labels, p.shape[:-2])
        outside = (values < self.low - 1e-9) | (values > self.high + 1e-9)
        if outside.any():
            raise DataError(
                f"custom metric {self.name!r} returned {values[outside][0]}, outside {self.low:g} to {self.high:g}; "
                "give its range with low and high"
            )
        return values

    def _called(
        self, function: Function, what: str, p: FloatArray, labels: tuple[str, ...], shape: tuple[int, ...]
    ) -> FloatArray:
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = np.asarray(function(p, labels), dtype=np.float64)
        except Exception as error:  # a user's function may fail in any way
            raise DataError(
                f"{what} {self.name!r} failed on shares of shape {p.shape} [slices, labels, predictions] for "
                f"labels {list(labels)}: {type(error).__name__}: {error}"
            ) from error
        if found.shape != shape:
            each = "cell" if shape == p.shape else "slice"
            raise DataError(
                f"{what} {self.name!r} returned shape {found.shape} for shares of shape {p.shape}; return one value "
                f"per {each}, shape {shape}: index with shares[..., label, prediction]"
            )
        return found


def check(custom: Sequence[CustomMetric]) -> None:
    """Check the names of custom metrics.

    Raises
    ------
    DataError
        A name is taken, given twice, empty, or written like a class's metric.
    """
    taken = set(names.ALL_METRICS)
    for metric in custom:
        if not isinstance(metric, CustomMetric):
            raise DataError(f"metrics holds {metric!r}; give CustomMetric(name, function)")
        if not metric.name or "[" in metric.name or metric.name in taken:
            why = "is taken" if metric.name in taken else "must not be empty or hold '['"
            raise DataError(f"the name {metric.name!r} of a custom metric {why}; choose another")
        taken.add(metric.name)


def influences(value: Callable[[FloatArray], FloatArray], p: FloatArray) -> FloatArray:
    """Return the influence of each cell, ``d/dε m((1 - ε) p + ε δ_c)`` at ε = 0, by a one-sided difference.

    Of second order. Mixing towards a cell stays among shares, so it serves where a cell is empty. ε is a small part of
    the smallest share, since a metric may bend as sharply as its rarest class.
    """
    at = value(p)
    step = STEP * np.min(np.where(p > 0, p, 1.0), axis=(1, 2))
    found = np.zeros(p.shape)
    for cell in np.ndindex(p.shape[1:]):
        towards = -p
        towards[(slice(None), *cell)] += 1
        near, far = (value(p + times * step[:, None, None] * towards) for times in (1, 2))
        found[(slice(None), *cell)] = (4 * near - far - 3 * at) / (2 * step)
    return found
