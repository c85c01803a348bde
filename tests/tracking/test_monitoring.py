from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from mlflow.artifacts import download_artifacts
from PIL import Image

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import monitoring
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import destination
from mlflow_evalplus.tracking.writer import send
from tests.render import monitored


def test_a_logged_log_has_a_step_for_each_window_and_its_files(store: str) -> None:
    found = monitored.monitoring()
    with mlflow.start_run(run_name="watched <b>") as run:
        assert ep.log_monitoring(found) == run.info.run_id
    run_id = run.info.run_id
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run_id, "monitor/accuracy")
    assert [(one.step, one.value) for one in history] == list(enumerate(monitored.LABELLED, start=1))
    steps = client.get_metric_history(run_id, "monitor/alerts")
    assert [one.value for one in steps] == [0, 0, 0, 0, 1, 2]
    logged = client.get_run(run_id).data
    assert {f"monitor/{name}" for name in names.MONITOR_METRICS} <= set(logged.metrics)
    assert logged.metrics["monitor/drop"] == pytest.approx(0.067)
    assert logged.metrics["monitor/drop_lower"] == pytest.approx(0.041)
    assert logged.metrics["monitor/psi/channel"] == found.last.shifts[0].psi
    assert logged.metrics["monitor/recall_by_class/negative"] == 0.9
    assert (logged.tags[names.TAG_KIND], logged.tags[names.TAG_VERDICT]) == ("monitor", "fail")
    assert "2025-12 raises 2 alerts" in logged.tags["mlflow.note.content"]

    folder = Path(download_artifacts(run_id=run_id))
    assert (folder / names.MONITOR_PAGE).read_text(encoding="utf-8").startswith("#### watched &lt;b&gt;\n")
    with Image.open(folder / names.MONITOR_FIGURE) as image:
        assert image.width == 340
    assert "run <bdi>watched &lt;b&gt;</bdi>" in (folder / names.MONITOR_REPORT).read_text(encoding="utf-8")
    tables = {
        names.MONITOR_TABLE: names.MONITOR_COLUMNS,
        names.MONITOR_SHIFTS_TABLE: names.MONITOR_SHIFT_COLUMNS,
        names.MONITOR_TERMS_TABLE: names.MONITOR_TERM_COLUMNS,
    }
    for path, columns in tables.items():
        assert json.loads((folder / path).read_text(encoding="utf-8"))["columns"] == list(columns)
        assert path in logged.tags["mlflow.loggedArtifacts"]
    whole = json.loads((folder / names.MONITORING).read_text(encoding="utf-8"))
    assert whole["schema_version"] == names.SCHEMA_VERSION
    assert whole["windows"][-1]["outcome"] == "fail"
    assert whole["windows"][-1]["alerts"][0]["p_value"] == "NaN"

    other = client.create_run("0").info.run_id
    ep.log_monitoring(monitored.nothing_known(), other)
    assert set(client.get_run(other).data.metrics) == {
        f"monitor/{name}" for name in ("n_rows", "n_labelled", "new_terms", "alerts")
    }
    assert names.MONITOR_TERMS_TABLE not in client.get_run(other).data.tags["mlflow.loggedArtifacts"]
    with pytest.raises(TrackingError):
        ep.log_monitoring(found, "0" * 32)

    client.set_tag(other, names.TAG_KIND, names.KIND_EVALUATION)
    with pytest.raises(TrackingError, match="is of kind 'evaluation'; log a monitor into a run of its own"):
        ep.log_monitoring(found, other)

    steps = {step: {f"m{i}": step + i for i in range(400)} for step in range(1, 4)}  # in two calls
    send(destination(other), Delivery(steps=steps))
    for i in (0, 200, 399):
        assert [(one.step, one.value) for one in client.get_metric_history(other, f"m{i}")] == [
            (step, step + i) for step in (1, 2, 3)
        ]


def test_the_names_of_columns_and_labels_become_metric_names() -> None:
    window = monitored.spoilt("a/b <c> \x00").last
    shifts = tuple(replace(window.shifts[0], psi=0.5, column=name) for name in ("a/b <c>", "", "..", "x" * 400))
    labels = {f"recall[{name}]": monitored.estimate(0.9, 100) for name in ("n/a", "退款", "[x]")}
    found = monitoring.metrics(replace(window, shifts=shifts, metrics=labels))
    assert {key: value for key, value in found.items() if "/psi/" in key} == {
        "monitor/psi/a_b _c_": 0.5, "monitor/psi/_": 0.5, "monitor/psi/__": 0.5, "monitor/psi/" + "x" * 238: 0.5,
    }  # fmt: skip
    assert {"monitor/recall_by_class/n_a", "monitor/recall_by_class/退款"} < set(found)
    assert all(len(key) <= 250 for key in found)


def test_many_columns_stay_within_what_a_run_carries() -> None:
    window = monitored.window(5)
    shifts = tuple(replace(window.shifts[0], column=f"column {i}") for i in range(120))
    metrics = {f"recall[label {i}]": monitored.estimate(0.9, 100) for i in range(300)}
    found = monitoring.metrics(replace(window, shifts=shifts, metrics={**window.metrics, **metrics}))
    assert len(found) <= names.MAX_METRICS
    assert {f"monitor/{name}" for name in names.MONITOR_METRICS} <= set(found)
    assert sum("/psi/" in key for key in found) == names.MAX_METRIC_VALUES_PER_COLUMN
