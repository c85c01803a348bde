"""JSON answers: in the form of a JSON Schema, and the same value as the right answer where there is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.core.questions.json_schema import schema_mistake, unfit
from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import LIMIT
from mlflow_evalplus.core.scorers.found import Found
from mlflow_evalplus.errors import DataError

_FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)```", re.S)
_OPENING = re.compile(r"[{\[]")
_TRIES = 100  # places where JSON may begin


class _Parsed(NamedTuple):
    """What JSON says; a tuple of one, for null is an answer too."""

    content: Any


def find(question: Question, text: str) -> Found:
    """Return whether a text is JSON that fits the schema and equals a right answer.

    In the form asked it is nothing but JSON. In the whole text it may stand in a fence or between words: the last
    fenced block, else the only object or list.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "As JSON"),), "json", "form", ('{"days": 14}',))
    >>> [(find(question, text).value, find(question, text).relaxed) for text in ('{"days":14.0}', 'So: {"days": 14}')]
    [(1.0, 1.0), (0.0, 1.0)]
    """
    bare = parsed(text.strip())
    answer = bare or _embedded(text)
    if answer is None:
        return Found(0.0, 0.0, format_ok=False, answered=False, why="no JSON is in the text")
    wrong = _unfit(question, answer.content)
    golds = [_gold(question, gold) for gold in question.gold]
    right = not wrong and (not golds or any(equal(answer.content, gold) for gold in golds))
    why = [] if bare else ["the JSON is not alone"]
    why += [wrong] if wrong else [] if right else ["another content than asked"]
    return Found(
        float(right and bare is not None), float(right), _key(answer.content),
        format_ok=bare is not None and not wrong, why="; ".join(why),
    )  # fmt: skip


def parsed(text: str) -> _Parsed | None:
    """Return what a text says as JSON; None where it is none (NaN and Infinity are none).

    Examples
    --------
    >>> parsed("[1, null]"), parsed("[NaN]")
    (_Parsed(content=[1, None]), None)
    """
    try:
        return _Parsed(loads(text, parse_constant=_no_number))
    except ValueError:
        return None


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 equals 1.0 but not true, and the order of an object does not count.

    Examples
    --------
    >>> equal({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}), equal(1, True), equal([1, 2], [2, 1])
    (True, False, False)
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(*pair) for pair in zip(one, other, strict=True))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _embedded(text: str) -> _Parsed | None:
    text = text[-LIMIT:]
    fenced = [found for block in _FENCE.findall(text) if (found := parsed(block.strip()))]
    if fenced:
        return fenced[-1]
    inside = list(_inside(text))
    return inside[0] if len(inside) == 1 else None


def _inside(text: str) -> Iterator[_Parsed]:
    """Yield the objects and lists that stand in a text, the outermost ones; a list such as [1] is a reference."""
    decoder = json.JSONDecoder(parse_constant=_no_number)
    place = 0
    for _ in range(_TRIES):
        start = _OPENING.search(text, place)
        if start is None:
            return
        try:
            content, place = decoder.raw_decode(text, start.start())
        except RecursionError:
            return
        except ValueError:
            place = start.end()
            continue
        if isinstance(content, dict) or any(isinstance(each, (dict, list, str)) for each in content):
            yield _Parsed(content)


def _unfit(question: Question, content: Any) -> str:
    """Return why the content does not fit the question's schema; empty where it does."""
    if question.schema is None:
        return ""
    if wrong := schema_mistake(question.schema):
        raise DataError(f"the schema of question {question.id!r} is no JSON Schema: {wrong}")
    try:
        return unfit(content, question.schema)
    except ValueError as error:
        raise DataError(f"the schema of question {question.id!r} cannot be applied: {error}") from error


@lru_cache(maxsize=4096)
def _parsed_gold(gold: str) -> _Parsed | None:
    return parsed(gold)


def _gold(question: Question, gold: str) -> Any:
    found = _parsed_gold(gold)
    if found is None:
        raise DataError(f"question {question.id!r} is of the type json, but its gold {gold[:80]!r} is no JSON")
    return found.content


def _key(content: Any) -> str:
    try:
        return json.dumps(_whole(content), sort_keys=True, ensure_ascii=False)
    except RecursionError:
        return ""


def _whole(content: Any) -> Any:
    """Return the content with 14.0 written as 14."""
    if isinstance(content, dict):
        return {key: _whole(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_whole(value) for value in content]
    return int(content) if isinstance(content, float) and content.is_integer() and abs(content) < 2**53 else content
