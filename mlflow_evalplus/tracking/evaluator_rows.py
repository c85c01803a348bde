"""What MLflow hands to an evaluator, an ``EvaluationDataset``: its rows, and which column is what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlflow_evalplus.core.applied_rules import base_columns
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.core.privacy.answers import only_labels
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.tracking.scoring import Answers

SPARK_LIMIT = 10_000  # rows to which mlflow.models.evaluate cuts a Spark data frame


def rows_of(dataset: Any, config: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all columns at hand, and those among which the model finds its inputs."""
    features = dataset.features_data
    if not isinstance(features, pd.DataFrame):
        features = pd.DataFrame(np.asarray(features), columns=list(dataset.feature_names))
    features = features.reset_index(drop=True)
    extra = config.get("extra_columns")
    if extra is None:
        return features.copy(deep=False), features
    if len(extra) != len(features):
        raise DataError(f"extra_columns has {len(extra)} rows, the data {len(features)}")
    fresh = [column for column in extra.columns if column not in features.columns]
    return pd.concat([features, extra[fresh].reset_index(drop=True)], axis=1), features


def notes_of(dataset: Any) -> tuple[str, ...]:
    """Return what is to be said of the data set."""
    if getattr(dataset, "_spark_df_type", None) is not None and len(dataset.labels_data) == SPARK_LIMIT:
        return (
            f"MLflow may have cut a Spark data frame to its first {SPARK_LIMIT:,} rows; "
            "mlflow_evalplus.evaluate reads all of them.",
        )
    return ()


def named_rows(
    dataset: Any, config: dict[str, Any], wanted: Requirements
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return all columns at hand, the model's, and which of them is what."""
    rows, features = rows_of(dataset, config)
    label = dataset.targets_name or "targets"
    rows[label] = dataset.labels_data
    named: dict[str, Any] = {
        "label": label, "labels": wanted.task.labels, "slices": wanted.slices, "cluster": wanted.cluster,
        "text": config.get("text") or (wanted.task.text_column if wanted.task.text_column in rows else None),
        "weight": config.get("weight"), "example_id": config.get("example_id"),
        "annotators": config.get("annotators") or (),
    }  # fmt: skip
    return rows, features, named


def answered(
    rows: pd.DataFrame, config: dict[str, Any], wanted: Requirements, named: dict[str, Any], answers: Answers | None
) -> Predictions:
    """Return the rows with the answers of a model; without one those that are in the data."""
    scores = dict(config.get("scores") or {})
    scored = [*wanted.task.labels, *scores]
    if answers:
        scores, scored = _with_answers(rows, answers, wanted.task.labels), [*scored, *answers.scores]
    base = base_columns(
        rows, "__base" if answers else "base", named["label"], "__prediction",
        known=scored if config.get("applied_rules") is None else None,
    )  # fmt: skip
    return only_labels(read(rows, prediction="__prediction", scores=scores, base_scores=base, **named), wanted)


def _with_answers(rows: pd.DataFrame, answers: Answers, labels: tuple[str, ...]) -> dict[str, str]:
    """Add a model's answers to the rows; return label → column of its scores."""
    rows["__prediction"] = answers.predictions
    for kind, given in (("score", answers.scores), ("base", answers.base)):
        for name, values in given.items():
            rows[f"__{kind}.{name}"] = values
    declared = labels or answers.scores  # an answer that is not declared is counted as (other)
    return {name: f"__score.{name}" for name in answers.scores if name in declared}
