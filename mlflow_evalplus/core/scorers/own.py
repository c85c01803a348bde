"""Scorers of a user's own: plain functions of a question and a text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.found import Found
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import Score

Scorer = Callable[[Question, str], Any]  # to a bool, a number from 0 to 1, or a Score


def own_scorer(question: Question, scorers: Mapping[str, Scorer] | None) -> tuple[str, Scorer] | None:
    """Return the scorer given for a question by its id, else its dimension, else its type, with the name it goes by.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q1", (Message("user", "?"),), "exact", "facts")
    >>> own_scorer(question, {"exact": len, "facts": max})
    ('facts', <built-in function max>)
    """
    keys = (question.id, question.dimension, question.type)
    return next(((key, scorers[key]) for key in keys if key in scorers), None) if scorers else None


def called(question: Question, text: str, name: str, scorer: Scorer) -> Found | Score:
    """Return what a scorer of the user's own says, checked.

    Raises
    ------
    DataError
        It fails, or returns something else than a bool, a number from 0 to 1, nan, or a `Score`.
    """
    if not callable(scorer):
        raise DataError(
            f"the scorer for {name!r} is {scorer!r}; give a function (question, text) -> bool, number or Score"
        )
    try:
        given = scorer(question, text)
    except Exception as error:  # a user's function may fail in any way
        raise DataError(
            f"your scorer for {name!r} failed on question {question.id!r}: {type(error).__name__}: {error}"
        ) from error
    value = given.value if isinstance(given, Score) else given
    if not isinstance(value, (Real, np.bool_)) or not (math.isnan(value) or 0 <= float(value) <= 1):
        raise DataError(
            f"your scorer for {name!r} returned {given!r} on question {question.id!r}; "
            "return a bool, a number from 0 to 1 (nan where nothing can be said), or a Score"
        )
    return given if isinstance(given, Score) else Found(float(value), float(value), why=f"by your scorer for {name}")
