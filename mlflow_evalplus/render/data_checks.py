"""What is wrong with the data, as a Markdown page and in a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.data_checks import NOT_TRUSTED, DataChecks, DataFinding, Level

MAX_ROWS = 20
MAX_SENTENCE = 600
MAX_EXAMPLES = 3
ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.OK: 2, Level.NOT_APPLICABLE: 3}
MARKS = {Level.ERROR: "✘", Level.WARNING: "!", Level.OK: "✔", Level.NOT_APPLICABLE: "–"}
COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.OK: "green", Level.NOT_APPLICABLE: "dim"}


def page(checks: DataChecks) -> str:
    """Return the answer in a line, what is wrong with what to do, then what is well in two columns."""
    listed = ranked(checks)
    bad = [row for row in listed if row.level in (Level.ERROR, Level.WARNING)]
    parts = ["### Data", f"**{headline(checks)}**"]
    parts += [_paragraph(row) for row in bad[:MAX_ROWS]]
    if len(bad) > MAX_ROWS:
        parts.append(f"… {len(bad) - MAX_ROWS:,} more in `{names.DATA_TABLE}`.")
    rest = [(f"{MARKS[row.level]} {row.name}", row.sentence) for row in listed[len(bad) :]]
    if rest:
        parts.append(markdown.table(["check", "what was found"], rest, numbers_from=2, limit=MAX_SENTENCE))
    return "\n\n".join(parts)


def headline(checks: DataChecks) -> str:
    """Return how many findings of which level there are on how many rows, as plain text."""
    n_errors, n_warnings = len(checks.errors), len(checks.warnings)
    rows = f"{checks.n_train:,} training rows" + (f" and {checks.n_test:,} test rows" if checks.n_test else "")
    if not n_errors and not n_warnings:
        return f"Nothing is wrong with {rows}, as far as these checks look."
    counts = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((n_errors, "error"), (n_warnings, "warning")) if n]
    figures = "figures on the test rows" if checks.n_test else "the figures of a model of these rows"
    meaning = f" Until the errors are gone, {figures} cannot be trusted." if n_errors else ""
    return f"{' and '.join(counts)} on {rows}.{meaning}"


def untrusted(evaluation: Evaluation) -> tuple[str, ...]:
    """Return why the figures cannot be trusted, a sentence for each error in the data; they belong beside the verdict.

    They are those notes of the evaluation that begin so, see `with_data_checks`.
    """
    return tuple(note for note in evaluation.notes if note.startswith(NOT_TRUSTED))


def other_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Return what else is to be known, of the verdict and of the evaluation."""
    errors = untrusted(evaluation)
    return (*evaluation.verdict.notes, *(note for note in evaluation.notes if note not in errors))


def ranked(checks: DataChecks) -> list[DataFinding]:
    """Return the findings, errors first, then warnings, what is well, and what was not checked."""
    return sorted(checks.rows, key=lambda row: ORDER[row.level])


def terminal(checks: DataChecks) -> Iterator[RenderableType]:
    """Yield a table of all findings, then rows that show each error and warning, and what to do, each advice once."""
    table = Table("", "check", "what was found", box=box.SIMPLE_HEAD)
    for row in ranked(checks):
        mark = Text(f"{MARKS[row.level]} {row.level}", style=COLOURS[row.level])
        table.add_row(mark, Text(visible(row.name)), Text(visible(row.sentence)))
    yield table
    bad = (*checks.errors, *checks.warnings)
    for action in dict.fromkeys(row.action for row in bad):
        rows = [row for row in bad if row.action == action]
        for row in rows:
            if row.examples:
                shown = [f"  {example.name}: {visible(example.shown)}" for example in row.examples[:MAX_EXAMPLES]]
                yield Text("\n".join([f"{visible(row.name)}, for example", *shown]))
        if action:
            yield Text(f"What to do about {', '.join(visible(row.name) for row in rows)}: {visible(action)}")
    yield Text(headline(checks))


def visible(text: str) -> str:
    """Return a text of the data for a terminal, in which nothing hides or moves the cursor."""
    return markdown.unescape(markdown.escape(text, limit=MAX_SENTENCE))


def _paragraph(row: DataFinding) -> str:
    shown = "; ".join(f"{example.name} {markdown.escape(example.shown)}" for example in row.examples[:MAX_EXAMPLES])
    parts = [
        f"{MARKS[row.level]} **{row.level}: {markdown.escape(row.name)}.**",
        markdown.escape(row.sentence, MAX_SENTENCE),
        markdown.escape(row.action, MAX_SENTENCE),
        f"Rows, from 0: {shown}." if shown else "",
    ]
    return " ".join(part for part in parts if part)
