"""Human ratings of a model's answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus.results.estimate import Estimate, number, p_value, slice_name
from mlflow_evalplus.results.evidence import Evidence, EvidenceRow, EvidenceSlice

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Rater:
    """One rater.

    Attributes
    ----------
    n : int
        Ratings.
    mean : float
    gap : Estimate
        Mean of the rater's ratings less the mean of the others' for the same answers; nan where nobody else rated
        them.
    p_value, q_value : float
        Of a gap of 0; q is p after Benjamini–Hochberg over the raters.
    far : bool
        q < 0.05, and a gap of at least half the standard deviation of all ratings.
    """

    name: str
    n: int
    mean: float
    gap: Estimate
    p_value: float
    q_value: float
    far: bool


@dataclass(frozen=True, slots=True)
class RatingFigures:
    """The figures of all ratings, or of those in one slice.

    Attributes
    ----------
    means : dict of str to Estimate
        Mean rating of each variant, ``""`` where there is one only; every example counts alike. Its n is the number of
        examples.
    difference : Estimate or None
        Treatment less control, on the examples where both were rated; None without variants.
    p_value, q_value : float
        Of a difference of 0; q is p after Benjamini–Hochberg over the slices.
    agreement : Estimate
        Krippendorff's alpha; its n is the number of answers with two ratings or more.
    columns, values : tuple of str
        Of a slice; empty over all ratings.
    """

    means: dict[str, Estimate]
    difference: Estimate | None
    p_value: float
    q_value: float
    agreement: Estimate
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``channel=app``; empty over all ratings."""
        return slice_name(self.columns, self.values)


@dataclass(frozen=True, slots=True)
class Ratings:
    """What human ratings say.

    Attributes
    ----------
    control, treatment : str
        The variants compared; empty where there is one only.
    rating : str
        Name of the ratings' column.
    n : int
        Ratings.
    n_examples : int
    overall : RatingFigures
    slices : tuple of RatingFigures
        One per value of each slice column.
    raters : tuple of Rater
        Those who rate the farthest from the others first.
    level : str
        What the agreement takes the ratings for: ``ordinal``, ``interval`` or ``nominal``.
    confidence : float
    notes : tuple of str
    """

    control: str
    treatment: str
    rating: str
    n: int
    n_examples: int
    overall: RatingFigures
    slices: tuple[RatingFigures, ...]
    raters: tuple[Rater, ...]
    level: str
    confidence: float
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What a product manager needs to know."""
        base = f"{self.n:,} ratings of {self.n_examples:,} examples by {len(self.raters):,} raters"
        alpha = self.overall.agreement
        agree = f"Raters agree with α = {number(alpha.value)}." if alpha.defined else "How far raters agree is unknown."
        found = self.overall.difference
        if found is None:
            mean = self.overall.means[self.treatment]
            return f"Mean {self.rating} {_interval(mean)}: {base}. {agree}"
        what = f"{self.rating} of {self.treatment} {_interval(found, signed=True)} against {self.control}"
        verdict = "Cannot tell which is rated higher"
        if found.lower > 0 or found.upper < 0:
            verdict = f"{self.treatment} is rated {'higher' if found.value > 0 else 'lower'}"
        p = "" if math.isnan(self.overall.p_value) else f", p = {p_value(self.overall.p_value)}".replace("= <", "<")
        return f"{verdict}: {what}{p}; {base}. {agree}"

    @property
    def evidence(self) -> Evidence:
        """What gates look at, and what a run carries: `log_evidence` takes it."""
        slices = tuple(EvidenceSlice(row.columns, row.values, self._metrics(row)) for row in self.slices)
        rows = [row for figures in (self.overall, *self.slices) for row in _rows(figures)]
        rows += [EvidenceRow("rater", r.name, "gap", r.gap, r.p_value, r.q_value) for r in self.raters]
        metrics = self._metrics(self.overall)
        return Evidence("ratings", metrics, slices, self.notes, self.sentence, tuple(rows), self.confidence)

    def _metrics(self, figures: RatingFigures) -> dict[str, Estimate]:
        found = {"rating_mean": figures.means[self.treatment], "rating_agreement": figures.agreement}
        return found if figures.difference is None else {**found, "rating_difference": figures.difference}

    def frame(self) -> pd.DataFrame:
        """Return one row per figure, in the columns ``names.EVIDENCE_COLUMNS``."""
        return self.evidence.frame()

    def __repr__(self) -> str:
        return f"Ratings({self.sentence})"


def _rows(figures: RatingFigures) -> list[EvidenceRow]:
    level = "slice" if figures.columns else ""
    keyed = {" ".join(part for part in (figures.name, name) if part): mean for name, mean in figures.means.items()}
    rows = [EvidenceRow(level or "variant", key, "mean", mean) for key, mean in keyed.items()]
    if figures.difference:
        p, q = figures.p_value, figures.q_value
        rows.append(EvidenceRow(level or "difference", figures.name, "difference", figures.difference, p, q))
    rows.append(EvidenceRow(level or "agreement", figures.name, "krippendorff_alpha", figures.agreement))
    return rows


def _interval(found: Estimate, *, signed: bool = False) -> str:
    def shown(value: float) -> str:
        sign = ("−" if value < 0 else "+") if signed and not math.isnan(value) else ""
        return f"{sign}{number(abs(value) if signed else value)}"

    return f"{shown(found.value)} [{shown(found.lower)}, {shown(found.upper)}]"
