"""An MLflow saved view of a series: one link that opens the right runs, columns and charts.

MLflow does not document saved views; the state below is what its pages write and read in version 3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import zlib
from collections.abc import Sequence
from typing import Any

import mlflow
from mlflow.utils.time import get_current_time_millis

from mlflow_evalplus import names
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.series import Series

SEEN_MAJOR = "3"  # of MLflow: the format was seen there, and a test opens a view in the installed version
MAX_STATE = 20_000  # characters of a tag's value
TAG = "mlflow.sharedViewState."
# Bars, and columns of the runs' table; what no run has is left out.
HIGHER = ("quality/accuracy", "quality/f1_macro")
DELTAS = ("delta/accuracy", "delta/f1_macro")
LOWER = ("latency_ms/p95", "cost/total_per_1000", "cost/error_cost", "slices/n_weak")
COSTS = ("cost/per_1000",)  # a column only: the two decimals of a bar show nothing of it

_logger = logging.getLogger(__name__)


def write_view(series: Series) -> str | None:
    """Write a saved view of the compared runs on their experiment.

    It shows exactly these runs: a table with verdict, key figures and difference from the baseline, confusion
    matrices as a row of images, bars, and a table of differences from the baseline. The same comparison, written
    again, replaces its own view.

    Parameters
    ----------
    series : Series
        Its runs belong to one experiment.

    Returns
    -------
    str or None
        The view's path after the server's address. None, with the reason in the log at debug level, where it cannot
        be written: a view is an extra, and a comparison does not fail for it.
    """
    try:
        return _write(series)
    except Exception:
        _logger.debug("no saved view was written", exc_info=True)
        return None


def _write(series: Series) -> str | None:
    experiment, *others = {run.info.experiment_id for run in series.runs.values()}
    value = _value(series)
    if mlflow.__version__.split(".")[0] != SEEN_MAJOR or others or len(value) > MAX_STATE:
        known = (mlflow.__version__, 1 + len(others), len(value))
        _logger.debug("no saved view: MLflow %s, runs of %d experiments, %d characters", *known)
        return None
    key = hashlib.sha256("\n".join(_ids(series)).encode()).hexdigest()[:32]
    store.client().set_experiment_tag(experiment, TAG + key, value)
    mode = "workflowType=machine_learning"
    return f"/#/experiments/{experiment}/runs?{mode}&viewStateShareKey={key}&compareRunsMode=CHART"


def _value(series: Series) -> str:
    now = get_current_time_millis()
    state = json.dumps(_state(series), separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(state.encode(), 9)).decode()
    view = {"name": "evalplus comparison", "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"}
    return json.dumps(view)


def _ids(series: Series) -> list[str]:
    """Return the runs' ids, the baseline's first."""
    baseline = series.runs[series.baseline].info.run_id
    return [baseline, *sorted({run.info.run_id for run in series.runs.values()} - {baseline})]


def _state(series: Series) -> dict[str, Any]:
    logged = {key for run in series.runs.values() for key in run.data.metrics}
    logged |= set(DELTAS) if series.comparisons else set()
    sections, charts = _charts(series, logged)
    columns = _columns(logged)
    ids = ", ".join(f"'{run_id}'" for run_id in _ids(series))
    return {
        "searchFilter": f"attributes.run_id IN ({ids})",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(columns),
        "columnOrder": ["attributes.`Run Name`", *columns],
        "columnWidths": {"attributes.`Run Name`": 200, **columns},
        "runsHiddenMode": "FIRST_10_RUNS" if len(series.runs) <= 10 else "FIRST_20_RUNS",
        "viewMaximized": False,
        "runListHidden": True,
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "compareRunSections": sections,
        "compareRunCharts": charts,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _columns(logged: set[str]) -> dict[str, int]:
    """Return the columns of the runs' table with their widths: verdict, figures, difference from the baseline."""
    metrics = {f"metrics.`{key}`": 125 for key in (*HIGHER, *LOWER, *COSTS) if key in logged}
    return {f"tags.`{names.TAG_VERDICT}`": 130, **metrics, f"tags.`{names.TAG_BASELINE}`": 360}


def _charts(series: Series, logged: set[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return our sections, unfolded, then those that MLflow makes of the metrics' prefixes, folded; and our charts."""
    image = {"type": "IMAGE", "imageKeys": [names.CONFUSION_IMAGE], "step": 0, "showRunParams": False}
    rows = 1 if len(series.runs) <= 4 else 2
    table = {
        "type": "DIFFERENCE", "chartName": "each run beside the baseline",
        "compareGroups": ["Model metrics", "Parameters"],
        "showChangeFromBaseline": True, "showDifferencesOnly": True,
        "baselineColumnUuid": series.runs[series.baseline].info.run_id,
    }  # fmt: skip
    ours: dict[str, tuple[int, int, list[dict[str, Any]]]] = {
        "Confusion matrices: a darker diagonal is better": (1, 130 + 370 * rows, [image]),
        "Quality: higher is better": (4, 280, _bars((*HIGHER, *DELTAS), logged)),
        "Latency, cost, weak slices: lower is better": (4, 280, _bars(LOWER, logged)),
        f"Difference from the baseline, {series.baseline[:60]}: of latency and cost, red is better": (1, 520, [table]),
    }
    sections, charts = [], []
    for number, (name, (columns, height, own)) in enumerate(ours.items(), start=1):
        uuid = f"evalplus-{number}"
        sections.append({**_section(uuid, name), "columns": columns, "cardHeight": height})
        charts += [_chart(f"{uuid}-{place}", uuid, chart) for place, chart in enumerate(own)]
    prefixes = sorted({key.rpartition("/")[0] or "Model metrics" for key in logged})
    return [*sections, *(_section(f"evalplus-of-{name}", name, display=False) for name in prefixes)], charts


def _bars(keys: Sequence[str], logged: set[str]) -> list[dict[str, Any]]:
    return [{"type": "BAR", "metricKey": key} for key in keys if key in logged]


def _section(uuid: str, name: str, *, display: bool = True) -> dict[str, Any]:
    return {"uuid": uuid, "name": name, "display": display, "isReordered": True, "deleted": False, "isGenerated": False}


def _chart(uuid: str, section: str, chart: dict[str, Any]) -> dict[str, Any]:
    common = {
        "uuid": uuid,
        "metricSectionId": section,
        "runsCountToCompare": 20,
        "deleted": False,
        "isGenerated": False,
    }
    return {**common, **chart}
