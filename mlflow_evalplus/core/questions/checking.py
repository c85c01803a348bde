"""A well-formed line → what is wrong with it by its type, and the question it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mlflow_evalplus.core.questions.gold import choices_mistake, golds_of
from mlflow_evalplus.core.questions.json_schema import schema_mistake
from mlflow_evalplus.core.questions.line import Line, Mistake
from mlflow_evalplus.core.questions.question import Message, Question

# What only some types read; elsewhere it would be ignored, and is a mistake.
ONLY = {
    "choices": ("choice", "label"), "schema": ("json",), "tolerance": ("numeric",), "unit": ("numeric",),
    "rubric": ("rubric", "text"), "pass_mark": ("rubric", "text"),
}  # fmt: skip
WITHOUT_GOLD = ("rubric", "json")
ALL = "all"  # the dimension where no line names one


def mistakes_of(line: Line, bad: Collection[str]) -> Iterator[Mistake]:
    """Yield what is wrong with a line; what stands on a field in `bad`, which is not well formed, is not judged."""
    if not line.id and "id" not in bad:
        yield "id", "is missing"
    yield from _asked(line, bad)
    if line.type is None:
        if "type" not in bad:
            yield "type", "is missing; give choice, exact, numeric, regex, json, text, label or rubric"
        return
    for field, types in ONLY.items():
        if (field if field != "schema" else "schema_") in line.model_fields_set and line.type not in types:
            yield field, f"is for {' and '.join(types)}; this is {line.type}"
    for field, found in (("choices", _choices(line)), ("schema", _schema(line))):
        if found and field not in bad:
            yield field, found
            bad = {*bad, field}
    if line.type == "rubric" and line.rubric is None and "rubric" not in bad:
        yield "rubric", "is missing: what is a good answer?"
    if not {"choices", "schema", "gold"} & {*bad}:
        yield from _gold(line)


def _asked(line: Line, bad: Collection[str]) -> Iterator[Mistake]:
    if {"input", "messages"} & {*bad}:
        return
    if (line.input is None) == (line.messages is None):
        yield "input", "give one of input and messages" + (", not both" if line.input else "")
    elif line.messages and line.messages[-1].role != "user":
        yield "messages", f"the last one is the {line.messages[-1].role}'s; it must be the user's"


def _choices(line: Line) -> str:
    return choices_mistake(line.choices, line.type) if line.type in ONLY["choices"] else ""


def _schema(line: Line) -> str:
    found = "" if line.schema_ is None else schema_mistake(line.schema_)
    return f"is no JSON Schema: {found}" if found else ""


def _gold(line: Line) -> Iterator[Mistake]:
    if line.gold is None:
        if line.type == "json" and line.schema_ is None:
            yield "gold", "is missing: give the right answer, a schema, or both"
        elif line.type not in WITHOUT_GOLD:
            yield "gold", "is missing: what is right?"
        return
    try:
        golds_of(line)
    except ValueError as error:
        yield "gold", str(error)


def as_question(line: Line, twin_cluster: str = "") -> Question:
    """Return the question of a line without mistakes; `twin_cluster` is what its twin says, where it says something."""
    messages = line.messages or ()
    return Question(
        id=line.id,
        messages=tuple(Message(m.role, m.content) for m in messages) or (Message("user", line.input or ""),),
        type=str(line.type),
        dimension=line.dimension or ALL,
        gold=golds_of(line),
        choices=line.choices,
        schema=line.schema_,
        rubric=line.rubric or "",
        context=line.context or "",
        twin=line.twin or "",
        cluster=line.cluster or twin_cluster or own_cluster(line.id, line.twin),
        weight=line.weight,
        tags=dict(line.tags),
        tolerance=line.tolerance,
        unit=line.unit or "",
        pass_mark=line.pass_mark,
    )


def own_cluster(name: str, twin: str | None) -> str:
    """Return the cluster of a question that names none: one with its twin."""
    return min(name, twin) if twin else name
