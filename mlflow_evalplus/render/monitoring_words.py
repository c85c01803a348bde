"""What a monitored log says, in sentences: is the newest window fine, is it the model or the customers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeGuard

from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Alert, Difference, Monitoring, Outcome, Shift, Window
from mlflow_evalplus.results.difference import points

MARKS = {Outcome.PASS: "✔ fine", Outcome.FAIL: "✘ alert", Outcome.UNDECIDED: "? undecided"}
SHIFTS = ("psi", "js")
PLAIN = {
    "psi": "mix", "js": "mix", "new_terms": "new words", "n_labelled": "number of labels",
    "estimated_accuracy": "estimated accuracy",
}  # fmt: skip
MAX_NAMED = 3
NOTHING = "–"
UNTESTED = f"{NOTHING} not tested"
NOT_QUALITY = {*SHIFTS, "new_terms", "n_labelled"}
MAX_NAME = 60
CALIBRATE = "Give a reference with scores and 100 labels or more (--reference): they calibrate the scores."
_AT_LEAST = re.compile(r"accuracy at least (\d[\d.e-]*)")  # as the requirements word it


def raised(window: Window) -> list[Alert]:
    """Return the alerts that the window raises, those that were asked for first."""
    return sorted((a for a in window.alerts if a.outcome is Outcome.FAIL), key=lambda alert: not alert.asked)


def undecided(window: Window) -> list[Alert]:
    """Return the gates that the window can neither clear nor miss."""
    return [alert for alert in window.alerts if alert.outcome is Outcome.UNDECIDED]


def about_quality(window: Window) -> set[str]:
    """Return the metrics, such as ``accuracy``, by which the answers themselves are too bad."""
    return {alert.metric for alert in raised(window)} - NOT_QUALITY


def untested(window: Window) -> str:
    """Return why the accuracy of labelled rows, watched by default, was not tested; empty where it was."""
    return next((alert.reason for alert in window.alerts if _is_untested(alert)), "")


def _is_untested(alert: Alert) -> bool:
    return not alert.asked and alert.metric == "accuracy" and alert.p_value != alert.p_value


def unknown(window: Window) -> bool:
    """Whether nothing tells if the answers are good enough: no alert is no good news then."""
    held = any(a.metric not in NOT_QUALITY and a.outcome is not Outcome.UNDECIDED for a in window.alerts)
    return window.outcome is Outcome.PASS and (bool(untested(window)) or not held)


def marked(given: Window | Alert) -> str:
    """Return the outcome with its mark: ``✔ fine``; ``– not tested`` where nothing tells that it is."""
    open_ = unknown(given) if isinstance(given, Window) else _is_untested(given)
    return UNTESTED if open_ else MARKS[given.outcome]


def headline(found: Monitoring) -> str:
    """Return whether the newest window is fine, and what it raised, as plain text."""
    last, alerts = found.last, raised(found.last)
    name = cut(last.name)
    if alerts:
        return f"{name} raises {counted(len(alerts), 'alert')}: {_listed(alerts)}. {level(found)}"
    if open_gates := undecided(last):
        return f"{name} raises no alert, but is undecided on {_listed(open_gates)}. {level(found)}"
    return f"{name} {'raises no alert' if unknown(last) else 'is fine: no alert'}. {level(found)}"


def level(found: Monitoring) -> str:
    """Return how good the model is in the newest window and how far that is from the reference, as a sentence."""
    window = found.last
    accuracy, estimated = window.metrics.get("accuracy"), window.estimated
    if accuracy and accuracy.defined:
        change = f"; {points(window.drop)} points from the reference" if known(window.drop) else ""
        why = f"; {untested(window)}" if untested(window) else ""
        return f"Accuracy {interval(accuracy)} on {counted(window.n_labelled, 'labelled row')}{change}{why}."
    if estimated and estimated.defined:
        change = f"; {points(window.estimated_drop)} points from the reference" if known(window.estimated_drop) else ""
        return f"Accuracy is estimated at {interval(estimated)}, as no row has a label{change}."
    said = f"How good the model is cannot be told: there are {unmeasured(found)}."
    return f"{said} {CALIBRATE}" if uncalibrated(found) else said


def unmeasured(found: Monitoring) -> str:
    """Return what there is where the accuracy is not known."""
    return "scores, but not calibrated, and no labels" if uncalibrated(found) else "neither labels nor scores"


def uncalibrated(found: Monitoring) -> bool:
    """Whether there are scores that no labelled rows of the reference calibrate."""
    return found.scored and found.reference.estimated is None


def cause(window: Window) -> str:
    """Return whether a change of the accuracy comes from other customers (mix) or from other answers (rate).

    Empty where there is no slice column to tell by, or no accuracy to compare.
    """
    split = window.mix_rate
    if split is None or not known(split.total):
        return ""
    by = f"by {cut(split.column)}"
    if split.total.lower <= 0 <= split.total.upper:
        return f"Accuracy is not shown to have changed: {points(split.total)} points ({by})."
    fell = split.total.value < 0
    sure = [side for side, part in (("mix", split.mix), ("rate", split.rate)) if _moves(part, fell=fell)]
    return (
        f"Accuracy {'fell' if fell else 'rose'} by {_size(split.total)} points: {_blamed(sure, fell)}. Other customers "
        f"({by}) account for {points(split.mix)}, {'worse' if fell else 'better'} answers to the same customers for "
        f"{points(split.rate)}."
    )


def overlooked(window: Window) -> str:
    """Return that the estimate does not see a drop that the labels show, where their intervals do not even touch."""
    drop, estimated = window.drop, window.estimated_drop
    if not (known(drop) and known(estimated)) or drop.upper >= min(estimated.lower, 0.0):
        return ""
    return (
        f"The estimate does not see it ({points(estimated)} points): answers that are equally sure are right less "
        "often than they were, as where labels change their meaning. Trust only labels until the model is retrained."
    )


def _blamed(sure: Sequence[str], fell: bool) -> str:
    if len(sure) == 2:
        return "it is both, the customers and the answers"
    if sure == ["mix"]:
        return f"the customers changed; there are more of those it answers {'badly' if fell else 'well'}"
    if sure == ["rate"]:
        return f"it is the model, not the customers; the same customers get {'worse' if fell else 'better'} answers"
    return "whether the model or the customers changed cannot be told"


def _moves(part: Difference, fell: bool) -> bool:
    return part.upper < 0 if fell else part.lower > 0


def _size(total: Difference) -> str:
    return f"{abs(round(100 * total.value, 1)):.1f}"


def changed(shift: Shift) -> str:
    """Return what changed most in a column: ``web 30.0 % → 49.0 %``."""
    return f"{cut(shift.value)} {share(shift.share_reference)} → {share(shift.share)}"


def largest_shift(window: Window) -> Shift | None:
    """Return the column whose mix is furthest from the reference's by PSI."""
    return max(window.shifts, key=lambda shift: (shift.psi == shift.psi, shift.psi), default=None)


def change(window: Window) -> str:
    """Return the change of accuracy in points; after ``≈`` the estimated one where no row has a label."""
    if known(window.drop):
        return points(window.drop)
    return f"≈ {points(window.estimated_drop)}" if known(window.estimated_drop) else NOTHING


def short(alert: Alert) -> str:
    """Return what an alert is about: ``mix of channel``, ``new words``, ``accuracy``.

    Examples
    --------
    >>> short(Alert("psi of channel at most 0.2", Outcome.FAIL, "0.3", "psi", column="channel"))
    'mix of channel'
    """
    what = PLAIN.get(alert.metric, cut(alert.metric))
    return f"{what} of {cut(alert.column)}" if alert.column else what


def flagged(window: Window) -> str:
    """Return the outcome in a cell: ``✘ accuracy, mix of channel``, ``? accuracy``, ``✔`` or ``– not tested``."""
    for mark, alerts in (("✘", raised(window)), ("?", undecided(window))):
        if alerts:
            return f"{mark} {_listed(alerts)}"
    return UNTESTED if unknown(window) else "✔"


def asked_level(found: Monitoring) -> float | None:
    """Return the accuracy that the requirements ask for at least, if they do; the highest of several."""
    asked = [_AT_LEAST.fullmatch(alert.requirement) for alert in found.last.alerts if alert.asked]
    return max((float(level[1]) for level in asked if level), default=None)


def known(given: Difference | None) -> TypeGuard[Difference]:
    """Whether a difference has a value and an interval."""
    return given is not None and given.value == given.value and given.lower == given.lower


def share(value: float) -> str:
    """Return a share as ``12.3 %``; a dash where it is undefined.

    Examples
    --------
    >>> share(0.1234), share(float("nan"))
    ('12.3 %', '–')
    """
    return NOTHING if value != value else f"{100 * value:.1f} %"


def cut(text: str, limit: int = MAX_NAME) -> str:
    """Return a name for a sentence, which it must not drown.

    Examples
    --------
    >>> cut("a long story", 7)
    'a long…'
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "alert"), counted(1020, "labelled row")
    ('1 alert', '1,020 labelled rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _listed(alerts: Sequence[Alert]) -> str:
    about = list(dict.fromkeys(map(short, alerts)))
    more = len(about) - MAX_NAMED
    return ", ".join([*about[:MAX_NAMED], *([f"{more} more"] if more > 0 else [])])
