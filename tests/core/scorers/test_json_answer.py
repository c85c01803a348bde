"""JSON answers: the schema held against jsonschema itself, the value against a walk of its own."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.json_answer import equal, find, parsed
from mlflow_evalplus.errors import DataError
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "days": {"type": "integer", "minimum": 0}, "on": {"type": "string",
    "format": "date"}},
    "required": ["name"],
    "additionalProperties": False,
}  # fmt: skip
GOLD = '{"name": "refund", "days": 14}'
BOTH = asked("json", GOLD, schema=SCHEMA)


@pytest.mark.parametrize(
    ("text", "value", "relaxed", "form"),
    [
        (GOLD, 1, 1, True), (' {"days": 14.0,\n "name": "refund"}\n', 1, 1, True),
        (f"```json\n{GOLD}\n```", 0, 1, False),
        (f"```\n{GOLD}\n```", 0, 1, False), (f"Here it is: {GOLD}. Done.", 0, 1, False), (f"好的：{GOLD}", 0, 1, False),
        ('{"name": "refund", "days": 15}', 0, 0, True), ('{"name": "refund"}', 0, 0, True),
        ('{"days": 14}', 0, 0, False),
        ('{"name": "refund", "days": "14"}', 0, 0, False), ('{"name": "refund", "days": 14, "x": 1}', 0, 0, False),
        ("[]", 0, 0, False), ("14", 0, 0, False), (f"[{GOLD}]", 0, 0, False),
        ('{"name": "refund", "days": true}', 0, 0, False),
        (f'{GOLD}\nor\n{{"name": "other"}}', 0, 0, False),
        (f'```json\n{{"name": "a"}}\n```\nBetter:\n```json\n{GOLD}\n```', 0, 1, False),
        (f"As [1] says: {GOLD}", 0, 1, False), ('{"name": "refund", "days": 14,}', 0, 0, False),
        ("{'name': 'refund'}", 0, 0, False),
        ('{"name": "refund", "days": NaN}', 0, 0, False),
    ],
)  # fmt: skip
def test_form_and_content(text: str, value: float, relaxed: float, form: bool) -> None:
    found = score(BOTH, text)
    assert (found.value, found.relaxed, found.format_ok) == (value, relaxed, form)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "{", "{" * 3000, "[" * 100_000, '{"a": 1', "9" * 5000 + "x", "[1]: a reference"]
)
def test_no_json_is_no_answer(text: str) -> None:
    assert score(BOTH, text).status == "no_answer"


def test_the_schema_alone_counts_where_there_is_no_gold() -> None:
    form = asked("json", schema=SCHEMA)
    assert score(form, '{"name": "anything", "on": "2026-02-28"}').status == "right"
    late = score(form, '{"name": "anything", "on": "2026-02-31"}')
    assert (late.value, late.format_ok) == (0.0, False)  # formats such as date count
    assert "$.on" in late.why
    assert score(asked("json"), "null").value == 1


def test_any_of_several_golds_is_right_and_keys_are_shared_by_what_is_equal() -> None:
    several = asked("json", "[1, 2]", "[2, 1]")
    assert [find(several, text).value for text in ("[1,2]", "[2.0, 1]", "[1]")] == [1, 1, 0]
    assert find(several, "[1, 2.0]").extracted == find(several, "[1.0,2]").extracted == "[1, 2]"


def test_what_cannot_be_scored_is_told() -> None:
    with pytest.raises(DataError, match=r"question 'q1' is of the type json, but its gold '\{' is no JSON"):
        find(asked("json", "{"), "1")
    with pytest.raises(DataError, match="the schema of question 'q1' is no JSON Schema"):
        find(asked("json", schema={"type": "number of things"}), "1")
    with pytest.raises(DataError, match="the schema of question 'q1' cannot be applied"):
        find(asked("json", schema={"$ref": "other.json"}), "1")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
SCHEMAS = st.sampled_from(
    [{"type": "object"}, {"type": "array", "items": {"type": "integer"}}, {"enum": [1, None, "a"]}, {"required": ["a"]},
     {"anyOf": [{"type": "string"}, {"type": "boolean"}]}, {"const": True}, True, {"minItems": 2, "uniqueItems": True}]
)  # fmt: skip


@settings(max_examples=inputs(100), deadline=None)
@given(VALUES, SCHEMAS)
def test_the_schema_is_what_jsonschema_says(value: Any, schema: Any) -> None:
    fits = jsonschema.Draft202012Validator(schema).is_valid(value)
    found = find(asked("json", schema=schema), json.dumps(value))
    assert (found.value, found.format_ok) == (float(fits), fits)


@settings(max_examples=inputs(100), deadline=None)
@given(VALUES, VALUES)
def test_equal_is_equal_in_one_form(one: Any, other: Any) -> None:
    def form(value: Any) -> Any:  # numbers told from true and false by their type, all as fractions of one kind
        if isinstance(value, dict):
            return ("object", frozenset((key, form(each)) for key, each in value.items()))
        if isinstance(value, list):
            return ("list", tuple(map(form, value)))
        return (type(value).__name__ if isinstance(value, (bool, str)) or value is None else "number", value)

    assert equal(one, other) == (form(one) == form(other))
    assert equal(one, json.loads(json.dumps(one)))


@settings(max_examples=inputs(100), deadline=None)
@given(VALUES, st.sampled_from(["{}", " {} ", "```json\n{}\n```", "```\n{}\n```"]))
def test_the_gold_is_right_in_every_dress(value: Any, dress: str) -> None:
    found = find(asked("json", json.dumps(value)), dress.format(json.dumps(value, indent=1)))
    assert found.relaxed == 1
    assert found.value == float("`" not in dress)


@settings(max_examples=inputs(100), deadline=None)
@given(
    st.text() | st.lists(st.sampled_from(["{", "}", "[", "]", '"a"', ":", ",", "1", "```", "\n", "null"])).map("".join)
)
def test_any_text_has_a_score(text: str) -> None:
    found = find(BOTH, text)
    assert 0 <= found.value <= found.relaxed <= 1
    assert (parsed(text.strip()) is not None) <= found.answered
