"""Repeats of one question: how far they agree, and whether all of them are right."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.results.answers import Score

_BY_RESULT = ("text", "rubric")  # no two such answers are the same words


def stability(question: Question, scores: Sequence[Score]) -> float:
    """Return the share of the repeats that agree with the most frequent answer.

    Two repeats agree where they give the same answer, right or wrong; texts, rubrics and answers from which none is
    extracted agree where both are passed or both not. Repeats that did not come are left out.

    Returns
    -------
    float
        nan where fewer than two came.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "?"),), "choice", "facts", ("A",), ("x", "y"))
    >>> right, wrong = Score(1, True, "right", "A"), Score(0, False, "wrong", "B")
    >>> round(stability(question, [right, wrong, right]), 3), stability(question, [right])
    (0.667, nan)
    """
    came = [score for score in scores if not math.isnan(score.value)]
    if len(came) < 2:
        return math.nan
    by_result = question.type in _BY_RESULT
    answers = Counter(
        ("result", str(score.passed)) if by_result or not score.extracted else ("answer", score.extracted)
        for score in came
    )
    return answers.most_common(1)[0][1] / len(came)


def pass_k(scores: Sequence[Score]) -> float:
    """Return pass^k of one question: 1 where all its repeats are passed, else 0; those that did not come are left out.

    Returns
    -------
    float
        nan where fewer than two came.

    Notes
    -----
    Yao et al. (2024), τ-bench, arXiv:2406.12045; here k is the number of repeats that came.

    Examples
    --------
    >>> right, wrong = Score(1, True, "right", "A"), Score(0, False, "wrong", "B")
    >>> pass_k([right, right]), pass_k([right, wrong]), pass_k([right])
    (1.0, 0.0, nan)
    """
    came = [score for score in scores if not math.isnan(score.value)]
    return math.nan if len(came) < 2 else float(all(score.passed for score in came))
