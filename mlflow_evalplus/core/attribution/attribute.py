"""Why a run got its score, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mlflow_evalplus.core.attribution import actions, causes
from mlflow_evalplus.core.attribution.evidence import Answers
from mlflow_evalplus.core.attribution.keyword_rules import Rules, for_labels, load_rules, propose
from mlflow_evalplus.core.attribution.sources import Errors, split_errors
from mlflow_evalplus.core.attribution.training import read_training
from mlflow_evalplus.core.attribution.word_attribution import words_of
from mlflow_evalplus.core.columns import require_columns
from mlflow_evalplus.core.confident_learning import available
from mlflow_evalplus.core.labels import label_quality_of
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.attribution import Attribution


def attribute(
    evaluation: Evaluation,
    *,
    training: Any = None,
    text: str | None = None,
    rules: Rules | None = None,
    model: Any = None,
    inputs: Any = None,
    max_predictions: int = 20_000,
) -> Evaluation:
    """Say why a run got its score: where its errors come from, the cause of each, and what to do next.

    Parameters
    ----------
    evaluation : Evaluation
        With its rows at hand.
    training : pandas, Polars, PyArrow … data frame, optional
        The rows that the model learnt from: their texts tell which words it cannot know, their slices where data
        are lacking.
    text : str, optional
        Text column of `training`; that of the requirements, else ``text``, by default.
    rules : path, mapping or list, optional
        Keyword rules: pattern → label, a list of mappings with ``pattern`` and ``label``, or a YAML file of one.
    model : optional
        The model, for the words that push it towards its errors: a fitted scikit-learn pipeline of texts, exactly where
        it is linear; or a function of texts and their rows that returns the scores of ``evaluation.labels``, shape
        (n_texts, n_labels), from which words are left out one at a time.
    inputs : optional
        What a linear model is given, a row each, if it is not the text.
    max_predictions : int
        At most so many texts a model that is not linear is asked for; 0 for none.

    Returns
    -------
    Evaluation
        The same, with ``attribution`` and, where there are annotators or scores, ``label_quality``.

    Raises
    ------
    ColumnNotFound
        `training` lacks the column `text`.
    DataError
        The rows are not at hand; a rule is wrong; the model is neither a classifier of texts nor a function, or fails.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> frame = pd.DataFrame({"label": list("ab") * 200, "prediction": list("ab") * 180 + list("aa") * 20})
    >>> frame["text"] = ["fine, thanks"] * 360 + ["my refund, please"] * 40
    >>> found = attribute(evaluate(frame), rules={"refund": "b"}).attribution
    >>> [(cause.name, cause.errors) for cause in found.causes.rows]
    [('keyword_missed', 20)]
    """
    if evaluation.predictions is None:
        raise DataError("the rows of this evaluation are not at hand; collect the frame, or load it with its rows")
    rows, wanted = evaluation.predictions, evaluation.requirements or Requirements()
    confidence = evaluation.confidence
    known = None
    if training is not None:
        require_columns(training, [text] if text else [])
        known = read_training(training, text=text or wanted.task.text_column, slices=rows.slice_columns)
    parsed = load_rules(rules)
    given = Answers(rows, confidence, known, for_labels(parsed, rows.labels))
    notes = tuple(dict.fromkeys([*evaluation.notes, *_notes(given, len(parsed), wanted.task.text_column)]))
    errors = Errors.of(rows)
    explained = replace(evaluation, notes=notes, label_quality=label_quality_of(rows, confidence=confidence))
    if not errors.n_errors:
        return replace(explained, attribution=Attribution(errors.n, 0, ()))
    found = causes.find_causes(given, evaluation.slices)
    context = actions.Context(given, found, errors.rows, errors.ids, wanted.prices)
    attribution = Attribution(
        errors.n,
        errors.n_errors,
        split_errors(errors, confidence=confidence),
        causes.summarise_causes(given, found, errors.rows, errors.ids),
        actions.rank_actions(context, evaluation.slices, propose(rows, given.ruled)),
        causes.cases(given, found, errors.rows, errors.ids),
        words_of(rows, model, inputs=inputs, max_predictions=max_predictions) if model is not None else None,
    )
    return replace(explained, attribution=attribution)


def _notes(given: Answers, n_rules: int, text: str) -> Iterator[str]:
    """Yield what was given and could not be used."""
    if given.training is not None and given.training.texts is None and given.has_texts:
        yield (
            f"The training rows have no column {text!r}, so it is not known which words the model cannot know; name "
            "theirs with text."
        )
    if given.scores is not None and not available():
        yield "Labels are not judged by the model's probabilities; for that: pip install 'mlflow-evalplus[labels]'."
    if n_rules > len(given.rules):
        yield f"{n_rules - len(given.rules)} of {n_rules} keyword rules are for labels that do not occur; left out."
