"""Where a difference comes from, as Markdown tables of two columns and, in the terminal, in three lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results.difference import (
    DifferencePart,
    DifferenceSplit,
    points,
    signed,
)

if TYPE_CHECKING:
    from rich.text import Text

MAX_ROWS = 8
MAX_SHOWN = 5  # examples
MAX_NAMED = 3  # parts in a line of the terminal


def page_part(split: DifferenceSplit) -> str:
    """Return the difference in a sentence, the class pairs and slices that moved most, and examples by their ids."""
    pairs, slices = moved(split)
    parts = [
        f"### Where the difference of {markdown.escape(split.a)} and {markdown.escape(split.b)} comes from",
        f"**{markdown.escape(sentence(split), limit=600)}**",
        _table(["label → prediction", "points of accuracy (fixed / broken)"], pairs),
        _table(["slice (n)", "points of accuracy (fixed / broken)"], slices),
        _examples(split),
    ]
    return "\n\n".join(part for part in parts if part)


def sentence(split: DifferenceSplit) -> str:
    """Return ``new is better than old: +1.2 [+0.1, +2.3] points of accuracy, …``."""
    accuracy = split.total["accuracy"]
    how = "cannot be told apart from"
    if accuracy.lower > 0:
        how = "is better than"
    elif accuracy.upper < 0:
        how = "is worse than"
    return (
        f"{split.a} {how} {split.b}: {points(accuracy)} points of accuracy, {points(split.total['f1_macro'])} of "
        f"macro F1; of {split.n:,} examples {split.fixed:,} fixed, {split.broken:,} broken."
    )


def terminal(split: DifferenceSplit) -> Text:
    """Return the sentence, and the class pairs and slices that moved most."""
    from rich.text import Text

    lines = [sentence(split)]
    for title, parts in zip(("class pairs", "slices"), moved(split), strict=True):
        named = [f"{part.name} {signed(part.accuracy.value)} ({part.fixed:,} / {part.broken:,})" for part in parts]
        more = [f"… {len(named) - MAX_NAMED} more"] if len(named) > MAX_NAMED else []
        if named:
            lines.append(f"  {title}, points (fixed / broken): {', '.join(named[:MAX_NAMED] + more)}")
    return Text("\n".join(lines))


def moved(split: DifferenceSplit) -> tuple[list[DifferencePart], list[DifferencePart]]:
    """Return the class pairs and the slices with any change, those that contribute most first."""
    changed = [part for part in split.parts if part.accuracy.value or part.fixed or part.broken]
    changed.sort(key=lambda part: -abs(part.accuracy.value))
    return [part for part in changed if part.level != "slice"], [part for part in changed if part.level == "slice"]


def _table(headers: list[str], parts: Sequence[DifferencePart]) -> str:
    if not parts:
        return ""
    rows = [
        (f"{part.name} ({part.n:,})" if part.level == "slice" else part.name,
         f"{points(part.accuracy)} ({part.fixed:,} / {part.broken:,})")
        for part in parts[:MAX_ROWS]
    ]  # fmt: skip
    left = len(parts) - MAX_ROWS
    return markdown.table(headers, rows) + (f"\n\n… {left} more in `{names.DIFFERENCE_TABLE}`." if left > 0 else "")


def _examples(split: DifferenceSplit) -> str:
    sides = (("fixed", split.fixed, split.fixed_examples), ("broken", split.broken, split.broken_examples))
    rows = [
        (f"{word} ({n:,})", ", ".join(ids[:MAX_SHOWN]) + (", …" if n > MAX_SHOWN else ""))
        for word, n, ids in sides
        if n
    ]
    return markdown.table(["examples", "ids"], rows, numbers_from=2) if rows else ""
