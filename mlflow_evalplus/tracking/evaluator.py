"""The `mlflow.model_evaluator` plugin: what MLflow hands over → `evaluate` → `log`. Thin.

MLflow loads this module when it looks for evaluators, in anybody's process: nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mlflow.models.evaluation import EvaluationResult, ModelEvaluator

from mlflow_evalplus.errors import DataError, EvalPlusError, did_you_mean, shorten

if TYPE_CHECKING:
    import pandas as pd

    from mlflow_evalplus.requirements import Requirements
    from mlflow_evalplus.results import Evaluation
    from mlflow_evalplus.tracking.explainer import Explainer
    from mlflow_evalplus.tracking.scoring import Answers

CONFIG_KEYS = (
    "requirements", "slices", "intersections", "text", "cluster", "weight", "example_id", "annotators",
    "scores", "metrics", "confidence", "discover", "extra_columns", "latency_requests", "footprint", "training",
    "rules", "applied_rules", "max_predictions",
)  # fmt: skip
# Of MLflow's own evaluators: without nesting, one evaluator_config goes to all evaluators.
MLFLOW_KEYS = (
    "average", "col_mapping", "eval_results_mode", "eval_results_path", "explainability_algorithm",
    "explainability_kernel_link", "explainability_nsamples", "ignore_exceptions", "label_list", "log_explainer",
    "log_metrics_with_dataset_info", "log_model_explainability", "max_classes_for_multiclass_roc_pr",
    "metric_prefix", "pos_label", "sample_weights",
)  # fmt: skip
SPARK_LIMIT = 10_000  # rows to which mlflow.models.evaluate cuts a Spark data frame


class EvalPlusEvaluator(ModelEvaluator):  # type: ignore[misc]  # mlflow is untyped
    """``evaluators=["evalplus"]`` of ``mlflow.models.evaluate``.

    Its ``evaluator_config={"evalplus": {…}}`` takes ``requirements`` (path or mapping) and, over what they
    say, ``slices``, ``intersections``, ``text``, ``cluster``, ``weight``, ``example_id``, ``annotators``,
    ``scores`` (label → column, for data with predictions), ``metrics`` (your own `CustomMetric`), ``confidence``,
    ``discover``, ``extra_columns`` (a data frame of slice columns that `feature_names` hides), ``latency_requests``
    (200; 0 times nothing), ``footprint`` (True: load time, size and memory are measured in a fresh process, some
    seconds per model; False leaves that out; or the folder where a model that was not logged is saved), and for the
    reasons of the errors ``training`` (a data frame of the rows that the model learnt from, which are checked against
    the test rows too), ``rules`` (keyword rules) and ``max_predictions`` (how many texts with a word left out a model
    that is not linear may be asked for; 0, since a request may cost money). ``applied_rules`` are the keyword rules
    that the model itself has on top of its scores, which it returns as ``base.<label>``: what each does is told.
    """

    name = "evalplus"

    @classmethod
    def can_evaluate(cls, *, model_type: str | None, evaluator_config: Any = None, **kwargs: Any) -> bool:
        """Only classifiers, and only where one of our keys is configured: else we stay out of the way."""
        config = evaluator_config or {}
        ours = any(did_you_mean(str(key), CONFIG_KEYS) for key in config if key not in MLFLOW_KEYS)
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
        metrics = log(evaluation, run_id, metrics=model_id is None, data=False)
        return EvaluationResult(metrics=metrics, artifacts={}, run_id=run_id)


def evaluation_of(model: Any, dataset: Any, config: dict[str, Any], output: str | None = None) -> Evaluation:
    """Evaluate a model (or predictions) on an MLflow ``EvaluationDataset`` without logging."""
    from mlflow_evalplus.core import custom
    from mlflow_evalplus.core.applied_rules import base_columns
    from mlflow_evalplus.core.attribution.attribute import attribute
    from mlflow_evalplus.core.data.checks import Columns
    from mlflow_evalplus.core.evaluation import evaluate_predictions
    from mlflow_evalplus.core.predictions import read
    from mlflow_evalplus.core.rule_effects import with_rule_effects
    from mlflow_evalplus.tracking.data_checks import with_data_checks
    from mlflow_evalplus.tracking.explainer import explainer_of
    from mlflow_evalplus.tracking.scoring import ask, inputs_only

    custom.check(config.get("metrics") or ())
    wanted = _requirements(config)
    rows, features, named = _named_rows(dataset, config, wanted)
    scores = dict(config.get("scores") or {})
    latency, hidden, notes, scored = None, list[str | None](), _notes(dataset), [*wanted.task.labels, *scores]
    reasons = _reasons(config)
    if model is not None:
        read(rows, prediction=named["label"], **named)  # what is wrong with the data is said before the model is asked
        hidden = [*wanted.slices, wanted.cluster, named["weight"], named["example_id"], *named["annotators"]]
        answers = ask(
            model, features, hidden=hidden, labels=wanted.task.labels, output=output,
            requests=config.get("latency_requests", 200), confidence=wanted.confidence,
            footprint=config.get("footprint", True),
        )  # fmt: skip
        scores, latency = _with_answers(rows, answers, wanted.task.labels), answers.latency
        notes, scored = notes + answers.notes, [*scored, *answers.scores]
    elif dataset.has_predictions:
        rows["__prediction"] = dataset.predictions_data
    else:
        raise DataError("neither a model nor predictions were given to mlflow.models.evaluate")
    base = base_columns(
        rows, "base" if model is None else "__base", named["label"], "__prediction",
        known=scored if config.get("applied_rules") is None else None,
    )  # fmt: skip
    predictions = read(rows, prediction="__prediction", scores=scores, base_scores=base, **named)
    evaluation = evaluate_predictions(
        predictions, wanted, latency=latency, notes=notes, metrics=config.get("metrics") or ()
    )
    evaluation = with_rule_effects(attribute(evaluation, **reasons), config.get("applied_rules"))
    seen = () if model is None else list(map(str, inputs_only(model, features, hidden).columns))
    columns = Columns(named["text"], named["label"], wanted.slices, wanted.cluster, seen)
    evaluation = with_data_checks(evaluation, config.get("training"), rows, columns, named["annotators"])
    if model is None or not named["text"]:
        return evaluation
    explain = partial(explainer_of, model, features, named["text"], predictions.labels, hidden=hidden, output=output)
    return _with_words(evaluation, explain, config.get("max_predictions", 0))


def data_digest(dataset: Any, config: dict[str, Any]) -> str:
    """Return the digest that every evaluation on this ``EvaluationDataset`` will carry; no model is asked.

    Empty where there are neither ids nor texts. What is wrong with the data is raised as by `evaluation_of`.
    """
    from mlflow_evalplus.core.predictions import read

    rows, _, named = _named_rows(dataset, config, _requirements(config))
    return read(rows, prediction=named["label"], **named).digest()


def _named_rows(
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


def _with_answers(rows: pd.DataFrame, answers: Answers, labels: tuple[str, ...]) -> dict[str, str]:
    """Add a model's answers to the rows; return label → column of its scores."""
    rows["__prediction"] = answers.predictions
    for kind, given in (("score", answers.scores), ("base", answers.base)):
        for name, values in given.items():
            rows[f"__{kind}.{name}"] = values
    declared = labels or answers.scores  # an answer that is not declared is counted as (other)
    return {name: f"__score.{name}" for name in answers.scores if name in declared}


def _reasons(config: dict[str, Any]) -> dict[str, Any]:
    """Return what `attribute` is told; what is wrong with it is said before the model is asked."""
    from mlflow_evalplus.core.attribution.keyword_rules import load_rules
    from mlflow_evalplus.core.columns import column_names

    load_rules(config.get("rules"))
    load_rules(config.get("applied_rules"))
    if config.get("training") is not None:
        column_names(config["training"])
    budget = config.get("max_predictions", 0)
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
        raise DataError(f"max_predictions is {budget!r}; give a number of texts, 0 for none")
    return {"training": config.get("training"), "text": config.get("text"), "rules": config.get("rules")}


def _with_words(evaluation: Evaluation, explain: Callable[[], Explainer | None], max_predictions: int) -> Evaluation:
    """Add the words that push the model; a model that fails on texts of ours does not lose the evaluation."""
    from mlflow_evalplus.core.attribution.word_attribution import words_of

    if evaluation.attribution is None or evaluation.predictions is None:
        return evaluation
    try:
        explainer = explain()
        if explainer is None:
            return evaluation
        words = words_of(
            evaluation.predictions, explainer.model, inputs=explainer.inputs, max_predictions=max_predictions
        )
    except DataError as error:
        note = f"The words that push the model are not known: {error}"
        return replace(evaluation, notes=(*evaluation.notes, note))
    return replace(evaluation, attribution=replace(evaluation.attribution, words=words))


def _requirements(config: dict[str, Any]) -> Requirements:
    from mlflow_evalplus import requirements as asked

    known = {*CONFIG_KEYS, *MLFLOW_KEYS} - {"sample_weights"}  # to ignore weights would be to answer wrongly
    unknown = [key for key in config if key not in known]
    if unknown:
        raise EvalPlusError(
            f"evaluator_config of 'evalplus' has the unknown key {unknown[0]!r}; keys are {shorten(CONFIG_KEYS, 20)}."
            + did_you_mean(unknown[0], CONFIG_KEYS)
        )
    custom = [metric.name for metric in config.get("metrics") or ()]
    own = {key: config.get(key) for key in ("slices", "intersections", "cluster", "confidence", "discover")}
    return asked.changed(asked.load(config.get("requirements"), custom), custom, **own)


def rows_of(dataset: Any, config: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all columns at hand, and those among which the model finds its inputs."""
    import numpy as np
    import pandas as pd

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


def _notes(dataset: Any) -> tuple[str, ...]:
    if getattr(dataset, "_spark_df_type", None) is not None and len(dataset.labels_data) == SPARK_LIMIT:
        return (
            f"MLflow may have cut a Spark data frame to its first {SPARK_LIMIT:,} rows; "
            "mlflow_evalplus.evaluate reads all of them.",
        )
    return ()
