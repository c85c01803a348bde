"""The history of a registered model in a terminal and on its page, and its texts as one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render import markdown, unseen

MAX_CELL = 300
MAX_ROWS = 20
MAX_LENGTH = 5000  # of a description, in every database that MLflow knows
MARK = "Who was champion, and why. mlflow-evalplus rewrites this page while this line opens it."
HEADERS = ("when (UTC)", "who", "what", "version", "replaced", "verdict", "why")
WHAT = {"promote": "promoted to {alias}", "rollback": "rolled back", "outside": "changed by other means"}
_HIDDEN = dict.fromkeys((*unseen.CONTROLS, *unseen.FORMATS, *unseen.SURROGATES), " ")


def table(rows: Iterable[Mapping[Any, Any]]) -> Table:
    """Return one line per change; `rows` have the columns ``names.HISTORY_COLUMNS``."""
    grid = Table(*HEADERS, box=box.SIMPLE_HEAD)
    for cells in map(_cells, rows):
        grid.add_row(*(Text(plain(cell, MAX_CELL)) for cell in cells))
    return grid


def page(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Return the newest changes first, as Markdown of at most 5,000 characters: at most 20 rows, the rest counted.

    Examples
    --------
    >>> print(page([]).splitlines()[-1])
    |:---|:---|:---|:---|:---|:---|:---|
    """
    cells = [_cells(row) for row in reversed(rows)]
    for shown in range(min(len(cells), MAX_ROWS), -1, -1):
        older = len(cells) - shown
        rest = f"\n\n… {older} older: mlflow-evalplus history" if older else ""
        text = f"{MARK}\n\n{markdown.table(HEADERS, cells[:shown], numbers_from=len(HEADERS))}{rest}"
        if len(text) <= MAX_LENGTH:
            break
    return text


def _cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    what = WHAT.get(row["kind"], row["kind"]).replace("{alias}", row["alias"])
    what += "" if row["in_effect"] else ", not in effect"
    verdict = row["verdict"] + (" (forced)" if row["forced"] else "")
    return _when(row), row["by"], what, row["version"] or "none", row["replaced"], verdict, row["why"]


def _when(row: Mapping[Any, Any]) -> str:
    """Return the time; a change by other means is only known to be older than what came after it."""
    at = row["at"]
    if at is None or at != at:  # what pandas has for no time equals nothing
        return ""
    return f"{'before ' if row['kind'] == 'outside' else ''}{at:%Y-%m-%d %H:%M:%S}"


def plain(text: str, limit: int) -> str:
    r"""Return one line of at most `limit` characters, without characters that a reader does not see.

    Examples
    --------
    >>> plain("fewest missed\ncomplaints", 20)
    'fewest missed compl…'
    """
    line = text.translate(_HIDDEN).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
