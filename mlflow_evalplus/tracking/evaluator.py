"""The `mlflow.model_evaluator` plugin: what MLflow hands over → `evaluate` → `log`. Thin.

MLflow loads this module when it looks for evaluators, in anybody's process: nothing heavy is imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.models.evaluation import EvaluationResult, ModelEvaluator

from mlflow_evalplus.errors import DataError, EvalPlusError, did_you_mean, shorten

if TYPE_CHECKING:
    import pandas as pd

    from mlflow_evalplus.requirements import Requirements
    from mlflow_evalplus.results import Evaluation

CONFIG_KEYS = (
    "requirements", "slices", "intersections", "text", "cluster", "weight", "example_id", "annotators",
    "scores", "confidence", "extra_columns", "latency_requests",
)  # fmt: skip
SPARK_LIMIT = 10_000  # rows to which mlflow.models.evaluate cuts a Spark data frame


class EvalPlusEvaluator(ModelEvaluator):  # type: ignore[misc]  # mlflow is untyped
    """``evaluators=["evalplus"]`` of ``mlflow.models.evaluate``.

    Its ``evaluator_config={"evalplus": {…}}`` takes ``requirements`` (path or mapping) and, over what they
    say, ``slices``, ``intersections``, ``text``, ``cluster``, ``weight``, ``example_id``, ``annotators``,
    ``scores`` (label → column, for data with predictions), ``confidence``, ``extra_columns`` (a data frame of slice
    columns that `feature_names` hides) and ``latency_requests`` (200; 0 times nothing).
    """

    name = "evalplus"

    @classmethod
    def can_evaluate(cls, *, model_type: str | None, evaluator_config: Any = None, **kwargs: Any) -> bool:
        """Only classifiers, and only where one of our keys is configured: else we stay out of the way."""
        config = evaluator_config or {}
        ours = any(key in CONFIG_KEYS or did_you_mean(str(key), CONFIG_KEYS) for key in config)
        return model_type == "classifier" and ours

    def evaluate(
        self,
        *,
        model_type: str,
        dataset: Any,
        run_id: str,
        evaluator_config: Any = None,
        model: Any = None,
        model_id: str | None = None,
        predictions: str | None = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """Evaluate, log everything into `run_id`, and return the metrics.

        With a `model_id` MLflow itself logs the metrics that are returned, attached to model and data
        set; so they are not logged twice.
        """
        from mlflow_evalplus.tracking.writer import log

        evaluation = evaluation_of(model, dataset, dict(evaluator_config or {}), predictions)
        metrics = log(evaluation, run_id, metrics=model_id is None)
        return EvaluationResult(metrics=metrics, artifacts={}, run_id=run_id)


def evaluation_of(model: Any, dataset: Any, config: dict[str, Any], output: str | None = None) -> Evaluation:
    """Evaluate a model (or predictions) on an MLflow ``EvaluationDataset`` without logging."""
    from mlflow_evalplus.core.evaluation import evaluate_predictions
    from mlflow_evalplus.core.predictions import read
    from mlflow_evalplus.tracking.scoring import ask

    wanted = _requirements(config)
    rows, inputs = _rows(dataset, config, wanted)
    scores = dict(config.get("scores") or {})
    latency = None
    if model is not None:
        answers = ask(
            model, rows[inputs], labels=wanted.task.labels, output=output,
            requests=config.get("latency_requests", 200), confidence=wanted.confidence,
        )  # fmt: skip
        rows["__prediction"] = answers.predictions
        for label, values in answers.scores.items():
            rows[f"__score.{label}"] = values
        scores = {label: f"__score.{label}" for label in answers.scores}
        latency = answers.latency
    elif dataset.has_predictions:
        rows["__prediction"] = dataset.predictions_data
    else:
        raise DataError("neither a model nor predictions were given to mlflow.models.evaluate")
    text = config.get("text") or wanted.task.text
    predictions = read(
        rows, label="__label", prediction="__prediction", labels=wanted.task.labels, scores=scores,
        text=text if text in rows else None, slices=wanted.slices, cluster=wanted.cluster,
        weight=config.get("weight"), example_id=config.get("example_id"),
        annotators=config.get("annotators") or (),
    )  # fmt: skip
    return evaluate_predictions(predictions, wanted, latency=latency, notes=_notes(dataset))


def _requirements(config: dict[str, Any]) -> Requirements:
    from mlflow_evalplus import requirements as asked

    unknown = [key for key in config if key not in CONFIG_KEYS]
    if unknown:
        raise EvalPlusError(
            f"evaluator_config of 'evalplus' has the unknown key {unknown[0]!r}; keys are {shorten(CONFIG_KEYS, 20)}."
            + did_you_mean(unknown[0], CONFIG_KEYS)
        )
    wanted = asked.load(config.get("requirements"))
    own = {k: config[k] for k in ("slices", "intersections", "cluster", "confidence") if config.get(k) is not None}
    if not own:
        return wanted
    return asked.load({**wanted.model_dump(by_alias=True, exclude_unset=True), **own})


def _rows(dataset: Any, config: dict[str, Any], wanted: Requirements) -> tuple[pd.DataFrame, list[Any]]:
    """Return all columns at hand with the labels, and which of them are the model's inputs."""
    import numpy as np
    import pandas as pd

    features = dataset.features_data
    if not isinstance(features, pd.DataFrame):
        features = pd.DataFrame(np.asarray(features), columns=list(dataset.feature_names))
    ours = [*wanted.slices, wanted.cluster, config.get("weight"), config.get("example_id")]
    ours += [*(config.get("annotators") or ()), *(config.get("scores") or {}).values()]
    inputs = [column for column in features.columns if column not in ours]
    rows = features.reset_index(drop=True)
    extra = config.get("extra_columns")
    if extra is not None:
        if len(extra) != len(rows):
            raise DataError(f"extra_columns has {len(extra)} rows, the data {len(rows)}")
        fresh = [column for column in extra.columns if column not in rows.columns]
        rows = pd.concat([rows, extra[fresh].reset_index(drop=True)], axis=1)
    return rows.assign(__label=np.asarray(dataset.labels_data)), inputs


def _notes(dataset: Any) -> tuple[str, ...]:
    if getattr(dataset, "_spark_df_type", None) is not None and len(dataset.labels_data) == SPARK_LIMIT:
        return (
            f"MLflow may have cut a Spark data frame to its first {SPARK_LIMIT:,} rows; "
            "mlflow_evalplus.evaluate reads all of them.",
        )
    return ()
