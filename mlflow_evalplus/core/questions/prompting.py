"""A question → the messages that are sent: with its choices, and the form of the answer that is asked for."""

from __future__ import annotations

import json
import re

from mlflow_evalplus.core.questions.gold import LETTERS
from mlflow_evalplus.core.questions.question import Message, Question

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_KANA = re.compile("[\u3041-\u30ff]")
_WORD = re.compile("[^\\W\\d_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
FORMS = {
    "en": {
        "choice": "Answer with the letter of the right choice only.",
        "exact": "Give the shortest answer only, without any explanation.",
        "numeric": 'Give the number last, on a line of its own: "Answer: NUMBER"{unit}.',
        "json": "Answer with JSON only, without any other text{schema}.",
        "label": "Answer with one of these labels only: {labels}.",
    },
    "zh": {
        "choice": "只回答正确选项的字母。",
        "exact": "只给出最简短的答案，不要解释。",
        "numeric": "最后单独一行给出数字：“答案：数字”{unit}。",
        "json": "只输出 JSON，不要任何其他文字{schema}。",
        "label": "只回答以下标签之一：{labels}。",
    },
}
_UNIT = {"en": " (in {})", "zh": "（单位：{}）"}
_SCHEMA = {"en": ". It must fit this JSON Schema: {}", "zh": "。须符合以下 JSON Schema：{}"}


def as_asked(question: Question, system: str = "", *, form: str | None = None, before: str = "") -> tuple[Message, ...]:
    r"""Return the messages that ask a question.

    Parameters
    ----------
    question : Question
    system : str
        Comes first, as a system message; before the question's own where it has one.
    form : str, optional
        In place of what `form_of` says of the answer; an empty text for nothing.
    before : str
        Stands before what the user asks.

    Returns
    -------
    tuple of Message
        The question's own; the last one goes on with the choices and the form of the answer, in its language.

    Examples
    --------
    >>> asked = Question("q", (Message("user", "Which is a fee?"),), "choice", "d", ("A",), ("rent", "tip"))
    >>> as_asked(asked)[-1].content
    'Which is a fee?\n\nA. rent\nB. tip\n\nAnswer with the letter of the right choice only.'
    """
    parts = (before, question.text, choice_lines(question), form_of(question) if form is None else form)
    last = Message("user", "\n\n".join(part for part in parts if part))
    messages = (*question.messages[:-1], last)
    if not system:
        return messages
    if messages[0].role == "system":
        return (Message("system", f"{system}\n\n{messages[0].content}"), *messages[1:])
    return (Message("system", system), *messages)


def choice_lines(question: Question) -> str:
    """Return ``A. …`` and so on; nothing where the question is no choice."""
    if question.type != "choice":
        return ""
    return "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, question.choices, strict=False))


def form_of(question: Question) -> str:
    """Return the form of the answer that is asked for, in the question's language; nothing for texts and rubrics.

    Examples
    --------
    >>> form_of(Question("q", (Message("user", "利息是多少？"),), "numeric", "d", ("12",), unit="元"))
    '最后单独一行给出数字：“答案：数字”（单位：元）。'
    """
    language = language_of(question)
    form = FORMS[language].get("exact" if question.type == "regex" else question.type, "")
    unit = _UNIT[language].format(question.unit) if question.unit else ""
    schema = (
        "" if question.schema is None else _SCHEMA[language].format(json.dumps(question.schema, ensure_ascii=False))
    )
    if schema:
        return form.replace("{schema}", schema).rstrip(".。")
    labels = ("、" if language == "zh" else ", ").join(question.choices)
    return form.replace("{schema}", "").replace("{unit}", unit).replace("{labels}", labels)


def language_of(question: Question) -> str:
    """Return ``zh`` where the language tag begins so, or there is none and the text is mostly Chinese; else ``en``.

    Examples
    --------
    >>> language_of(Question("q", (Message("user", "APP 打不开，怎么办？"),), "text", "d", ("重装",)))
    'zh'
    """
    if question.language:
        return "zh" if question.language.casefold().startswith("zh") else "en"
    text = question.text
    han = len(_HAN.findall(text))
    return "zh" if han > len(_WORD.findall(text)) and not _KANA.search(text) else "en"
