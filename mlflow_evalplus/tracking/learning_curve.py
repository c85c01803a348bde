"""A learning curve, logged on a run: page, picture, table, and a metric that MLflow draws by training rows."""

from __future__ import annotations

import math

import mlflow

from mlflow_evalplus import names
from mlflow_evalplus.render import learning_curve as pages
from mlflow_evalplus.results import Estimate, LearningCurve
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.items import Figure, File, Page, Table, headed
from mlflow_evalplus.tracking.writer import TABLES, log_batch, log_files, tables_of

NEXT = 1000
SECTION = "learning_curve"


def log_learning_curve(curve: LearningCurve, run_id: str | None = None) -> None:
    """Log a learning curve into an MLflow run.

    Parameters
    ----------
    curve : LearningCurve
        ``learning_curve/accuracy`` gets a step for each size, the number of its training rows; what the next 1,000
        labels would buy becomes ``learning_curve/gain_next_1000``, where the curve was asked for so many.
    run_id : str, optional
        The active run by default; one is started where none is active.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    with store.reaching():
        client = store.client()
        run = client.get_run(run_id or (mlflow.active_run() or mlflow.start_run()).info.run_id)
        files: list[File] = [
            headed(Page(names.LEARNING_CURVE_PAGE, pages.page(curve)), run.info.run_name or ""),
            headed(Figure(names.LEARNING_CURVE_FIGURE, curve.figure()), run.info.run_name or ""),
            Table(names.LEARNING_CURVE_TABLE, curve.frame()),
        ]
        log_files(client, run.info.run_id, files)
        for point in curve.points:
            log_batch(client, run.info.run_id, _bounds("accuracy", point.accuracy), step=point.n_train)
        bought = [more.gain for more in curve.more if more.rows == NEXT]
        gains = _bounds("gain_next_1000", bought[0]) if bought else {}
        log_batch(client, run.info.run_id, gains, tags={TABLES: tables_of(run, files)})


def _bounds(name: str, estimate: Estimate) -> dict[str, float]:
    values = {"": estimate.value, "_lower": estimate.lower, "_upper": estimate.upper}
    return {f"{SECTION}/{name}{end}": value for end, value in values.items() if math.isfinite(value)}
