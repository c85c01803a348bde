"""Inference tables, as Databricks and MLflow write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlflow_evalplus.errors import DataError
from mlflow_evalplus.tracking.collecting.inference_table import from_inference_table
from mlflow_evalplus.tracking.collecting.logs import file_digest, read_log


def call(texts: list[str], answers: list[Any], **beside: Any) -> dict[str, Any]:
    request = {"dataframe_split": {"columns": ["text", "channel"], "data": [[text, "app"] for text in texts]}}
    served = {"timestamp_ms": 1_700_000_000_000, "status_code": 200, "client_request_id": "r1"}
    return {"request": json.dumps(request), "response": json.dumps({"predictions": answers}), **served, **beside}


TABLE = pd.DataFrame(
    [
        call(["Hi", "Ho"], [{"prediction": "good", "score.good": 0.9, "score.bad": 0.1}, {"prediction": "bad"}]),
        call(["lost"], [], status_code=500),
        call(["two", "for one"], ["bad"]),
        call(["unanswered"], [None]),
        {**call([""], ["bad"]), "request": "{}"},
        call(["Hey"], ["bad"], timestamp_ms=1_700_000_060_000, client_request_id="r2", corrected="good", label="good"),
    ]
)


def test_each_text_of_a_request_is_a_row() -> None:
    rows, notes = from_inference_table(TABLE)
    assert list(rows.columns[:4]) == ["text", "prediction", "score.bad", "score.good"]
    assert rows[["text", "prediction", "channel", "time", "client_request_id"]].to_numpy().tolist() == [
        ["Hi", "good", "app", "2023-11-14T22:13:20.000Z", "r1"],
        ["Ho", "bad", "app", "2023-11-14T22:13:20.000Z", "r1"],
        ["Hey", "bad", "app", "2023-11-14T22:14:20.000Z", "r2"],
    ]
    assert rows["score.good"].tolist()[0] == 0.9
    assert rows["score.good"].isna().tolist() == [False, True, True]
    assert rows["corrected"].isna().tolist() == rows["label"].isna().tolist() == [True, True, False]
    assert notes == (
        "1 of 6 requests were refused (their status code is not 200); they are left out",
        "1 of 6 requests have another number of answers than of texts; they are left out",
        "1 of 6 requests have no answer; they are left out",
        "1 of 6 requests hold no text; they are left out",
    )


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "nested.jsonl"])
def test_a_file_is_recognised_by_its_columns(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"table.{kind}"
    table = TABLE.iloc[[0, 5]]
    if kind == "nested.jsonl":
        table = table.assign(**{name: table[name].map(json.loads) for name in ("request", "response")})
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    log = read_log(str(path))
    assert (log.kind, log.digest, log.frame["text"].tolist()) == ("inference table", file_digest(str(path)),
                                                                 ["Hi", "Ho", "Hey"])  # fmt: skip
    assert log.scores == {"good": "score.good", "bad": "score.bad"}


def test_a_file_with_texts_of_its_own_is_none(tmp_path: Path) -> None:
    TABLE.assign(text="mine", prediction="bad").to_csv(tmp_path / "log.csv", index=False)
    log = read_log(str(tmp_path / "log.csv"))
    assert (log.kind, set(log.frame["text"])) == ("file", {"mine"})


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"request_time": pd.to_datetime(["2026-07-01 12:00:00.5", None])}, ["2026-07-01T12:00:00.500Z", ""]),
        ({"request_time": ["2026-07-01", None]}, ["2026-07-01", ""]),
        ({"timestamp_ms": [1_700_000_000_000, float("nan")]}, ["2023-11-14T22:13:20.000Z", ""]),
        ({}, ["", ""]),
    ],
)
def test_times_are_read_as_the_table_has_them(times: dict[str, Any], expected: list[str]) -> None:
    table = pd.DataFrame([call(["a"], ["x"]), call(["b"], ["y"])]).drop(columns="timestamp_ms").assign(**times)
    assert from_inference_table(table)[0]["time"].tolist() == expected


def test_a_table_without_an_answered_text_says_what_was_seen() -> None:
    with pytest.raises(DataError, match=r"no request holds a text with its answer .1 were refused.*--text FIELD"):
        from_inference_table(TABLE.iloc[[1]])
    with pytest.raises(DataError, match=r"hold no text.*--text body"):
        from_inference_table(TABLE.iloc[[0]], text="body")
