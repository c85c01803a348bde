from __future__ import annotations

import base64
import json
import logging
import zlib
from dataclasses import replace
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.tracking import saved_view, store
from mlflow_evalplus.tracking.saved_view import write_view
from mlflow_evalplus.tracking.series import Series, compare_runs


def logged(frame: pd.DataFrame, name: str) -> Run:
    with mlflow.start_run(run_name=name) as run:
        ep.log(ep.evaluate(frame, slices=["channel"]))
    return mlflow.get_run(run.info.run_id)


@pytest.fixture
def series(store: str, frame: pd.DataFrame) -> Series:
    """Return two compared runs; a third of the same experiment does not belong to them."""
    better = frame.assign(prediction=frame["prediction"].where(frame.index % 3 > 0, frame["label"]))
    runs = [logged(frame, "old"), logged(better, "new")]
    logged(frame, "by the way")
    return compare_runs(runs)


def views(experiment: str) -> dict[str, str]:
    tags = mlflow.get_experiment(experiment).tags
    return {key.removeprefix(saved_view.TAG): value for key, value in tags.items() if key.startswith(saved_view.TAG)}


def unpacked(value: str) -> dict[str, Any]:
    form, state = json.loads(value)["state"].split(";")
    assert form == "deflate"
    return dict(json.loads(zlib.decompress(base64.b64decode(state))))


def test_the_link_names_the_view_and_the_view_finds_exactly_the_compared_runs(series: Series) -> None:
    path = write_view(series)
    experiment = series.runs["old"].info.experiment_id
    ((key, value),) = views(experiment).items()
    mode = "workflowType=machine_learning"
    assert path == f"/#/experiments/{experiment}/runs?{mode}&viewStateShareKey={key}&compareRunsMode=CHART"
    found = mlflow.MlflowClient().search_runs([experiment], unpacked(value)["searchFilter"])
    assert {run.info.run_name for run in found} == {"old", "new"}


def test_charts_and_columns_are_of_what_the_runs_have(series: Series) -> None:
    state = unpacked(saved_view._value(series))
    assert "tags.`evalplus.verdict`" in state["selectedColumns"]
    assert "metrics.`quality/accuracy`" in state["selectedColumns"]
    assert not [column for column in state["selectedColumns"] if "latency" in column]
    charts = {chart["type"]: chart for chart in state["compareRunCharts"]}
    assert charts["IMAGE"]["imageKeys"] == [names.CONFUSION_IMAGE]
    assert charts["DIFFERENCE"]["baselineColumnUuid"] == series.runs["old"].info.run_id
    bars = {chart["metricKey"] for chart in state["compareRunCharts"] if chart["type"] == "BAR"}
    deltas = {key for key in bars if key.startswith("delta/")}
    assert deltas == {"delta/accuracy", "delta/f1_macro"}
    assert bars - deltas <= set(series.runs["old"].data.metrics)
    sections = {section["uuid"]: section for section in state["compareRunSections"]}
    assert all(sections[chart["metricSectionId"]]["display"] for chart in state["compareRunCharts"])
    folded = {section["name"] for section in sections.values() if not section["display"]}
    assert folded == {"quality", "delta", "slices", "f1_by_class", "precision_by_class", "recall_by_class",
                      "accuracy_by_channel", "errors_by_cause"}  # fmt: skip


def test_the_same_comparison_replaces_its_view_and_another_baseline_makes_another(series: Series) -> None:
    experiment = series.runs["old"].info.experiment_id
    first = write_view(series)
    turned = replace(series, runs=dict(reversed(series.runs.items())))
    assert write_view(turned) == first
    assert len(views(experiment)) == 1
    assert write_view(replace(series, baseline="new")) != first
    assert len(views(experiment)) == 2


def test_a_view_of_fifty_runs_with_long_names_is_below_the_limit_of_a_tag(series: Series) -> None:
    many = {f"{number} 改进的模型 <script>": mlflow.MlflowClient().create_run("0") for number in range(50)}
    baseline = "old " + "🙂" * 5_000
    several = replace(series, runs={baseline: series.runs["old"], **many}, baseline=baseline, comparisons={})
    assert len(saved_view._value(several)) < saved_view.MAX_STATE / 2


def test_what_cannot_be_written_is_said_at_debug_level_only(
    series: Series, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = series.runs["old"].info.experiment_id
    elsewhere = mlflow.MlflowClient().create_run(mlflow.create_experiment("elsewhere"))
    with caplog.at_level(logging.DEBUG, saved_view.__name__):
        assert write_view(replace(series, runs={**series.runs, "elsewhere": elsewhere})) is None
        with monkeypatch.context() as patch:
            patch.setattr(mlflow, "__version__", "4.0.0")
            assert write_view(series) is None
        with monkeypatch.context() as patch:
            patch.setattr(store, "client", lambda: 1 / 0)
            assert write_view(series) is None
    assert [record.levelname for record in caplog.records if record.name == saved_view.__name__] == ["DEBUG"] * 3
    assert views(experiment) == {}
    assert write_view(series)
