"""The words that push a model towards its errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class WordContribution:
    """A word that pushes rows of a label towards the same wrong prediction.

    Attributes
    ----------
    label, prediction : str
        The class pair: what the rows are, and what the model says.
    word : str
        A word or phrase; of a linear model any of its features: ``…ell…`` are characters inside a word, ``no…`` at its
        beginning, ``“no”`` a whole word read as characters, and ``title: refund`` names the column or the vectoriser.
    n : int
        Explained errors of the pair that hold it.
    contribution : float
        Its mean push from the label to the prediction over all explained errors of the pair, those without it
        included: log-odds, or the difference of decision values where the model has no probabilities.
    contribution_right : float
        The same push over explained rows of the label that were answered rightly; nan where there are none.
    examples : tuple of str
        Ids of at most 5 of the errors, those in which it pushes most first.
    """

    label: str
    prediction: str
    word: str
    n: int
    contribution: float
    contribution_right: float
    examples: tuple[str, ...]

    @property
    def summary(self) -> str:
        """``+0.520 per error, +0.100 per right row (in 31 errors)``.

        Examples
        --------
        >>> WordContribution("negative", "positive", "great", 31, 0.52, 0.1, ()).summary
        '+0.520 per error, +0.100 per right row (in 31 errors)'
        """
        right = "" if math.isnan(self.contribution_right) else f", {self.contribution_right:+.3f} per right row"
        return f"{self.contribution:+.3f} per error{right} (in {self.n:,} error{'s' if self.n != 1 else ''})"


@dataclass(frozen=True, slots=True)
class WordAttribution:
    """What a model reads out of single words when it errs.

    Attributes
    ----------
    method : str
        ``exact`` for a linear model: each feature's part in the decision, against the mean of all rows. ``occlusion``
        for any other: how far the prediction falls back when the word is left out.
    n_explained, n_errors : int
        Errors that were looked at, and all.
    n_predictions : int
        Texts that the model was asked for; 0 where the contributions are exact.
    rows : tuple of WordContribution
        At most 10 words for each of at most 20 class pairs: pairs by their errors, words by their contribution.
    n_not_reproduced : int
        Errors that were looked at and not explained, as the linear model alone answers otherwise: rules on top of it
        made them, or another model.
    unit : str
        Of the contributions: ``log-odds``, or ``decision`` for differences of decision values, or of answers, of a
        model without probabilities.
    """

    method: str
    n_explained: int
    n_errors: int
    n_predictions: int
    rows: tuple[WordContribution, ...]
    n_not_reproduced: int = 0
    unit: str = "log-odds"

    def frame(self) -> pd.DataFrame:
        """Return one row per class pair and word; its examples are joined by commas."""
        import pandas as pd

        rows = [
            (f"{row.label} → {row.prediction}: {row.word}", row.summary, row.label, row.prediction, row.word, row.n,
             row.contribution, row.contribution_right, ", ".join(row.examples))
            for row in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.WORD_COLUMNS))
