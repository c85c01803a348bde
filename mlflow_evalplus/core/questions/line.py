"""What one line of a question file may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator

from mlflow_evalplus.errors import did_you_mean, shorten
from mlflow_evalplus.requirements.base import Part

SHOWN = 60  # characters of what was given
Mistake = tuple[str, str]  # the field, and what is wrong with it


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


def _word(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("is true or false; give a number")
    return value


def _tag(name: str) -> str:
    if "=" in name:
        raise ValueError("a tag's name holds no '='")
    return _filled(name)


Text = Annotated[str, AfterValidator(_filled)]
Word = Annotated[str, BeforeValidator(_word), AfterValidator(_filled)]
Tag = Annotated[str, AfterValidator(_tag)]
Number = Annotated[float, BeforeValidator(_number)]


class MessageLine(Part):
    """One message."""

    role: Literal["system", "user", "assistant"]
    content: Text


class Line(Part):
    """The keys of a line; what a type asks of them is checked apart."""

    id: Text = ""
    input: Text | None = None
    messages: Annotated[tuple[MessageLine, ...], Field(min_length=1)] | None = None
    gold: Any = None
    type: Literal["choice", "exact", "numeric", "regex", "json", "text", "label", "rubric"] | None = None
    choices: tuple[Word, ...] = ()
    schema_: Mapping[str, Any] | None = Field(default=None, alias="schema")
    rubric: Text | None = None
    dimension: Text | None = None
    tags: Mapping[Tag, Word] = {}
    context: Text | None = None
    twin: Text | None = None
    cluster: Text | None = None
    weight: Annotated[Number, Field(gt=0)] = 1.0
    tolerance: Annotated[Number, Field(ge=0)] = 0.0
    unit: Text | None = None
    pass_mark: Annotated[Number, Field(gt=0, le=1)] = 0.5

    @field_validator("tags", mode="before")
    @classmethod
    def _no_nulls(cls, tags: object) -> object:
        return {name: value for name, value in tags.items() if value is not None} if isinstance(tags, Mapping) else tags


FIELDS = tuple(field.alias or name for name, field in Line.model_fields.items())


def read_line(row: Mapping[str, Any]) -> tuple[Line, list[Mistake]]:
    """Return what of a row is well formed, and what is not; null is as not given.

    Examples
    --------
    >>> line, mistakes = read_line({"id": 7, "weight": -1, "tpye": "text"})
    >>> line.id, [field for field, _ in mistakes]
    ('7', ['weight', 'tpye'])
    """
    given = {str(key): value for key, value in row.items() if value is not None}
    try:
        return Line.model_validate(given), []
    except ValidationError as error:
        wrong = error.errors()
    mistakes = [(".".join(map(str, mistake["loc"])), _words(mistake)) for mistake in wrong]
    bad = {str(mistake["loc"][0]) for mistake in wrong if mistake["loc"]}
    return Line.model_validate({key: value for key, value in given.items() if key not in bad}), mistakes


def _words(mistake: Any) -> str:
    given, kind = mistake.get("input"), mistake["type"]
    if kind == "extra_forbidden":
        key = str(mistake["loc"][-1])
        known = FIELDS if len(mistake["loc"]) == 1 else tuple(MessageLine.model_fields)
        return f"unknown key; keys are {shorten(known, 20)}.{did_you_mean(key, known)}"
    if kind == "missing":
        return "is missing"
    words = str(mistake["msg"]).removeprefix("Value error, ")
    if kind == "literal_error" and isinstance(given, str):
        words += "." + did_you_mean(given, re.findall(r"'(.*?)'", words))
    shown = repr(given) if isinstance(given, (str, int, float, bool)) else ""
    return words + (f" (given: {shown[:SHOWN]}{'…' * (len(shown) > SHOWN)})" if shown.strip("'") else "")
