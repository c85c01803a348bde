"""A learning curve, logged on a run: page, picture, table, and a metric that MLflow draws by training rows."""

from __future__ import annotations

import math

from mlflow_evalplus import names
from mlflow_evalplus.render import learning_curve as pages
from mlflow_evalplus.results import Estimate, LearningCurve
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import destination
from mlflow_evalplus.tracking.items import Figure, Page, Table, headed
from mlflow_evalplus.tracking.writer import send

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
    run = destination(run_id)
    files = [
        headed(Page(names.LEARNING_CURVE_PAGE, pages.page(curve)), run.name),
        headed(Figure(names.LEARNING_CURVE_FIGURE, curve.figure()), run.name),
        Table(names.LEARNING_CURVE_TABLE, curve.frame()),
    ]
    bought = [more.gain for more in curve.more if more.rows == NEXT]
    send(run, Delivery(
        files, metrics=_bounds("gain_next_1000", bought[0]) if bought else {},
        steps={point.n_train: _bounds("accuracy", point.accuracy) for point in curve.points},
    ))  # fmt: skip


def _bounds(name: str, estimate: Estimate) -> dict[str, float]:
    values = {"": estimate.value, "_lower": estimate.lower, "_upper": estimate.upper}
    return {f"{SECTION}/{name}{end}": value for end, value in values.items() if math.isfinite(value)}
