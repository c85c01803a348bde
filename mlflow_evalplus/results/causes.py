"""The cause of each error, and what to do about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Estimate, number

if TYPE_CHECKING:
    import pandas as pd

CAUSES = {
    "label_suspect": "label suspect",
    "ambiguous": "ambiguous",
    "keyword_missed": "keyword missed",
    "unknown_vocabulary": "unknown vocabulary",
    "language_cue": "negation, contrast or sarcasm",
    "weak_slice": "weak slice",
    "confident_and_wrong": "confident and wrong",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause, and the errors that it was found for; each error has one cause.

    Attributes
    ----------
    name : str
        A key of `CAUSES`.
    errors : int
    share_of_errors : float
        0 … 1, by weight where rows are weighted; the shares of all causes sum to 1.
    accuracy_if_fixed : Estimate
        Of the run, were this cause alone removed: had the rows that show it the error rate of all others (ambiguous,
        unknown vocabulary, cue, weak slice), were the labels right, the rules applied, or, for what is left, were all
        these errors gone. Causes overlap, so these gains do not add up; undefined where nothing is told of it.
    action : str
        What to do about it.
    examples : tuple of str
        Ids of at most 20 of the errors, the most confident first.
    """

    name: str
    errors: int
    share_of_errors: float
    accuracy_if_fixed: Estimate
    action: str
    examples: tuple[str, ...]

    @property
    def title(self) -> str:
        """The cause in words."""
        return CAUSES[self.name]

    @property
    def summary(self) -> str:
        """``12.0 % of the errors (14), accuracy if fixed 0.850 [0.810, 0.880]``."""
        fixed = self.accuracy_if_fixed
        text = f"{100 * self.share_of_errors:.1f} % of the errors ({self.errors:,})"
        bounds = f"{number(fixed.value)} [{number(fixed.lower)}, {number(fixed.upper)}]"
        return f"{text}, accuracy if fixed {bounds}" if fixed.defined else text


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do, and what it is expected to buy.

    Attributes
    ----------
    kind : str
        ``relabel``, ``adjudicate``, ``collect``, ``rule``, ``model`` or ``separate_model``.
    text : str
        What to do, in a sentence.
    rows : int or None
        Rows to label or to look at; None where it is not rows that it takes.
    gain : Estimate
        Of accuracy, -1 … 1. Actions overlap, so gains do not add up.
    price : float or None
        Of those rows, by the price of a label in the requirements; None where one is not known.
    currency : str
    examples : tuple of str
        Ids of at most 20 of the rows.
    at_most : bool
        The gain is the most that it can buy: nobody knows how well another model will do, or how many of the labels
        that a model speaks against are wrong.
    """

    kind: str
    text: str
    rows: int | None
    gain: Estimate
    price: float | None
    currency: str
    examples: tuple[str, ...]
    at_most: bool = False

    @property
    def summary(self) -> str:
        """``+3.1 points [+1.9, +4.2]``, and the price where one is known.

        Examples
        --------
        >>> gain = Estimate(0.031, 0.019, 0.0421, 400)
        >>> print(Action("relabel", "Relabel 20 rows", 20, gain, 3.2, "USD", ()).summary)
        +3.1 points [+1.9, +4.2], 3.20 USD
        """
        value, lower, upper = (100 * x for x in (self.gain.value, self.gain.lower, self.gain.upper))
        price = "" if self.price is None else f", {self.price:,.2f} {self.currency}"
        return f"{'up to ' * self.at_most}{value:+.1f} points [{lower:+.1f}, {upper:+.1f}]{price}"


@dataclass(frozen=True, slots=True)
class Case:
    """An example that went wrong.

    Attributes
    ----------
    example_id, label, prediction : str
    cause : str
        A key of `CAUSES`.
    evidence : str
        Why that cause, in words.
    confidence : float
        The prediction's score; nan without scores.
    text : str
        Empty where there are no texts; at most 500 characters.
    """

    example_id: str
    label: str
    prediction: str
    cause: str
    evidence: str
    confidence: float
    text: str

    @property
    def summary(self) -> str:
        """``negative → neutral, 0.912 sure: unknown vocabulary``."""
        sure = "" if math.isnan(self.confidence) else f", {number(self.confidence)} sure"
        return f"{self.label} → {self.prediction}{sure}: {CAUSES[self.cause]}"


@dataclass(frozen=True, slots=True)
class Causes:
    """The causes that were found, in the order in which they are looked for; empty without errors."""

    rows: tuple[Cause, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return one row per cause, in the columns ``names.CAUSE_COLUMNS``."""
        import pandas as pd

        rows = [
            (row.name, row.summary, row.errors, row.share_of_errors, row.accuracy_if_fixed.value,
             row.accuracy_if_fixed.lower, row.accuracy_if_fixed.upper, row.action, ", ".join(row.examples))
            for row in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.CAUSE_COLUMNS))


@dataclass(frozen=True, slots=True)
class Actions:
    """What to do next, the largest expected gain first."""

    rows: tuple[Action, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return one row per action, in the columns ``names.ACTION_COLUMNS``.

        Its key is its kind, from the second of a kind on with a number: what several runs advise lines up.
        """
        import pandas as pd

        kinds = [row.kind for row in self.rows]
        before = [kinds[:place].count(kind) for place, kind in enumerate(kinds)]
        rows = [
            (f"{row.kind} {1 + n}" if n else row.kind, f"{row.summary}: {row.text}", row.text, row.kind, row.rows,
             row.gain.value, row.gain.lower, row.gain.upper, row.price, row.currency, ", ".join(row.examples))
            for row, n in zip(self.rows, before, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.ACTION_COLUMNS)).astype({"rows": "Int64", "price": "Float64"})


@dataclass(frozen=True, slots=True)
class Cases:
    """At most 1,000 of the errors, the most confident first."""

    rows: tuple[Case, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return one row per case, in the columns ``names.BAD_CASE_COLUMNS``."""
        import pandas as pd

        rows = [
            (row.example_id, row.summary, row.text, row.label, row.prediction, row.cause, row.evidence, row.confidence)
            for row in self.rows
        ]
        return pd.DataFrame(rows, columns=list(names.BAD_CASE_COLUMNS))
