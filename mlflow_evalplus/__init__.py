"""mlflow-evalplus: how good, why, at what cost, and what now, for every MLflow run of a classifier."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate as adjudicate
    from mlflow_evalplus.core.attribution.attribute import attribute as attribute
    from mlflow_evalplus.core.choice import choose as choose
    from mlflow_evalplus.core.collecting.collect import collect as collect
    from mlflow_evalplus.core.custom import CustomMetric as CustomMetric
    from mlflow_evalplus.core.data.checks import check_data as check_data
    from mlflow_evalplus.core.decision import decide as decide
    from mlflow_evalplus.core.difference import split_difference as split_difference
    from mlflow_evalplus.core.evaluation import evaluate as evaluate
    from mlflow_evalplus.core.labels import label_quality as label_quality
    from mlflow_evalplus.core.learning.learning_curve import learning_curve as learning_curve
    from mlflow_evalplus.core.mix_rate import mix_and_rate as mix_and_rate
    from mlflow_evalplus.core.monitoring.monitor import monitor as monitor
    from mlflow_evalplus.core.online.ab_test import ab_test as ab_test
    from mlflow_evalplus.core.online.ratings import ratings as ratings
    from mlflow_evalplus.core.questions.reading import read_questions as read_questions
    from mlflow_evalplus.core.rule_effects import rule_effects as rule_effects
    from mlflow_evalplus.core.training_data.training_data import TrainingData as TrainingData
    from mlflow_evalplus.errors import EvalPlusError as EvalPlusError
    from mlflow_evalplus.render.report import report as report
    from mlflow_evalplus.tracking.adjudication import log_adjudication as log_adjudication
    from mlflow_evalplus.tracking.evidence import log_evidence as log_evidence
    from mlflow_evalplus.tracking.learning_curve import log_learning_curve as log_learning_curve
    from mlflow_evalplus.tracking.monitoring import log_monitoring as log_monitoring
    from mlflow_evalplus.tracking.reader import compare as compare
    from mlflow_evalplus.tracking.reader import load as load
    from mlflow_evalplus.tracking.registry.promotion import history as history
    from mlflow_evalplus.tracking.registry.promotion import promote as promote
    from mlflow_evalplus.tracking.registry.promotion import rollback as rollback
    from mlflow_evalplus.tracking.selection.genai_scorers import genai_scorers as genai_scorers
    from mlflow_evalplus.tracking.selection.runs import log_selection as log_selection
    from mlflow_evalplus.tracking.selection.select import select as select
    from mlflow_evalplus.tracking.writer import log as log

# Imported when first used: `mlflow-evalplus --help` and MLflow's plugin search must stay fast.
_HOME = {
    "CustomMetric": "core.custom",
    "TrainingData": "core.training_data.training_data",
    "ab_test": "core.online.ab_test",
    "adjudicate": "core.adjudicating.adjudicate",
    "attribute": "core.attribution.attribute",
    "EvalPlusError": "errors",
    "check_data": "core.data.checks",
    "choose": "core.choice",
    "collect": "core.collecting.collect",
    "compare": "tracking.reader",
    "decide": "core.decision",
    "evaluate": "core.evaluation",
    "label_quality": "core.labels",
    "learning_curve": "core.learning.learning_curve",
    "load": "tracking.reader",
    "log": "tracking.writer",
    "log_adjudication": "tracking.adjudication",
    "log_evidence": "tracking.evidence",
    "log_learning_curve": "tracking.learning_curve",
    "log_monitoring": "tracking.monitoring",
    "mix_and_rate": "core.mix_rate",
    "monitor": "core.monitoring.monitor",
    "genai_scorers": "tracking.selection.genai_scorers",
    "log_selection": "tracking.selection.runs",
    "read_questions": "core.questions.reading",
    "select": "tracking.selection.select",
    "history": "tracking.registry.promotion",
    "promote": "tracking.registry.promotion",
    "rollback": "tracking.registry.promotion",
    "ratings": "core.online.ratings",
    "report": "render.report",
    "rule_effects": "core.rule_effects",
    "split_difference": "core.difference",
}
__all__ = [
    "CustomMetric",
    "EvalPlusError",
    "TrainingData",
    "ab_test",
    "adjudicate",
    "attribute",
    "check_data",
    "choose",
    "collect",
    "compare",
    "decide",
    "evaluate",
    "genai_scorers",
    "history",
    "label_quality",
    "learning_curve",
    "load",
    "log",
    "log_adjudication",
    "log_evidence",
    "log_learning_curve",
    "log_monitoring",
    "log_selection",
    "mix_and_rate",
    "monitor",
    "promote",
    "ratings",
    "read_questions",
    "report",
    "rollback",
    "rule_effects",
    "select",
    "split_difference",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
