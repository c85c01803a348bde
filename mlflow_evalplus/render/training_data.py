"""Versions of the training data in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render.html import visible
from mlflow_evalplus.results.training_data import Version

MAX_SOURCE = 40
MAX_NOTE = 60
HEADERS = ("version", "at", "to train on", "held out", "added", "retired", "refused", "source", "note", "digest")


def terminal(versions: Sequence[Version]) -> RenderableType:
    """Return one row per version, the oldest first."""
    table = Table(*HEADERS, box=box.SIMPLE_HEAD)
    for column in table.columns[2:7]:
        column.justify = "right"
    for one in versions:
        counts = (one.n_rows, one.n_held_out, one.n_added, one.n_retired, one.n_refused)
        table.add_row(
            str(one.number), one.at[:16].replace("T", " "), *(f"{n:,}" for n in counts),
            Text(visible(one.source, MAX_SOURCE)), Text(visible(one.note, MAX_NOTE)), one.digest[:12],
        )  # fmt: skip
    return table
