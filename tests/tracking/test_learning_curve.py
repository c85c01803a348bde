from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.artifacts import download_artifacts
from PIL import Image

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.learning.learning_curve import curve_of
from mlflow_evalplus.errors import TrackingError
from tests.core.learning.curves import World


def test_a_logged_curve_has_a_step_for_each_size_and_its_files_at_the_root(store: str) -> None:
    right, n_train, repeat = World(640, 150, 0.1, 2.0, 0.4).draw(np.random.default_rng(0), sizes=4, repeats=2)
    curve = curve_of(right, n_train, repeat=repeat)
    with mlflow.start_run(run_name="words <b>") as run:
        ep.log_learning_curve(curve)
    run_id = run.info.run_id
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run_id, "learning_curve/accuracy")
    assert [(one.step, one.value) for one in history] == [(p.n_train, p.accuracy.value) for p in curve.points]
    metrics = client.get_run(run_id).data.metrics
    assert metrics["learning_curve/gain_next_1000_upper"] == curve.more[0].gain.upper
    assert {f"learning_curve/{name}" for name in names.LEARNING_CURVE_METRICS} <= set(metrics)
    folder = Path(download_artifacts(run_id=run_id))
    page = (folder / names.LEARNING_CURVE_PAGE).read_text(encoding="utf-8")
    assert page.startswith("#### words &lt;b&gt;\n")
    with Image.open(folder / names.LEARNING_CURVE_FIGURE) as image:
        assert image.width == 340
    table = json.loads((folder / names.LEARNING_CURVE_TABLE).read_text(encoding="utf-8"))
    assert table["columns"] == list(names.LEARNING_CURVE_COLUMNS)
    assert names.LEARNING_CURVE_TABLE in client.get_run(run_id).data.tags["mlflow.loggedArtifacts"]

    short = curve_of(right[:1], n_train[:1], more=500)
    other = client.create_run("0").info.run_id
    ep.log_learning_curve(short, other)
    assert set(client.get_run(other).data.metrics) == {
        f"learning_curve/accuracy{end}" for end in ("", "_lower", "_upper")
    }
    with pytest.raises(TrackingError):
        ep.log_learning_curve(short, "0" * 32)
