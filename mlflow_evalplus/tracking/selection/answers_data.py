"""What `mlflow.models.evaluate` hands over → questions, and the answers of a model or of a column."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mlflow_evalplus.core.columns import require_columns
from mlflow_evalplus.core.questions.line import FIELDS
from mlflow_evalplus.core.questions.question import TYPES, Question, QuestionSet
from mlflow_evalplus.core.questions.reading import digest_of, question_set, read_questions
from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking.scoring import inputs_only, loader
from mlflow_evalplus.tracking.selection.genai_scorers import Finder
from mlflow_evalplus.tracking.selection.mlflow_model import REPEATS, TEXT_COLUMNS
from mlflow_evalplus.tracking.selection.model_replies import answered, brief, without_prompt

ROW = "row {}"  # the id of a question that has none


def questions_of(rows: pd.DataFrame, gold: Sequence[Any] | None, config: Mapping[str, Any]) -> QuestionSet:
    """Return one question for each row, in the order of the rows.

    Parameters
    ----------
    rows : pandas.DataFrame
        All columns at hand.
    gold : sequence, optional
        The targets.
    config : mapping
        ``questions`` (a file or a set, matched by the column ``id``, else by the text), or ``type`` (of all rows, or
        the column with it) and the columns ``dimension``, ``tags``, and those called as a question file's keys.

    Raises
    ------
    DataError
        A row has no question, two rows have the same, or a row is wrong.
    """
    text = _text_column(rows, config)
    require_columns(rows, [config[key] for key in ("id", "dimension") if config.get(key)] + tags_of(config))
    if config.get("questions") is not None:
        return _found(rows, text, config)
    built = [_row(place, row, text, config) for place, row in enumerate(rows.to_dict("records"))]
    if gold is not None:
        for row, right in zip(built, gold, strict=True):
            row.setdefault("gold", _plain(right))
    return question_set([{key: value for key, value in row.items() if value is not None} for row in built], "the data")


def tags_of(config: Mapping[str, Any]) -> list[str]:
    """Return the columns that are tags; one may be given alone."""
    tags = config.get("tags") or ()
    return [tags] if isinstance(tags, str) else list(tags)


def _found(rows: pd.DataFrame, text: str, config: Mapping[str, Any]) -> QuestionSet:
    given = config["questions"]
    known = given if isinstance(given, QuestionSet) else read_questions(given)
    find, name = Finder(known), config.get("id")
    keys = rows[name] if name else rows[text]
    found = [find({"id": key} if name else {"question": key}, {}) for key in keys.tolist()]
    twice = next((q.id for q in found if sum(other.id == q.id for other in found) > 1), None)
    if twice is not None:
        at = [place + 1 for place, question in enumerate(found) if question.id == twice]
        raise DataError(f"question {twice!r} is in the rows {shorten(at)}; give each question once")
    there = {question.id for question in found}
    kept = [replace(question, twin=question.twin if question.twin in there else "") for question in found]
    return QuestionSet(tuple(kept), digest_of(kept), known.source)


def _text_column(rows: pd.DataFrame, config: Mapping[str, Any]) -> str:
    given = config.get("text")
    if given:
        require_columns(rows, [given])
        return str(given)
    found = [name for name in TEXT_COLUMNS if name in rows.columns]
    if not found and not (config.get("id") and config.get("questions") is not None):
        raise DataError(f"which of the columns {shorten(rows.columns)} is the question? Name it: 'text': …")
    return found[0] if found else ""


def _row(place: int, row: Mapping[Any, Any], text: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as a question file has it."""
    named = {key: row[key] for key in FIELDS if key in row and key not in ("input", "tags", "gold")}
    named |= {key: row[config[key]] for key in ("id", "dimension") if config.get(key)}
    named["type"] = row[config["type"]] if config.get("type") in row else config.get("type") or row.get("type")
    if named["type"] is None:
        raise DataError(f"no type is given; name one of {shorten(TYPES)}, or the column that holds it: 'type': …")
    tags = {name: str(row[name]) for name in tags_of(config) if _plain(row[name]) is not None}
    plain = {key: _plain(value) for key, value in named.items()}
    return {"id": ROW.format(place + 1), "input": str(row[text]), "tags": tags} | {
        key: value for key, value in plain.items() if value is not None
    }


def _plain(value: Any) -> Any:
    """Return a value of a data frame as JSON has it; None where it is missing."""
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.tolist()]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | Mapping):
        return value
    return None if value is None or value != value else value


def answers_of(
    name: str,
    questions: Sequence[Question],
    model: Any,
    features: pd.DataFrame,
    hidden: Sequence[str],
    output: str | None,
) -> list[Answer]:
    """Ask a model row by row, once, and time it; a row that fails is an answer with an error.

    Raises
    ------
    DataError
        It fails on every row, or lacks a column.
    """
    features, repeats = inputs_only(model, features, hidden), loader(model) == REPEATS
    answers = []
    for place, question in enumerate(questions):
        blank, start = Answer(name, question.id), time.perf_counter()
        try:
            raw = model.predict(features.iloc[[place]])
            seconds = time.perf_counter() - start
            answer = answered(blank, raw[output] if output else raw, seconds)
            answers.append(without_prompt(answer, question.text) if repeats else answer)
        except Exception as error:  # a model may fail in any way
            answers.append(replace(blank, error="other", message=brief(error)))
    if all(answer.error for answer in answers):
        raise DataError(f"the model failed on every row with the columns {shorten(features.columns)}: "
                        f"{answers[0].message}")  # fmt: skip
    return answers


def given_answers(name: str, questions: Sequence[Question], predictions: Sequence[Any]) -> list[Answer]:
    """Return the answers of a column; one that is missing is an answer with an error."""
    answers = []
    for question, given in zip(questions, predictions, strict=True):
        blank, value = Answer(name, question.id), _plain(given)
        try:
            answers.append(
                replace(blank, error="other", message="the prediction is missing")
                if value is None
                else answered(blank, value)
            )
        except DataError as error:
            answers.append(replace(blank, error="other", message=brief(error)))
    return answers


def check_keys(config: Mapping[str, Any], known: Sequence[str], name: str) -> None:
    """Refuse a key that there is not.

    Raises
    ------
    DataError
        It says which there are.
    """
    unknown = [key for key in config if key not in known]
    if unknown:
        raise DataError(
            f"evaluator_config of {name!r} has the unknown key {unknown[0]!r}; keys are {shorten(known, 20)}."
            + did_you_mean(str(unknown[0]), known)
        )
