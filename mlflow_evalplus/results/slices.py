"""Slices, declared and discovered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Drawable, Estimate, bounds_columns, slice_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One named subset of the examples, held against all the others.

    Attributes
    ----------
    columns, values : tuple of str
        ``("channel",), ("app",)``, or longer for an intersection.
    metrics : dict of str to Estimate
        Keyed by ``names.METRICS`` and by ``recall[negative]`` and the like for each class.
    gap : float
        The slice's accuracy less the accuracy of the rest, -1 … 1; nan where there is no rest.
    p_value, q_value : float
        Of the gap; q is p after Benjamini–Hochberg over all slices looked at.
    weak : bool
        q < 0.05 and at least 2 points worse than the rest.
    small_support : bool
        Fewer than 30 examples: a picture greys it.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    n: int
    metrics: dict[str, Estimate]
    gap: float
    p_value: float
    q_value: float
    weak: bool
    small_support: bool

    @property
    def name(self) -> str:
        """``channel=app``, or ``channel=app & language=zh`` for an intersection."""
        return slice_name(self.columns, self.values)


@dataclass(frozen=True, slots=True)
class Slices(Drawable):
    """Every slice looked at, the weak ones first, then by their gap.

    Attributes
    ----------
    rows : tuple of SliceResult
        Sorted: weak first, then the most negative gap first.
    overall : Estimate
        The accuracy of all examples, the line in the picture.
    """

    rows: tuple[SliceResult, ...]
    overall: Estimate

    def of(self, *columns: str) -> tuple[SliceResult, ...]:
        """Return the slices of exactly these columns, for example ``of("channel")``."""
        return tuple(row for row in self.rows if row.columns == columns)

    def __getitem__(self, name: str) -> SliceResult:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def frame(self) -> pd.DataFrame:
        """Return one row per slice: name, summary, n, each metric with its bounds, then the flags."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"slice": row.name, "summary": f"{row.metrics['accuracy']}{' ◆ weak' if row.weak else ''}", "n": row.n,
                 **bounds_columns(row.metrics),
                 "gap": row.gap, "q_value": row.q_value, "weak": row.weak,
                 "small_support": row.small_support}
                for row in self.rows
            ],
            columns=None if self.rows else [*names.SLICE_COLUMNS, *names.SLICE_FLAG_COLUMNS],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """A weak slice that nobody declared.

    Attributes
    ----------
    columns, values : tuple of str
        ``("channel",), ("app",)``, or longer for a conjunction; a word that texts hold is of the column ``word``.
    n : int
        Examples in the slice, all of them.
    accuracy : Estimate
        Of the confirming rows only, about half of `n`: in those searched it looks worse than it is.
    gap : float
        That accuracy less the accuracy of the other confirming rows, -1 … -0.02.
    q_value : float
        After weighted Benjamini–Hochberg over all conjunctions nominated, doubled for the two directions.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    n: int
    accuracy: Estimate
    gap: float
    q_value: float

    @property
    def name(self) -> str:
        """``channel=app``, or ``word=refund & channel=app`` for a conjunction."""
        return slice_name(self.columns, self.values)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The weak slices that a search found in one half of the rows and the other half confirmed.

    Attributes
    ----------
    rows : tuple of Finding
        The most errors above those of the rest first.
    n_searched : int
        Conjunctions looked at.
    """

    rows: tuple[Finding, ...]
    n_searched: int

    def frame(self) -> pd.DataFrame:
        """Return one row per finding: slice, summary, n, accuracy with its bounds, gap, q_value."""
        import pandas as pd

        rows = [
            (row.name, str(row.accuracy), row.n, row.accuracy.value, row.accuracy.lower, row.accuracy.upper, row.gap,
             row.q_value)
            for row in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.DISCOVERY_COLUMNS))
