"""What a command prints: a verdict with its gates, an evaluation in short, the quality of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render import labels as words
from mlflow_evalplus.render import rule_effects as by_rule
from mlflow_evalplus.render.classes import interval, measured
from mlflow_evalplus.render.comparison import COLOURS
from mlflow_evalplus.render.data_checks import untrusted
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.render.slices import gap
from mlflow_evalplus.render.summary import KEY_FIGURES
from mlflow_evalplus.results import Evaluation, Verdict
from mlflow_evalplus.results.difference import points
from mlflow_evalplus.results.labels import LabelQuality
from mlflow_evalplus.results.rule_effects import VERDICTS, RuleEffects

MAX_WEAK = 10
MAX_ACTIONS = 5
MAX_QUEUE = 10
MAX_PATTERN = 50
MAX_TEXT = 200


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
    """Yield the key figures, the weak slices, what to do next, the gates, the verdict, and errors in the data."""
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
    for error in untrusted(evaluation):
        yield Text(error, style="red")


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


def rules(effects: RuleEffects) -> Iterator[RenderableType]:
    """Yield accuracy without and with keyword rules, a row for each rule, and what to do."""
    shown = partial(visible, limit=MAX_PATTERN)
    rows = [("without", interval(effects.base_accuracy)), ("with all rules", interval(effects.accuracy))]
    yield _grid(["accuracy", f"points {points(effects.net)}"], rows)
    table = Table("rule", "pattern", "label", "fired", "fixed", "broke", "points", "verdict", box=box.SIMPLE_HEAD)
    for rule in by_rule.ranked(effects):
        counts = (f"{n:,}" for n in (rule.fired, rule.moves.fixed, rule.moves.broken))
        net = points(rule.net) if rule.moves.changed else ""
        named = (str(rule.number), shown(rule.pattern), visible(rule.effect))
        cells = (*named, *counts, net, VERDICTS[rule.verdict])
        table.add_row(*map(Text, cells))
    yield table
    lines = [f"{verb} {by_rule.named(found, shown)}: {why}" for verb, found, why in by_rule.advice(effects)]
    yield Text("\n".join([by_rule.headline(effects), *lines, *effects.notes]))


def rule_texts(effects: RuleEffects, texts: Mapping[str, str | None], limit: int) -> Text:
    """Return the first texts that each rule broke and fixed, by their ids, under its number and pattern."""
    lines = []
    for rule in by_rule.ranked(effects):
        for done, ids in (("broke", rule.broken_examples[:limit]), ("fixed", rule.fixed_examples[:limit])):
            lines += [f"{by_rule.named([rule], visible)} {done}:"] * bool(ids)
            lines += [f"  {visible(key)}: {visible(texts[key] or '', MAX_TEXT)}" for key in ids]
    return Text("\n".join(lines))


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
