"""What is right: the gold of a line → the texts that its scorer holds an answer against."""

from __future__ import annotations

import json
import re
import string
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.core.questions.json_schema import unfit
from mlflow_evalplus.core.questions.line import SHOWN, Line
from mlflow_evalplus.core.words import folded
from mlflow_evalplus.errors import did_you_mean, shorten

LETTERS = string.ascii_uppercase
MAX_CHOICES = len(LETTERS)
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_LETTER = re.compile(r"[(\[]?([a-z])[)\].:、]?")


def golds_of(line: Line) -> tuple[str, ...]:
    """Return every right answer of a line as a text: a choice's letter, a label as declared, JSON in one form.

    Raises
    ------
    ValueError
        In words, what is wrong with it.

    Examples
    --------
    >>> golds_of(Line(type="choice", choices=("red", "blue"), gold="blue"))
    ('B',)
    >>> golds_of(Line(type="numeric", gold=["1,250", 7]))
    ('1250', '7')
    """
    given = line.gold
    values = given if isinstance(given, (list, tuple)) else [] if given is None else [given]
    if isinstance(given, (list, tuple)) and not values:
        raise ValueError("is an empty list; give at least one answer, or leave it out")
    read = _READERS.get(str(line.type), _plain)
    return tuple(dict.fromkeys(read(value, line) for value in values))


def _plain(value: Any, line: Line) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"is {_shown(value)}; give a text, a number, or a list of those that are accepted")
    if not value.strip():
        raise ValueError("is empty")
    return value


def _choice(value: Any, line: Line) -> str:
    """Return a choice's letter: its text wins over a letter, but where these differ it must be said which is meant."""
    text = _plain(value, line)
    places = [at for at, choice in enumerate(line.choices) if folded(choice) == folded(text)]
    letter = _LETTER.fullmatch(folded(text))
    named = LETTERS.index(letter[1].upper()) if letter else -1
    known = 0 <= named < len(line.choices)
    if letter and places and known and named != places[0] and folded(text) == letter[1]:
        raise ValueError(f"{text!r} is the letter of {line.choices[named]!r} and the text of choice "
                         f"{LETTERS[places[0]]}; put the choices in order, or change their texts")  # fmt: skip
    if places:
        return LETTERS[places[0]]
    if known:
        return LETTERS[named]
    last = LETTERS[len(line.choices) - 1]
    raise ValueError(f"{_shown(text)} is no letter from A to {last} and none of the choices "
                     f"{shorten(line.choices)}.{did_you_mean(text, line.choices)}")  # fmt: skip


def _label(value: Any, line: Line) -> str:
    text = _plain(value, line)
    same = [choice for choice in line.choices if choice == text] or [
        choice for choice in line.choices if folded(choice) == folded(text)
    ]
    if not same:
        near = did_you_mean(text, line.choices)
        raise ValueError(f"{_shown(text)} is not among the labels {shorten(line.choices)}.{near}")
    return same[0]


def is_number(text: str) -> bool:
    """Whether a text is a number without a unit, as the gold of a numeric question must be.

    Examples
    --------
    >>> is_number("-1,250.5"), is_number("12 %")
    (True, False)
    """
    plain = folded(text)
    return bool(_NUMBER.fullmatch(plain)) and any(map(str.isdigit, plain))


def _numeric(value: Any, line: Line) -> str:
    text = _plain(value, line)
    plain = folded(text)
    if isinstance(value, bool) or not is_number(text):
        raise ValueError(f"{_shown(text)} is no number such as 12.5 or 1,250; its unit belongs into 'unit'")
    return plain.replace(",", "")


def _regex(value: Any, line: Line) -> str:
    text = _plain(value, line)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python will read differently
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{_shown(text)} is no regular expression: {error}") from None
    return text


def _json(value: Any, line: Line) -> str:
    """Return JSON in one form; a text is read as JSON."""
    if isinstance(value, str):
        try:
            value = loads(value, parse_constant=_refuse)
        except ValueError:
            raise ValueError(f"{_shown(value)} is no JSON; a text that is the answer is written '\"text\"'") from None
    if line.schema_ is not None and (why := _unfit(value, line.schema_)):
        raise ValueError(f"{_shown(value)} does not fit the schema: {why}")
    return canonical(value)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _unfit(value: Any, schema: Mapping[str, Any]) -> str:
    try:
        return unfit(value, schema)
    except ValueError as error:
        return str(error)


def canonical(value: Any) -> str:
    """Return JSON with its keys in order."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shown(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


_READERS: dict[str, Callable[[Any, Line], str]] = {
    "choice": _choice, "label": _label, "numeric": _numeric, "regex": _regex, "json": _json
}  # fmt: skip


def choices_mistake(choices: Sequence[str], kind: str) -> str:
    """Return what is wrong with the choices of a choice or a label, in words; nothing where nothing is."""
    if len(choices) < 2:
        return f"a {kind} needs at least two of them"
    if kind == "choice" and len(choices) > MAX_CHOICES:
        return f"there are {len(choices)}; at most {MAX_CHOICES}, A to Z"
    plain = [folded(choice) for choice in choices]
    if twice := [choice for at, choice in enumerate(choices) if plain[at] in plain[:at]]:
        return f"{_shown(twice[0])} is given twice"
    return ""
