"""Where a difference comes from: of two models on the same examples, of one model on two data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.comparison import Difference

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class DifferencePart:
    """What a slice, or a class pair, contributes to the difference of two models.

    Attributes
    ----------
    level : str
        ``class_pair`` or ``slice``.
    column : str
        The slice column; ``class_pair`` for that level.
    name : str
        ``negative → positive``, ``channel=app``.
    n : int
        Examples of the slice; of a class pair those of its label.
    accuracy : Difference
        Its contribution to the difference of the accuracies over all examples. Over the class pairs, and over the
        values of a slice column, contributions sum to that difference.
    f1_macro : float
        Its contribution to the difference of macro F1, which sums likewise.
    fixed, broken : int
        Its examples that A answers rightly and B wrongly, and the reverse. Of a class pair: where the wrong answer is
        its prediction. An example that both answer wrongly, and not alike, moves from one class pair to another; it is
        neither fixed nor broken.
    fixed_examples, broken_examples : tuple of str
        Ids of at most 20 of them, A's most confident answers first where there are scores.
    """

    level: str
    column: str
    name: str
    n: int
    accuracy: Difference
    f1_macro: float
    fixed: int
    broken: int
    fixed_examples: tuple[str, ...]
    broken_examples: tuple[str, ...]

    @property
    def summary(self) -> str:
        """``+0.8 [+0.1, +1.5] points of accuracy, +0.5 of macro F1; 12 fixed, 3 broken``."""
        return (
            f"{points(self.accuracy)} points of accuracy, {signed(self.f1_macro)} of macro F1; "
            f"{self.fixed:,} fixed, {self.broken:,} broken"
        )


@dataclass(frozen=True, slots=True)
class DifferenceSplit:
    """The difference of two models on the same examples, split over class pairs and over slices.

    Attributes
    ----------
    a, b : str
        Names; differences are A less B, so B is the baseline.
    n : int
        Examples.
    total : dict of str to Difference
        ``accuracy`` and ``f1_macro``.
    fixed, broken, fixed_examples, broken_examples
        As in `DifferencePart`, over all examples.
    parts : tuple of DifferencePart
        The class pairs in whose errors the two differ, then the values of each slice column; each by the size of
        its contribution to accuracy.
    """

    a: str
    b: str
    n: int
    total: dict[str, Difference]
    fixed: int
    broken: int
    fixed_examples: tuple[str, ...]
    broken_examples: tuple[str, ...]
    parts: tuple[DifferencePart, ...]

    def of(self, column: str) -> tuple[DifferencePart, ...]:
        """Return the parts of one slice column, or those of ``class_pair``."""
        return tuple(part for part in self.parts if part.column == column)

    def frame(self) -> pd.DataFrame:
        """Return a row for the whole difference and one per part; examples are joined by commas."""
        import pandas as pd

        whole = DifferencePart(
            "all", "all", "all", self.n, self.total["accuracy"], self.total["f1_macro"].value, self.fixed, self.broken,
            self.fixed_examples, self.broken_examples,
        )  # fmt: skip
        rows = [
            (part.name, part.summary, part.level, part.n, part.accuracy.value, part.accuracy.lower,
             part.accuracy.upper, part.f1_macro, part.fixed, part.broken, ", ".join(part.fixed_examples),
             ", ".join(part.broken_examples))
            for part in (whole, *self.parts)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.DIFFERENCE_COLUMNS))


@dataclass(frozen=True, slots=True)
class MixRateRow:
    """One slice value's mix effect and rate effect.

    Attributes
    ----------
    name : str
        ``channel=app``.
    n_a, n_b : int
        Its examples in each data set.
    share_a, share_b : float
        Its share of each data set, 0 … 1, by weight where rows are weighted.
    accuracy_a, accuracy_b : float
        Of its examples; nan where there are none.
    mix, rate : float
        Its contributions to the difference of the accuracies: by how common it is, and by how well it is answered.
    """

    name: str
    n_a: int
    n_b: int
    share_a: float
    share_b: float
    accuracy_a: float
    accuracy_b: float
    mix: float
    rate: float

    @property
    def summary(self) -> str:
        """``12.0 % → 30.0 % of the rows, mix -1.8, rate +0.4 points``; B stands before the arrow."""
        return (
            f"{100 * self.share_b:.1f} % → {100 * self.share_a:.1f} % of the rows, "
            f"mix {signed(self.mix)}, rate {signed(self.rate)} points"
        )


@dataclass(frozen=True, slots=True)
class MixRate:
    """The difference of the accuracies on two data sets, split into a mix effect and a rate effect.

    Attributes
    ----------
    a, b : str
        Names; differences are A less B, so B is the baseline.
    column : str
        The slice column.
    total, mix, rate : Difference
        ``total = mix + rate``; their intervals take the two data sets as independent.
    rows : tuple of MixRateRow
        One per value that occurs in either, by the size of what it contributes; they sum to `mix` and `rate`.
    """

    a: str
    b: str
    column: str
    total: Difference
    mix: Difference
    rate: Difference
    rows: tuple[MixRateRow, ...]

    def frame(self) -> pd.DataFrame:
        """Return one row per slice value."""
        import pandas as pd

        rows = [
            (row.name, row.summary, row.n_a, row.n_b, row.share_a, row.share_b, row.accuracy_a, row.accuracy_b,
             row.mix, row.rate)
            for row in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.MIX_RATE_COLUMNS))


def points(difference: Difference) -> str:
    """Return a difference of shares in points.

    Examples
    --------
    >>> points(Difference(0.031, 0.004, 0.058, 0.02, 800))
    '+3.1 [+0.4, +5.8]'
    """
    return f"{signed(difference.value)} [{signed(difference.lower)}, {signed(difference.upper)}]"


def signed(share: float) -> str:
    """Return a share in points with its sign; what rounds to 0 has a plus.

    Examples
    --------
    >>> signed(-0.021), signed(-0.0001)
    ('-2.1', '+0.0')
    """
    return f"{round(100 * share, 1) + 0.0:+.1f}"
