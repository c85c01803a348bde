from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.entities import LoggedModelInput, LoggedModelOutput, Metric
from mlflow.exceptions import MlflowException
from mlflow.models.evaluation.base import _get_model_from_function
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from mlflow_evalplus import names
from mlflow_evalplus.errors import DataError, EvalPlusError, TrackingError
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results.watched import DataVersion, WatchBegin, WatchedModel, WatchEvent, WatchProblem
from mlflow_evalplus.tracking.entry import LabelledData, Request
from mlflow_evalplus.tracking.store import reaching
from mlflow_evalplus.tracking.watching import claim, evaluation_set, watch
from mlflow_evalplus.tracking.watching.evaluation_set import EvaluationSet
from mlflow_evalplus.tracking.watching.watch import UnknownExperiment, Watcher, watch_once
from tests.generated import inputs
from tests.tracking.watching.bare import ROWS, Broken, Good, bare_models, claims, model_of, quick, write

NOTE = "mlflow.note.content"


@pytest.fixture(scope="module")
def one_store(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a store for all tests here: opening one takes longer than what most of them do."""
    path = tmp_path_factory.mktemp("watched") / "mlflow.db"
    path.write_bytes(empty_store.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def store(one_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Point MLflow to that store, to an empty experiment called 'tests', in a working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", one_store)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    mlflow.set_tracking_uri(one_store)
    earlier = mlflow.get_experiment_by_name("tests")
    if earlier:
        mlflow.MlflowClient().rename_experiment(earlier.experiment_id, f"tests {earlier.experiment_id}")
    mlflow.create_experiment("tests", artifact_location=str(tmp_path / "artifacts"))
    mlflow.set_experiment("tests")
    yield one_store
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def data(store: str) -> str:
    return write(ROWS)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the models that were evaluated, without asking any."""
    evaluated: list[str] = []
    monkeypatch.setattr(watch, "evaluate_on", quick(evaluated))
    return evaluated


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, *models: str) -> list[str]:
    tried: list[str] = []

    def before(model: str) -> None:
        if model in models:
            raise error

    monkeypatch.setattr(watch, "evaluate_on", quick(tried, before))
    return tried


def of(model: str) -> list[str]:
    """Return the states of a model's runs, the oldest first."""
    return [run.info.status for run in claims()[::-1] if model_of(run) == model]


def test_real_models_are_evaluated_once_and_a_broken_one_says_why(data: str) -> None:
    good = mlflow.pyfunc.log_model(name="good", python_model=Good(), pip_requirements=["pandas"])
    bad = mlflow.pyfunc.log_model(name="bad", python_model=Broken(), pip_requirements=["pandas"])
    mlflow.end_run()
    done = watch_once("tests", data, Request(timing=False), tries=1)
    assert [(model.model, model.event) for model in done.models] == [("bad", "given_up"), ("good", "evaluated")]
    evaluated, failed = sorted(claims(), key=lambda run: run.info.status == "FAILED")
    assert (evaluated.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert (model_of(evaluated), model_of(failed)) == (good.model_id, bad.model_id)
    assert evaluated.data.metrics["quality/accuracy"] == 0.5
    whole = mlflow.get_run(evaluated.info.run_id)
    assert [given.model_id for given in whole.inputs.model_inputs] == [good.model_id]
    assert {run.data.tags[names.TAG_DATA_DIGEST] for run in (evaluated, failed)} == {done.data_digest}
    assert failed.data.tags[NOTE].startswith("Try 1 of 1: the model failed on the columns")
    assert "RuntimeError: no &lt;b&gt;luck&lt;/b&gt;, \\*none\\*" in failed.data.tags[NOTE]
    again = watch_once("tests", data, tries=1)
    assert [(model.event, model.run_id) for model in again.models] == [("given_up", failed.info.run_id)]
    assert "no <b>luck</b>, *none*" in again.models[0].sentence
    assert len(claims()) == 2
    assert mlflow.active_run() is None


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1, max_size=5)


@given(
    rows=st.lists(st.tuples(texts, st.integers(0, 2)), min_size=1, max_size=8),
    kind=st.sampled_from(["int64", "float64", "string", "category", "object", "bool"]),
    ids=st.booleans(),
)
@settings(deadline=None, max_examples=inputs(15))
def test_the_version_of_the_data_is_the_digest_that_an_evaluation_on_them_carries(
    rows: list[tuple[str, int]], kind: str, ids: bool
) -> None:
    labels = pd.Series([label for _, label in rows]).astype(kind)
    frame = pd.DataFrame({"text": [text for text, _ in rows], "label": labels, "id": range(len(rows))})
    config: dict[str, Any] = {"example_id": "id" if ids else None, "latency_requests": 0, "footprint": False}
    given_rows = LabelledData(frame, "label", config)
    model = _get_model_from_function(lambda inputs: ["0"] * len(inputs))
    version = given_rows.digest()
    assert version == given_rows.evaluate_without_run(model, config).data_digest
    assert len(version) == 12
    changed = frame.assign(label=["another", *labels.astype(str)[1:]])
    assert LabelledData(changed, "label", config).digest() != version


def test_new_data_are_a_new_version_and_every_model_is_evaluated_anew(data: str, seen: list[str]) -> None:
    models = bare_models("first", "second")
    watcher = Watcher("tests", EvaluationSet(data, Request()))
    assert watcher.once().ok
    assert not watcher.once().models
    write(ROWS.iloc[::-1].assign(label="good"))
    first = watcher.data.digest
    assert [model.data_digest for model in watcher.once().models] == [watcher.data.digest] * 2
    assert watcher.data.digest != first
    assert seen == models[::-1] * 2
    write(ROWS)  # as it was: those evaluations are there
    assert not watcher.once().models


def test_the_newest_come_first_and_a_limit_leaves_the_old_ones_out(data: str, seen: list[str]) -> None:
    models = bare_models("a", "b", "c", "d")
    events: list[WatchEvent] = []
    done = watch_once("tests", data, newest=2, on_event=events.append)
    assert seen == [models[3], models[2]]
    assert (done.n_models, [model.remaining for model in done.models]) == (2, [1, 0])
    assert events[0] == DataVersion(done.data_digest, 20, 2, 2)
    assert events[2::2] == list(done.models)
    watch_once("tests", data)
    assert seen == models[::-1]


def test_models_that_cannot_be_loaded_are_none(data: str, seen: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # where the main module has no file, as in a worker of pytest, PySpark, which MLflow asks here, ends the process
    monkeypatch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tests").experiment_id
    client.create_logged_model(experiment, name="half uploaded")
    failed = client.create_logged_model(experiment, name="failed")
    client.finalize_logged_model(failed.model_id, "FAILED")
    mlflow.create_external_model(name="elsewhere", experiment_id=experiment)
    (deleted,) = bare_models("deleted")
    client.delete_logged_model(deleted)
    assert watch_once("tests", data).n_models == 0


HOW = {
    "output": True, "input": True, "figures": True, "other data": False, "failed": False, "no evaluation": False,
    "deleted": False, "one of two outputs": False,
}  # fmt: skip


def test_an_evaluation_counts_whoever_made_it(data: str, seen: list[str]) -> None:
    rows = EvaluationSet(data, Request())
    rows.read_again()
    models = dict(zip(HOW, bare_models(*HOW), strict=True))
    (other,) = bare_models("other")
    for how, model in models.items():
        evaluated_by_hand(how, model, other, rows.digest)
    watch_once("tests", data)
    assert set(seen) == {other, *(models[how] for how, counts in HOW.items() if not counts)}


def evaluated_by_hand(how: str, model: str, other: str, digest: str) -> None:
    client = mlflow.MlflowClient()
    kind = names.KIND_COMPARISON if how == "no evaluation" else names.KIND_EVALUATION
    version = "0" * 12 if how == "other data" else digest
    with mlflow.start_run(tags={names.TAG_KIND: kind, names.TAG_DATA_DIGEST: version}) as run:
        run_id = run.info.run_id
        if how == "input":
            client.log_inputs(run_id, models=[LoggedModelInput(model)])
        else:
            both = [model, other] if how in ("figures", "one of two outputs") else [model]
            client.log_outputs(run_id, models=[LoggedModelOutput(made, 0) for made in both])
        if how == "figures":
            metric = Metric("quality/n_examples", 20, 0, 0, model_id=model, run_id=run_id)
            client.log_batch(run_id, metrics=[metric])
    if how == "failed":
        client.set_terminated(run_id, "FAILED")
    if how == "deleted":
        client.delete_run(run_id)


def test_a_model_that_fails_is_tried_again_until_it_is_given_up_and_the_others_go_on(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = bare_models("good", "bad")
    tried = failing(monkeypatch, RuntimeError("odd\nlines"), bad)
    events: list[WatchEvent] = []
    watcher = Watcher("tests", EvaluationSet(data, Request()), tries=3, on_event=events.append)
    for _ in range(5):
        assert not watcher.once().ok
    assert tried == [bad, good, bad, bad]
    told = [(event.event, event.tries) for event in events if isinstance(event, WatchedModel) and event.model == "bad"]
    assert told == [("failed", 1), ("failed", 2), ("given_up", 3)]
    assert of(bad) == ["FAILED"] * 3
    assert claims("FAILED")[0].data.tags[NOTE] == "Try 3 of 3: RuntimeError: odd lines"
    for run in claims("FAILED"):
        mlflow.delete_run(run.info.run_id)
    watcher.once()
    assert tried == [bad, good, bad, bad, bad]


@pytest.mark.parametrize(("mode", "kept"), [("masked", "no luck with [phone]"), ("none", "(what it says is left out")])
def test_what_a_failure_quotes_is_stored_as_texts_are(
    data: str, monkeypatch: pytest.MonkeyPatch, mode: Any, kept: str
) -> None:
    (model,) = bare_models("model")
    failing(monkeypatch, RuntimeError("no luck with 13812345678"), model)
    (result,) = watch_once("tests", data, Request(store_text=mode), tries=1).models
    assert "13812345678" in result.sentence
    note = claims("FAILED")[0].data.tags[NOTE]
    assert markdown.unescape(note).startswith("Try 1 of 1: RuntimeError")
    assert kept in markdown.unescape(note)
    assert "13812345678" not in note


def test_a_model_that_ends_the_process_by_exit_has_failed(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = bare_models("model")
    failing(monkeypatch, SystemExit(0), model)
    assert [result.event for result in watch_once("tests", data).models] == ["failed"]


def test_what_is_interrupted_is_killed_and_evaluated_at_the_next_start(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model,) = bare_models("model")
    failing(monkeypatch, KeyboardInterrupt(), model)
    with pytest.raises(KeyboardInterrupt):
        watch_once("tests", data)
    assert of(model) == ["KILLED"]
    monkeypatch.setattr(watch, "evaluate_on", quick([]))
    (result,) = watch_once("tests", data).models
    assert (result.event, result.tries) == ("evaluated", 0)


def test_an_interrupt_after_the_end_leaves_the_evaluation_whole(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bare_models("model")
    evaluate = quick([])

    def late(*given: Any) -> Any:
        evaluate(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "evaluate_on", late)
    with pytest.raises(KeyboardInterrupt):
        watch_once("tests", data)
    assert [run.info.status for run in claims()] == ["FINISHED"]


@pytest.mark.parametrize("caught", ["for good", "and called an error"])
def test_an_interrupt_that_a_library_catches_stops_it_before_the_next_model(
    data: str, caught: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_models("model", "other")
    watcher = watch.Watcher("tests", EvaluationSet(data, Request()))
    asked = KeyboardInterrupt()

    def library(model: str) -> None:
        watcher.stop(asked)  # as the handler of a signal does
        if caught == "and called an error":
            raise RuntimeError("the connection was closed")

    monkeypatch.setattr(watch, "evaluate_on", quick([], library))
    with pytest.raises(KeyboardInterrupt) as stopped:
        watcher.once()
    assert stopped.value is asked
    assert [run.info.status for run in claims()] == ["FINISHED" if caught == "for good" else "KILLED"]


def test_an_interrupt_that_is_caught_while_it_looks_ends_the_waiting(data: str, seen: list[str]) -> None:
    watcher = watch.Watcher("tests", EvaluationSet(data, Request()), sleep=lambda s: pytest.fail("it waits"))
    watcher.on_event = lambda event: watcher.stop(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        watcher.forever(60)


def test_a_claim_of_a_process_that_is_gone_is_taken_over_and_counts_as_a_try(data: str, seen: list[str]) -> None:
    """A model that takes its process down would else be tried for ever."""
    (model,) = bare_models("model")
    rows = EvaluationSet(data, Request())
    rows.read_again()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host, machine, _, _ = claim.me().split()
    tags = {
        names.TAG_CLAIM: f"{model} {rows.digest}", names.TAG_CLAIMED_BY: f"{host} {machine} {gone.pid} 77",
        names.TAG_DATA_DIGEST: rows.digest, names.TAG_HEARTBEAT: "2999-01-01T00:00:00+00:00",
    }  # fmt: skip
    if machine == "-":
        tags[names.TAG_HEARTBEAT] = "2001-01-01T00:00:00+00:00"
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tests").experiment_id
    left = client.create_run(experiment, tags=tags).info.run_id
    begun = client.create_run(
        experiment, tags={k: v for k, v in tags.items() if k != names.TAG_HEARTBEAT}, start_time=1
    )
    assert [(r.event, r.tries) for r in watch_once("tests", data).models] == [("evaluated", 1)]
    assert client.get_run(begun.info.run_id).info.lifecycle_stage == "deleted"
    assert client.get_run(left).info.status == "FAILED"
    assert f"ended without a word (process {gone.pid} on {host})" in client.get_run(left).data.tags[NOTE]


def test_what_another_watcher_evaluates_is_left_to_it(data: str, seen: list[str]) -> None:
    (model,) = bare_models("model")
    rows = EvaluationSet(data, Request())
    rows.read_again()
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    tags = {
        names.TAG_CLAIM: f"{model} {rows.digest}", names.TAG_CLAIMED_BY: "other 1/pid:[1] 5 7",
        names.TAG_DATA_DIGEST: rows.digest, names.TAG_HEARTBEAT: now,
    }  # fmt: skip
    client = mlflow.MlflowClient()
    run = client.create_run(client.get_experiment_by_name("tests").experiment_id, tags=tags)
    done = watch_once("tests", data)
    assert (done.n_elsewhere, done.models, seen) == (1, (), [])
    assert claim.claim(run.info.experiment_id, model, "model", rows.digest) is None
    client.set_tag(run.info.run_id, names.TAG_HEARTBEAT, "2001-01-01T00:00:00+00:00")
    assert watch_once("tests", data).models[0].event == "evaluated"


def test_a_store_that_goes_down_in_an_evaluation_costs_no_try(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = bare_models("model")
    failing(monkeypatch, TrackingError("away"), model)
    end = claim.end
    monkeypatch.setattr(claim, "end", lambda *given: (_ for _ in ()).throw(MlflowException("away")))
    watcher = Watcher("tests", EvaluationSet(data, Request()))
    with pytest.raises(TrackingError, match="away"):
        watcher.once()
    assert of(model) == ["RUNNING"]
    monkeypatch.setattr(claim, "end", end)
    monkeypatch.setattr(watch, "evaluate_on", quick([]))
    assert [(result.event, result.tries) for result in watcher.once().models] == [("evaluated", 0)]
    assert of(model) == ["KILLED", "FINISHED"]


def away_in(monkeypatch: pytest.MonkeyPatch, outages: dict[str, int]) -> list[str]:
    """Let the store be away in so many evaluations of a model, and answer again at once."""
    tried: list[str] = []

    def before(model: str) -> None:
        outages[model] = outages.get(model, 0) - 1
        with reaching():
            if outages[model] >= 0:
                raise MlflowException("database is locked", error_code=TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(watch, "evaluate_on", quick(tried, before))
    return tried


def test_outages_use_up_no_tries_and_are_waited_for(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = bare_models("model")
    away_in(monkeypatch, {model: 4})
    events: list[WatchEvent] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds == 60:
            raise Enough

    watcher = Watcher("tests", EvaluationSet(data, Request()), tries=2, on_event=events.append, sleep=sleep)
    with pytest.raises(Enough):
        watcher.forever(60)
    assert [event.event for event in events] == ["data", *["evaluating", "problem", "recovered"] * 4,
                                                 "evaluating", "evaluated"]  # fmt: skip
    assert [event.attempt for event in events if isinstance(event, WatchBegin)] == [1] * 5
    assert {event.reason for event in events if isinstance(event, WatchProblem)} == {
        "", f"MLflow at {mlflow.get_tracking_uri()} answered: database is locked",
    }  # fmt: skip
    assert slept == [5, 10, 20, 40, 60]
    assert of(model) == ["KILLED"] * 4 + ["FINISHED"]


def test_a_single_look_ends_with_the_outage_and_the_next_one_goes_on(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model,) = bare_models("model")
    away_in(monkeypatch, {model: 1})
    with pytest.raises(TrackingError, match="database is locked"):
        watch_once("tests", data, tries=1)
    assert [(run.info.status, run.data.tags[NOTE]) for run in claims()] == [("KILLED", claim.UNANSWERED)]
    assert [result.event for result in watch_once("tests", data, tries=1).models] == ["evaluated"]


def test_a_model_that_meets_outages_again_and_again_does_not_keep_the_others_waiting(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its results may be what brings the store down."""
    old, new = bare_models("old", "new")
    tried = away_in(monkeypatch, {new: 9})
    for _ in range(3):
        with pytest.raises(TrackingError):
            watch_once("tests", data, tries=2)
    assert tried == [new, new, old, new]
    assert of(old) == ["FINISHED"]


def test_a_model_that_takes_the_process_down_was_named_before(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = bare_models("model")
    events: list[WatchEvent] = []
    for attempt in (1, 2):
        failing(monkeypatch, RuntimeError("odd") if attempt == 1 else Enough(), model)
        with suppress(Enough):
            watch_once("tests", data, on_event=events.append)
        run = claims()[0].info.run_id
        begun = [event for event in events if isinstance(event, WatchBegin)][-1]
        assert begun == WatchBegin("model", model, run, attempt, 3, begun.data_digest)
    assert events[-1] == begun


def test_an_output_that_is_closed_costs_no_try(data: str, seen: list[str]) -> None:
    (model,) = bare_models("model")

    def closed(event: WatchEvent) -> None:
        if event.event == "evaluating":
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        watch_once("tests", data, on_event=closed)
    assert (of(model), seen) == (["KILLED"], [])


def test_an_unknown_experiment_is_answered_with_the_nearest(data: str) -> None:
    with pytest.raises(UnknownExperiment, match=r"no experiment 'test'; .*Did you mean 'tests'\?"):
        watch_once("test", data)
    assert watch_once(mlflow.get_experiment_by_name("tests").experiment_id, data).n_models == 0
    gone = mlflow.create_experiment("gone")
    mlflow.delete_experiment(gone)
    for given_name in ("gone", gone, "999"):
        with pytest.raises(UnknownExperiment):
            watch_once(given_name, data)


# The loop.


class Enough(BaseException):
    pass


def run_for(monkeypatch: pytest.MonkeyPatch, steps: list[Any], digest: str = "abc") -> tuple[list[Any], list[float]]:
    """Let the loop meet these errors (None: a pass that ends well); return what it said and how long it slept."""
    said: list[Any] = []
    slept: list[float] = []
    left = iter(steps)

    def once(self: Watcher) -> None:
        error = next(left, Enough())
        if error:
            raise error

    monkeypatch.setattr(Watcher, "once", once)
    rows = EvaluationSet("test.csv", Request())
    rows.digest = digest
    with pytest.raises(Enough):
        Watcher("tests", rows, on_event=said.append, sleep=slept.append).forever(60)
    return said, slept


def test_a_store_that_is_down_is_said_once_and_asked_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    away = [TrackingError("away")] * 8
    said, slept = run_for(monkeypatch, [None, *away, None, TrackingError("again")])
    assert said == [WatchProblem("away"), WatchProblem(""), WatchProblem("again")]
    assert slept == [60, 5, 10, 20, 40, 80, 160, 300, 300, 60, 5]
    assert [event.event for event in said] == ["problem", "recovered", "problem"]


def test_data_that_break_are_said_once_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    said, slept = run_for(monkeypatch, [DataError("half"), DataError("half"), DataError("other"), None])
    assert said == [WatchProblem("half"), WatchProblem("other"), WatchProblem("")]
    assert slept == [60] * 4


def test_that_it_works_again_is_said_before_anything_is_evaluated(data: str, store: str, seen: list[str]) -> None:
    bare_models("model")
    events: list[WatchEvent] = []
    watcher = Watcher("tests", EvaluationSet(data, Request()), on_event=events.append)
    mlflow.set_tracking_uri("http://127.0.0.1:9")

    def sleep(seconds: float) -> None:
        if seconds == 60:
            raise Enough
        mlflow.set_tracking_uri(store)

    watcher.sleep = sleep
    with pytest.raises(Enough):
        watcher.forever(60)
    assert [event.event for event in events] == ["problem", "recovered", "data", "evaluating", "evaluated"]


def test_at_the_beginning_a_mistake_is_an_error(store: str) -> None:
    def sleep(seconds: float) -> None:
        raise Enough

    with pytest.raises(DataError, match=r"there is no file 'nowhere\.csv'"):
        Watcher("tests", EvaluationSet("nowhere.csv", Request()), sleep=sleep).forever(60)
    with pytest.raises(UnknownExperiment):
        Watcher("nowhere", EvaluationSet(write(ROWS), Request()), sleep=sleep).forever(60)


# The file.


def test_a_file_is_read_again_only_when_it_changed(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = evaluation_set.read_labelled
    monkeypatch.setattr(evaluation_set, "read_labelled", lambda *given: reads.append(given[0]) or read(*given))
    Path("requirements.yaml").write_text("slices: []\n")
    os.utime("requirements.yaml", (1, 1))
    rows = EvaluationSet(data, Request(requirements="requirements.yaml"))
    assert [rows.read_again(), rows.read_again()] == [True, False]
    os.utime("requirements.yaml", (2, 2))
    assert rows.read_again()
    write(ROWS.head(7))
    assert (rows.read_again(), rows.n, len(reads)) == (True, 7, 3)


def test_a_file_that_breaks_is_tried_again_and_what_was_read_stays(data: str) -> None:
    rows = EvaluationSet(data, Request())
    rows.read_again()
    version = rows.digest
    for content in (b"", b"text,label\n\xff,good\n", b"other\n1\n", b'text,label\n"open,good\n'):
        Path(data).write_bytes(content)
        os.utime(data, (5, 5))
        for _ in range(2):
            with pytest.raises(EvalPlusError):
                rows.read_again()
        assert (rows.digest, rows.n, len(rows.labelled.frame)) == (version, 20, 20)
    write(ROWS)
    assert rows.read_again()
    assert rows.digest == version


def test_a_file_that_is_being_written_is_waited_for(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a file may read well: it would be a version of its own, on which every model is evaluated."""
    os.utime(data)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        write(ROWS.head(5 * len(slept)))
        os.utime(data, None if len(slept) < 3 else (5, 5))

    monkeypatch.setattr(evaluation_set.time, "sleep", sleep)
    rows = EvaluationSet(data, Request())
    rows.read_again()
    assert (rows.n, len(slept)) == (15, 3)
    assert 0 < sum(slept) <= 3 * evaluation_set.SETTLED_S
    monkeypatch.setattr(evaluation_set, "PATIENCE_S", 0.05)
    monkeypatch.setattr(evaluation_set.time, "sleep", lambda seconds: os.utime(data))
    os.utime(data)
    with pytest.raises(DataError, match="has been written to for"):
        rows.read_again()


def test_a_file_that_changes_while_it_is_read_is_read_once_more(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = evaluation_set.read_labelled
    lengths = [5, 5]

    def changing(path: str, request: Request) -> LabelledData:
        found = read(path, request)
        if lengths:
            write(ROWS.head(lengths.pop()))
        return found

    monkeypatch.setattr(evaluation_set, "read_labelled", changing)
    rows = EvaluationSet(data, Request())
    assert (rows.read_again(), rows.n) == (True, 5)
    lengths += range(1, 9)
    write(ROWS)
    with pytest.raises(DataError, match="changes while it is read; write another file and rename it"):
        rows.read_again()
    assert rows.n == 5


def test_data_without_ids_or_texts_have_no_version(store: str) -> None:
    with pytest.raises(DataError, match=r"neither ids nor texts; name their column \(--id, --text\)"):
        EvaluationSet(write(pd.DataFrame({"x": [1, 2], "label": ["a", "b"]})), Request()).read_again()


# Whole processes.

PROCESS = """
import sys
from mlflow_evalplus.cli import main
sys.argv = ["mlflow-evalplus", "watch", "--experiment", "tests", "--data", "test.csv", "--no-timing", *sys.argv[1:]]
main()
"""


class Slow(Good):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        Path("asked").touch()
        while not Path("go").exists():
            time.sleep(0.05)
        return super().predict(context, model_input, params)


def start(store: str, *arguments: str) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "MLFLOW_TRACKING_URI": store, "PYTHONPATH": root}
    environment.pop("MLFLOW_EXPERIMENT_ID", None)
    command = [sys.executable, "-c", PROCESS, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: str, process: subprocess.Popen[str]) -> None:
    stop = time.monotonic() + 90
    while not Path(path).exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < stop, "the model was not asked"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_watchers_at_once_evaluate_each_model_exactly_once(data: str, store: str) -> None:
    models = [
        mlflow.pyfunc.log_model(name=f"model {k}", python_model=Good(), pip_requirements=["pandas"]).model_id
        for k in range(6)
    ]
    mlflow.end_run()
    watchers = [start(store, "--once", "--json") for _ in range(3)]
    outputs = [watcher.communicate(timeout=300) for watcher in watchers]
    assert [watcher.returncode for watcher in watchers] == [0, 0, 0], "\n".join(map(str, outputs))
    assert sorted(model_of(run) for run in claims()) == sorted(models)
    assert {run.info.status for run in claims()} == {"FINISHED"}
    assert sum(out.count('"evaluated", "model"') for out, _ in outputs) == len(models), outputs


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_watcher_that_is_ended_in_an_evaluation_leaves_it_to_the_next(
    data: str, store: str, how: signal.Signals
) -> None:
    model = mlflow.pyfunc.log_model(name="slow", python_model=Slow(), pip_requirements=["pandas"]).model_id
    mlflow.end_run()
    first = start(store)
    wait_for("asked", first)
    first.send_signal(how)
    out, err = first.communicate(timeout=60)
    left = {signal.SIGKILL: (-9, "RUNNING"), signal.SIGTERM: (143, "KILLED"), signal.SIGINT: (130, "KILLED")}[how]
    assert (first.returncode, *of(model)) == left, out + err
    Path("go").touch()
    second = start(store, "--once")
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, out + err
    assert of(model) == ["FAILED" if how is signal.SIGKILL else "KILLED", "FINISHED"]
    assert "1 model: 1 evaluated now." in out
