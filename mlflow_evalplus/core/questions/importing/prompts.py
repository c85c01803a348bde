"""Prompts and messages as tools write them → the question's own text, its choices, its messages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mlflow_evalplus.core.questions.gold import LETTERS
from mlflow_evalplus.core.questions.question import Message

_CHOICE = re.compile(r"[ \t]*[(\[（]?([A-Z])[)\]）.:：、．][ \t]*(\S.*)")
# A paragraph such as "The entire content of your response … 'ANSWER: $LETTER'": the form, not the question.
_TOLD = re.compile(r"[^\n]*(?:\[LETTER\]|\$LETTER)[^\n]*\n+")
_BEFORE = re.compile(r"^(?:Question|Q|问题)\s*[:：]\s*", re.MULTILINE)
_AFTER = re.compile(r"\s*\n(?:Answer|A|答案|Options|Choices|选项)\s*[:：]\s*$")
_ROLES = ("system", "user", "assistant")


def split_choices(prompt: str) -> tuple[str, tuple[str, ...]]:
    r"""Return the question in a prompt that ends with lines of choices, and the choices; as it is where there are none.

    Examples
    --------
    >>> split_choices("Question: Which is a fee?\nA. rent\nB. tip\nAnswer:")
    ('Which is a fee?', ('rent', 'tip'))
    """
    lines = _AFTER.sub("", "\n" + prompt.rstrip()).strip("\n").splitlines()
    choices: list[str] = []
    at = len(lines)
    while at and (found := _CHOICE.fullmatch(lines[at - 1])):
        at -= 1
        choices.insert(0, found[2].strip())
        if found[1] == "A":
            break
    letters = [found[1] for line in lines[at:] if (found := _CHOICE.fullmatch(line))]
    if len(choices) < 2 or letters != list(LETTERS[: len(letters)]):
        return prompt, ()
    return bare("\n".join(lines[:at])), tuple(choices)


def bare(text: str) -> str:
    """Return a question without what a tool's template puts around it; several in one prompt stay as they are."""
    told = _TOLD.search(text)
    text = text[told.end() :] if told and told.start() < 200 else text
    text = text.strip()
    if len(_BEFORE.findall(text)) > 1:
        return text
    return _BEFORE.sub("", _AFTER.sub("", "\n" + text).strip()).strip()


def messages_of(given: Any) -> tuple[Message, ...]:
    """Return messages in plain text, up to the user's last one; none where they hold pictures or tools' results."""
    if isinstance(given, str):
        return (Message("user", given),) if given.strip() else ()
    found: list[Message] = []
    for message in given if isinstance(given, list) else ():
        text = text_of(message.get("content")) if isinstance(message, dict) else None
        if text is None or message.get("role") not in _ROLES:
            return ()
        found.append(Message(message["role"], text))
    while found and found[-1].role != "user":
        found.pop()
    return tuple(message for message in found if message.content.strip())


def text_of(content: Any) -> str | None:
    """Return a message's content in plain text, without its reasoning; None where it holds something else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return None
    if any(part.get("type") not in ("text", "reasoning") for part in content):
        return None
    return "".join(str(part.get("text") or "") for part in content if part["type"] == "text")


def replaced(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """Return messages with another text in the last one."""
    return (*messages[:-1], Message("user", text))
