"""How good the labels are: agreement of their annotators, and the accuracy that they allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class LabelMeasure:
    """One figure of the labels.

    Attributes
    ----------
    level : str
        ``all``, ``pair`` (of annotators), ``class`` (that label against all others), ``slice``, ``annotator`` or
        ``ceiling``.
    key : str
        Which pair, class, slice (``channel=app``) or annotator; empty for all rows.
    measure : str
        ``percent_agreement``, ``cohen_kappa`` (of pairs; of classes and slices where there are two annotators),
        ``fleiss_kappa``, ``krippendorff_alpha``, ``accuracy`` (of an annotator, by Dawid and Skene's estimate of the
        truth) or ``accuracy_ceiling``.
    estimate : Estimate
        Its n is the number of rows with two votes or more; of one annotator's accuracy, of their votes.
    """

    level: str
    key: str
    measure: str
    estimate: Estimate

    @property
    def name(self) -> str:
        """``fleiss_kappa``, or ``fleiss_kappa[negative]``; a slice's opens with its column."""
        return f"{self.measure}[{self.key}]" if self.key else self.measure


@dataclass(frozen=True, slots=True)
class Disputed:
    """A row whose label needs another look.

    Attributes
    ----------
    example_id : str
        Its id, else its row number.
    row : int
        Its number in the data, from 0.
    suggested : str
        The label that more than half of its annotators gave; else, of three or more, the most probable by Dawid and
        Skene; else empty. Without annotators, the class that the model holds for the most probable.
    """

    example_id: str
    row: int
    suggested: str


@dataclass(frozen=True, slots=True)
class LabelQuality:
    """What the annotators' votes, or without them the model's scores, say of the labels.

    Attributes
    ----------
    annotators : tuple of str
        Empty where the scores were asked.
    n : int
        Rows, with votes or not.
    rows : tuple of LabelMeasure
    labels : tuple of str
        Of the rows and columns of `confusion`; votes may know more of them than the label column.
    confusion : tuple of tuple of int
        Votes of the first annotator × votes of the second; with more annotators each two votes of a row count once
        in each direction. Without annotators: label × what it should be by the model, where it is suspect.
    n_agreed, n_majority, n_split : int
        Rows with two votes or more where all votes agree; more than half, not all, do; no label has more than half.
    n_overruled : int
        Rows where the label that Dawid and Skene hold for the most probable is not among those with the most votes,
        because who voted for it is more reliable; 0 with fewer than three annotators.
    n_adjudicate : int
        Rows for another look: split, or labelled otherwise than most annotators voted; without annotators the label
        suspects.
    adjudicate : tuple of Disputed
        The most disputed first, by default at most 1,000.
    ceiling : Estimate or None
        The accuracy that a perfect model would reach on the label column (without one: on the labels of one
        annotator); None where it cannot be told. Without annotators a lower bound of it: what the model is sure of
        and gets wrong counts as a wrong label.
    ceiling_from : str
        ``annotators`` or ``the model's own probabilities, an estimate``.
    ceiling_note : str
        What was assumed of the labels.
    warning : str
        What is odd about the annotators' labels; empty where nothing is.
    """

    annotators: tuple[str, ...]
    n: int
    rows: tuple[LabelMeasure, ...]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    n_agreed: int
    n_majority: int
    n_split: int
    n_overruled: int
    n_adjudicate: int
    adjudicate: tuple[Disputed, ...]
    ceiling: Estimate | None
    ceiling_from: str
    ceiling_note: str
    warning: str = ""

    def of(self, level: str, measure: str) -> dict[str, Estimate]:
        """Return key → estimate of one measure, for example ``of("class", "fleiss_kappa")``."""
        return {row.key: row.estimate for row in self.rows if (row.level, row.measure) == (level, measure)}

    def reachable(self, accuracy: float) -> bool | None:
        """Return whether a perfect model reaches this accuracy on these labels; None where that is not certain.

        Never False without annotators, where the ceiling is a lower bound.
        """
        if self.ceiling is None:
            return None
        if self.ceiling.lower >= accuracy:
            return True
        return False if self.annotators and self.ceiling.upper < accuracy else None

    def frame(self) -> pd.DataFrame:
        """Return one row per figure, in the columns ``names.LABEL_COLUMNS``."""
        import pandas as pd

        rows = [
            (row.name, str(row.estimate), row.level, row.measure, row.estimate.value, row.estimate.lower,
             row.estimate.upper, row.estimate.n)
            for row in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.LABEL_COLUMNS))
