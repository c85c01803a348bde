from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import delivery, resume, spool, store, writer
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.entry import Request, evaluate_model
from mlflow_evalplus.tracking.items import Page
from mlflow_evalplus.tracking.watching import claim
from tests.tracking.test_store import closed_port
from tests.tracking.test_writer_reader import contents
from tests.tracking.watching.bare import ROWS, Good, write

HERE = Path(spool.FOLDER)


@pytest.fixture
def evaluation(frame: pd.DataFrame) -> Evaluation:
    return ep.attribute(ep.evaluate(frame, text="text", slices=["channel"]))


@contextmanager
def refusing_artifacts(run: Run) -> Iterator[None]:
    """Put a file where the folder of the run's artifacts would be."""
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")
    yield
    folder.unlink()


@contextmanager
def away(uri: str) -> Iterator[None]:
    """Let no server answer."""
    mlflow.set_tracking_uri(f"http://me:s3cr3t@127.0.0.1:{closed_port()}")
    try:
        yield
    finally:
        mlflow.set_tracking_uri(uri)


def everything(run_id: str, into: Path) -> dict[str, Any]:
    """Return all that a run holds; a metric with every point that it has, as often as it has it."""
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    folder = Path(client.download_artifacts(run_id, "", str(into)))
    skipped = ("mlflow.runName", "mlflow.user", "mlflow.source.name", names.TAG_DELIVERY)
    return {
        "files": {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()},
        "metrics": {
            key: [(point.step, point.value) for point in client.get_metric_history(run_id, key)]
            for key in run.data.metrics
        },
        "params": run.data.params,
        "tags": {key: value for key, value in run.data.tags.items() if key not in skipped},
        "inputs": [(one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs],
    }


def test_what_mlflow_refuses_is_kept_and_logged_later_as_if_nothing_had_been(
    store: str, evaluation: Evaluation, tmp_path: Path
) -> None:
    with mlflow.start_run(run_name="one") as twin:
        ep.log(evaluation)
    assert not HERE.exists()
    told = pytest.raises(TrackingError, match=r"Nothing is lost.*mlflow-evalplus resume --spool \S+")
    with mlflow.start_run(run_name="one") as run, refusing_artifacts(run), told as caught:
        ep.log(evaluation)
    [kept] = resume.kept()
    assert (kept.state, kept.run_id) == ("waiting", run.info.run_id)
    assert kept.folder in str(caught.value)
    assert HERE.stat().st_mode & 0o777 == 0o700

    assert [one.state for one in resume.resume()] == ["delivered"]
    expected = everything(twin.info.run_id, tmp_path / "twin")
    assert expected["metrics"]
    assert expected["inputs"]
    assert everything(run.info.run_id, tmp_path / "run") == expected
    assert resume.resume() == []
    assert not HERE.exists()


def test_runs_that_could_not_be_made_are_made_once_with_parent_start_and_end(
    store: str, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def log() -> None:
        with writer.gathering(), writer.run("whole", experiment="new") as whole:
            with writer.run("part") as part:
                writer.log(evaluation, part.run_id)
            writer.send(whole, Delivery(metrics={"n": 2.0}, params={"of": "two"}))

    before = int(1000 * time.time())
    with away(store), pytest.raises(TrackingError, match="does not answer"):
        log()
    assert "s3cr3t" not in "".join(path.read_text() for path in HERE.rglob("delivery.json"))
    assert {one.state for one in resume.resume()} == {"elsewhere"}

    real = delivery.perform
    monkeypatch.setattr(delivery, "perform", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):  # stopped when the first run was made
        resume.resume(anyway=True)
    monkeypatch.setattr(delivery, "perform", real)
    after = int(1000 * time.time())
    assert {one.state for one in resume.resume(anyway=True)} == {"delivered", "ended"}
    client = mlflow.MlflowClient()
    found = client.search_runs([client.get_experiment_by_name("new").experiment_id])
    runs = {run.info.run_name: run for run in found}
    assert len(found) == len(runs)
    assert {name: run.info.status for name, run in runs.items()} == {"whole": "FINISHED", "part": "FINISHED"}
    assert runs["part"].data.tags["mlflow.parentRunId"] == runs["whole"].info.run_id
    assert (
        before <= runs["whole"].info.start_time <= runs["part"].info.start_time <= runs["part"].info.end_time <= after
    )
    assert runs["whole"].data.metrics == {"n": 2.0}
    assert not HERE.exists()


def test_an_error_of_the_code_stays_what_it_is_and_the_run_is_failed(store: str) -> None:
    with pytest.raises(ZeroDivisionError), writer.run("one") as run:
        1 / 0  # noqa: B018
    assert mlflow.get_run(run.run_id).info.status == "FAILED"
    assert not HERE.exists()
    with away(store), pytest.raises(ZeroDivisionError), writer.run("two"):
        1 / 0  # noqa: B018
    assert [one.state for one in resume.resume(anyway=True)] == ["ended"]
    assert mlflow.search_runs(filter_string="attributes.run_name = 'two'")["status"].tolist() == ["FAILED"]


def test_what_a_process_works_on_is_left_alone_and_leftovers_of_a_killed_one_are_removed(store: str) -> None:
    held = spool.pack("delivery", lambda folder: {"run": {"id": "0" * 32}, **delivery.write(Delivery(), folder)})
    half, broken = HERE / "20260101T000000.000000-0000aa", HERE / "20260101T000000.000000-0000bb"
    for folder in (half, broken):
        folder.mkdir()
    (broken / spool.CONTENT).write_text("{")
    states = {held.parcel.id: "alive", half.name: "unfinished", broken.name: "damaged"}
    assert {one.id: one.state for one in resume.kept()} == states
    assert half.exists()
    assert {one.id: one.state for one in resume.resume()} == states
    assert not half.exists()
    with pytest.raises(TrackingError, match="is being worked on"):
        resume.discard(held.parcel.id)
    held.release()
    [_, waiting] = sorted(resume.resume(), key=lambda one: one.state)
    assert waiting.state == "waiting"
    assert "not found" in waiting.detail
    with pytest.raises(TrackingError, match=f"Did you mean '{broken.name}'"):
        resume.discard(broken.name[:-1])
    resume.discard(broken.name)
    resume.discard(held.parcel.id)
    assert not HERE.exists()


@pytest.mark.slow
def test_who_looks_for_leftovers_takes_none_from_those_who_write(store: str) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            resume.resume([HERE])

    with ThreadPoolExecutor() as pool:
        looking = [pool.submit(look) for _ in range(2)]
        try:
            for _ in range(100):
                held = spool.pack("run", lambda folder: {"run": {"id": "0" * 32}})
                assert held.parcel.folder.parent == HERE.absolute()
                assert spool.read(held.parcel.folder) == held.parcel.content
                held.remove()
        finally:
            done.set()
        assert [future.result() for future in looking] == [None, None]


def test_answers_are_kept_before_anything_else_is_done_with_them(store: str, frame: pd.DataFrame) -> None:
    def stopped(*_: Any) -> float:
        assert [one.kind for one in resume.kept()] == ["answers"]
        raise KeyboardInterrupt

    metric = ep.CustomMetric("own", stopped)
    config = {
        "text": "text",
        "slices": ["channel"],
        "requirements": {"thresholds": [{"metric": "accuracy", "min": 0.5}]},
    }
    answers = dict(zip(frame["text"], frame["prediction"], strict=True))

    def evaluate(metrics: list[ep.CustomMetric]) -> str:
        with mlflow.start_run() as run:
            mlflow.models.evaluate(
                lambda rows: [answers[text] for text in rows["text"]], frame.drop(columns="prediction"),
                targets="label", model_type="classifier", evaluators=["evalplus"],
                evaluator_config={"evalplus": {**config, "metrics": metrics, "latency_requests": 0}},
            )  # fmt: skip
        return str(run.info.run_id)

    with pytest.raises(KeyboardInterrupt):
        evaluate([metric])
    run_id = mlflow.last_active_run().info.run_id
    assert [one.state for one in resume.resume()] == ["delivered"]
    assert not HERE.exists()
    found, twin = ep.load(run_id), ep.load(evaluate([]))
    without = {"notes": None, "latency": None, "data_checks": None, "cost_per_1000": None}
    assert {**contents(found), **without} == {**contents(twin), **without}
    assert found.predictions
    assert found.predictions.table == twin.predictions.table
    assert any("made from the answers that were kept" in note for note in found.notes)
    assert not HERE.exists()


def test_metrics_that_mlflow_itself_fails_to_log_are_kept_too(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(ROWS)
    model = mlflow.pyfunc.log_model(name="model", python_model=Good(), pip_requirements=["pandas"])
    request = Request(timing=False, slices=[])

    def refuse(*_: Any, **__: Any) -> None:
        raise MlflowException("no metrics today")

    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "log_metrics", refuse)
        with pytest.raises(TrackingError, match=r"no metrics today\. Nothing is lost"):
            evaluate_model(model.model_uri, "test.csv", request)
    run_id = mlflow.last_active_run().info.run_id
    assert "quality/accuracy" not in mlflow.get_run(run_id).data.metrics
    assert [one.state for one in resume.resume()] == ["delivered"]
    twin = mlflow.get_run(evaluate_model(model.model_uri, "test.csv", request)[1])
    assert mlflow.get_run(run_id).data.metrics.keys() == twin.data.metrics.keys()
    points = [(m.run_id, m.key, m.dataset_digest) for m in mlflow.get_logged_model(model.model_id).metrics]
    of = {name: {(key, digest) for run, key, digest in points if run == name} for name in (run_id, twin.info.run_id)}
    assert of[run_id] == of[twin.info.run_id] != set()
    assert not HERE.exists()


def test_a_full_place_is_passed_over_and_if_all_are_full_nothing_half_is_left(
    store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv(spool.VARIABLE, str(file / "spool"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with spool.pack("run", lambda folder: {"run": {}}) as held:
        assert held.parcel.folder.parent == tmp_path / "state" / spool.FOLDER
        held.remove()

    def full(folder: Path) -> dict[str, Any]:
        (folder / "part").write_bytes(b"0" * 1000)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with pytest.raises(TrackingError, match=r"more than 1,000 bytes.*No space left.*EVALPLUS_SPOOL"):
        spool.pack("delivery", full)
    assert not (tmp_path / "state" / spool.FOLDER).exists()
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("scheme", ["sqlite", "file"])
def test_no_store_gets_a_point_twice(store: str, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = store if scheme == "sqlite" else (tmp_path / "runs").as_uri()
    client = mlflow.MlflowClient(uri)
    run_id = client.create_run("0").info.run_id
    what = Delivery([Page("a.md", "text")], metrics={"a": 1.0}, steps={3: {"a": 2.0, "b": 1.0}}, params={"p": "1"})
    with spool.pack("delivery", lambda folder: {"run": {"id": run_id}, **delivery.write(what, folder)}) as held:
        delivery.perform(client, held.parcel, run_id)
        delivery.perform(client, held.parcel, run_id, again=True)
        held.remove()
    points = {key: [(p.step, p.value) for p in client.get_metric_history(run_id, key)] for key in ("a", "b")}
    assert points == {"a": [(0, 1.0), (3, 2.0)], "b": [(3, 1.0)]}


def test_requests_are_brief_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    retries, timeout = store.RETRIES[0], store.REQUEST_S[0]
    for name in (retries, timeout):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(retries, "5")
    with store.briefly(), store.briefly(100_000_000):
        assert os.environ[retries] == "5"
        assert int(os.environ[timeout]) == 230
    assert os.environ[retries] == "5"
    assert timeout not in os.environ


def test_a_run_that_is_not_there_is_an_error_at_once(store: str, evaluation: Evaluation) -> None:
    with pytest.raises(TrackingError, match="not found"):
        ep.log(evaluation, "0" * 32)
    assert not HERE.exists()


def test_where_processes_cannot_be_looked_at_a_free_lock_tells_that_they_are_gone(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_machine", "-"), ("_begin_of", "-")):  # as on macOS and Windows
        monkeypatch.setattr(claim, name, lambda *_, value=value: value)
    run_id = mlflow.MlflowClient().create_run("0").info.run_id
    with spool.pack("run", lambda folder: {"run": {"id": run_id}}) as held:
        assert [one.state for one in resume.resume()] == ["alive"]
        held.note(owner=held.parcel.content["owner"].replace(str(os.getpid()), "1"))
    assert [one.state for one in resume.resume()] == ["ended"]
    assert mlflow.get_run(run_id).info.status == "FAILED"


def test_what_another_version_wrote_or_a_deleted_run_refuses_says_what_to_do(store: str) -> None:
    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    with spool.pack("delivery", lambda folder: {"run": {"id": run_id}, **delivery.write(Delivery(), folder)}) as held:
        held.note(version=spool.VERSION + 1)
    [one] = resume.resume()
    assert (one.state, one.detail.partition(", or ")[2]) == ("damaged", "another version of mlflow-evalplus wrote it")
    client.delete_run(run_id)
    with held:
        held.note(version=spool.VERSION, params={"p": "1"})
    [one] = resume.resume()
    assert (one.state, "mlflow runs restore --run-id " + run_id in one.detail) == ("waiting", True)
    client.restore_run(run_id)
    assert [one.state for one in resume.resume()] == ["delivered"]


def test_a_user_who_stops_it_while_it_is_logged_is_told_and_the_run_ends_whole(
    store: str, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "perform", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt), writer.run("stopped") as run:
            writer.log(evaluation, run.run_id)
    assert f"Stopped. Nothing is lost, it is kept in {HERE.absolute()}" in capsys.readouterr().err
    assert mlflow.get_run(run.run_id).info.status == "FAILED"
    assert {one.state for one in resume.resume()} == {"delivered", "ended"}
    assert mlflow.get_run(run.run_id).info.status == "FINISHED"
    assert not HERE.exists()
