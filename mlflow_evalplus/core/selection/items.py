"""One question as one candidate answered it, the repeats together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.consistency import stability
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.selection import Item


def item_of(question: Question, answers: Sequence[Answer], scores: Sequence[Score], twin_passed: bool | None) -> Item:
    """Return the item of a question.

    Parameters
    ----------
    question : Question
    answers, scores : sequence
        One per repeat.
    twin_passed : bool or None
        Whether its twin is passed at its first repeat; None where there is no twin, or no answer to it.

    Returns
    -------
    Item
        Its value and fluency are means over the repeats that have one. Its stability is the share of the repeats that
        agree; where it was asked once, 1 if it and its twin are both passed or both not, else 0.

    Raises
    ------
    DataError
        There is no score, or not one for each answer.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> asked = Question("q1", (Message("user", "2 + 2?"),), "numeric", "arithmetic", ("4",))
    >>> answer, score = Answer("small", "q1", text="4"), Score(1.0, passed=True, status="right", fluency=1.0)
    >>> item = item_of(asked, [answer], [score], twin_passed=False)
    >>> item.value, item.stability
    (1.0, 0.0)
    """
    if not scores or len(scores) != len(answers):
        raise DataError(
            f"question {question.id!r} has {len(answers)} answers and {len(scores)} scores; give one score per answer"
        )
    agree = stability(question, scores) if len(scores) > 1 else _with_twin(scores[0], twin_passed)
    return Item(
        question.id, tuple(answers), tuple(scores), _mean(score.value for score in scores),
        _mean(score.fluency for score in scores), agree,
    )  # fmt: skip


def _with_twin(score: Score, twin_passed: bool | None) -> float:
    return math.nan if twin_passed is None or math.isnan(score.value) else float(score.passed == twin_passed)


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
