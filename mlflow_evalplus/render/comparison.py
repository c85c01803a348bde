"""Several runs against a baseline: as Markdown and, in the terminal, as a rich table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlflow_evalplus.render import difference, markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Comparison, Evaluation, Outcome
from mlflow_evalplus.results.difference import DifferenceSplit

if TYPE_CHECKING:
    from rich.table import Table

HEADERS = (
    "run",
    "verdict",
    "accuracy",
    "F1 macro",
    "vs baseline (accuracy)",
    "fixed / broken",
    "weak",
    "p95 ms",
)
COLOURS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.UNDECIDED: "yellow"}


def rows(evaluations: Mapping[str, Evaluation], comparisons: Mapping[str, Comparison]) -> list[tuple[str, ...]]:
    """Return one row of words per run, in the columns of ``HEADERS``; without a comparison it is the baseline."""
    return [_row(name, evaluation, comparisons.get(name)) for name, evaluation in evaluations.items()]


def _row(name: str, evaluation: Evaluation, comparison: Comparison | None) -> tuple[str, ...]:
    single = evaluation.latency.single if evaluation.latency else {}
    return (
        name,
        evaluation.verdict.outcome.value,
        interval(evaluation.metrics["accuracy"]),
        interval(evaluation.metrics["f1_macro"]),
        str(comparison.metrics["accuracy"]) if comparison else "baseline",
        f"{comparison.fixed} / {comparison.broken}" if comparison else "",
        str(sum(row.weak for row in evaluation.slices.rows)),
        f"{single['latency_ms_p95'].value:.1f}" if "latency_ms_p95" in single else "",
    )


def page(
    evaluations: Mapping[str, Evaluation],
    comparisons: Mapping[str, Comparison],
    winner: str,
    reason: str,
    split: DifferenceSplit | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return the page of a comparison: the choice in a sentence, the runs, the slices that moved, why, and notes."""
    table = rows(evaluations, comparisons)
    marked = [(f"{'★ ' if row[0] == winner else ''}{row[0]}", MARKS[Outcome(row[1])], *row[2:]) for row in table]
    parts = ["## Comparison", markdown.escape(reason, limit=600), markdown.table(HEADERS, marked, numbers_from=2)]
    if winner in comparisons:
        parts.append(_moved(comparisons[winner]))
    if split:
        parts.append(difference.page_part(split))
    parts += [f"> {markdown.escape(note, limit=600)}" for note in notes]
    return "\n\n".join(parts)


def _moved(comparison: Comparison) -> str:
    found = [
        (row.name, str(row.metrics["accuracy"]), f"{row.q_value:.3f}")
        for row in comparison.slices
        if row.q_value < 0.05
    ][:20]
    title = f"### {markdown.escape(comparison.a)} against {markdown.escape(comparison.b)}, by slice"
    if not found:
        return f"{title}\n\nNo slice's accuracy differs with q < 0.05."
    return f"{title}\n\n{markdown.table(['slice', 'accuracy difference', 'q'], found)}"


def terminal(table_rows: Sequence[Sequence[str]], winner: str) -> Table:
    """Return the same rows for a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for number, header in enumerate(HEADERS):
        table.add_column(header, no_wrap=number < 2)
    for row in table_rows:
        cells = [Text(cell) for cell in row]
        cells[0].append(" ★" if row[0] == winner else "")
        cells[1].stylize(COLOURS[Outcome(row[1])])
        table.add_row(*cells, style="bold" if row[0] == winner else "")
    return table
