"""Question and answer → `Score`: the scorer of the question's type, or the user's own, and how the answer is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers import choice, exact, json_answer, label, numeric, overlap, regex, rubric
from mlflow_evalplus.core.scorers.conduct import conduct_of
from mlflow_evalplus.core.scorers.declared import spoken
from mlflow_evalplus.core.scorers.found import Found
from mlflow_evalplus.core.scorers.own import Scorer, called, own_scorer
from mlflow_evalplus.errors import DataError, did_you_mean
from mlflow_evalplus.results.answers import MISSING_SCORE, Answer, Score

FINDERS: dict[str, Callable[[Question, str], Found]] = {
    "choice": choice.find,
    "exact": exact.find,
    "numeric": numeric.find,
    "regex": regex.find,
    "json": json_answer.find,
    "label": label.find,
    "text": overlap.find,
}
BY_MARK = ("text", "rubric")  # passed from the question's pass mark on


def score_answer(
    question: Question,
    answer: Answer,
    *,
    verdict: float = math.nan,
    scorers: Mapping[str, Scorer] | None = None,
) -> Score:
    """Return what is found of an answer.

    Parameters
    ----------
    question : Question
    answer : Answer
        One with an error is ``missing``, never 0; one that was cut is scored as it is.
    verdict : float
        0 … 1, of the judges: the value of a rubric, and of a text where it is given.
    scorers : mapping of str to callable, optional
        Scorers of your own, ``function(question, text)`` → bool, number from 0 to 1, or `Score`, by a question's id,
        its dimension or its type; the first of these that is there counts.

    Raises
    ------
    DataError
        The question cannot be scored (a gold of a numeric question that is no number, a wrong schema or pattern), the
        verdict is no number from 0 to 1, or a scorer of your own fails; says which question.
    EvalPlusError
        A package of the extra ``selection`` is not installed.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "How many days?"),), "numeric", "facts", gold=("14",), unit="days")
    >>> score = score_answer(question, Answer("model", "q", text="About two weeks, so it is 14 days."))
    >>> score.value, score.relaxed, score.status, score.extracted
    (0.0, 1.0, 'wrong', '14')
    >>> score_answer(question, Answer("model", "q", text="I don't know")).status
    'no_answer'
    >>> score_answer(question, Answer("model", "q", error="timeout")).status
    'missing'
    """
    if answer.text is None:
        return replace(MISSING_SCORE, why=answer.error or "no answer came")
    own = own_scorer(question, scorers)
    found = called(question, answer.text, *own) if own else _found(question, spoken(answer.text), verdict)
    if isinstance(found, Score):
        return _completed(question, answer, found)
    passed = found.value >= (question.pass_mark if question.type in BY_MARK else 1)
    conduct = conduct_of(question, replace(answer, text=spoken(answer.text)), right=passed)
    return Score(
        found.value, passed, _status(found, passed, not conduct.answering), found.extracted, found.format_ok,
        found.relaxed, conduct.fluency, not conduct.answering, found.why,
    )  # fmt: skip


def _found(question: Question, text: str, verdict: float) -> Found:
    if question.type == "rubric" or (question.type == "text" and not math.isnan(verdict)):
        return rubric.find(question, verdict)
    if question.type not in FINDERS:
        known = [*FINDERS, "rubric"]
        raise DataError(
            f"question {question.id!r} is of the type {question.type!r}; types are {known}."
            + did_you_mean(question.type, known)
        )
    return FINDERS[question.type](question, text)


def _status(found: Found, passed: bool, refused: bool) -> str:
    if math.isnan(found.value):
        return "missing"
    if passed:
        return "right"
    if not found.answered or (refused and not found.value and not found.relaxed):
        return "no_answer"
    return "partial" if found.value > 0 else "wrong"


def _completed(question: Question, answer: Answer, score: Score) -> Score:
    """Return a user's own score with what it leaves open."""
    conduct = conduct_of(question, answer, right=score.passed)
    return replace(
        score,
        relaxed=score.value if math.isnan(score.relaxed) else max(score.relaxed, score.value),
        fluency=conduct.fluency if math.isnan(score.fluency) else score.fluency,
        refused=score.refused or not conduct.answering,
    )
