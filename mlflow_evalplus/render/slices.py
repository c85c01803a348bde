"""The slices as a Markdown table, weak ones first, and as a dot-and-interval picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import SliceResult, Slices

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_ROWS = 20


def page(slices: Slices) -> str:
    """Return the weak slices, then every single column in an order that lines up across runs.

    Tables have two columns, so that several runs stand side by side, and at most 20 rows.
    """
    weak = [row for row in slices.rows if row.weak]
    n = len(slices.rows)
    found = f"**{len(weak)} of {n} slices are weak**" if weak else f"None of {n} slices is weak"
    parts = [
        "### Slices",
        f"{found} (at least 2 points below the rest, q < 0.05). All examples: {interval(slices.overall)}.",
    ]
    if weak:
        rows = [(f"{row.name} ({row.n:,})", f"{_accuracy(row)}, {gap(row)} points") for row in weak]
        parts.append(_table("weak slice (n)", rows))
    for column in dict.fromkeys(sorted(row.columns[0] for row in slices.rows if len(row.columns) == 1)):
        rows = [(f"{row.values[0]} ({row.n:,})", _accuracy(row)) for row in slices.of(column)]
        parts.append(_table(f"{markdown.escape(column)} (n)", sorted(rows)))
    parts.append(f"All {n} slices with every metric are in `evalplus/slices.json`.")
    return "\n\n".join(parts)


def _accuracy(row: SliceResult) -> str:
    return interval(row.metrics["accuracy"]) + (" ◆" if row.weak else "")


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    text = markdown.table([title, "accuracy"], rows[:MAX_ROWS])
    left = len(rows) - MAX_ROWS
    return text + (f"\n\n… {left} more." if left > 0 else "")


def gap(row: SliceResult) -> str:
    """Return the gap to the rest in points, ``-4.2``."""
    return "–" if math.isnan(row.gap) else f"{100 * row.gap:+.1f}"


def figure(slices: Slices) -> Figure:
    """Draw accuracy with its interval: weak slices orange, small ones grey, all examples as a line.

    Weak slices, then single columns, at most 20, in an order that lines up across runs; the axis is fixed at 0 … 1.
    """
    from mlflow_evalplus.render import figures

    single = (row for row in slices.rows if len(row.columns) == 1 and not row.weak)
    weak = [row for row in slices.rows if row.weak]
    shown = [*weak, *sorted(single, key=lambda row: (row.columns, row.values))][:MAX_ROWS]
    with figures.canvas(height=0.75 + 0.17 * max(len(shown), 1)) as drawing:
        axes = drawing.add_subplot()
        for y, row in enumerate(shown):
            estimate = row.metrics["accuracy"]
            colour = figures.ORANGE if row.weak else figures.GREY if row.small_support else figures.BLUE
            axes.plot([estimate.lower, estimate.upper], [y, y], color=colour, linewidth=1.4)
            axes.plot(estimate.value, y, "D" if row.weak else "o", color=colour, markersize=3.5)
        axes.axvline(slices.overall.value, color="black", linewidth=0.8, linestyle=":")
        axes.set_yticks(range(len(shown)), [figures.displayable(_short(row)) for row in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.set_xlabel("accuracy")
        axes.spines[["top", "right"]].set_visible(False)
        figures.title(drawing, f"{len(weak)} weak of {len(slices.rows)} slices")
    return drawing


def _short(row: SliceResult) -> str:
    return " & ".join(row.values) if len(row.columns) > 1 else f"{row.columns[0]}={row.values[0]}"
