"""Every answer of a candidate with its score, as one Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.results import Answer, CandidateResult, Score
from mlflow_evalplus.tracking.items import Rows

OF_ANSWER = (
    "question", "variant", "repeat", "text", "finish", "error", "message", "prompt_tokens", "completion_tokens",
    "cached_tokens", "seconds", "first_token_s", "attempts", "money",
)  # fmt: skip
OF_SCORE = ("value", "passed", "status", "extracted", "format_ok", "relaxed", "fluency", "refused", "why")


def answers_file(candidate: CandidateResult, questions: QuestionSet) -> Rows:
    """Return all answers, those to interventions too; scores are of the answers to the questions as they were asked."""
    dimension = {question.id: question.dimension for question in questions}
    causes = {cause.question: cause for cause in candidate.causes.items}
    rows = [
        _row(answer, score) | {"dimension": dimension[answer.question], "cause": cause}
        for answer, score, cause in _answers(candidate, {key: found.cause for key, found in causes.items()})
    ]
    columns = ["question", "dimension", *OF_ANSWER[1:], *OF_SCORE, "cause"]
    return Rows(names.ANSWERS, pd.DataFrame(rows, columns=columns))


def _answers(candidate: CandidateResult, causes: dict[str, str]) -> Iterator[tuple[Answer, Score | None, str]]:
    for item in candidate.items:
        for answer, score in zip(item.answers, item.scores, strict=True):
            yield answer, score, causes.get(item.question, "")
    for cause in candidate.causes.items:
        yield from ((answer, None, cause.cause) for answer in cause.tried)


def _row(answer: Answer, score: Score | None) -> dict[str, Any]:
    return {key: getattr(answer, key) for key in OF_ANSWER} | (
        {key: getattr(score, key) for key in OF_SCORE} if score else {}
    )
