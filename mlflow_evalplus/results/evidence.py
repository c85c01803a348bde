"""What is known of a model besides its test set: online A/B tests and human ratings, as gates look at them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Estimate, p_value, slice_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class EvidenceSlice:
    """The evidence of one slice.

    Attributes
    ----------
    columns, values : tuple of str
        ``("channel",), ("app",)``.
    metrics : dict of str to Estimate
        Keyed by ``names.EVIDENCE_METRICS``.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    metrics: dict[str, Estimate]

    @property
    def name(self) -> str:
        """``channel=app``."""
        return slice_name(self.columns, self.values)


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One figure of the evidence, for pages and tables.

    Attributes
    ----------
    level : str
        ``variant``, ``difference``, ``slice``, ``rater`` or ``agreement``.
    key : str
        Which variant, slice (``channel=app``) or rater; empty where there is one only.
    measure : str
        ``mean``; ``difference`` (of an A/B test always valid) and ``difference_fixed``; ``gap`` of a rater;
        ``krippendorff_alpha``.
    p_value, q_value : float
        Of a difference or a gap of 0; q is p after Benjamini–Hochberg over slices, or raters; nan where there is none.
    """

    level: str
    key: str
    measure: str
    estimate: Estimate
    p_value: float = math.nan
    q_value: float = math.nan

    @property
    def name(self) -> str:
        """``difference``, or ``difference[channel=app]``."""
        return f"{self.measure}[{self.key}]" if self.key else self.measure

    @property
    def summary(self) -> str:
        """The estimate, and its p-value or q-value where there is one."""
        chance = (("q", self.q_value), ("p", self.p_value))
        shown = next((f", {letter} = {p_value(x)}" for letter, x in chance if not math.isnan(x)), "")
        return f"{self.estimate}{shown}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an online A/B test or human ratings say, under the names that gates use.

    Attributes
    ----------
    source : str
        ``ab`` or ``ratings``.
    metrics : dict of str to Estimate
        Keyed by ``names.EVIDENCE_METRICS``; bounds are nan where the evidence must not decide, and `notes` say why.
    slices : tuple of EvidenceSlice
        The same for each value of each slice column.
    notes : tuple of str
        What a reader must know before relying on it.
    sentence : str
        What it says, for people.
    rows : tuple of EvidenceRow
        Every figure; differences are treatment less control.
    confidence : float
        Of the bounds; they decide no gate of requirements that ask for more.

    Notes
    -----
    ``ab_difference`` and ``rating_difference`` say by how much the treatment is better than the control: where less of
    an outcome is better, they are control less treatment.

    Examples
    --------
    >>> Evidence("ab", {"ab_difference": Estimate(0.02, 0.004, 0.036, 10_000)}).metrics["ab_difference"].lower
    0.004
    """

    source: str
    metrics: dict[str, Estimate]
    slices: tuple[EvidenceSlice, ...] = ()
    notes: tuple[str, ...] = ()
    sentence: str = ""
    rows: tuple[EvidenceRow, ...] = ()
    confidence: float = 0.95

    def of(self, level: str, measure: str) -> dict[str, EvidenceRow]:
        """Return key → row of one measure, for example ``of("slice", "difference")``."""
        return {row.key: row for row in self.rows if (row.level, row.measure) == (level, measure)}

    def frame(self) -> pd.DataFrame:
        """Return one row per figure, in the columns ``names.EVIDENCE_COLUMNS``."""
        import pandas as pd

        rows = [
            (row.name, row.summary, row.level, row.measure, row.estimate.value, row.estimate.lower, row.estimate.upper,
             row.estimate.n, row.p_value, row.q_value)
            for row in self.rows
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.EVIDENCE_COLUMNS))


def turned(estimate: Estimate) -> Estimate:
    """Return the estimate with the other sign, as of a difference taken the other way round.

    Examples
    --------
    >>> print(turned(Estimate(-0.5, -0.7, -0.3, 200)))
    0.500 [0.300, 0.700] n=200
    """
    return Estimate(0 - estimate.value, 0 - estimate.upper, 0 - estimate.lower, estimate.n, estimate.small_support)


def without_bounds(estimate: Estimate) -> Estimate:
    """Return the estimate as one that decides nothing: its bounds are nan.

    Examples
    --------
    >>> print(without_bounds(Estimate(0.9, 0.85, 0.93, 200)))
    0.900 [–, –] n=200
    """
    return Estimate(estimate.value, math.nan, math.nan, estimate.n, estimate.small_support)
