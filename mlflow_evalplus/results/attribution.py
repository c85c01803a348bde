"""The errors of a run, split over where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.causes import Actions, Cases, Causes
from mlflow_evalplus.results.word_attribution import WordAttribution

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Source:
    """A part of the examples, and the errors in it.

    With weights `n` and `errors` count examples, and all else goes by weight.

    Attributes
    ----------
    level : str
        ``class_pair``, ``slice`` or ``word``.
    column : str
        The slice column; ``class_pair`` or ``word`` for the other levels.
    name : str
        ``negative → positive``, ``channel=app``, ``word=refund``, ``word=not working``; what holds none of the words
        listed is ``(no word stands out)``.
    n : int
        Examples that hold it; of a class pair those of its label.
    errors : int
        All errors there.
    share_of_rows, share_of_errors : float
        0 … 1. Within a level and column each error counts once, so `share_of_errors` sums to 1: an error that holds
        several words belongs to the one with the smallest p-value.
    error_rate, error_rate_rest : float
        Of the examples that hold it, and of all others; nan without others. Of a class pair: the share of the label's
        examples that got the prediction, and nan.
    excess, excess_lower, excess_upper : float
        Errors above those that the run's average error rate would give there, with their interval; nan for class
        pairs. Within a slice column they sum to 0.
    q_value : float
        Of the error rate against the rest, after Benjamini–Hochberg over all slices (two-sided), or over all words
        looked at (one-sided); nan where nothing was tested.
    examples : tuple of str
        Ids of at most 20 of the errors, the most confident first where there are scores.
    """

    level: str
    column: str
    name: str
    n: int
    errors: int
    share_of_rows: float
    share_of_errors: float
    error_rate: float
    error_rate_rest: float
    excess: float
    excess_lower: float
    excess_upper: float
    q_value: float
    examples: tuple[str, ...]

    @property
    def summary(self) -> str:
        """``34.0 % of the errors (31) in 12.0 % of the rows``, and the excess where there is one.

        Examples
        --------
        >>> print(Source("slice", "c", "c=x", 12, 3, 0.12, 0.3, 0.25, 0.08, 1.8, -1.2, 4.9, 0.2, ()).summary)
        30.0 % of the errors (3) in 12.0 % of the rows, excess +1.8 [-1.2, +4.9]
        """
        text = (
            f"{100 * self.share_of_errors:.1f} % of the errors ({self.errors:,}) in {100 * self.share_of_rows:.1f} % "
            "of the rows"
        )
        if math.isnan(self.excess):
            return text
        return f"{text}, excess {self.excess:+,.1f} [{self.excess_lower:+,.1f}, {self.excess_upper:+,.1f}]"


NO_CAUSES, NO_ACTIONS, NO_CASES = Causes(), Actions(), Cases()


@dataclass(frozen=True, slots=True)
class Attribution:
    """The errors of a run at three levels (class pairs, slices, words), their causes, and what to do next.

    Attributes
    ----------
    n, n_errors : int
        Examples, and those among them whose prediction is wrong.
    sources : tuple of Source
        Class pairs by their errors, slices column by column by their excess, words by their p-value and last what
        holds none of them; empty without errors.
    causes : Causes
        One for each error.
    actions : Actions
        What to do next.
    cases : Cases
        The errors, with the evidence of their causes.
    words : WordAttribution or None
        The words that push the model towards its errors; None where no model was at hand.
    """

    n: int
    n_errors: int
    sources: tuple[Source, ...]
    causes: Causes = NO_CAUSES
    actions: Actions = NO_ACTIONS
    cases: Cases = NO_CASES
    words: WordAttribution | None = None

    def of(self, column: str) -> tuple[Source, ...]:
        """Return the sources of one column: a slice column, ``class_pair`` or ``word``."""
        return tuple(source for source in self.sources if source.column == column)

    def frame(self) -> pd.DataFrame:
        """Return one row per source; its examples are joined by commas."""
        import pandas as pd

        rows = [
            (row.name, row.summary, row.level, row.n, row.errors, row.share_of_rows, row.share_of_errors,
             row.error_rate, row.error_rate_rest, row.excess, row.excess_lower, row.excess_upper, row.q_value,
             ", ".join(row.examples))
            for row in self.sources
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.ATTRIBUTION_COLUMNS))
