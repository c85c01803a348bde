"""A comparison becomes one run of its own, which the same comparison refreshes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import comparison_run, delivery, links, writer
from mlflow_evalplus.tracking.comparison_run import compared_digest, log_comparison, where_to_look, words
from mlflow_evalplus.tracking.resume import resume
from mlflow_evalplus.tracking.series import compare_runs
from tests.tracking.test_series import logged


def comparisons() -> list[Run]:
    client = mlflow.MlflowClient()
    experiments = [e.experiment_id for e in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.`{names.TAG_KIND}` = '{names.KIND_COMPARISON}'"))


def files(run_id: str) -> set[str]:
    client = mlflow.MlflowClient()
    return {
        file.path for folder in (None, "evalplus") for file in client.list_artifacts(run_id, folder) if not file.is_dir
    }


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log without causes, pages and pictures: a comparison reads the figures and the rows."""

    def figures(evaluation: Evaluation, run_name: str) -> tuple[dict[str, float], list[Any]]:
        accuracy = evaluation.metrics["accuracy"]
        bounds = {"": accuracy.value, "_lower": accuracy.lower, "_upper": accuracy.upper}
        return {f"quality/accuracy{b}": x for b, x in bounds.items()} | {"quality/n_examples": evaluation.n}, []

    monkeypatch.setattr(writer, "describe", figures)
    monkeypatch.setattr(writer, "attribute", lambda evaluation: evaluation)


@pytest.fixture
def pair(store: str, frame: pd.DataFrame) -> list[Run]:
    return [logged("old", frame, slices=["channel"]), logged("new", frame, 0.5, slices=["channel"])]


def test_a_comparison_is_a_run_beside_the_compared_ones(pair: list[Run]) -> None:
    mlflow.set_experiment("elsewhere")
    series = compare_runs(pair)
    found = log_comparison(series)
    (run,) = comparisons()
    assert (run.info.run_id, run.info.run_name, run.info.status) == (found.run_id, "comparison", "FINISHED")
    assert run.info.experiment_id == pair[0].info.experiment_id
    assert files(found.run_id) == {names.COMPARISON_PAGE, names.COMPARISON_REPORT, names.DIFFERENCE_TABLE}
    assert mlflow.artifacts.load_text(f"runs:/{found.run_id}/{names.COMPARISON_REPORT}") == series.report
    assert run.data.tags["mlflow.note.content"] == series.page
    assert mlflow.active_run() is None


def test_a_comparison_is_logged_where_the_challenger_is(store: str, frame: pd.DataFrame) -> None:
    old = logged("champion", frame, slices=["channel"])
    mlflow.set_experiment("this month")
    series = compare_runs([logged("new", frame, 0.5, slices=["channel"])], baseline=old)
    mlflow.set_experiment("elsewhere")
    kept = [log_comparison(series).run_id, log_comparison(series).run_id]
    (run,) = comparisons()
    assert kept == [run.info.run_id] * 2
    assert run.info.experiment_id == series.runs["new"].info.experiment_id != old.info.experiment_id


def test_the_same_comparison_refreshes_its_run_and_another_makes_another(pair: list[Run], frame: pd.DataFrame) -> None:
    first = log_comparison(compare_runs(pair))
    ended = mlflow.get_run(first.run_id).info.end_time
    mlflow.MlflowClient().update_run(first.run_id, name="ours")
    third = logged("third", frame, 0.2)  # history goes on, so the page is another
    again = log_comparison(compare_runs([pair[1], pair[0]], baseline=pair[0]))
    assert again.run_id == first.run_id
    run = mlflow.get_run(again.run_id)
    assert (run.info.run_name, run.info.status, run.info.end_time) == ("ours", "FINISHED", ended)
    assert "third" in mlflow.artifacts.load_text(f"runs:/{again.run_id}/{names.COMPARISON_REPORT}")
    turned = log_comparison(compare_runs(pair, baseline=pair[1]))
    more = log_comparison(compare_runs([*pair, third]))
    assert len({first.run_id, turned.run_id, more.run_id}) == len(comparisons()) == 3


def test_a_deleted_comparison_is_made_anew(pair: list[Run]) -> None:
    first = log_comparison(compare_runs(pair))
    mlflow.delete_run(first.run_id)
    assert log_comparison(compare_runs(pair)).run_id != first.run_id


def test_the_run_that_mlflow_began_is_taken_and_named(pair: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    begun = mlflow.MlflowClient().create_run("0", run_name="aged-fox")
    monkeypatch.setenv("MLFLOW_RUN_ID", begun.info.run_id)
    assert log_comparison(compare_runs(pair), tags={names.TAG_SERIES: "s"}).run_id == begun.info.run_id
    run = mlflow.get_run(begun.info.run_id)
    assert (run.info.run_name, run.info.status, run.data.tags[names.TAG_SERIES]) == ("comparison", "FINISHED", "s")


@pytest.mark.parametrize("holds", ["an evaluation", "a metric", "a description"])
def test_a_run_of_somebody_else_is_never_overwritten(
    pair: list[Run], monkeypatch: pytest.MonkeyPatch, holds: str
) -> None:
    """A step of a user's project trains and then compares: MLFLOW_RUN_ID names the run of the training."""
    client = mlflow.MlflowClient()
    begun = pair[0] if holds == "an evaluation" else client.create_run("0", run_name="my training")
    if holds == "a metric":
        client.log_metric(begun.info.run_id, "loss", 0.1)
    elif holds == "a description":
        client.set_tag(begun.info.run_id, "mlflow.note.content", "mine")
    before = client.get_run(begun.info.run_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", begun.info.run_id)
    found = log_comparison(compare_runs(pair))
    assert found.run_id not in {begun.info.run_id, *(run.info.run_id for run in pair)}
    after = client.get_run(begun.info.run_id)
    assert (after.data.tags, after.info.status) == (before.data.tags, before.info.status)


def test_a_run_id_of_the_environment_that_is_not_there_is_named(
    pair: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    with pytest.raises(TrackingError, match="MLFLOW_RUN_ID names no run"):
        log_comparison(compare_runs(pair))


def test_a_refresh_that_fails_leaves_the_earlier_comparison(pair: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    first = log_comparison(compare_runs(pair))

    def full(*given: Any, **options: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(delivery, "perform", full)
    with pytest.raises(TrackingError, match="no space left"):
        log_comparison(compare_runs(pair))
    assert mlflow.get_run(first.run_id).info.status == "FINISHED"


def test_a_comparison_that_cannot_be_written_leaves_a_failed_run(
    pair: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any, **options: Any) -> None:
        raise OSError("no space left on device")

    series = compare_runs(pair)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "perform", full)
        with pytest.raises(TrackingError, match="no space left"):
            log_comparison(series)
    client = mlflow.MlflowClient()

    def statuses() -> dict[str, str]:
        return {run.info.run_name: run.info.status for run in client.search_runs([pair[0].info.experiment_id])}

    assert statuses() == {"old": "FINISHED", "new": "FINISHED", "comparison": "FAILED"}
    resume()
    assert statuses()["comparison"] == "FINISHED"
    assert log_comparison(series).run_id == comparisons()[0].info.run_id


def test_a_comparison_without_a_view_is_still_a_comparison(pair: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison_run.saved_view, "write_view", lambda series: None)
    series = compare_runs(pair)
    found = log_comparison(series)
    assert found.view is None
    assert list(where_to_look(series, found)) == ["side by side", "report"]
    assert list(where_to_look(series, None)) == ["side by side"]


def test_links_are_those_of_the_server_or_of_the_command_that_serves_this_store(
    pair: list[Run], store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = compare_runs(pair)
    found = log_comparison(series)
    assert found.report == (
        f"http://127.0.0.1:5000/#/experiments/{pair[0].info.experiment_id}/runs/{found.run_id}"
        f"/artifacts/{names.COMPARISON_REPORT}?workflowType=machine_learning"
    )
    said = words(series, found)
    assert said[:2] == [f"The comparison is run {found.run_id}.", "Look, after `mlflow ui`:"]
    assert [line.split("  http")[0].strip() for line in said[2:]] == list(where_to_look(series, found))
    monkeypatch.chdir(tmp_path)
    assert links.serve_command() == f"mlflow ui --backend-store-uri {store}"
    mlflow.set_tracking_uri("http://me:s3cret@tracking:8080/")
    try:
        assert (links.server(), links.serve_command()) == ("http://tracking:8080", "")
        mlflow.set_tracking_uri("postgresql://me:s3cret@db/mlflow")
        assert links.serve_command() == "mlflow ui --backend-store-uri postgresql://db/mlflow"
    finally:
        mlflow.set_tracking_uri(store)


def test_the_digest_tells_runs_and_baseline_apart_but_not_their_order(pair: list[Run], frame: pd.DataFrame) -> None:
    third = logged("third", frame)
    alike = [compare_runs([*pair, third]), compare_runs([pair[0], third, pair[1]])]
    assert len({compared_digest(series) for series in alike}) == 1
    others = [compare_runs(pair), compare_runs([*pair, third], baseline=third)]
    assert len({compared_digest(series) for series in (*alike, *others)}) == 3


def test_history_holds_the_newest_runs_on_the_same_test_set_oldest_first(
    store: str, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = mlflow.MlflowClient()
    runs = [logged(name, frame, share) for name, share in (("first", 0.0), ("second", 0.3), ("third", 0.6))]
    logged("other rows", frame.head(300))
    with mlflow.start_run(run_name="no evaluation"):
        pass
    client.delete_run(logged("deleted", frame).info.run_id)
    mlflow.set_experiment("elsewhere")
    logged("elsewhere", frame)
    found = compare_runs([runs[0], runs[2]]).side_by_side.history
    assert [(row.name, row.compared) for row in found] == [("first", True), ("second", False), ("third", True)]
    for row, run in zip(found, runs, strict=True):
        assert row.accuracy == ep.load(run.info.run_id).metrics["accuracy"]
        assert row.time.timestamp() == pytest.approx(run.info.start_time / 1000)
    monkeypatch.setattr("mlflow_evalplus.tracking.history.MAX_RUNS", 2)
    assert [row.name for row in compare_runs(runs).side_by_side.history] == ["second", "third"]


def test_history_takes_the_verdict_with_the_baseline_and_survives_a_run_without_figures(
    store: str, frame: pd.DataFrame
) -> None:
    asked = {"thresholds": [{"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.02}]}
    runs = [logged(name, frame, share, requirements=asked) for name, share in (("old", 0.0), ("new", 0.5))]
    tags = {key: runs[0].data.tags[key] for key in (names.TAG_KIND, names.TAG_DATA_DIGEST)}
    with mlflow.start_run(run_name="bare", tags={**tags, names.TAG_VERDICT: "splendid"}):
        pass
    old, new, bare = compare_runs(runs).side_by_side.history
    assert [row.verdict.value for row in (old, new, bare)] == ["undecided", "pass", "undecided"]
    assert np.isnan(bare.accuracy.value)
    assert "bare" in compare_runs(runs).report
