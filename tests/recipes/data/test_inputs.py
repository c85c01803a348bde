"""What MLflow lists of the rows: their source, a digest of texts and labels, a schema; once, and cheaply."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.data.pandas_dataset import PandasDataset
from mlflow.types import utils

from mlflow_evalplus import names
from recipes.data.inputs import ROWS_OF_A_SCHEMA, dataset_of, log_inputs
from recipes.data.loaded import Source
from tests.generated import inputs

FILE = Source("rows.csv", 'a "quoted" name', "local", {"uri": "/data/rows.csv"})


def listed(frame: pd.DataFrame) -> PandasDataset:
    return dataset_of(frame, FILE, text="text", label="label")


@settings(deadline=None, max_examples=inputs(50))
@given(st.lists(st.tuples(st.text(max_size=3), st.sampled_from("ab")), min_size=2, max_size=8), st.data())
def test_the_digest_is_of_texts_and_labels_alone(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    frame = pd.DataFrame(rows, columns=["text", "label"])
    digest = listed(frame).digest
    assert (
        listed(
            frame.assign(channel="app", prediction=frame["label"])[["prediction", "label", "channel", "text"]]
        ).digest
        == digest
    )
    place = data.draw(st.integers(0, len(rows) - 1))
    changed = [*rows]
    changed[place] = data.draw(st.tuples(st.text(max_size=3), st.sampled_from("ab")))
    other = listed(pd.DataFrame(changed, columns=["text", "label"])).digest
    assert (other == digest) == (changed == rows)


def test_both_parts_are_listed_once_and_the_test_rows_have_the_digest_of_their_evaluation(store: str) -> None:
    frame = pd.DataFrame({"text": [f"m {i}" for i in range(40)], "label": ["a", "b"] * 20, "stars": range(40)})
    train, test = frame[:30], frame[30:]
    with mlflow.start_run() as run:
        rows = log_inputs(train, test, FILE, text="text", label="label")
        mlflow.models.evaluate(
            lambda features: np.array(["a"] * len(features)), rows, model_type="classifier", evaluators=["evalplus"],
            evaluator_config={"evalplus": {"text": "text", "latency_requests": 0, "footprint": False}},
        )  # fmt: skip
    logged = mlflow.MlflowClient().get_run(run.info.run_id)
    inputs = {one.tags[0].value: one.dataset for one in logged.inputs.dataset_inputs if one.tags}
    assert len(logged.inputs.dataset_inputs) == 2
    assert list(inputs) == ["training", "evaluation"]
    assert inputs["evaluation"].digest == logged.data.tags[names.TAG_DATA_DIGEST]
    assert [json.loads(inputs[part].profile)["num_rows"] for part in inputs] == [30, 10]
    for one in inputs.values():
        assert (one.name, one.source_type) == ("a 'quoted' name", "local")
        assert json.loads(one.source) == {"uri": "/data/rows.csv"}
        columns = {column["name"]: column["type"] for column in json.loads(one.schema)["mlflow_colspec"]}
        assert columns == {"text": "string", "label": "string", "stars": "long"}


def test_the_schema_is_of_the_first_rows_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    infer = utils._infer_schema
    monkeypatch.setattr(
        "mlflow.data.pandas_dataset._infer_schema", lambda frame: looked_at.append(len(frame)) or infer(frame)
    )
    n = 3 * ROWS_OF_A_SCHEMA
    rows = listed(pd.DataFrame({"text": [f"m {i}" for i in range(n)], "label": ["a", "b", "c"] * (n // 3)}))
    assert rows.schema is not None
    assert rows.profile["num_rows"] == n
    assert looked_at == [ROWS_OF_A_SCHEMA]


def test_a_source_of_a_name_that_is_too_long_for_mlflow_is_cut(tmp_path: Path) -> None:
    source = Source("x", "n" * 1000, "local", {"uri": str(tmp_path)})
    frame = pd.DataFrame({"text": ["a"], "label": ["b"]})
    assert dataset_of(frame, source, text="text", label="label").name == "n" * 500
