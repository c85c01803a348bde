"""Several runs against a baseline: as Markdown and, in the terminal, as a rich table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow_evalplus.render import difference, markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Comparison, Evaluation, Outcome
from mlflow_evalplus.results.estimate import p_value
from mlflow_evalplus.results.side_by_side import SideBySide

if TYPE_CHECKING:
    from rich.table import Table

HEADERS = (
    "run",
    "verdict",
    "accuracy",
    "F1 macro",
    "vs baseline (accuracy)",
    "p (Holm)",
    "fixed / broken",
    "weak",
    "p95 ms",
)
COLOURS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.UNDECIDED: "yellow"}


def headers(found: SideBySide) -> list[str]:
    """Return ``HEADERS``, with the metric of the p-values where it is not accuracy."""
    metric = found.family.metric if found.family else "accuracy"
    tested = "p (Holm)" if metric == "accuracy" else f"p (Holm, {metric})"
    return [tested if header == "p (Holm)" else header for header in HEADERS]


def rows(found: SideBySide) -> list[tuple[str, ...]]:
    """Return one row of words per run, in the columns of ``HEADERS``."""
    p_holm = found.family.p_holm if found.family else {}
    return [
        _row(name, evaluation, found.comparisons.get(name), p_holm.get(name))
        for name, evaluation in found.evaluations.items()
    ]


def _row(name: str, evaluation: Evaluation, comparison: Comparison | None, p_holm: float | None) -> tuple[str, ...]:
    single = evaluation.latency.single if evaluation.latency else {}
    return (
        name,
        evaluation.verdict.outcome.value,
        interval(evaluation.metrics["accuracy"]),
        interval(evaluation.metrics["f1_macro"]),
        str(comparison.metrics["accuracy"]) if comparison else "baseline",
        p_value(p_holm) if p_holm is not None else "",
        f"{comparison.fixed} / {comparison.broken}" if comparison else "",
        str(sum(row.weak for row in evaluation.slices.rows)),
        f"{single['latency_ms_p95'].value:.1f}" if "latency_ms_p95" in single else "",
    )


def page(found: SideBySide) -> str:
    """Return the page of a comparison: the choice in a sentence, the runs, the slices that moved, why, and notes."""
    marked = [
        (f"{'★ ' if row[0] == found.winner else ''}{row[0]}", MARKS[Outcome(row[1])], *row[2:]) for row in rows(found)
    ]
    said = [markdown.escape(sentence, limit=600) for sentence in (found.reason, *sentences(found))]
    parts = ["## Comparison", said[0], markdown.table(headers(found), marked, numbers_from=2), *said[1:]]
    if found.winner in found.comparisons:
        parts.append(_moved(found.comparisons[found.winner]))
    if found.difference:
        parts.append(difference.page_part(found.difference))
    parts += [f"> {markdown.escape(note, limit=600)}" for note in found.notes]
    return "\n\n".join(parts)


def sentences(found: SideBySide) -> list[str]:
    """Return what chose, which runs no other one beats, and the Pareto front, where there is a choice."""
    said = []
    if found.choice:
        said.append(found.choice.sentence)
    if found.family:
        said.append(found.family.sentence)
    if found.front:
        best = ", ".join(point.name for point in found.front.points if point.on_front)
        said.append(f"Pareto front, accuracy against {found.front.cost}: {best}.")
    return said


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


def terminal(found: SideBySide) -> Table:
    """Return the same rows for a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for number, header in enumerate(headers(found)):
        table.add_column(header, no_wrap=number < 2)
    for row in rows(found):
        cells = [Text(cell) for cell in row]
        cells[0].append(" ★" if row[0] == found.winner else "")
        cells[1].stylize(COLOURS[Outcome(row[1])])
        table.add_row(*cells, style="bold" if row[0] == found.winner else "")
    return table
