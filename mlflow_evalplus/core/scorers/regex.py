"""Answers that a regular expression describes: the whole text in the form asked, a part of it in the whole text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from mlflow_evalplus.core.extra import needed
from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import LIMIT
from mlflow_evalplus.core.scorers.found import Found
from mlflow_evalplus.core.words import folded
from mlflow_evalplus.errors import DataError

_WORD = re.compile("[A-Za-z0-9]{2}")
SECONDS = 0.2  # for one pattern on one text


def find(question: Question, text: str) -> Found:
    r"""Return whether one of the patterns is the text; in the whole text, whether one is found in it as whole words.

    A pattern that needs more than `SECONDS` says nothing: the value is nan.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "The code?"),), "regex", "facts", (r"[A-Z]{2}-\d{4}",))
    >>> [(find(question, text).value, find(question, text).relaxed) for text in ("AB-1234\n", "It is AB-1234.", "AB")]
    [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0)]
    """
    shown = text.strip()
    if not shown:
        return Found(0.0, 0.0, format_ok=False, answered=False, why="the text is empty")
    patterns = [_compiled(question.id, pattern) for pattern in question.gold]
    try:
        if any(pattern.fullmatch(shown[-LIMIT:], timeout=SECONDS) for pattern in patterns):
            return Found(1.0, 1.0, folded(shown), format_ok=True)
        for pattern in patterns:
            matches = [match for match in pattern.finditer(shown[-LIMIT:], timeout=SECONDS) if not _within(match)]
            if matches:
                return Found(0.0, 1.0, folded(matches[-1][0]), format_ok=False, why="the pattern is not the whole text")
    except TimeoutError:
        return Found(float("nan"), float("nan"), why=f"the pattern took more than {SECONDS:g} s: simplify it")
    return Found(0.0, 0.0, folded(shown), format_ok=False, why="the pattern is not in the text")


def _within(match: Any) -> bool:
    """Whether what is found is only a part of a longer word or number: AB-1234 in AB-12345."""
    text, (start, end) = match.string, match.span()
    return start < end and any(_WORD.match(text[max(edge - 1, 0) : edge + 1]) for edge in (start, end))


@lru_cache(maxsize=4096)
def _compiled(question: str, pattern: str) -> Any:
    regex = needed("regex", "questions of the type regex")
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise DataError(
            f"the pattern {pattern!r} of question {question!r} is no regular expression: {error}"
        ) from error
