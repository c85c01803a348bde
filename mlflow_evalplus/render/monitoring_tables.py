"""A monitored log as tables for MLflow's artifact view: first column the window, second a readable summary."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import nan
from typing import TYPE_CHECKING, Any

from mlflow_evalplus import names
from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Difference, Estimate, Monitoring, Window, bounds_columns, number
from mlflow_evalplus.results.estimate import p_value

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = Estimate(nan, nan, nan, 0)


def windows(found: Monitoring) -> pd.DataFrame:
    """Return the reference and one row per window, with the columns ``names.MONITOR_COLUMNS``.

    A drop is what was lost: the reference's accuracy less the window's, so a positive one is worse.
    """
    rows = [_row(found.reference, "reference"), *(_row(window, window.outcome.value) for window in found.windows)]
    return _frame(rows, names.MONITOR_COLUMNS)


def shifts(found: Monitoring) -> pd.DataFrame:
    """Return one row per window and column, with the columns ``names.MONITOR_SHIFT_COLUMNS``."""
    rows = [
        {"window": window.name,
         "summary": f"PSI {number(shift.psi)}, q {p_value(shift.q_value)}; {words.changed(shift)}",
         **{name: getattr(shift, name) for name in names.MONITOR_SHIFT_COLUMNS[2:]}}
        for window in found.windows
        for shift in window.shifts
    ]  # fmt: skip
    return _frame(rows, names.MONITOR_SHIFT_COLUMNS)


def terms(found: Monitoring) -> pd.DataFrame:
    """Return one row per window and new term, with the columns ``names.MONITOR_TERM_COLUMNS``."""
    own = [name for name in names.MONITOR_TERM_COLUMNS[2:] if not name.startswith("accuracy")]
    rows = [
        {"window": window.name,
         "summary": f"{words.share(term.share_reference)} → {words.share(term.share)} of the texts",
         **{name: getattr(term, name) for name in own}, **bounds_columns({"accuracy": term.accuracy or UNKNOWN})}
        for window in found.windows
        for term in window.terms
    ]  # fmt: skip
    return _frame(rows, names.MONITOR_TERM_COLUMNS)


def plain(found: Monitoring) -> dict[str, Any]:
    """Return the whole as dicts, lists and numbers, each window with its outcome."""
    content = asdict(replace(found, texts=None))
    content.pop("texts")
    for window, given in zip(found.windows, content["windows"], strict=True):
        given["outcome"] = window.outcome.value
    return content


def _frame(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))


def _row(window: Window, outcome: str) -> dict[str, Any]:
    shift, split = words.largest_shift(window), window.mix_rate
    accuracy = window.metrics.get("accuracy") or UNKNOWN
    best = accuracy if accuracy.defined else window.estimated or UNKNOWN
    return {
        "window": window.name, "summary": f"{interval(best)} n={window.n}", "outcome": outcome, "start": window.start,
        "end": window.end, "n": window.n, "n_labelled": window.n_labelled,
        **bounds_columns({"accuracy": accuracy, "estimated_accuracy": window.estimated or UNKNOWN}),
        **lost("drop", window.drop), "drop_p_value": window.drop.p_value if window.drop else nan,
        **lost("estimated_drop", window.estimated_drop), "split_by": split.column if split else "",
        "mix_effect": split.mix.value if split else nan, "rate_effect": split.rate.value if split else nan,
        "largest_psi": shift.psi if shift else nan, "largest_psi_column": shift.column if shift else "",
        "new_terms": len(window.terms), "alerts": len(words.raised(window)),
    }  # fmt: skip


def lost(name: str, change: Difference | None) -> dict[str, float]:
    """Return a change of accuracy as a drop with its bounds: a positive one is worse.

    Examples
    --------
    >>> lost("drop", Difference(-0.05, -0.08, -0.02, 0.001, 1000))
    {'drop': 0.05, 'drop_lower': 0.02, 'drop_upper': 0.08}
    """
    if change is None:
        return {name: nan, f"{name}_lower": nan, f"{name}_upper": nan}
    return {name: 0.0 - change.value, f"{name}_lower": 0.0 - change.upper, f"{name}_upper": 0.0 - change.lower}
