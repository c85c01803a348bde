"""The confusion matrix as a Markdown table and as a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results import Confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LABELS = 20


def page(confusion: Confusion) -> str:
    """Return counts, shares of the label, and the most frequent errors; narrow enough to stand side by side.

    Of more than 20 labels the first 20 are shown; predictions that are none of the labels stay a column.
    """
    places = columns(confusion)
    headers = ["label ↓ taken for →", *(markdown.escape(confusion.predictions[j]) for j in places)]
    rows = list(zip(confusion.labels, confusion.counts, confusion.shares("label"), strict=True))[:MAX_LABELS]
    counts = [[label, *(f"{counts[j]:,.0f}" for j in places)] for label, counts, _ in rows]
    shares = [[label, *(_percent(shares[j]) for j in places)] for label, _, shares in rows]
    left = max(len(confusion.labels) - MAX_LABELS, 0)
    parts = [
        "### Confusion matrix",
        markdown.table(headers, counts),
        "Shares of the label's examples:",
        markdown.table(headers, shares),
        _left_out(left),
        _largest_errors(confusion),
    ]
    return "\n\n".join(part for part in parts if part)


def _left_out(n: int) -> str:
    if not n:
        return ""
    s = "s" if n > 1 else ""
    verb = "are" if n > 1 else "is"
    return f"{n} more label{s} {verb} in `{names.CONFUSION_TABLE}`; {n} row{s} and {n} column{s} are not shown."


def columns(confusion: Confusion) -> list[int]:
    """Return the places of the columns that are shown: the first 20 labels, and ``(other)`` wherever there is one.

    Examples
    --------
    >>> columns(Confusion(("a", "b"), ("a", "b", "(other)"), ((2, 0, 1), (0, 3, 0))))
    [0, 1, 2]
    """
    known = len(confusion.labels)
    return [*range(min(known, MAX_LABELS)), *range(known, len(confusion.predictions))]


def largest_errors(confusion: Confusion, limit: int | None = 5) -> list[tuple[str, str, float]]:
    """Return (label, prediction, examples) of the most frequent errors; of all with ``limit=None``."""
    cells = [
        (label, prediction, confusion.counts[i][j])
        for i, label in enumerate(confusion.labels)
        for j, prediction in enumerate(confusion.predictions)
        if i != j and confusion.counts[i][j]
    ]
    return sorted(cells, key=lambda cell: -cell[2])[:limit]


def _largest_errors(confusion: Confusion) -> str:
    errors = confusion.n - sum(confusion.counts[i][i] for i in range(len(confusion.labels)))
    if not errors:
        return "No errors."
    rows = [(f"{a} → {b}", f"{n:,.0f} ({_percent(n / errors)})") for a, b, n in largest_errors(confusion)]
    return "### Most frequent errors\n\n" + markdown.table(["label → prediction", "examples (of all errors)"], rows)


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.0%}"


def figure(confusion: Confusion) -> Figure:
    """Draw the matrix: colour is the share of the label's examples, on a scale fixed at 0 … 1.

    Of more than 20 labels the first 20 are drawn, with the column of other predictions; the table holds all.
    """
    from mlflow_evalplus.render import figures

    labels, places = confusion.labels[:MAX_LABELS], columns(confusion)
    predictions = [confusion.predictions[j] for j in places]
    shares = [[row[j] for j in places] for row in confusion.shares("label")[: len(labels)]]
    with figures.canvas(height=1.0 + min(0.62 * len(labels), 4.5)) as drawing:
        axes = drawing.add_subplot()
        axes.imshow([[0.0 if math.isnan(s) else s for s in row] for row in shares],
                    cmap="Blues", vmin=0, vmax=1, aspect="auto")  # fmt: skip
        shown = [figures.displayable(name, 14) for name in predictions]
        axes.set_xticks(range(len(predictions)), shown)
        axes.set_yticks(range(len(labels)), [figures.displayable(name, 14) for name in labels])
        if len(predictions) > 4 or sum(map(figures.width, shown)) > 28:
            axes.tick_params(axis="x", labelrotation=60)
        of = f" (first {len(labels)} of {len(confusion.labels)})" if len(labels) < len(confusion.labels) else ""
        axes.set_xlabel(f"prediction{of}")
        axes.set_ylabel(f"label{of}")
        axes.tick_params(length=0)
        if len(labels) <= 8:
            _write_cells(axes, confusion, shares)
        figures.title(drawing, _title(confusion))
    return drawing


def _title(confusion: Confusion) -> str:
    right = sum(confusion.counts[i][i] for i in range(len(confusion.labels)))
    return f"{right:,.0f} of {confusion.n:,.0f} right ({right / confusion.n:.1%})" if confusion.n else "no examples"


def _write_cells(axes: Axes, confusion: Confusion, shares: list[list[float]]) -> None:
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            axes.text(
                j, i, f"{confusion.counts[i][j]:,.0f}\n{_percent(share)}", ha="center", va="center",
                color="white" if share > 0.55 else "black",
                fontweight="bold" if i == j else "normal",
            )  # fmt: skip
