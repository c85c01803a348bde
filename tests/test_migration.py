"""What the page on migration says of the names: seen by running both evaluators on the same data."""

from __future__ import annotations

import math
import re
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import EvaluationResult, MetricThreshold
from mlflow.models.evaluation.validation import ModelValidationFailedException
from sklearn.linear_model import LogisticRegression

PAGE = (Path(__file__).parents[1] / "docs" / "migration.md").read_text(encoding="utf-8")
OURS = re.compile(r"`((?:quality/|evalplus/|evalplus_)[\w./]+|\w+_by_class)(?:/<label>)?`")


@pytest.mark.slow
def test_every_name_of_the_default_evaluator_is_in_the_table_and_each_of_ours_is_logged(store: str) -> None:
    """On two classes and on three, by a model that returns probabilities."""
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["age", "spend"])
    noise = np.random.default_rng(1).normal(size=300)
    theirs, ours = set(), set()
    for label in ((rows.age + noise > 0).astype(int), (rows.age > 0.5).astype(int) + (rows.age + noise > -0.5)):
        theirs |= logged(rows, label, "default", {"log_explainer": False, "log_model_explainability": False})
        ours |= logged(rows, label, "evalplus", {"latency_requests": 0, "footprint": False})
    assert {"true_negatives", "roc_auc", "per_class_metrics.csv", "lift_curve_plot.png"} <= theirs
    assert [name for name in sorted(theirs) if f"`{name}`" not in PAGE] == []
    known = ours | {name.partition("/")[0] for name in ours}
    assert len(OURS.findall(PAGE)) >= 10
    assert [name for name in OURS.findall(PAGE) if name not in known] == []


@pytest.mark.slow
def test_mlflow_validates_nan_as_the_page_says() -> None:
    def passes(metric: float, baseline: float | None = None, **asked: float) -> bool:
        made = [None if value is None else EvaluationResult({"f1": value}, {}) for value in (metric, baseline)]
        threshold = MetricThreshold(greater_is_better=True, **asked)
        try:
            mlflow.validate_evaluation_results({"f1": threshold}, *made)
        except ModelValidationFailedException:
            return False
        return True

    assert passes(0.875, threshold=0.85)
    assert not passes(math.nan, threshold=0.85)
    assert passes(math.nan, 0.8, min_relative_change=0.01)
    assert not passes(0.805, 0.8, min_absolute_change=0.01), "it asks for more, not for no less"
    assert "a metric that is nan passes `min_relative_change`" in PAGE


def logged(rows: pd.DataFrame, label: pd.Series, evaluator: str, config: dict[str, object]) -> set[str]:
    """Return the metrics and the files that an evaluator leaves."""
    names = label.map({0: "low", 1: "middle", 2: "high"}) if evaluator == "evalplus" else label
    model = LogisticRegression().fit(rows, names)
    with mlflow.start_run() as run:
        uri = mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"]).model_uri
        result = mlflow.models.evaluate(
            uri, data=rows.assign(label=names), targets="label", model_type="classifier",
            evaluators=[evaluator], evaluator_config={evaluator: config},
        )  # fmt: skip
    client = mlflow.MlflowClient()
    files = {file.path for folder in ("", "evalplus") for file in client.list_artifacts(run.info.run_id, folder)}
    return {*result.metrics, *files} - {"evalplus", "images"}
