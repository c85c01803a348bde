"""The second `mlflow.model_evaluator` plugin: answers to questions, with the artifacts of a selection's candidate.

MLflow loads this module when it looks for evaluators, in anybody's process: nothing heavy is imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlflow.models.evaluation import EvaluationResult, ModelEvaluator

from mlflow_evalplus.errors import did_you_mean
from mlflow_evalplus.tracking.evaluator import MLFLOW_KEYS

if TYPE_CHECKING:
    from mlflow_evalplus.core.questions.question import QuestionSet
    from mlflow_evalplus.results import Answer, Selection

NAME = "evalplus-answers"
MODEL_TYPES = ("question-answering", "text")
CONFIG_KEYS = (
    "questions", "id", "text", "type", "dimension", "tags", "requirements", "scorers", "candidate", "extra_columns",
    "store_text",
)  # fmt: skip


class AnswersEvaluator(ModelEvaluator):  # type: ignore[misc]  # mlflow is untyped
    """``evaluators=["evalplus-answers"]`` of ``mlflow.models.evaluate``, for answers in words.

    Its ``evaluator_config={"evalplus-answers": {…}}`` takes ``questions`` (a question file or a `QuestionSet`; a row's
    question is found by the column ``id``, else by its text), or ``type`` (of all rows, or the column that holds it)
    with ``dimension`` and ``tags`` (columns), so that the rows become questions and the targets what is right; and
    ``text`` (the column of the question), ``requirements`` (its section ``selection:``), ``scorers`` (your own, as in
    `select`), ``candidate`` (its name in the pages; ``model``), ``extra_columns`` (a data frame of columns that
    `feature_names` hides), ``store_text`` (``full``, ``masked``, ``hash`` or ``none``: what is stored of the texts).
    """

    name = NAME

    @classmethod
    def can_evaluate(cls, *, model_type: str | None, evaluator_config: Any = None, **kwargs: Any) -> bool:
        """Only answers, and only where it is told which questions or which type: else we stay out of the way."""
        config = evaluator_config or {}
        ours = any(did_you_mean(str(key), CONFIG_KEYS) for key in config if key not in MLFLOW_KEYS)
        return model_type in MODEL_TYPES and ours

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
        """Score every answer, log everything into `run_id`, and return the metrics.

        With a `model_id` MLflow itself logs the metrics that are returned, attached to model and data set; so they are
        not logged twice.
        """
        from mlflow_evalplus import requirements as asked
        from mlflow_evalplus.tracking.evaluator import of_model
        from mlflow_evalplus.tracking.selection.runs import log_candidate

        config = dict(evaluator_config or {})
        wanted = asked.changed(asked.load(config.get("requirements")), store_text=config.get("store_text"))
        selection, questions = selection_of(model, dataset, config, predictions)
        candidate = selection.candidates[0]
        metrics = log_candidate(
            selection, candidate.name, questions, run_id, with_confusion=True,
            by_mlflow=of_model(model_id, dataset), store_text=wanted.store_text,
        )  # fmt: skip
        return EvaluationResult(metrics=metrics, artifacts={}, run_id=run_id)


def selection_of(
    model: Any, dataset: Any, config: dict[str, Any], output: str | None = None
) -> tuple[Selection, QuestionSet]:
    """Score a model (or its answers) on an MLflow ``EvaluationDataset``, without logging: a selection of one."""
    from mlflow_evalplus import requirements as asked
    from mlflow_evalplus.errors import DataError
    from mlflow_evalplus.tracking.evaluator_rows import rows_of
    from mlflow_evalplus.tracking.selection import answers_data as data

    data.check_keys(config, (*CONFIG_KEYS, *MLFLOW_KEYS), NAME)
    wanted, name = asked.load(config.get("requirements")), str(config.get("candidate") or "model")
    rows, features = rows_of(dataset, config)
    gold = None if dataset.labels_data is None else list(dataset.labels_data)
    questions = data.questions_of(rows, gold, config)
    about = {"kind": "predictions"}
    if model is not None:
        hidden = _hidden(config, list(map(str, rows.columns)))
        answers = data.answers_of(name, questions.questions, model, features, hidden, output)
        about = {
            "kind": "model",
            "model": str(getattr(getattr(model, "metadata", None), "model_uuid", None) or "function"),
        }
    elif dataset.has_predictions:
        answers = data.given_answers(name, questions.questions, list(dataset.predictions_data))
    else:
        raise DataError("neither a model nor predictions were given to mlflow.models.evaluate")
    return _selection(name, questions, answers, wanted, config.get("scorers"), about), questions


def _hidden(config: dict[str, Any], columns: list[str]) -> list[str]:
    """Return the columns that tell of the question, and are not for a model without a signature."""
    from mlflow_evalplus.core.questions.line import FIELDS
    from mlflow_evalplus.tracking.selection.answers_data import tags_of

    named = {config.get("id"), config.get("type"), config.get("dimension"), *tags_of(config), *FIELDS}
    return [name for name in columns if name in named - {"input", config.get("text")}]


def _selection(
    name: str, questions: QuestionSet, answers: list[Answer], wanted: Any, scorers: Any, about: dict[str, str]
) -> Selection:
    import math

    from mlflow_evalplus.core.scorers.scoring import score_answer
    from mlflow_evalplus.core.selection.causes import diagnose
    from mlflow_evalplus.core.selection.evaluate import select_among
    from mlflow_evalplus.core.selection.items import item_of

    scores = [
        score_answer(question, answer, scorers=scorers) for question, answer in zip(questions, answers, strict=True)
    ]
    passed = {
        answer.question: None if math.isnan(score.value) else score.passed
        for answer, score in zip(answers, scores, strict=True)
    }
    items = {
        name: [
            item_of(question, [answer], [score], passed.get(question.twin))
            for question, answer, score in zip(questions, answers, scores, strict=True)
        ]
    }
    causes = diagnose(
        questions, items, lambda asked: {who: [None] * len(requests) for who, requests in asked.items()},
        lambda who, question, answer: score_answer(question, answer, scorers=scorers),
    )  # fmt: skip
    return select_among(
        questions, items, causes, wanted, about={name: about}, currency=wanted.prices.currency, concurrency={name: 1},
        repeats=1,
    )  # fmt: skip
