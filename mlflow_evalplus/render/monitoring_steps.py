"""What to do about the newest window of a monitored log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.results import Alert, Monitoring, Window

COLLECT = "mlflow-evalplus collect LOG --n 200"
AUDIT = f"{COLLECT} --audit 1"
NOT_BY_LABELS = (*words.SHIFTS, "new_terms", "estimated_accuracy")
NOTHING_TO_DO = "Nothing to do before the next window."


class Step(NamedTuple):
    """Something to do next: what, and the command to type, if there is one."""

    text: str
    command: str = ""


def steps(found: Monitoring) -> list[Step]:
    """Return what to do about the newest window, the most useful first."""
    last = found.last
    said = [*_on_alerts(last)] or [*_on_undecided(last)]
    if not said and words.unknown(last):
        said = [*_on_nothing_known(found)]
    return said or [Step(NOTHING_TO_DO)]


def _on_alerts(last: Window) -> Iterator[Step]:
    alerts, quality = words.raised(last), words.about_quality(last)
    moved = list(dict.fromkeys(alert.column for alert in alerts if alert.metric in words.SHIFTS))
    worse = bool(quality - {"estimated_accuracy"})
    if worse:
        yield Step("Collect the cases worth a label, have them labelled, retrain, compare with the champion:", COLLECT)
    elif quality:
        yield Step("The accuracy is only estimated. Label rows drawn at random to see whether it is so:", AUDIT)
    for column in moved[: words.MAX_NAMED]:
        yield _look(last, column, holds=not worse)
    if "new_terms" in {alert.metric for alert in alerts} and not quality:
        yield Step("Read messages with the new words; label those that the model cannot know:", COLLECT)


def _look(last: Window, column: str, *, holds: bool) -> Step:
    shift = next((shift for shift in last.shifts if shift.column == column), None)
    what = f": {words.changed(shift)}" if shift else ""
    said = f"See why {words.cut(column)} changed{what}. Is it a fault upstream, or other customers?"
    return Step(f"{said} Where the accuracy holds there is nothing to retrain." if holds else said)


def _on_undecided(last: Window) -> Iterator[Step]:
    alerts = words.undecided(last)
    if any(map(_by_labels, alerts)):
        yield Step("Label more rows of this window, drawn at random, so that it can be decided:", AUDIT)
    for alert in [alert for alert in alerts if not _by_labels(alert)][: words.MAX_NAMED]:
        yield Step(f"See why {words.short(alert)} is undecided: {alert.reason}.")


def _by_labels(alert: Alert) -> bool:
    """Whether more labels decide a gate."""
    return alert.metric not in NOT_BY_LABELS or alert.column == "label"


def _on_nothing_known(found: Monitoring) -> Iterator[Step]:
    """Yield what makes known whether the answers are good enough."""
    last = found.last
    if words.untested(last) and found.reference.n_labelled < last.n_labelled:
        yield Step("Give a reference with more labelled rows (--reference), so that the accuracy can be tested.")
    elif words.untested(last) or not last.n_labelled:
        yield Step("Label rows of this window, drawn at random, so that the accuracy can be tested:", AUDIT)
    elif words.known(last.drop):
        yield Step("No gate watches the accuracy: ask for one in requirements.yaml, or for alpha above 0.")
    else:
        yield Step(
            "The accuracy is held against nothing: give a reference with labels (--reference), or ask for an accuracy "
            "in requirements.yaml."
        )
    if words.uncalibrated(found) and not last.n_labelled:
        yield Step(words.CALIBRATE)
