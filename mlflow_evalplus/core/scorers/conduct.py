"""How an answer is given, right or wrong: in the question's language, complete, without refusal, loops or excess."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import LIMIT
from mlflow_evalplus.core.scorers.language import in_language
from mlflow_evalplus.results.answers import Answer

_OPENING = 240  # characters in which a refusal shows
_DECLINED = r"(?:help|assist|answer|comply|respond|discuss|engage|fulfil|continue\ with|create|generate|write)"
_WHAT = r"(?:that|this|such|you\ with|an?\ answer|assistance|information|advice|guidance|help)"
_REFUSED = re.compile(
    rf"""\bI(?:'m|\ am)\ (?:not\ able|unable|not\ allowed|not\ permitted)\ to\ (?:{_DECLINED}|provide\ {_WHAT})\b
      | \bI\ (?:can't|cannot|can\ not|won't|will\ not|must\ decline\ to|have\ to\ decline\ to|could\ not|couldn't
            |am\ not\ going\ to)\ (?:{_DECLINED}|provide\ {_WHAT})\b
      | \bI\ (?:must|have\ to|need\ to|would\ like\ to)\ (?:respectfully\ |politely\ )?(?:decline|refuse)\b
      | \bas\ an?\ (?:AI|artificial\ intelligence|large\ language\ model|language\ model)\b[^.!?\n]{{0,60}}
            \b(?:can't|cannot|unable|not\ able|don't|do\ not|won't)\b
      | \A\W*(?:I'm\ |I\ am\ )?sorry,?\ (?:but\ )?(?:I\ )?(?:can't|cannot)\ (?:do\ (?:that|this)|{_DECLINED})\b
      | 我?(?:无法|不能|不便|不可以|拒绝|没有办法|没办法)(?:为您|为你|向您|向你|给您|给你|对此|就此)?(?:直接)?
            (?:回答|协助|作答|回应|讨论|满足您?的?(?:这|该|此|请求|要求)|参与|帮(?:助|到)?(?:您|你)|生成|继续(?:这|该|此)
            |提供(?:这|此|该|相关的?(?:信息|内容|建议|帮助)|帮助|协助|建议|任何))
      | 作为(?:一[个名位款])?(?:人工智能|AI|大?语言模型|智能助手|虚拟助手)[^。!?!?\n]{{0,24}}(?:无法|不能|不便|没有能力)
    """,
    re.X | re.I,
)
_LOOP = 60  # characters that a loop takes at least
_TURNS = 5  # and so often it says the same
_PERIOD = 240  # and so long a turn is at most
_STEP = 12
_TRIES = 8  # periods tried at one place


@dataclass(frozen=True, slots=True)
class Conduct:
    """How an answer is given; None where it cannot be told.

    Attributes
    ----------
    in_language : bool or None
        In the language expected, by its script.
    answering : bool
        It is no refusal.
    free_of_loops : bool
    complete : bool or None
        It was not cut; None where the candidate does not say why it stopped.
    length : float
        1, or less where the answer is longer than fits: see `fitting_length`.
    """

    in_language: bool | None
    answering: bool
    free_of_loops: bool
    complete: bool | None
    length: float

    @property
    def fluency(self) -> float:
        """The mean of those that can be told."""
        told = [part for part in (self.in_language, self.complete) if part is not None]
        parts = [*told, self.answering, self.free_of_loops, self.length]
        return sum(map(float, parts)) / len(parts)


def conduct_of(question: Question, answer: Answer, *, right: bool = False) -> Conduct:
    """Return how an answer is given; one that is `right` refuses nothing, whatever words it begins with.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "How long does it take?"),), "rubric", "service")
    >>> conduct_of(question, Answer("m", "q", text="I cannot help with that.", finish="stop")).fluency
    0.8
    """
    text = answer.text or ""
    complete = None if not answer.finish else answer.finish not in ("length", "content_filter")
    answering = right or not refuses(text)
    return Conduct(in_language(question, text), answering, not loops(text), complete, fitting_length(question, text))


def refuses(text: str) -> bool:
    """Return whether a text declines to answer, in English or Chinese; what it cannot find or refund is no refusal.

    Examples
    --------
    >>> [refuses(text) for text in ("I'm sorry, I can't help with that.", "I cannot find it.", "我无法回答这个问题")]
    [True, False, True]
    """
    return _REFUSED.search(text[:_OPENING].replace("’", "'")) is not None


def loops(text: str) -> bool:
    """Return whether a text says the same over and over: five times in a row and 60 characters at least.

    Examples
    --------
    >>> loops("I see. " * 12), loops("| --- " * 40), loops("a long answer, and then another sentence")
    (True, False, False)
    """
    text = text[-LIMIT:]
    for place in range(0, len(text) - _LOOP + _STEP, _STEP):
        window = text[place : place + _STEP]
        if not any(map(str.isalpha, window)):
            continue
        again = place
        for _ in range(_TRIES):
            again = text.find(window, again + 1, place + _STEP + _PERIOD)
            if again < 0:
                break
            if _turns(text, place, again - place):
                return True
    return False


def _turns(text: str, place: int, period: int) -> bool:
    """Whether what is at a place is said often enough, every `period` characters."""
    start, end = place, place
    while start and text[start - 1] == text[start - 1 + period]:
        start -= 1
    while end + period < len(text) and text[end] == text[end + period]:
        end += 1
    return end + period - start >= max(_LOOP, _TURNS * period)


def fitting_length(question: Question, text: str) -> float:
    """Return 1 where a text has words and, where right answers are texts, no more than four times the longest of them.

    Beyond that, or beyond 400 characters where that is more, the share of it that fits; 0 for an empty text.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "How long?"),), "text", "service", ("It takes 14 days.",))
    >>> fitting_length(question, "14 days"), fitting_length(question, "well " * 160)
    (1.0, 0.5)
    """
    if not text.strip():
        return 0.0
    if question.type != "text" or not question.gold:
        return 1.0
    return min(1.0, max(400, 4 * max(map(len, question.gold))) / len(text))
