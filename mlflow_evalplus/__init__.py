"""mlflow-evalplus: how good, why, at what cost, and what now, for every MLflow run of a classifier."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow_evalplus.core.custom import CustomMetric as CustomMetric
    from mlflow_evalplus.core.decision import decide as decide
    from mlflow_evalplus.core.evaluation import evaluate as evaluate
    from mlflow_evalplus.errors import EvalPlusError as EvalPlusError
    from mlflow_evalplus.tracking.reader import compare as compare
    from mlflow_evalplus.tracking.reader import load as load
    from mlflow_evalplus.tracking.registry import promote as promote
    from mlflow_evalplus.tracking.writer import log as log

# Imported when first used: `mlflow-evalplus --help` and MLflow's plugin search must stay fast.
_HOME = {
    "CustomMetric": "core.custom",
    "EvalPlusError": "errors",
    "compare": "tracking.reader",
    "decide": "core.decision",
    "evaluate": "core.evaluation",
    "load": "tracking.reader",
    "log": "tracking.writer",
    "promote": "tracking.registry",
}
__all__ = ["CustomMetric", "EvalPlusError", "compare", "decide", "evaluate", "load", "log", "promote"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
