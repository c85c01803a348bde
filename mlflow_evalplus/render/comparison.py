"""Several runs against a baseline: as Markdown and, in the terminal, as a rich table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render import difference, markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Comparison, Evaluation, Outcome
from mlflow_evalplus.results.estimate import p_value
from mlflow_evalplus.results.side_by_side import SideBySide

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
SPARED = (6, 7, 5, 3, 8)  # columns that a narrow terminal does without, the first one first
LEAST_NAME = 14  # cells of a name that are shown at least
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
    """Return what chose, which runs no other one beats, the Pareto front, and what the runs were asked besides."""
    said = []
    if found.choice:
        said.append(found.choice.sentence)
    if found.family:
        said.append(found.family.sentence)
    if found.front:
        best = ", ".join(point.name for point in found.front.points if point.on_front)
        said.append(f"Pareto front, accuracy against {found.front.cost}: {best}.")
    return [*said, *found.remarks]


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


@dataclass(frozen=True)
class Runs:
    """The same rows for a terminal, as wide as that is: no number is ever cut.

    Where it is narrow there are fewer columns, and names are cut in the middle; else a block of lines per run.
    """

    found: SideBySide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the widest table that fits, else a block of lines per run."""
        shown, heads = rows(self.found), headers(self.found)
        longest = max(cell_len(row[0]) + 2 for row in shown)
        for n_spared in range(len(SPARED) + 1):
            kept = [place for place in range(1, len(heads)) if place not in SPARED[:n_spared]]
            widths = {place: _widest(heads[place], [row[place] for row in shown]) for place in kept}
            room = options.max_width - sum(widths.values()) - 3 * len(kept) - 4  # what separates the columns
            if room >= min(LEAST_NAME, longest):
                whole = {place: max(cell_len(heads[place]), width) for place, width in widths.items()}
                more = sum(whole.values()) - sum(widths.values())
                yield _table(self.found, heads, *((whole, room - more) if room - more >= longest else (widths, room)))
                return
        yield from _blocks(self.found, heads)


def terminal(found: SideBySide) -> Runs:
    """Return the same rows for a terminal of any width."""
    return Runs(found)


def _widest(head: str, cells: Sequence[str]) -> int:
    """Return the width of a column in which only the words of its head may be wrapped."""
    return max(map(cell_len, (*head.split(), *cells)))


def _table(found: SideBySide, heads: Sequence[str], widths: Mapping[int, int], room: int) -> Table:
    """Return a table of the columns that have a width; `room` is that of the names."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(heads[0], no_wrap=True)
    for place, width in widths.items():
        table.add_column(heads[place], width=width)
    for row in rows(found):
        best = row[0] == found.winner
        name = Text(shortened(row[0], room - 2 * best) + " ★" * best)
        verdict, *figures = (Text(row[place]) for place in widths)
        verdict.stylize(COLOURS[Outcome(row[1])])
        table.add_row(name, verdict, *figures, style="bold" if best else "")
    return table


def _blocks(found: SideBySide, heads: Sequence[str]) -> Iterator[Text]:
    """Yield the lines of each run, of which a terminal may wrap some."""
    for row in rows(found):
        best = row[0] == found.winner
        yield Text(f"{row[0]}{' ★' * best}", style="bold")
        yield Text(f"  {row[1]}", style=COLOURS[Outcome(row[1])])
        yield Text("\n".join(f"  {head} {cell}" for head, cell in zip(heads[2:], row[2:], strict=True) if cell))


def shortened(name: str, width: int) -> str:
    """Return a name of at most `width` cells, cut in the middle: runs differ at both ends.

    Examples
    --------
    >>> shortened("words_chars+temperature+rules", 20)
    'words_char…ure+rules'
    """
    if cell_len(name) <= width:
        return name
    half = width // 2
    return set_cell_size(name, half).rstrip() + "…" + set_cell_size(name[::-1], width - half - 1).rstrip()[::-1]
