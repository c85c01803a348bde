"""What raises an alert in production, as a part of the page of requirements."""

from __future__ import annotations

from collections.abc import Iterator

from mlflow_evalplus.render import markdown
from mlflow_evalplus.requirements import Monitor, MonitorAlert, Requirements
from mlflow_evalplus.requirements.monitor import COUNTED, OF_MIX

COLUMNS = ("no.", "gate", "raises an alert when")
MAX_ALERTS = 100


def section(requirements: Requirements) -> Iterator[str]:
    """Yield the section of the page; nothing where the file has none."""
    monitor = requirements.monitor
    if monitor == Monitor():
        return
    yield "## What raises an alert in production"
    yield markdown.escape(" ".join(_sentences(monitor)), limit=1000)
    if monitor.alerts:
        yield markdown.table(COLUMNS, rows(requirements)[:MAX_ALERTS], numbers_from=len(COLUMNS))
    if len(monitor.alerts) > MAX_ALERTS:
        yield f"… {len(monitor.alerts) - MAX_ALERTS} more."


def rows(requirements: Requirements) -> list[tuple[str, str, str]]:
    """Return number, gate in words, and when it raises, of each gate that is asked."""
    confidence = f"{requirements.confidence:.0%}"
    return [(str(i), str(a), raises(a, confidence)) for i, a in enumerate(requirements.monitor.alerts, start=1)]


def raises(alert: MonitorAlert, confidence: str = "95%") -> str:
    """Return when a gate of the monitor raises an alert.

    Examples
    --------
    >>> raises(MonitorAlert(metric="accuracy", max_drop=0.03))
    "the 95% interval of the difference from the reference's lies wholly below -0.03"
    """
    if alert.metric in COUNTED:
        more = f"there are more than {alert.bound:g}"
        return more if alert.max is not None else "never; fewer leave the window undecided"
    if alert.metric in OF_MIX:
        return f"it is above {alert.max:g} and the χ² test tells the window's mix from the reference's"
    if alert.max_drop is not None:
        return f"the {confidence} interval of the difference from the reference's lies wholly below -{alert.max_drop:g}"
    return f"the upper bound of the {confidence} interval is below {alert.min:g}"


def _sentences(monitor: Monitor) -> Iterator[str]:
    size = f"{monitor.window:,} rows" if isinstance(monitor.window, int) else str(monitor.window)
    by = f", by the column {monitor.time}" if monitor.time else ""
    yield f"The log is looked at in windows: every {size}{by}."
    if monitor.reference:
        yield f"Where no other data are given, the first {monitor.reference} windows are the reference."
    if monitor.alpha:
        yield (
            "Watched without being asked are drops of the accuracy, shifts of the mix and new words; together they "
            f"raise a false alarm in at most {100 * monitor.alpha:g} % of the windows."
        )
    else:
        yield "Nothing is watched but what is asked here."
