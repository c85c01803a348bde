"""A monitored log, logged on a run: a step for each window, pages, picture, tables."""

from __future__ import annotations

import json
import math
import os

import mlflow
from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import monitoring as pages
from mlflow_evalplus.render import monitoring_report, monitoring_tables
from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.results import Monitoring, Window, bounds_columns
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.items import Figure, File, Page, Table, headed
from mlflow_evalplus.tracking.record import strict
from mlflow_evalplus.tracking.writer import NOTE, TABLES, log_batch, log_files, log_steps, tables_of

SECTION = "monitor"


def log_monitoring(found: Monitoring, run_id: str | None = None) -> str:
    """Log a monitored log into an MLflow run.

    Every window is a step, the first is 1: MLflow draws ``monitor/accuracy`` and the others over time. Drops are
    logged as what was lost, so a positive one is worse. Log into a fresh run each time: steps that are there stay.

    Parameters
    ----------
    found : Monitoring
    run_id : str, optional
        The active run by default; one is started where none is active.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses; the run is an evaluation, a comparison or another of our kinds.
    """
    with store.reaching():
        client = store.client()
        run = client.get_run(run_id or (mlflow.active_run() or mlflow.start_run()).info.run_id)
        if run.data.tags.get(names.TAG_KIND, names.KIND_MONITOR) != names.KIND_MONITOR:
            kind = run.data.tags[names.TAG_KIND]
            raise TrackingError(f"run {run.info.run_id} is of kind {kind!r}; log the monitor into a run of its own")
        files = _files(found, run.info.run_name or "")
        log_files(client, run.info.run_id, files)
        log_steps(client, run.info.run_id, dict(enumerate(map(metrics, found.windows), start=1)))
        tags = {
            names.TAG_KIND: names.KIND_MONITOR,
            names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION),
            names.TAG_VERDICT: found.last.outcome.value,
            NOTE: pages.description(found),
            TABLES: tables_of(run, files),
        }
        log_batch(client, run.info.run_id, tags=tags)
    return str(run.info.run_id)


def log_as_run(found: Monitoring, *, run_name: str | None = None, experiment: str | None = None) -> Run:
    """Log a monitored log as a run of its own, named after its newest window unless a name is given.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    with store.reaching():
        client = store.client()
        if experiment and "MLFLOW_RUN_ID" not in os.environ:
            mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name=run_name or f"monitor {words.cut(found.last.name)}") as run:
            log_monitoring(found, run.info.run_id)
        return client.get_run(run.info.run_id)


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
