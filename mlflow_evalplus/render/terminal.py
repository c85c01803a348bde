"""What a command prints: a verdict with its gates, an evaluation in short."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.comparison import COLOURS
from mlflow_evalplus.render.slices import gap
from mlflow_evalplus.render.summary import KEY_FIGURES
from mlflow_evalplus.results import Evaluation, Verdict

MAX_WEAK = 10


def verdict(verdict: Verdict) -> Table:
    """Return one row per gate."""
    table = Table("requirement", "outcome", "measured", "examples needed", box=box.SIMPLE_HEAD)
    for gate in verdict.gates:
        table.add_row(
            Text(gate.requirement),
            Text(gate.outcome.value, style=COLOURS[gate.outcome]),
            Text(interval(gate.estimate) if gate.estimate else "not measured"),
            Text(f"{gate.n_needed:,}" if gate.n_needed else ""),
        )
    return table


def overview(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Yield the key figures, the weak slices, the gates and the verdict."""
    figures = Table("metric", f"value [{evaluation.confidence:.0%} interval]", box=box.SIMPLE_HEAD)
    for key in KEY_FIGURES:
        if key in evaluation.metrics:
            figures.add_row(key, Text(interval(evaluation.metrics[key])))
    yield figures
    weak = [row for row in evaluation.slices.rows if row.weak]
    if weak:
        table = Table("weak slice", "n", "accuracy", "gap, points", box=box.SIMPLE_HEAD)
        for row in weak[:MAX_WEAK]:
            table.add_row(Text(row.name), str(row.n), Text(interval(row.metrics["accuracy"])), gap(row))
        yield table
    if evaluation.verdict.gates:
        yield verdict(evaluation.verdict)
    yield Text(f"{evaluation.n:,} examples. {evaluation.verdict.sentence}")
