"""The confusion matrix and the classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Drawable, Estimate, bounds_columns, number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Confusion(Drawable):
    """Confusion matrix: rows are labels, columns predictions.

    Attributes
    ----------
    labels : tuple of str
        Names of the rows.
    predictions : tuple of str
        Names of the columns: the labels, and ``(other)`` last where a prediction was none of them.
    counts : tuple of tuple of float
        Examples (or their weights), ``counts[label][prediction]``.
    """

    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]

    @property
    def n(self) -> float:
        """All examples (or their weights)."""
        return sum(map(sum, self.counts))

    def shares(self, of: str = "label") -> tuple[tuple[float, ...], ...]:
        """Return the matrix normalised by ``label`` (rows), ``prediction`` (columns) or ``all``.

        A row or column without examples is ``nan``.

        Examples
        --------
        >>> Confusion(("a", "b"), ("a", "b"), ((3, 1), (0, 0))).shares("label")
        ((0.75, 0.25), (nan, nan))
        """
        if of not in ("label", "prediction", "all"):
            raise ValueError(f"shares of {of!r}; choose 'label', 'prediction' or 'all'")
        columns = [sum(column) for column in zip(*self.counts, strict=True)]
        total = sum(columns)

        def bases(row: tuple[float, ...]) -> list[float]:
            return columns if of == "prediction" else [sum(row) if of == "label" else total] * len(row)

        return tuple(
            tuple(cell / base if base else math.nan for cell, base in zip(row, bases(row), strict=True))
            for row in self.counts
        )

    def frame(self) -> pd.DataFrame:
        """Return one row per cell, in the columns of ``names.CONFUSION_COLUMNS``."""
        import pandas as pd

        by_label, by_prediction, by_all = (self.shares(of) for of in ("label", "prediction", "all"))
        rows = [
            (f"{label} → {prediction}", f"{self.counts[i][j]:g} ({number(by_label[i][j])} of {label})",
             label, prediction, self.counts[i][j], by_label[i][j], by_prediction[i][j], by_all[i][j])
            for i, label in enumerate(self.labels)
            for j, prediction in enumerate(self.predictions)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.CONFUSION_COLUMNS))


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class.

    Attributes
    ----------
    name : str
        The label.
    n, n_predicted : int
        Examples with this label, and examples for which it was predicted.
    metrics : dict of str to Estimate
        ``precision``, ``recall`` and ``f1``; ``roc_auc`` where the class has a probability.
    """

    name: str
    n: int
    n_predicted: int
    metrics: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Classes:
    """Every class's metrics."""

    rows: tuple[ClassResult, ...]

    def __getitem__(self, name: str) -> ClassResult:
        return next(row for row in self.rows if row.name == name)

    def frame(self) -> pd.DataFrame:
        """Return one row per class: ``names.CLASS_COLUMNS``, then each metric with its bounds."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"class": row.name, "summary": f"F1 {row.metrics['f1']}", "n": row.n,
                 "n_predicted": row.n_predicted, **bounds_columns(row.metrics)}
                for row in self.rows
            ]
        )  # fmt: skip
