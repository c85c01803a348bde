"""An online A/B test: two variants of what users met, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus.results.estimate import Estimate, number, p_value, slice_name
from mlflow_evalplus.results.evidence import Evidence, EvidenceRow, EvidenceSlice, turned

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant.

    Attributes
    ----------
    n : int
        Rows with an outcome.
    clusters : int or None
        Users, where `cluster` names them.
    mean : Estimate
        Mean outcome, with the interval for one look.
    """

    name: str
    n: int
    clusters: int | None
    mean: Estimate


@dataclass(frozen=True, slots=True)
class ABDifference:
    """Treatment less control, over all rows or in one slice.

    Attributes
    ----------
    difference : Estimate
        With always-valid bounds: all looks together hold the truth with the given confidence.
    p_value, q_value : float
        Always valid; q is p after Benjamini–Hochberg over the slices, nan over all rows.
    fixed : Estimate
        The same with the narrower interval of a test that is looked at once, at a time set before.
    outcome : Estimate
        Mean outcome of the treatment, always valid too.
    columns, values : tuple of str
        Of a slice; empty over all rows.
    """

    difference: Estimate
    p_value: float
    q_value: float
    fixed: Estimate
    outcome: Estimate
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``channel=app``; empty over all rows."""
        return slice_name(self.columns, self.values)


@dataclass(frozen=True, slots=True)
class ABTest:
    """What an online A/B test says.

    Attributes
    ----------
    control, treatment : str
        The variants compared.
    outcome : str
        Name of the outcome's column.
    binary : bool
        Outcomes are yes or no.
    variants : tuple of Variant
        All of them.
    overall : ABDifference
    slices : tuple of ABDifference
        One per value of each slice column.
    srm_p_value : float
        Of the sizes of the variants, were they split as intended; below 0.001 the experiment is `broken`.
    broken : bool
        Bounds and p-values of differences are nan then.
    more : int or None
        Further users (rows, without clusters) of both variants at which the difference would be clear, if it stayed as
        it is; None where it is clear, or no number below 10,000 times the present one would do.
    confidence : float
    planned : int
        Effective rows at which the always-valid interval is tightest.
    lower_is_better : bool
        ``ab_difference`` in `evidence` is control less treatment then; all else stays treatment less control.
    notes : tuple of str
    """

    control: str
    treatment: str
    outcome: str
    binary: bool
    variants: tuple[Variant, ...]
    overall: ABDifference
    slices: tuple[ABDifference, ...]
    srm_p_value: float
    broken: bool
    more: int | None
    confidence: float
    planned: int
    lower_is_better: bool = False
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What a product manager needs to know."""
        found = self.overall.difference
        if self.broken:
            return f"The experiment is broken: {self.notes[0]}"
        what = f"{self.outcome} of {self.treatment} {self._amount(found)} against {self.control}"
        what += " (less is better)" if self.lower_is_better else ""
        look = f"this may be looked at every day (always-valid p = {p_value(self.overall.p_value)})"
        if found.lower > 0 or found.upper < 0:
            better = (found.value < 0) is self.lower_is_better
            return f"{self.treatment} is {'better' if better else 'worse'}: {what}; {look.replace('= <', '<')}."
        if not found.defined or math.isnan(self.overall.p_value):
            return f"Cannot tell: {what}."
        unit = "users" if self.variants[0].clusters is not None else "rows"
        more = f"; about {self.more:,} more {unit} would tell, if the difference stays as it is" if self.more else ""
        return f"Cannot tell yet{more}: {what}; {look}."

    def _amount(self, found: Estimate) -> str:
        """Return the difference with its sign: in points of 100 for yes and no, else in the outcome's own unit."""
        scale, unit = (100, " points") if self.binary else (1, "")

        def shown(value: float) -> str:
            return "–" if math.isnan(value) else f"{'−' if value < 0 else '+'}{_plain(abs(scale * value), self.binary)}"

        return f"{shown(found.value)}{unit} [{shown(found.lower)}, {shown(found.upper)}]"

    @property
    def evidence(self) -> Evidence:
        """What gates look at, and what a run carries: `log_evidence` takes it."""
        rows = [EvidenceRow("variant", variant.name, "mean", variant.mean) for variant in self.variants]
        for found in (self.overall, *self.slices):
            level = "slice" if found.columns else "difference"
            rows.append(EvidenceRow(level, found.name, "difference", found.difference, found.p_value, found.q_value))
            rows.append(EvidenceRow(level, found.name, "difference_fixed", found.fixed))
        slices = tuple(EvidenceSlice(found.columns, found.values, self._metrics(found)) for found in self.slices)
        metrics, notes = self._metrics(self.overall), self.notes
        if self.lower_is_better:
            less = f"how much less it is with {self.treatment} than with {self.control}: {metrics['ab_difference']}"
            notes += (f"Less {self.outcome} is better, so ab_difference, which requirements see, is {less}.",)
        return Evidence("ab", metrics, slices, notes, self.sentence, tuple(rows), self.confidence)

    def _metrics(self, found: ABDifference) -> dict[str, Estimate]:
        better = turned(found.difference) if self.lower_is_better else found.difference
        return {"ab_outcome": found.outcome, "ab_difference": better}

    def frame(self) -> pd.DataFrame:
        """Return one row per figure, in the columns ``names.EVIDENCE_COLUMNS``."""
        return self.evidence.frame()

    def __repr__(self) -> str:
        return f"ABTest({self.sentence})"


def _plain(value: float, points: bool) -> str:
    return f"{value:.1f}" if points else number(value)
