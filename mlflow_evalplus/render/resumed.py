"""What is in the spool, in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

HEADERS = ("when (UTC)", "id", "what", "run", "size", "state", "why")
MAX_WHY = 300


def table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return a line for each parcel."""
    grid = Table(*HEADERS, box=box.SIMPLE_HEAD)
    for row in rows:
        when = datetime.fromtimestamp(row["created"] / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M")
        size = f"{row['n_bytes'] / 1e6:.2f} MB"
        cells = (
            when if row["created"] else "", row["id"], row["kind"], row["run_id"] or "to be made", size, row["state"],
            row["detail"][:MAX_WHY] or _aim(row),
        )  # fmt: skip
        grid.add_row(*map(Text, cells))
    return grid


def _aim(row: Mapping[str, Any]) -> str:
    return "the run is still to be ended" if (row["kind"], row["state"]) == ("run", "waiting") else ""


def sentence(rows: list[dict[str, Any]], left: int) -> str:
    """Return what there is to say in the end.

    Examples
    --------
    >>> sentence([], 0)
    'Nothing is kept.'
    """
    if not rows:
        return "Nothing is kept."
    counted = {state: sum(row["state"] == state for row in rows) for state in dict.fromkeys(r["state"] for r in rows)}
    words = ", ".join(f"{n} {state}" for state, n in counted.items())
    drop = "To drop one for good: mlflow-evalplus resume --discard ID"
    return f"{words}; {left} left. {drop}" if left else f"{words}; nothing is left."
