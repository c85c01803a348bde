"""What to do next, as a Markdown table."""

from __future__ import annotations

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results.causes import Actions

MAX_ROWS = 5
MAX_TEXT = 240


def table(actions: Actions) -> str:
    """Return the five actions with the largest expected gain; two columns, so that runs stand side by side."""
    if not actions.rows:
        return ""
    rows = [(f"{place}. {row.text}", row.summary) for place, row in enumerate(actions.rows[:MAX_ROWS], 1)]
    left = len(actions.rows) - MAX_ROWS
    more = f"\n\n… {left} more in `{names.ACTIONS_TABLE}`." if left > 0 else ""
    return markdown.table(["what to do next", "expected gain"], rows, limit=MAX_TEXT) + more
