"""Questions and answers for the tests of the scorers."""

from __future__ import annotations

from typing import Any

from mlflow_evalplus.core.questions.question import Message, Question
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.results.answers import Answer, Score


def asked(kind: str, *gold: str, text: str = "What is it?", **fields: Any) -> Question:
    return Question("q1", (Message("user", text),), kind, fields.pop("dimension", "facts"), gold, **fields)


def score(question: Question, text: str, **fields: Any) -> Score:
    return score_answer(question, Answer("model", question.id, text=text), **fields)
