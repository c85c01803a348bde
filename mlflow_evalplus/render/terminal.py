"""What a command prints: a verdict with its gates, an evaluation in short, the quality of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render import labels as words
from mlflow_evalplus.render.classes import interval, measured
from mlflow_evalplus.render.comparison import COLOURS
from mlflow_evalplus.render.slices import gap
from mlflow_evalplus.render.summary import KEY_FIGURES
from mlflow_evalplus.results import Evaluation, Verdict
from mlflow_evalplus.results.labels import LabelQuality

MAX_WEAK = 10
MAX_ACTIONS = 5
MAX_QUEUE = 10


def verdict(verdict: Verdict) -> Table:
    """Return one row per gate."""
    table = Table("requirement", "outcome", "measured", "examples needed", box=box.SIMPLE_HEAD)
    for gate in verdict.gates:
        table.add_row(
            Text(gate.requirement),
            Text(gate.outcome.value, style=COLOURS[gate.outcome]),
            Text(measured(gate)),
            Text(f"{gate.n_needed:,}" if gate.n_needed else ""),
        )
    return table


def overview(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Yield the key figures, the weak slices, what to do next, the gates and the verdict."""
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
    if evaluation.attribution:
        rows = [(action.text, action.summary) for action in evaluation.attribution.actions.rows[:MAX_ACTIONS]]
        yield from _grids(["what to do next", "expected gain"], rows)
    if evaluation.verdict.gates:
        yield verdict(evaluation.verdict)
    yield Text(f"{evaluation.n:,} examples. {evaluation.verdict.sentence}")


def labels(quality: LabelQuality, launch: float | None = None) -> Iterator[RenderableType]:
    """Yield agreement, by class and slice too, consensus, confusions, the rows to adjudicate, the answer in words."""
    yield _grid(["all rows", "value"], [(key, interval(found)) for key, found in words.overall(quality).items()])
    for level in ("class", "slice"):
        agree, kappa = (quality.of(level, measure) for measure in ("percent_agreement", "fleiss_kappa"))
        rows = [(key, f"{agree[key].n:,}", interval(agree[key]), interval(kappa[key])) for key in agree]
        yield from _grids([level, "n", "agreement", "Fleiss' κ"], rows)
    pairs = [(key, f"{found.n:,}", interval(found)) for key, found in quality.of("pair", "cohen_kappa").items()]
    yield from _grids(["two annotators", "n", "Cohen's κ"], pairs)
    own = [(key, f"{found.n:,}", interval(found)) for key, found in quality.of("annotator", "accuracy").items()]
    yield from _grids(["annotator", "votes", "right, estimated"], own)
    yield _grid(["consensus", "rows"], words.consensus(quality))
    yield from _grids([words.confusion_title(quality), "n"], words.confusions(quality))
    if quality.adjudicate:
        yield Text(words.disputed(quality, MAX_QUEUE))
    yield Text("\n".join(words.sentences(quality, launch=launch).values()))


def _grids(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[RenderableType]:
    if rows:
        yield _grid(headers, rows[: words.MAX_ROWS])
    if len(rows) > words.MAX_ROWS:
        yield Text(f"  … {len(rows) - words.MAX_ROWS} more; all of them with --json")


def _grid(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*headers, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
