"""A monitored log, logged on a run: a step for each window, pages, picture, tables."""

from __future__ import annotations

import json
import math

from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.core.privacy.flywheel import stored_monitoring
from mlflow_evalplus.render import monitoring as pages
from mlflow_evalplus.render import monitoring_report, monitoring_tables
from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results import Monitoring, Window, bounds_columns
from mlflow_evalplus.tracking import store, writer
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import destination
from mlflow_evalplus.tracking.items import Figure, File, Page, Table, headed
from mlflow_evalplus.tracking.record import strict
from mlflow_evalplus.tracking.writer import NOTE, send

SECTION = "monitor"


def log_monitoring(found: Monitoring, run_id: str | None = None, *, store_text: StoreText = "full") -> str:
    """Log a monitored log into an MLflow run.

    Every window is a step, the first is 1: MLflow draws ``monitor/accuracy`` and the others over time. Drops are
    logged as what was lost, so a positive one is worse. Log into a fresh run each time: steps that are there stay.

    Parameters
    ----------
    found : Monitoring
    run_id : str, optional
        The active run by default; one is started where none is active.
    store_text : str
        What is stored of the texts: ``full``, ``masked``, ``hash`` or ``none``.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses; the run is an evaluation, a comparison or another of our kinds.
    """
    run, found = destination(run_id), stored_monitoring(found, store_text)
    run.refuse_others(names.KIND_MONITOR)
    tags = {
        names.TAG_KIND: names.KIND_MONITOR,
        names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION),
        names.TAG_VERDICT: found.last.outcome.value,
        NOTE: pages.description(found),
    }
    steps = dict(enumerate(map(metrics, found.windows), start=1))
    send(run, Delivery(_files(found, run.name), steps=steps, tags=tags))
    return run.run_id


def log_as_run(found: Monitoring, *, run_name: str | None = None, experiment: str | None = None) -> Run:
    """Log a monitored log as a run of its own, named after its newest window unless a name is given.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    with writer.run(run_name or f"monitor {words.cut(found.last.name)}", experiment=experiment) as run:
        log_monitoring(found, run.run_id)
    with store.reaching():
        return store.client().get_run(run.run_id)


def _files(found: Monitoring, run_name: str) -> list[File]:
    tables = [
        Table(names.MONITOR_TABLE, monitoring_tables.windows(found)),
        Table(names.MONITOR_SHIFTS_TABLE, monitoring_tables.shifts(found)),
        Table(names.MONITOR_TERMS_TABLE, monitoring_tables.terms(found)),
    ]
    return [
        headed(Page(names.MONITOR_PAGE, pages.page(found)), run_name),
        headed(Figure(names.MONITOR_FIGURE, found.figure()), run_name),
        Page(names.MONITOR_REPORT, monitoring_report.page(found, run_name)),
        Page(names.MONITORING, dump(found)),
        *(table for table in tables if not table.frame.empty),
    ]


def dump(found: Monitoring) -> str:
    """Return the whole as strict JSON; a number that is not finite becomes the string ``"NaN"`` or the like."""
    content = {"schema_version": names.SCHEMA_VERSION, **monitoring_tables.plain(found)}
    return json.dumps(strict(content), ensure_ascii=False, separators=(",", ":"))


def metrics(window: Window) -> dict[str, float]:
    """Return the metrics of one window, finite ones only, at most 200; those of columns and classes come last."""
    values: dict[str, float] = {"n_rows": window.n, "n_labelled": window.n_labelled}
    for name, estimate in window.metrics.items():
        if "[" not in name:
            values |= bounds_columns({name: estimate})
    if window.estimated:
        values |= bounds_columns({"estimated_accuracy": window.estimated})
    values |= monitoring_tables.lost("drop", window.drop)
    values |= monitoring_tables.lost("estimated_drop", window.estimated_drop)
    if window.mix_rate:
        values |= {"mix_effect": window.mix_rate.mix.value, "rate_effect": window.mix_rate.rate.value}
    values |= {"new_terms": len(window.terms), "alerts": len(words.raised(window))}
    whole = {f"{SECTION}/{name}": value for name, value in values.items()} | _by_value(window)
    known = [(key, float(value)) for key, value in whole.items() if math.isfinite(value)]
    return dict(known[: names.MAX_METRICS])


def _by_value(window: Window) -> dict[str, float]:
    """Return the shift of each column and the metrics of each class; of names that MLflow writes alike the first."""
    values: dict[str, float] = {}
    for shift in window.shifts[: names.MAX_METRIC_VALUES_PER_COLUMN]:
        values.setdefault(names.metric_value_key(f"{SECTION}/psi", shift.column), shift.psi)
    for name, estimate in window.metrics.items():
        metric, of_class, label = name.partition("[")
        if of_class:
            key = names.metric_value_key(f"{SECTION}/{metric}_by_class", label.removesuffix("]"))
            values.setdefault(key, estimate.value)
    return values
