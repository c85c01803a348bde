"""A model in production as one HTML page: is the newest window fine, then windows over time, mix, and new words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from mlflow_evalplus import names
from mlflow_evalplus.render import charts, html, monitoring_figure
from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.render.monitoring_steps import steps
from mlflow_evalplus.results import Alert, Difference, Monitoring, NewTerm, Outcome, Shift, Window, number

MAX_WINDOWS = 60  # of the pictures
MAX_COLUMNS = 12  # windows beside each other in a table
MAX_ROWS = 24
MAX_TERMS = 50
SIGNED = re.compile(r"(?<![\w.])-(?=\d+\.\d)")
STRONG = 0.25  # from this PSI on a cell has its full shade


class Accuracy(NamedTuple):
    """The picture of accuracy by window: its axis, the names that have room, the levels that are drawn across."""

    windows: Sequence[Window]
    ticks: list[float]
    named: dict[int, str]
    shared: str
    reference: float | None
    asked: float | None


class Panel(NamedTuple):
    """A small picture: what it shows, one value for each window as words, and how high its bars go."""

    title: str
    values: list[float]
    parts: list[float]
    top: float


class Term(NamedTuple):
    """A new term with the first window from which on it was new without a gap."""

    term: NewTerm
    since: str


def page(found: Monitoring, run_name: str = "") -> str:
    """Return the page: one file that loads nothing and needs no script.

    Pictures show the 60 newest windows, tables fewer; the tables of the run hold all.

    Parameters
    ----------
    found : Monitoring
    run_name : str
        The run that it is of, if any.
    """
    last, recent = found.last, found.windows[-MAX_COLUMNS:]
    context: dict[str, Any] = {
        "found": found, "last": last, "run_name": run_name, "names": names, "marks": words.MARKS, "words": words,
        "outcome": last.outcome, "title": _title(last), "lead": minus(words.level(found)),
        "cause": minus(words.cause(last)), "overlooked": minus(words.overlooked(last)), "minus": minus,
        "times": _times(found.reference), "steps": steps(found), "key": list(_key_figures(found)), "recent": recent,
        "alerts": [*words.raised(last), *words.undecided(last)], "gates": _by_window(recent, _gates)[:MAX_ROWS],
        "accuracy": _accuracy(found), "panels": _panels(found.windows[-MAX_WINDOWS:]), "shade": _shade,
        "heat": _by_window(recent, _shifts)[:MAX_ROWS], "terms": _terms(found)[:MAX_TERMS],
        "listed": found.windows[-MAX_ROWS:], "split": _split(last), "points": _points,
    }  # fmt: skip
    return html.page("monitoring.html.j2", scripts=("enhance.js",), **context)


def _title(window: Window) -> str:
    if window.outcome is Outcome.FAIL:
        return f"raises {words.counted(len(words.raised(window)), 'alert')}"
    if words.unknown(window):
        return "raises no alert"
    return "is fine" if window.outcome is Outcome.PASS else "is undecided"


def minus(text: str) -> str:
    """Return a sentence whose signed numbers have the minus sign of the tables.

    Examples
    --------
    >>> minus("2025-12: -3.1 points [-5.0, -1.2], x-1.5")
    '2025-12: −3.1 points [−5.0, −1.2], x-1.5'
    """
    return SIGNED.sub("−", text)


def _times(window: Window) -> str:
    """Return the days from the first row to the last; of one day with its minutes."""
    ends = (window.start, window.end)
    first, last = (end[:10] for end in ends)
    if first == last and ends[0] != ends[1]:
        first, last = (end[:16].replace("T", " ") for end in ends)
    return first if first == last else f"{first} to {last}"


def _key_figures(found: Monitoring) -> Iterator[tuple[str, str, str]]:
    """Yield (value, what it is, its bounds)."""
    last = found.last
    for what, estimate in (
        ("accuracy, labelled rows", last.metrics.get("accuracy")),
        ("accuracy, estimated", last.estimated),
    ):
        if estimate and estimate.defined:
            yield (
                html.percent(estimate.value),
                what,
                f"{html.percent(estimate.lower)} to {html.percent(estimate.upper)}",
            )
    if words.known(last.drop):
        yield html.points(last.drop.value), "points from the reference", _bounds(last.drop)
    yield html.thousands(last.n), "rows", f"{last.n_labelled:,} with a label"
    shift = words.largest_shift(last)
    if shift:
        yield number(shift.psi), "largest shift (PSI)", words.cut(shift.column, 24)
    yield html.thousands(len(last.terms)), "new words and phrases", ""


def _bounds(change: Difference) -> str:
    return f"{html.points(change.lower)} to {html.points(change.upper)}"


def _points(change: Difference | None) -> str:
    """Return ``−5.2 [−7.9, −2.5]``; a dash where it is not known."""
    if change is None or not words.known(change):
        return html.NOTHING
    return f"{html.points(change.value)} [{html.points(change.lower)}, {html.points(change.upper)}]"


def _accuracy(found: Monitoring) -> Accuracy | None:
    """Return the picture of the accuracy; None where it is known of no window."""
    windows = found.windows[-MAX_WINDOWS:]
    known = [e for window in windows for e in monitoring_figure.estimates(window)]
    if not known:
        return None
    reference, asked = monitoring_figure.level(found.reference), words.asked_level(found)
    values = [bound for e in known for bound in (e.value, e.lower, e.upper) if bound == bound]
    values += [value for value in (reference, asked) if value is not None]
    places, written, shared = monitoring_figure.names_of([window.name for window in windows], 60)
    ticks = charts.ticks(min(values) - 0.03 * (max(values) - min(values)), max(values))
    return Accuracy(windows, ticks, dict(zip(places, written, strict=True)), shared, reference, asked)


def _panels(windows: Sequence[Window]) -> list[Panel]:
    """Return rows (the labelled part of them darker) and new terms by window."""
    rows, labelled = ([float(getattr(w, name)) for w in windows] for name in ("n", "n_labelled"))
    terms = [float(len(w.terms)) for w in windows]
    shift = [_finite(s.psi) if (s := words.largest_shift(w)) else 0.0 for w in windows]
    panels = [
        Panel("rows, the labelled part darker", rows, labelled, charts.ticks(0, max(rows))[-1]),
        Panel("largest shift of a column, PSI", shift, [], charts.ticks(0, max(STRONG, *shift))[-1]),
        Panel("new words and phrases", terms, [], charts.ticks(0, max(4.0, *terms))[-1]),
    ]
    return [panel for panel in panels if any(panel.values)]


def _finite(value: float) -> float:
    return min(value, 10.0) if value == value else 0.0


def _by_window(
    windows: Sequence[Window], of: Callable[[Window], dict[str, Any]]
) -> list[tuple[str, list[Alert | Shift | None]]]:
    """Return what each window says under each name, the names of the newest window first."""
    found = [of(window) for window in windows]
    known = dict.fromkeys(name for one in reversed(found) for name in one)
    return [(name, [one.get(name) for one in found]) for name in known]


def _gates(window: Window) -> dict[str, Alert]:
    ranked = sorted(window.alerts, key=lambda alert: (alert.outcome is not Outcome.FAIL, not alert.asked))
    return {alert.requirement: alert for alert in ranked}


def _shifts(window: Window) -> dict[str, Shift]:
    return {shift.column: shift for shift in window.shifts}


def _shade(shift: Shift) -> float:
    return round(0.75 * charts.fraction(shift.psi, 0.0, STRONG), 2)


def _terms(found: Monitoring) -> list[Term]:
    new = [{term.term for term in window.terms} for window in found.windows]
    terms = []
    for term in found.last.terms[:MAX_TERMS]:
        first = len(new) - 1
        while first and term.term in new[first - 1]:
            first -= 1
        terms.append(Term(term, found.windows[first].name))
    return terms


def _split(window: Window) -> dict[str, Any] | None:
    """Return the mix and the rate effect, and the axis on which their intervals lie."""
    split = window.mix_rate
    if split is None or not words.known(split.total):
        return None
    parts = {"all of it": split.total, "other customers (mix)": split.mix, "other answers (rate)": split.rate}
    ends = [abs(bound) for d in parts.values() for bound in (d.lower, d.upper) if bound == bound]
    return {"column": split.column, "parts": parts, "rows": split.rows[:MAX_ROWS],
            "reach": charts.ticks(0, max([0.01, *ends]))[-1], "name": split.b}  # fmt: skip
