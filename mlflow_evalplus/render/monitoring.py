"""A model in production, window by window, as a Markdown page and in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown
from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.comparison import COLOURS
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.render.monitoring_steps import steps
from mlflow_evalplus.results import Estimate, Monitoring, Window, number
from mlflow_evalplus.results.estimate import p_value

MAX_WINDOWS = 24
MAX_ROWS = 20
MAX_DESCRIBED = 12
MAX_DESCRIPTION = 7_000  # characters; MLflow allows 8,000
LONGEST = 600
HEADERS = (
    "window", "rows (labelled)", "accuracy", "estimated", "change, points", "largest PSI",
    "new terms", "alerts",
)  # fmt: skip


def page(found: Monitoring, limit: int = MAX_WINDOWS) -> str:
    """Return whether the newest window is fine, why, what to do, then all windows, its shifts and its new terms.

    Parameters
    ----------
    found : Monitoring
    limit : int
        The newest windows that are listed.
    """
    last = found.last
    parts = [
        f"## {words.marked(last)}",
        f"**{_escape(words.headline(found))}**",
        _escape(words.cause(last)),
        _escape(words.overlooked(last)),
        todo(found),
    ]
    parts += [_alerts(last), _windows(found, limit), _shifts(last), _terms(last)]
    parts.append(
        f"{100 * found.confidence:.4g}% intervals. The estimated accuracy is the mean of the calibrated confidence "
        "over all rows: it does not see labels that change their meaning."
    )
    parts += [f"> Note: {_escape(note)}" for note in found.notes]
    return "\n\n".join(part for part in parts if part)


def description(found: Monitoring) -> str:
    """Return the beginning of the page for a run's description, whole paragraphs and tables: MLflow cuts a long one."""
    kept: list[str] = []
    for block in page(found, MAX_DESCRIBED).split("\n\n"):
        if sum(map(len, kept)) + len(block) > MAX_DESCRIPTION:
            return "\n\n".join([*kept, f"… the rest is in `{names.MONITOR_PAGE}`."])
        kept.append(block)
    return "\n\n".join(kept)


def todo(found: Monitoring) -> str:
    """Return what to do next as a list, each command as code."""
    said = [f"- {_escape(step.text)}" + (f" `{step.command}`" if step.command else "") for step in steps(found)]
    return "**Next:**\n\n" + "\n".join(said)


def _escape(text: str) -> str:
    return markdown.escape(text, limit=LONGEST)


def _alerts(window: Window) -> str:
    shown = [*words.raised(window), *words.undecided(window)]
    if not shown:
        return ""
    rows = [(alert.requirement, f"{words.MARKS[alert.outcome]}: {alert.reason}") for alert in shown[:MAX_ROWS]]
    left = _left(len(shown), names.MONITORING)
    return markdown.table(["alert", "what was found"], rows, numbers_from=2, limit=LONGEST) + left


def _windows(found: Monitoring, limit: int) -> str:
    shown = found.windows[-limit:]
    rows = [cells(found.reference, "reference"), *map(cells, shown)]
    left = len(found.windows) - len(shown)
    more = f"\n\nThe {words.counted(left, 'older window')} are in `{names.MONITOR_TABLE}`." if left else ""
    return "### Windows\n\n" + markdown.table(HEADERS, rows) + more


def cells(window: Window, outcome: str = "") -> tuple[str, ...]:
    """Return a window as cells for `HEADERS`, as plain text; `outcome` takes the place of its alerts."""
    shift = words.largest_shift(window)
    return (
        window.name,
        f"{window.n:,} ({window.n_labelled:,})",
        _interval(window.metrics.get("accuracy")),
        _interval(window.estimated),
        words.change(window),
        f"{words.cut(shift.column)} {number(shift.psi)}" if shift else words.NOTHING,
        f"{len(window.terms):,}",
        outcome or words.flagged(window),
    )


def _interval(estimate: Estimate | None) -> str:
    return interval(estimate) if estimate and estimate.defined else words.NOTHING


def _shifts(window: Window) -> str:
    if not window.shifts:
        return ""
    rows = [
        (shift.column, number(shift.psi), number(shift.js), p_value(shift.q_value), words.changed(shift))
        for shift in window.shifts[:MAX_ROWS]
    ]
    table = markdown.table(["column", "PSI", "Jensen–Shannon", "q", "changed most"], rows)
    return f"### Who asks, in {_escape(window.name)}\n\n{table}{_left(len(window.shifts), names.MONITOR_SHIFTS_TABLE)}"


def _terms(window: Window) -> str:
    if not window.terms:
        return ""
    rows = [
        (f"{words.cut(term.term)}{' (unseen before)' if term.unseen else ''}", f"{term.n:,}",
         f"{words.share(term.share_reference)} → {words.share(term.share)}", p_value(term.q_value),
         _interval(term.accuracy))
        for term in window.terms[:MAX_ROWS]
    ]  # fmt: skip
    table = markdown.table(["term", "texts", "share", "q", "accuracy of these texts"], rows)
    left = _left(len(window.terms), names.MONITOR_TERMS_TABLE)
    return f"### New words and phrases, in {_escape(window.name)}\n\n{table}{left}"


def _left(n: int, path: str) -> str:
    return f"\n\n… {n - MAX_ROWS:,} more in `{path}`." if n > MAX_ROWS else ""


def terminal(found: Monitoring) -> Iterator[RenderableType]:
    """Yield the newest windows, what they raised, the answer in words, and what to do next."""
    table = Table(*HEADERS, box=box.SIMPLE_HEAD)
    table.add_row(*(Text(visible(cell)) for cell in cells(found.reference, "reference")), style="dim")
    for window in found.windows[-MAX_WINDOWS:]:
        *plain, flagged = (Text(visible(cell, words.MAX_NAME)) for cell in cells(window))
        flagged.stylize(COLOURS[window.outcome])
        table.add_row(*plain, flagged)
    yield table
    for alert in (*words.raised(found.last), *words.undecided(found.last)):
        text = f"{words.MARKS[alert.outcome]} {alert.requirement}: {alert.reason}"
        yield Text(visible(text, LONGEST), style=COLOURS[alert.outcome])
    said = [
        words.headline(found),
        words.cause(found.last),
        words.overlooked(found.last),
        *(f"{s.text} {s.command}" for s in steps(found)),
    ]
    yield Text("\n".join(visible(line, LONGEST) for line in said if line))
    for note in found.notes:
        yield Text(visible(note, LONGEST), style="yellow")
