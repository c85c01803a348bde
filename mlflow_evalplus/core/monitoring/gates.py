"""The gates that requirements.yaml asks for, held against one window."""

from __future__ import annotations

import math
from functools import partial

from mlflow_evalplus.core.monitoring.defaults import points
from mlflow_evalplus.requirements.monitor import ESTIMATED, N_LABELLED, NEW_TERMS, OF_MIX, MonitorAlert
from mlflow_evalplus.results import Alert, Difference, Estimate, Outcome, Window
from mlflow_evalplus.results.estimate import p_value as in_words


def asked_alert(
    asked: MonitorAlert,
    window: Window,
    change: Difference | None,
    *,
    has_texts: bool,
    confidence: float,
    n_reference: int,
) -> Alert:
    """Hold one asked gate against a window.

    A bound of the interval must clear the number, as for thresholds: ``min`` fails where the upper bound is below it,
    ``max_drop`` where even the smaller bound of the drop is above it. A mix fails where PSI or JS is above its number
    and the χ² test tells it from the reference's. Counts are compared as they are; too few labels are no failure, and
    undecided. What was not measured, or rests on fewer than ``min_examples`` examples, is undecided.

    Parameters
    ----------
    change : Difference or None
        Of its metric: window less reference.
    n_reference : int
        Rows of the reference that the mix of its column is of.
    """
    if asked.metric in OF_MIX:
        return _of_mix(asked, window, confidence, n_reference)
    if asked.metric in (NEW_TERMS, N_LABELLED):
        return _counted(asked, window, has_texts)
    found = window.estimated if asked.metric == ESTIMATED else window.metrics.get(asked.key)
    if asked.max_drop is not None:
        return _of_drop(asked, change, found)
    return _of_level(asked, found)


def _of_level(asked: MonitorAlert, found: Estimate | None) -> Alert:
    if found is None or not found.defined:
        return _open(asked, "was not measured" if found is None else f"is undefined on {found.n:,} examples")
    made = _made(asked, found.value, found.lower, found.upper)
    said = f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}] on {found.n:,} examples"
    if found.n < asked.min_examples:
        return made(Outcome.UNDECIDED, f"{said}: too few, at least {asked.min_examples:,} are needed")
    if found.lower >= asked.bound:
        return made(Outcome.PASS, f"{said}: clears it by its bound")
    if found.upper < asked.bound:
        return made(Outcome.FAIL, f"{said}: misses it by its bound")
    return made(Outcome.UNDECIDED, f"{said}: cannot be told apart from it")


def _of_drop(asked: MonitorAlert, change: Difference | None, found: Estimate | None) -> Alert:
    if change is None or found is None or math.isnan(change.value):
        return _open(asked, "cannot be compared: the window or the reference has no such figure")
    drop, lower, upper = -change.value, -change.upper, -change.lower
    made = _made(asked, drop, lower, upper, change.p_value)
    said = f"{points(change)} on {found.n:,} examples"
    if found.n < asked.min_examples:
        return made(Outcome.UNDECIDED, f"{said}: too few, at least {asked.min_examples:,} are needed")
    if lower > asked.bound:
        return made(Outcome.FAIL, f"{said}: has dropped by more")
    if upper <= asked.bound:
        return made(Outcome.PASS, f"{said}: has not dropped by more")
    return made(Outcome.UNDECIDED, f"{said}: cannot be told apart from it")


def _of_mix(asked: MonitorAlert, window: Window, confidence: float, n_reference: int) -> Alert:
    shift = next((shift for shift in window.shifts if shift.column == asked.column), None)
    if shift is None:
        return _open(asked, f"{asked.column!r} was not compared: the window or the reference has no values of it")
    value = shift.psi if asked.metric == "psi" else shift.js
    made = _made(asked, value, math.nan, math.nan, shift.p_value)
    said = (
        f"{value:.3f} on {shift.n:,} rows, {shift.value} {shift.share_reference:.1%} → {shift.share:.1%}, "
        f"p {in_words(shift.p_value)}"
    )
    if shift.n < asked.min_examples:
        return made(Outcome.UNDECIDED, f"{said}: too few rows, at least {asked.min_examples:,} are needed")
    if n_reference < asked.min_examples:
        few = f"the reference has {n_reference:,} rows, at least {asked.min_examples:,} are needed"
        return made(Outcome.UNDECIDED, f"{said}: {few}")
    if math.isnan(shift.p_value) and not shift.share == shift.share_reference == 1:
        return made(Outcome.UNDECIDED, f"{said}: its values are too rare, or its clusters too few, to be compared")
    if value <= asked.bound:
        return made(Outcome.PASS, f"{said}: within it")
    if shift.p_value < 1 - confidence:
        return made(Outcome.FAIL, f"{said}: has shifted by more")
    return made(Outcome.UNDECIDED, f"{said}: above it, but may be chance")


def _counted(asked: MonitorAlert, window: Window, has_texts: bool) -> Alert:
    if asked.metric == N_LABELLED:
        made = _made(asked, float(window.n_labelled))
        if window.n_labelled >= asked.bound:
            return made(Outcome.PASS, f"there are {window.n_labelled:,}")
        more = math.ceil(asked.bound) - window.n_labelled
        return made(Outcome.UNDECIDED, f"there are {window.n_labelled:,}; label {more:,} more")
    if not has_texts:
        return _open(asked, "was not measured: there are no texts to compare")
    n = len(window.terms)
    named = ", ".join(repr(term.term) for term in window.terms[:3])
    outcome = Outcome.FAIL if n > asked.bound else Outcome.PASS
    return _made(asked, float(n))(outcome, f"there are {n:,}" + (f", first {named}" if n else ""))


def _made(
    asked: MonitorAlert, value: float, lower: float = math.nan, upper: float = math.nan, p: float = math.nan
) -> partial[Alert]:
    return partial(
        Alert, str(asked), metric=asked.key, column=asked.column or "", value=value, lower=lower, upper=upper, p_value=p
    )


def _open(asked: MonitorAlert, why: str) -> Alert:
    return _made(asked, math.nan)(Outcome.UNDECIDED, f"{asked.key} {why}")
