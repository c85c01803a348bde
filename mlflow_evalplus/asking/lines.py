"""An answer as a line of JSON, in files of recorded answers and in the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mlflow_evalplus.errors import did_you_mean, shorten
from mlflow_evalplus.results.answers import CALL_ERRORS, Answer

FIELDS = tuple(field.name for field in fields(Answer))
OF_JOURNAL = ("digest", "asked")  # what a line of the journal has besides
_DEFAULTS = {field.name: field.default for field in fields(Answer) if field.default is not MISSING}


def as_line(answer: Answer, **more: str) -> str:
    r"""Return the line of an answer, with its end; what is as by default is left out.

    Examples
    --------
    >>> as_line(Answer("small", "q1", text="B", finish="stop"), digest="ab12")
    '{"digest":"ab12","candidate":"small","question":"q1","text":"B","finish":"stop"}\n'
    """
    row: dict[str, Any] = dict(more)
    for name in FIELDS:
        value = getattr(answer, name)
        if value != value or (name in _DEFAULTS and value == _DEFAULTS[name]):  # nan is the default of what it is in
            continue
        row[name] = value
    line = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
    try:
        line.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, as a cut answer may end with
        line = json.dumps(row, separators=(",", ":")) + "\n"
    return line


def as_answer(row: Mapping[str, Any]) -> Answer | str:
    """Return the answer of a row, or what is wrong with it in words; null is as not given.

    Examples
    --------
    >>> as_answer({"candidate": "small", "question": "q1", "text": "B"}).text
    'B'
    >>> as_answer({"candidate": "small", "question": "q1", "txt": "B"})
    "unknown key 'txt'. Did you mean 'text'?"
    """
    given = {key: value for key, value in row.items() if value is not None and key not in OF_JOURNAL}
    unknown = [key for key in given if key not in FIELDS]
    if unknown:
        return f"unknown key {unknown[0]!r}.{did_you_mean(unknown[0], FIELDS) or f' Keys are {shorten(FIELDS, 20)}'}"
    try:
        answer = _adapter().validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {'is missing' if first['type'] == 'missing' else first['msg']}"
    return _mistake(answer) or answer


def _mistake(answer: Answer) -> str:
    if answer.error and answer.error not in CALL_ERRORS:
        return f"error: {answer.error!r} is none of {list(CALL_ERRORS)}"
    if answer.answered == bool(answer.error):
        return "a line has either 'text', where there is an answer, or 'error', where there is none"
    return "repeat: counts from 0" if answer.repeat < 0 else ""


@cache
def _adapter() -> TypeAdapter[Answer]:
    return TypeAdapter(Answer)
