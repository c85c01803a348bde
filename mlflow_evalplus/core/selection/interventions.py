"""A failed question is asked again in a changed way: what is sent, and what a guess would look like."""

from __future__ import annotations

import re
from functools import cache

from scipy import stats

from mlflow_evalplus.core.questions.prompting import as_asked, form_of, language_of
from mlflow_evalplus.core.questions.question import Message, Question
from mlflow_evalplus.core.questions.request import Request

AGAIN, CONTEXT, STEPS = "again", "context", "steps"
LUCK = 1 / 16  # what a guess may look like: a choice of four, right twice
_CONTEXT = {
    "en": "Use these facts; they are correct:\n<facts>\n{context}\n</facts>\nAnswer on this basis:",
    "zh": "已知以下资料，以此为准：\n<资料>\n{context}\n</资料>\n请据此回答：",
}
_STEPS = {
    "en": "First think it through step by step. Then write a last line that begins with \"Answer:\" and holds the "
          "final answer only.",
    "zh": "请先一步一步思考。最后另起一行，以“答案：”开头，只写最终答案。",
}  # fmt: skip
_FORM = {"en": " Requirement for the final answer: {}", "zh": "最终答案须符合以下要求：{}"}
_LAST = re.compile(r"^[\W_]*(?:(?:the\s+)?(?:final\s+)?answer|(?:最终|最后)?答案)[\s*_]*[:：][\s*_]*", re.I | re.M)


def asked(question: Question, variant: str, repeat: int, system: str = "") -> Request:
    """Return the request that asks a question again: the same, with its context, or step by step.

    Examples
    --------
    >>> hours = Question("q", (Message("user", "When do you close?"),), "exact", "d", ("six",), context="Open 9 to 6.")
    >>> print(asked(hours, "context", 0).messages[-1].content)
    Use these facts; they are correct:
    <facts>
    Open 9 to 6.
    </facts>
    Answer on this basis:
    <BLANKLINE>
    When do you close?
    <BLANKLINE>
    Give the shortest answer only, without any explanation.
    """
    return Request(question.id, _messages(question, variant, system), variant, repeat)


def _messages(question: Question, variant: str, system: str) -> tuple[Message, ...]:
    language = language_of(question)
    if variant == CONTEXT:
        return as_asked(question, system, before=_CONTEXT[language].format(context=question.context))
    if variant == STEPS:
        form = form_of(question)
        return as_asked(question, system, form=_STEPS[language] + (_FORM[language].format(form) if form else ""))
    return as_asked(question, system)


def final_answer(text: str) -> str:
    r"""Return what stands after the last line that begins with ``Answer:``; without one, the whole text.

    Examples
    --------
    >>> final_answer("12 months at 20 each.\n**Answer:** 240"), final_answer("先算利息。\n答案：9"), final_answer("7")
    ('240', '9', '7')
    """
    found = list(_LAST.finditer(text))
    return text[found[-1].end() :].strip() or text if found else text


def guess(question: Question) -> float:
    """Return the chance that a guess at random is right: one in the number of choices or labels; else 0.

    Examples
    --------
    >>> guess(Question("q", (Message("user", "Is it late?"),), "label", "d", ("yes",), ("yes", "no")))
    0.5
    """
    guessable = question.type in ("choice", "label") and len(question.choices) > 1
    return 1 / len(question.choices) if guessable else 0.0


@cache
def luck(right: int, n: int, chance: float) -> float:
    """Return how likely at least so many of n answers are right by guessing.

    Examples
    --------
    >>> luck(2, 2, 0.25), luck(1, 3, 0.0), luck(0, 3, 0.0)
    (0.0625, 0.0, 1.0)
    """
    return float(stats.binom.sf(right - 1, n, chance)) if right else 1.0
