"""Failed questions as MLflow traces, so that they can be read, filtered and reviewed in its pages."""

from __future__ import annotations

import math
import time

import mlflow
from mlflow.entities import SpanStatusCode

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import Question, QuestionSet
from mlflow_evalplus.results import CandidateResult, FailureCause, Item


def log_failures(candidate: CandidateResult, questions: QuestionSet, *, limit: int = 20) -> int:
    """Log the failed questions that cost most as traces of the active run; return how many.

    A trace holds the conversation, the answer, what was right, and why it failed with what was tried.
    """
    asked = {question.id: question for question in questions}
    items = {item.question: item for item in candidate.items}
    failed = sorted(candidate.causes.items, key=lambda cause: -cause.lost)[:limit]
    for cause in failed:
        _log(candidate.name, asked[cause.question], items[cause.question], cause)
    if failed:
        mlflow.flush_trace_async_logging()
    return len(failed)


def _log(name: str, question: Question, item: Item, cause: FailureCause) -> None:
    answer, score = item.answers[0], item.scores[0]
    nanoseconds = int(1e9 * (0.001 if math.isnan(answer.seconds) else max(answer.seconds, 0.001)))
    begin = time.time_ns() - nanoseconds
    span = mlflow.start_span_no_context(
        f"{question.id} {name}",
        inputs={"messages": [message._asdict() for message in question.messages]},
        attributes={
            "gold": list(question.gold), "extracted": score.extracted, "why": score.why, "evidence": cause.evidence,
            "tried": [{"variant": tried.variant, "answer": tried.text or tried.error} for tried in cause.tried],
        },
        tags={
            names.TAG_QUESTION: question.id, names.TAG_CAUSE: cause.cause, names.TAG_DIMENSION: question.dimension,
        },
        start_time_ns=begin,
    )  # fmt: skip
    span.end(
        outputs=answer.text if answer.answered else f"({answer.error}) {answer.message}",
        status=SpanStatusCode.OK if answer.answered else SpanStatusCode.ERROR,
        end_time_ns=begin + nanoseconds,
    )
