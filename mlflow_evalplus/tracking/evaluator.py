"""The `mlflow.model_evaluator` plugin: what MLflow hands over → `evaluate` → `log`. Thin.

MLflow loads this module when it looks for evaluators, in anybody's process: nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mlflow.models.evaluation import EvaluationResult, ModelEvaluator

from mlflow_evalplus.errors import DataError, EvalPlusError, did_you_mean, shorten

if TYPE_CHECKING:
    import pandas as pd

    from mlflow_evalplus.core.predictions import Predictions
    from mlflow_evalplus.requirements import Requirements
    from mlflow_evalplus.results import Evaluation
    from mlflow_evalplus.tracking.delivery import OfModel
    from mlflow_evalplus.tracking.explainer import Explainer
    from mlflow_evalplus.tracking.scoring import Answers

CONFIG_KEYS = (
    "requirements", "slices", "intersections", "text", "cluster", "weight", "example_id", "annotators",
    "scores", "metrics", "confidence", "discover", "extra_columns", "latency_requests", "footprint", "training",
    "rules", "applied_rules", "max_predictions", "store_text",
)  # fmt: skip
OF_REQUIREMENTS = ("slices", "intersections", "cluster", "confidence", "discover", "store_text")
# Of MLflow's own evaluators: without nesting, one evaluator_config goes to all evaluators.
MLFLOW_KEYS = (
    "average", "col_mapping", "eval_results_mode", "eval_results_path", "explainability_algorithm",
    "explainability_kernel_link", "explainability_nsamples", "ignore_exceptions", "label_list", "log_explainer",
    "log_metrics_with_dataset_info", "log_model_explainability", "max_classes_for_multiclass_roc_pr",
    "metric_prefix", "pos_label", "sample_weights",
)  # fmt: skip


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
    that is not linear may be asked for; 0, since a request may cost money), and ``store_text`` (``full``, ``masked``,
    ``hash`` or ``none``: what is kept of the texts). ``applied_rules`` are the keyword rules
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
        from mlflow_evalplus.tracking.kept_answers import keeping
        from mlflow_evalplus.tracking.writer import log_evaluation

        with keeping(run_id, of_model(model_id, dataset)) as kept:
            evaluation = evaluation_of(model, dataset, dict(evaluator_config or {}), predictions, kept.keep)
            metrics = log_evaluation(evaluation, run_id, data=False, by_mlflow=kept.of_model, answers=kept.held)
        return EvaluationResult(metrics=metrics, artifacts={}, run_id=run_id)


def of_model(model_id: str | None, dataset: Any) -> OfModel | None:
    """Return to what MLflow attaches the metrics of an evaluator, which it logs itself then; None without a model."""
    from mlflow_evalplus.tracking.delivery import OfModel

    return OfModel(model_id, dataset.name, dataset.digest) if model_id else None


def evaluation_of(
    model: Any, dataset: Any, config: dict[str, Any], output: str | None = None,
    on_answers: Callable[[Predictions, Requirements], object] = lambda predictions, wanted: None,
) -> Evaluation:  # fmt: skip
    """Evaluate a model (or predictions) on an MLflow ``EvaluationDataset`` without logging.

    `on_answers` is told the rows as soon as the model has answered all of them, before it is timed.
    """
    from mlflow_evalplus.core import custom
    from mlflow_evalplus.core.attribution.attribute import attribute
    from mlflow_evalplus.core.evaluation import evaluate_predictions
    from mlflow_evalplus.core.predictions import read
    from mlflow_evalplus.core.rule_effects import with_rule_effects
    from mlflow_evalplus.tracking.evaluator_rows import answered, named_rows, notes_of
    from mlflow_evalplus.tracking.explainer import explainer_of
    from mlflow_evalplus.tracking.scoring import ask, inputs_only

    custom.check(config.get("metrics") or ())
    wanted = _requirements(config)
    rows, features, named = named_rows(dataset, config, wanted)
    latency, hidden, notes = None, list[str | None](), notes_of(dataset)
    reasons, given = _reasons(config), partial(answered, rows, config, wanted, named)
    if model is not None:
        taken: list[Predictions] = []

        def take(answers: Answers) -> None:
            taken.append(given(answers))
            on_answers(taken[0], wanted)

        read(rows, prediction=named["label"], **named)  # what is wrong with the data is said before the model is asked
        hidden = [*wanted.slices, wanted.cluster, named["weight"], named["example_id"], *named["annotators"]]
        answers = ask(
            model, features, hidden=hidden, labels=wanted.task.labels, output=output,
            requests=config.get("latency_requests", 200), confidence=wanted.confidence,
            footprint=config.get("footprint", True), on_answers=take,
        )  # fmt: skip
        predictions, latency, notes = taken[0], answers.latency, notes + answers.notes
    elif dataset.has_predictions:
        rows["__prediction"] = dataset.predictions_data
        predictions = given(None)
    else:
        raise DataError("neither a model nor predictions were given to mlflow.models.evaluate")
    evaluation = evaluate_predictions(
        predictions, wanted, latency=latency, notes=notes, metrics=config.get("metrics") or ()
    )
    evaluation = with_rule_effects(attribute(evaluation, **reasons), config.get("applied_rules"))
    seen = () if model is None else list(map(str, inputs_only(model, features, hidden).columns))
    evaluation = _with_data_checks(evaluation, rows, config, wanted, named, seen)
    if model is None or not named["text"]:
        return evaluation
    explain = partial(explainer_of, model, features, named["text"], predictions.labels, hidden=hidden, output=output)
    return _with_words(evaluation, explain, config.get("max_predictions", 0))


def data_digest(dataset: Any, config: dict[str, Any]) -> str:
    """Return the digest that every evaluation on this ``EvaluationDataset`` will carry; no model is asked.

    Empty where there are neither ids nor texts. What is wrong with the data is raised as by `evaluation_of`.
    """
    from mlflow_evalplus.core.predictions import read
    from mlflow_evalplus.tracking.evaluator_rows import named_rows

    rows, _, named = named_rows(dataset, config, _requirements(config))
    return read(rows, prediction=named["label"], **named).digest()


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


def _with_data_checks(
    evaluation: Evaluation, rows: pd.DataFrame, config: dict[str, Any], wanted: Requirements, named: dict[str, Any],
    seen: Sequence[str],
) -> Evaluation:  # fmt: skip
    """Add what is wrong with the data; `seen` are the columns that the model is given."""
    from mlflow_evalplus.core.data.checks import Columns
    from mlflow_evalplus.tracking.data_checks import with_data_checks

    columns = Columns(named["text"], named["label"], wanted.slices, wanted.cluster, seen)
    return with_data_checks(evaluation, config.get("training"), rows, columns, named["annotators"])


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
    own = {key: config.get(key) for key in OF_REQUIREMENTS}
    return asked.changed(asked.load(config.get("requirements"), custom), custom, **own)
