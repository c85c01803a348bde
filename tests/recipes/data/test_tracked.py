"""What MLflow fetches: artifacts, addresses, the inputs of other runs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.dataset_source_registry import get_dataset_source_from_json
from mlflow.data.huggingface_dataset_source import HuggingFaceDatasetSource

from mlflow_evalplus.errors import DataError, TrackingError
from recipes.data import sources
from recipes.data.inputs import log_inputs
from recipes.data.loaded import Source
from recipes.data.split import split
from tests.recipes.data.hub_server import TEST, TRAIN, Hub
from tests.recipes.data.test_files import ROWS, written
from tests.recipes.data.test_hub import contents, hub  # noqa: F401

MESSAGES = pd.DataFrame({"text": [f"message {i}" for i in range(20)], "label": ["a", "b"] * 10})


@pytest.fixture
def artifacts(store: str, tmp_path: Path) -> str:
    """Log a file as an artifact of a run; return its run's id."""
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(written(ROWS, tmp_path / "rows.csv")), "data")
        mlflow.log_artifact(str(written(ROWS, tmp_path / "rows.feather")), "data")
    return str(run.info.run_id)


def test_an_artifact_of_a_run_gives_its_rows_and_a_source_that_mlflow_can_load(artifacts: str) -> None:
    for name in ("rows.csv", "rows.feather"):
        uri = f"runs:/{artifacts}/data/{name}"
        found = sources.load(uri)
        assert found.frame.to_dict("list") == ROWS.to_dict("list")
        assert (found.source.reference, found.source.name) == (uri, "rows")
        downloaded = found.source.of(found.frame).load()
        assert Path(downloaded).name == name


def test_what_cannot_be_fetched_is_one_line(artifacts: str, tmp_path: Path) -> None:
    for uri, says in (
        (f"runs:/{artifacts}/data/row.csv", "Did you mean 'rows.csv'?"),
        (f"runs:/{'0' * 32}/rows.csv", "cannot be fetched: Run"),
        ("models:/sentiment/1", "is a model; as data give a file"),
        ("nostore://bucket/rows.csv", "'nostore://bucket/rows.csv' cannot be fetched: "),
        (f"runs:/{artifacts}/data", r"name one of its data files: ['rows.csv', 'rows.feather']"),
        ((tmp_path / "nothing.csv").as_uri(), "there is no file"),
    ):
        with pytest.raises(DataError) as caught:
            sources.load(uri)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "evalplus-" not in str(caught.value), "a temporary folder says nothing to the reader"


def test_a_file_uri_is_the_file(tmp_path: Path) -> None:
    path = written(ROWS, tmp_path / "rows [1]%20?.csv")
    found = sources.load(path.as_uri())
    assert found.frame.to_dict("list") == ROWS.to_dict("list")
    assert found.source.fields == {"uri": str(path)}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a folder over HTTP."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_address_gives_its_rows_and_its_secrets_stay_out(address: str, tmp_path: Path) -> None:
    written(ROWS, tmp_path / "rows.jsonl")
    found = sources.load(f"http://me:secret@{address}/rows.jsonl?token=secret")
    assert found.frame.to_dict("list") == ROWS.to_dict("list")
    assert found.source == Source(
        f"http://{address}/rows.jsonl", "rows", "http", {"url": f"http://{address}/rows.jsonl"}
    )
    with pytest.raises(DataError, match="cannot be fetched: 404") as caught:
        sources.load(f"http://me:secret@{address}/nothing.csv?token=secret")
    assert "secret" not in str(caught.value)


def test_an_address_where_nobody_listens_is_an_error_at_once() -> None:
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"'http://127\.0\.0\.1:9/rows\.csv' cannot be fetched: "):
        sources.load("http://127.0.0.1:9/rows.csv")
    assert time.monotonic() - begin < 20  # MLflow's own retries take 62 seconds


def at(path: Path) -> DatasetSource:
    return get_dataset_source_from_json(json.dumps({"uri": str(path)}), "local")


def logged(frame: pd.DataFrame, source: Source, **options: str) -> str:
    parts = split(frame, text="text", label="label", **options)  # type: ignore[arg-type]
    with mlflow.start_run() as run:
        log_inputs(parts.train, parts.test, source, text="text", label="label")
    return str(run.info.run_id)


def test_the_input_of_a_run_gives_the_rows_of_its_source(store: str, tmp_path: Path) -> None:
    path = written(MESSAGES, tmp_path / "messages.csv")
    run_id = logged(MESSAGES, sources.load(path).source)
    for reference in (f"run:{run_id}", f"run:{run_id}/evaluation", f"run:{run_id}/messages"):
        found = sources.load(reference)
        assert found.frame.equals(MESSAGES)
        assert found.source.fields == {"uri": str(path)}
        used = ", of which that run used 4" if "evaluation" in reference else ""
        assert found.source.note == f"{reference} is {path}: 20 rows{used}"
    with pytest.raises(DataError, match=r"has no input 'evalation'; it has training: messages \(\w{12}, local\); "
                                        r"evaluation: messages .*Did you mean 'evaluation'\?"):  # fmt: skip
        sources.load(f"run:{run_id}/evalation")


def test_the_inputs_of_a_run_on_the_hubs_data_are_its_splits_together(store: str, hub: Hub) -> None:  # noqa: F811
    first = sources.load("hf:team/moods/mood@v1")
    rows = first.frame.dropna()
    run_id = logged(rows, first.source)
    inputs = mlflow.MlflowClient().get_run(run_id).inputs.dataset_inputs
    fields = [json.loads(one.dataset.source) for one in inputs]
    assert [(one["split"], one["revision"]) for one in fields] == [("train", hub.old), ("test", hub.old)]
    found = sources.load(f"run:{run_id}")
    assert found.frame.equals(first.frame)
    assert found.source.reference == f"hf:team/moods/mood@{hub.old}#train+test"
    only = sources.load(f"run:{run_id}/training")
    assert only.frame["text"].tolist() == TRAIN["text"][:2]
    assert only.source.note == f"run:{run_id}/training is hf:team/moods/mood@{hub.old}#train: 2 rows"


def test_inputs_that_others_logged_are_loaded_where_their_source_can_be(store: str, hub: Hub, tmp_path: Path) -> None:  # noqa: F811
    path = written(MESSAGES, tmp_path / "messages.csv")
    by_mlflow = HuggingFaceDatasetSource("team/moods", config_name="mood")
    made = {
        "hub": by_mlflow, "file": at(path),
        "code": CodeDatasetSource({}), "files": HuggingFaceDatasetSource("csv", data_files="messages.csv"),
    }  # fmt: skip
    with mlflow.start_run() as run:
        for name, source in made.items():
            mlflow.log_input(mlflow.data.from_pandas(MESSAGES, source, name=name, digest=name), context=name)
    run_id = run.info.run_id
    assert sources.load(f"run:{run_id}/file").frame.equals(MESSAGES)
    assert sources.load(f"run:{run_id}/hub").frame["text"].tolist() == TRAIN["text"] + TEST["text"]
    for name, kind in (("code", "code"), ("files", "hugging_face")):
        with pytest.raises(DataError, match=rf"logged the data set '{name}' from a source of type '{kind}'"):
            sources.load(f"run:{run_id}/{name}")


def test_several_sources_are_listed_and_none_is_guessed(store: str, tmp_path: Path) -> None:
    with mlflow.start_run() as run:
        for name in ("one", "two"):
            path = written(MESSAGES, tmp_path / f"{name}.csv")
            mlflow.log_input(mlflow.data.from_pandas(MESSAGES, at(path), name=name, digest=name), context=name)
    run_id = run.info.run_id
    with pytest.raises(DataError) as caught:
        sources.load(f"run:{run_id}")
    assert str(caught.value) == (
        f"run {run_id!r} has several inputs; name one as run:{run_id}/<context>: "
        "one: one (one, local); two: two (two, local)"
    )
    with mlflow.start_run() as empty:
        pass
    with pytest.raises(DataError, match="logged no data set as its input"):
        sources.load(f"run:{empty.info.run_id}")
    with pytest.raises(TrackingError, match="not found"):
        sources.load("run:0123")
