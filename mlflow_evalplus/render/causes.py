"""The causes of the errors as a Markdown table."""

from __future__ import annotations

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.causes import Causes


def page_part(causes: Causes) -> str:
    """Return each cause with its errors and the accuracy without it, in two columns; largest first."""
    if not causes.rows:
        return ""
    ranked = sorted(causes.rows, key=lambda cause: -cause.share_of_errors)
    rows = [
        (f"{cause.title} ({cause.errors:,}, {cause.share_of_errors:.0%})", _fixed(cause.accuracy_if_fixed))
        for cause in ranked
    ]
    first = ranked[0]
    return "\n\n".join([
        "#### Causes",
        f"Most errors ({first.share_of_errors:.0%}): **{first.title}**. To do: {first.action}.",
        markdown.table(["cause (errors)", "accuracy if fixed"], rows),
        "Each error has one cause. The fixes overlap, so what they buy does not add up.",
    ])  # fmt: skip


def _fixed(accuracy: Estimate) -> str:
    return interval(accuracy) if accuracy.defined else "–"
