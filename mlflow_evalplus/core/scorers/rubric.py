"""What judges found of an answer, by a rubric; without a usable verdict it is missing."""

from __future__ import annotations

import math

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.found import Found
from mlflow_evalplus.errors import DataError


def find(question: Question, verdict: float) -> Found:
    """Return the judges' verdict, 0 … 1; nan where none of them gave a usable one.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "Apologise"),), "rubric", "tone", rubric="Polite and to the point.")
    >>> find(question, 0.75).value, find(question, float("nan")).why
    (0.75, 'no judge gave a usable verdict')
    """
    if math.isnan(verdict):
        return Found(verdict, verdict, why="no judge gave a usable verdict")
    if not 0 <= verdict <= 1:
        raise DataError(f"the verdict on question {question.id!r} is {verdict:g}; give a number from 0 to 1, or nan")
    return Found(float(verdict), float(verdict), why=f"judged {verdict:.2f}")
