"""A figure with its interval, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Drawable:
    """A result that has a picture. The one arrow from this room to the right, and it is bound late."""

    __slots__ = ()

    def figure(self) -> Figure:
        """Return a matplotlib figure, about 340 pixels wide when saved at 100 dpi."""
        return cast("Figure", import_module("mlflow_evalplus.render").figure(self))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value with its confidence interval.

    Attributes
    ----------
    value, lower, upper : float
        In the metric's own unit; ``nan`` where the metric is undefined.
    n : int
        Examples behind it: all for accuracy, those of the class for its recall.
    small_support : bool
        A class that it needs has fewer than 5 examples, or a metric over all classes rests on fewer than 5
        errors, or there are fewer than 5 clusters behind it: the interval may be too narrow.

    Examples
    --------
    >>> print(Estimate(0.9, 0.85, 0.93, 200))
    0.900 [0.850, 0.930] n=200
    """

    value: float
    lower: float
    upper: float
    n: int
    small_support: bool = False

    @property
    def defined(self) -> bool:
        """Whether the metric has a value at all."""
        return not math.isnan(self.value)

    def __str__(self) -> str:
        if not self.defined:
            return f"undefined n={self.n}"
        return f"{number(self.value)} [{number(self.lower)}, {number(self.upper)}] n={self.n}"


def number(value: float) -> str:
    """Return three decimals, or three significant digits from 10 on.

    Examples
    --------
    >>> number(0.91349), number(1234.5), number(float("nan"))
    ('0.913', '1,234', '–')
    """
    if math.isnan(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def p_value(p: float) -> str:
    """Return a p-value with three decimals, and not less than ``< 0.001``.

    Examples
    --------
    >>> p_value(0.0312), p_value(1e-9), p_value(float("nan"))
    ('0.031', '< 0.001', '–')
    """
    return "< 0.001" if p < 0.001 else number(p)


def slice_name(columns: Sequence[str], values: Sequence[str]) -> str:
    """Return the name of a slice; empty where there are no columns: all rows.

    Examples
    --------
    >>> slice_name(["channel", "language"], ["app", "zh"])
    'channel=app & language=zh'
    """
    return " & ".join(f"{column}={value}" for column, value in zip(columns, values, strict=True))


def bounds_columns(metrics: dict[str, Estimate]) -> dict[str, float]:
    """Return ``{"f1": …, "f1_lower": …, "f1_upper": …}`` for each metric."""
    columns: dict[str, float] = {}
    for name, estimate in metrics.items():
        columns[name] = estimate.value
        columns[f"{name}_lower"] = estimate.lower
        columns[f"{name}_upper"] = estimate.upper
    return columns
