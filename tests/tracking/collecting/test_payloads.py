"""What serving and tracing write of requests and answers, read as rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.tracking.collecting.payloads import answered, parsed, requested

HI = [{"text": "Hi", "channel": "app"}, {"text": "Ho", "channel": "web"}]
CHAT = [{"role": "system", "content": "s"}, {"role": "user", "content": "old"}, {"role": "assistant", "content": "a"},
        {"role": "user", "content": "Hi"}]  # fmt: skip
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Ho"}]}]


@pytest.mark.parametrize(
    ("request_", "rows"),
    [
        ({"dataframe_split": {"columns": ["text", "channel"], "data": [["Hi", "app"], ["Ho", "web"]]}}, HI),
        ({"dataframe_split": {"index": [0, 1], "columns": ["channel", "text"],
                              "data": [["app", "Hi"], ["web", "Ho"]]}}, HI),
        ({"dataframe_records": HI}, HI),
        ({"instances": HI}, HI),
        ({"instances": ["Hi", "Ho"]}, [{"text": "Hi"}, {"text": "Ho"}]),
        ({"instances": [["Hi"], ["Ho"]]}, [{"text": "Hi"}, {"text": "Ho"}]),
        ({"inputs": ["Hi"], "params": {"k": 1}}, [{"text": "Hi"}]),
        ({"inputs": {"text": ["Hi", "Ho"], "channel": ["app", "web"]}}, HI),
        ({"inputs": "Hi"}, [{"text": "Hi"}]),
        ({"model_input": HI}, HI),
        ({"text": "Hi", "data": [1, 2]}, [{"text": "Hi"}]),
        ({"messages": CHAT}, [{"text": "Hi"}]),
        (CHAT, [{"text": "Hi"}]),
        ({"input": PARTS}, [{"text": "Hi\nHo"}]),
        ({"messages": []}, [{"text": None}]),
        ({"body": "Hi", "customer": 7}, [{"text": "Hi", "customer": 7}]),
        ({"body": "Hi", "customer": "Ann"}, [{"text": None, "body": "Hi", "customer": "Ann"}]),
        ("Hi", [{"text": "Hi"}]),
        (None, [{"text": None}]),
        ({}, [{"text": None}]),
        ({"dataframe_split": {"columns": None, "data": [1, None, ["Hi"]]}}, [{"text": None}] * 3),
        ({"dataframe_split": {}}, []),
        ([], []),
    ],
)  # fmt: skip
def test_the_texts_of_a_request_are_found(request_: Any, rows: list[dict[str, Any]]) -> None:
    assert requested(parsed(json.dumps(request_))) == rows


def test_a_named_field_is_the_text_and_no_other() -> None:
    row = {"subject": "S", "body": "B", "text": "T"}
    assert requested({"dataframe_records": [row]}, "body") == [{"text": "B", "subject": "S"}]
    assert requested(row, "missing") == [{"text": None, "subject": "S", "body": "B"}]
    assert requested({"messages": CHAT}, "body") == [{"text": "Hi"}]
    assert requested("Hi", "body") == [{"text": "Hi"}]


SCORED = [{"prediction": "bad", "score.bad": 0.9, "score.good": 0.1}]


@pytest.mark.parametrize(
    ("response", "rows"),
    [
        ({"predictions": ["bad", "good"]}, [{"prediction": "bad"}, {"prediction": "good"}]),
        ({"predictions": "bad"}, [{"prediction": "bad"}]),
        ({"predictions": [1, 0]}, [{"prediction": "1"}, {"prediction": "0"}]),
        ({"predictions": SCORED}, SCORED),
        ({"predictions": {"prediction": ["bad"], "score.bad": [0.9], "score.good": [0.1]}}, SCORED),
        ({"predictions": [{"label": "bad", "scores": {"bad": 0.9, "good": 0.1}}]}, SCORED),
        ({"predictions": [{"label": "bad", "probabilities": {"bad": 0.9, "good": 0.1}}]}, SCORED),
        ({"predictions": [[{"label": "good", "score": 0.1}, {"label": "bad", "score": 0.9}]]}, SCORED),
        ({"predictions": [{"label": "bad", "score": 0.9}]}, [{"prediction": "bad"}]),
        ({"predictions": [["bad"]]}, [{"prediction": "bad"}]),
        (
            {"predictions": [1.0, 0.5, {"label": 2.0}]},
            [{"prediction": "1"}, {"prediction": "0.5"}, {"prediction": "2"}],
        ),
        ({"predictions": [{"label": ["bad"], "answer": "good"}]}, [{"prediction": "good"}]),
        ({"predictions": [None]}, [{"prediction": None}]),
        ({"predictions": [["bad", "good"]]}, [{"prediction": None}]),
        ({"choices": [{"message": {"role": "assistant", "content": "bad"}}]}, [{"prediction": "bad"}]),
        ({"prediction": "bad", "score.bad": True}, [{"prediction": "bad"}]),
        ({"error_code": "BAD_REQUEST"}, [{"prediction": None}]),
        ("bad", [{"prediction": "bad"}]),
        (None, [{"prediction": None}]),
    ],
)
def test_the_answers_of_a_response_are_found(response: Any, rows: list[dict[str, Any]]) -> None:
    assert answered(parsed(json.dumps(response))) == rows


def test_a_named_field_is_the_answer() -> None:
    assert answered({"predictions": [{"prediction": "a", "sure": "b"}]}, "sure") == [{"prediction": "b"}]
    assert answered({"predictions": [{"prediction": "a"}]}, "sure") == [{"prediction": None}]


@pytest.mark.parametrize("value", ["bad", "", "12", "0.10", "true", '{"half":', "[" * 100_000, 7, None, ["a"]])
def test_what_is_no_json_object_or_text_stays_as_it_is(value: Any) -> None:
    assert parsed(value) == value


TREE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["text", "inputs", "dataframe_split", "columns", "data", "messages", "predictions", "label",
                         "score", "scores", "choices", "role", "content"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(TREE)
def test_whatever_is_sent_gives_rows_and_no_error(tree: Any) -> None:
    assert all(row["text"] is None or isinstance(row["text"], str) for row in requested(tree))
    assert all(row["prediction"] is None or isinstance(row["prediction"], str) for row in answered(tree))
