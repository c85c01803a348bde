"""What is watched where nobody asks: windows without drift raise an alert at most alpha of the time, all in all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlflow_evalplus.requirements.monitor import ESTIMATED, NEW_TERMS, OF_MIX, Monitor, MonitorAlert
from mlflow_evalplus.results import Alert, Difference, Outcome, Window
from mlflow_evalplus.results.difference import signed
from mlflow_evalplus.results.estimate import p_value as in_words

MIN_LABELLED = 5
MIN_ROWS = 30  # with a known confidence
MIN_PSI = 0.1
MIN_ESTIMATED_DROP = 0.01
FIRST_SHARE = 0.5  # of alpha, for the accuracy of labelled rows; all else shares the rest


@dataclass(frozen=True)
class Measured:
    """A window before its alerts, and what is needed to judge it.

    Attributes
    ----------
    window : Window
    n_reference : int
        Labelled rows of the reference.
    p_worse : float
        One-sided, of the accuracy being no lower than the reference's; nan where it was not tested.
    has_texts : bool
    few : str
        Which rows come from too few clusters to test anything, if any do.
    """

    window: Window
    n_reference: int
    p_worse: float
    has_texts: bool
    few: str = ""


def default_alerts(measured: Measured, monitor: Monitor) -> Iterator[Alert]:
    """Yield the gates that are not asked for; each passes unless it raises an alert.

    Half of `alpha` goes to the accuracy of labelled rows, any drop of it; the other half is shared (Holm 1979) by the
    estimated accuracy (a drop of a point or more), the mix of each column (PSI of 0.1 or more) and new terms. What an
    asked gate watches is left to that gate.
    """
    if not monitor.alpha:
        return
    asked = monitor.alerts
    if not any(alert.metric == "accuracy" and alert.max_drop is not None for alert in asked):
        yield from _of_accuracy(measured, monitor.alpha * FIRST_SHARE)
    watched = list(_others(measured, asked))
    level = monitor.alpha * (1 - FIRST_SHARE)
    for (alert, large, words), raised in zip(watched, _holm([w[0].p_value for w in watched], level), strict=True):
        fail = raised and large
        outcome = Outcome.FAIL if fail else Outcome.PASS
        verdict = "has changed" if fail else "too small to matter" if raised else "no more than chance"
        reason = f"{words}, p {in_words(alert.p_value)}: {verdict}"
        yield replace(alert, outcome=outcome, reason=reason, asked=False)


def _of_accuracy(measured: Measured, level: float) -> Iterator[Alert]:
    window, drop = measured.window, measured.window.drop
    if drop is None:
        return
    words = "accuracy not below the reference's"
    fewest = min(window.n_labelled, measured.n_reference)
    value, lower, upper = -drop.value, -drop.upper, -drop.lower
    if fewest < MIN_LABELLED or math.isnan(measured.p_worse):
        whose = "" if window.n_labelled <= measured.n_reference else "the reference has "
        lacks = f"{whose}{fewest:,} labelled row{'' if fewest == 1 else 's'}, {MIN_LABELLED} are needed"
        reason = f"not tested: {lacks if fewest < MIN_LABELLED else measured.few}"
        yield Alert(words, Outcome.PASS, reason, "accuracy", "", value, lower, upper, asked=False)
        return
    raised = measured.p_worse < level
    reason = (
        f"{points(drop)} on {window.n_labelled:,} labelled rows, p {in_words(measured.p_worse)}: "
        + ("the model answers worse" if raised else "no drop that is more than chance")
    )  # fmt: skip
    outcome = Outcome.FAIL if raised else Outcome.PASS
    yield Alert(words, outcome, reason, "accuracy", "", value, lower, upper, measured.p_worse, asked=False)


def points(change: Difference) -> str:
    """Return a change from the reference in points: ``-3.1 points [-5.0, -1.2]``."""
    return f"{signed(change.value)} points [{signed(change.lower)}, {signed(change.upper)}]"


Watched = tuple[Alert, bool, str]
"""A gate with its p-value, whether what it found is large enough to matter, and its figures in words."""


def _others(measured: Measured, asked: Sequence[MonitorAlert]) -> Iterator[Watched]:
    window, change = measured.window, measured.window.estimated_drop
    drops = {alert.metric for alert in asked if alert.max_drop is not None}
    columns = {alert.column for alert in asked if alert.metric in OF_MIX}
    n = window.estimated.n if window.estimated else 0
    if change is not None and not math.isnan(change.p_value) and n >= MIN_ROWS and ESTIMATED not in drops:
        p = change.p_value / 2 if change.value < 0 else 1 - change.p_value / 2
        alert = Alert(
            "estimated_accuracy not below the reference's", Outcome.PASS, "", ESTIMATED, "", -change.value,
            -change.upper, -change.lower, p,
        )  # fmt: skip
        yield alert, change.value <= -MIN_ESTIMATED_DROP, f"{points(change)} by calibrated confidence"
    for shift in window.shifts:
        if shift.column not in columns and not math.isnan(shift.p_value):
            alert = Alert(
                f"mix of {shift.column} as in the reference", Outcome.PASS, "", "psi", shift.column, shift.psi,
                p_value=shift.p_value,
            )  # fmt: skip
            words = f"PSI {shift.psi:.2f}, {shift.value} {shift.share_reference:.1%} → {shift.share:.1%}"
            yield alert, shift.psi >= MIN_PSI, words
    if measured.has_texts and NEW_TERMS not in {alert.metric for alert in asked}:
        least = min((term.q_value for term in window.terms), default=1.0)
        n = len(window.terms)
        alert = Alert("no new words", Outcome.PASS, "", NEW_TERMS, "", float(n), p_value=least)
        named = ", ".join(repr(term.term) for term in window.terms[:3])
        yield alert, bool(n), f"{n:,} new words and phrases" + (f", first {named}" if n else "")


def _holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Return which p-values are significant, all together at `level`.

    Examples
    --------
    >>> _holm([0.02, 0.001, 0.04], 0.05)
    [True, True, True]
    >>> _holm([0.03, 0.001, 0.04], 0.05)
    [False, True, False]
    """
    adjusted = np.ones(len(p_values))
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1) * np.array(p_values, dtype=np.float64)[order]
    adjusted[order] = np.maximum.accumulate(steps) if len(steps) else steps
    return [bool(p < level) for p in adjusted]
