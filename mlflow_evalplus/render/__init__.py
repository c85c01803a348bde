"""Text and pictures only: one file per noun of `core`. Knows no MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow_evalplus.render import (
    abstention,
    calibration,
    confusion,
    cost_latency,
    learning_curve,
    monitoring_figure,
    selection_figure,
    slices,
)
from mlflow_evalplus.results import (
    Abstention,
    Calibration,
    CandidateResult,
    Confusion,
    Drawable,
    Latency,
    LearningCurve,
    Monitoring,
    Selection,
    Slices,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(result: Drawable) -> Figure:
    """Return the picture of a result that has one."""
    if isinstance(result, Confusion):
        return confusion.figure(result)
    if isinstance(result, Slices):
        return slices.figure(result)
    if isinstance(result, Latency):
        return cost_latency.figure(result)
    if isinstance(result, LearningCurve):
        return learning_curve.figure(result)
    if isinstance(result, Calibration):
        return calibration.figure(result)
    if isinstance(result, Monitoring):
        return monitoring_figure.figure(result)
    if isinstance(result, Abstention):
        return abstention.figure(result)
    if isinstance(result, Selection):
        return selection_figure.leaderboard(result)
    if isinstance(result, CandidateResult):
        return selection_figure.candidate(result)
    raise TypeError(f"{type(result).__name__} has no picture")
