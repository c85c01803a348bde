"""Weak slices that a search found, as a Markdown table."""

from __future__ import annotations

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Discovery

MAX_ROWS = 20


def page(discovery: Discovery) -> str:
    """Return the findings, those with most errors above the rest first, in a table of two columns."""
    how = (
        f"{discovery.n_searched:,} conjunctions of slices, text slices and words were searched in one half of the rows "
        "and confirmed in the other, and the other way round."
    )
    if not discovery.rows:
        return f"### Weak slices found by search\n\nNone. {how}"
    shown = [
        (f"{row.name} ({row.n:,})", f"{interval(row.accuracy)}, {100 * row.gap:+.1f} points")
        for row in discovery.rows[:MAX_ROWS]
    ]
    left = len(discovery.rows) - MAX_ROWS
    parts = [
        "### Weak slices found by search",
        f"**{len(discovery.rows)} found.** {how} Accuracy and gap are those of the rows that confirmed.",
        markdown.table(["slice (n)", "accuracy, against the rest"], shown),
        f"… {left} more in `evalplus/discovery.json`." if left > 0 else "",
    ]
    return "\n\n".join(part for part in parts if part)
