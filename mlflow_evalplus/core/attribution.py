"""Why a run got its score, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core import actions, causes
from mlflow_evalplus.core.columns import FloatArray, IntArray, require_columns, strings
from mlflow_evalplus.core.evidence import Answers
from mlflow_evalplus.core.keyword_rules import Rules, load_rules, propose
from mlflow_evalplus.core.labels import label_quality_of
from mlflow_evalplus.core.linear_text import LinearText, linear_text
from mlflow_evalplus.core.occlusion import Predict
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.sources import Errors, split_errors
from mlflow_evalplus.core.training import read_training
from mlflow_evalplus.core.word_attribution import attribute_words
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.attribution import Attribution
from mlflow_evalplus.results.word_attribution import WordAttribution

GIVE = (
    "give a fitted scikit-learn classifier of texts, or a function of texts and rows that returns the scores of each "
    "label"
)


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
        The rows are not at hand; a rule is wrong; the model is neither a classifier of texts nor a function.

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
    errors = Errors.of(rows)
    given = Answers(rows, confidence, known, load_rules(rules, rows.labels))
    quality = label_quality_of(rows, confidence=confidence)
    if not errors.n_errors:
        return replace(evaluation, attribution=Attribution(errors.n, 0, ()), label_quality=quality)
    found = causes.find_causes(given, evaluation.slices)
    plan = actions.Plan(given, found, errors.rows, errors.ids, wanted.prices)
    attribution = Attribution(
        errors.n,
        errors.n_errors,
        split_errors(errors, confidence=confidence),
        causes.summarise(given, found, errors.rows, errors.ids),
        actions.plan(plan, evaluation.slices, propose(rows)),
        causes.cases(given, found, errors.rows, errors.ids),
        _words(rows, model, inputs, max_predictions) if model is not None else None,
    )
    return replace(evaluation, attribution=attribution, label_quality=quality)


def _words(rows: Predictions, model: Any, inputs: Any, max_predictions: int) -> WordAttribution | None:
    linear = model if isinstance(model, LinearText) else linear_text(model)
    if linear:
        return attribute_words(rows, linear, inputs=inputs)
    if hasattr(model, "predict_proba"):
        model = _scores_of(model, rows.labels)
    if not callable(model):
        raise DataError(f"model is {type(model).__name__}; {GIVE}")
    return attribute_words(rows, model, max_predictions=max_predictions) if max_predictions > 0 else None


def _scores_of(pipeline: Any, labels: Sequence[str]) -> Predict:
    """Return a scikit-learn classifier as a function of texts and rows."""
    if not hasattr(pipeline, "classes_"):
        raise DataError(f"model is {type(pipeline).__name__} without classes_, so it is not fitted; {GIVE}")
    known = strings(pa.chunked_array([pa.array(np.asarray(pipeline.classes_).tolist())])).to_pylist()
    place = {label: code for code, label in enumerate(known)}

    def predict(texts: Sequence[str], _: IntArray) -> FloatArray:
        try:
            scores = np.asarray(pipeline.predict_proba(list(texts)), dtype=np.float64)
        except (TypeError, ValueError, AttributeError) as error:
            raise DataError(f"model {type(pipeline).__name__} cannot read a list of texts: {error}; {GIVE}") from error
        nowhere = np.zeros(len(scores))
        return np.column_stack([scores[:, place[label]] if label in place else nowhere for label in labels])

    return predict
