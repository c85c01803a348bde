"""A/B tests and human ratings as a Markdown page, and as what a command prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render import markdown, unseen
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results.estimate import p_value
from mlflow_evalplus.results.evidence import Evidence, EvidenceRow

TITLES = {"ab": "Online A/B test", "ratings": "Human ratings"}
MAX_ROWS = 20
LONGEST = 600
INVISIBLE = dict.fromkeys((*unseen.CONTROLS, *unseen.FORMATS, *unseen.SURROGATES), " ")
# (level, measure) → the heads of its table of two columns, in the order in which they are shown
SHOWN = {
    ("variant", "mean"): ("mean (n)", "value"),
    ("difference", "difference"): ("difference (n)", "treatment − control, p"),
    ("difference", "difference_fixed"): ("for one look only (n)", "treatment − control"),
    ("agreement", "krippendorff_alpha"): ("agreement (answers)", "Krippendorff's α"),
    ("slice", "difference"): ("slice (n)", "treatment − control, q"),
    ("rater", "gap"): ("rater (n)", "against the others, q"),
}


def page(evidences: Iterable[Evidence]) -> str:
    """Return for each kind of evidence what it says, then short tables of two columns, then what to know."""
    parts = ["### Further evidence"]
    for evidence in evidences:
        title = TITLES.get(evidence.source, markdown.escape(evidence.source))
        parts.append(f"#### {title}, {100 * evidence.confidence:.4g}% intervals")
        parts.append(f"**{markdown.escape(evidence.sentence, limit=LONGEST)}**" if evidence.sentence else "")
        parts += [markdown.table(heads, rows[:MAX_ROWS]) + _left(rows) for heads, rows in tables(evidence)]
        parts += [f"> {markdown.escape(note, limit=LONGEST)}" for note in evidence.notes]
    return "\n\n".join(part for part in parts if part)


def tables(evidence: Evidence) -> Iterator[tuple[tuple[str, str], list[tuple[str, str]]]]:
    """Yield the heads and the rows of each table, as plain text."""
    for (level, measure), heads in SHOWN.items():
        rows = [(_name(row), _value(row)) for row in evidence.of(level, measure).values()]
        if rows:
            yield heads, rows


def printed(evidence: Evidence) -> Iterator[RenderableType]:
    """Yield the tables, what they say in a sentence, and what to know before relying on it."""
    for heads, rows in tables(evidence):
        table = Table(*heads, box=box.SIMPLE_HEAD)
        for name, value in rows[:MAX_ROWS]:
            table.add_row(Text(_plain(name)), Text(value))
        yield table
        if _left(rows):
            yield Text(f"  … {len(rows) - MAX_ROWS} more; all of them with --json")
    yield Text(_plain(evidence.sentence), style="bold")
    for note in evidence.notes:
        yield Text(_plain(note), style="yellow")


def _name(row: EvidenceRow) -> str:
    return f"{row.key or 'all'} ({row.estimate.n:,})"


def _value(row: EvidenceRow) -> str:
    chance = row.q_value if row.level in ("slice", "rater") else row.p_value
    return interval(row.estimate) + (f", {p_value(chance)}" if chance == chance else "")


def _left(rows: Sequence[object]) -> str:
    return f"\n\n… {len(rows) - MAX_ROWS} more." if len(rows) > MAX_ROWS else ""


def _plain(text: str) -> str:
    """Return one line that a terminal shows as it is, and not all of a very long one."""
    line = text.translate(INVISIBLE)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
