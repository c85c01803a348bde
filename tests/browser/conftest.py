"""One store with four runs, served once for all tests of MLflow's own pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run
from sklearn.dummy import DummyClassifier

import mlflow_evalplus as ep
from mlflow_evalplus.tracking.comparison_run import LoggedComparison, log_comparison
from mlflow_evalplus.tracking.recorded import record_baseline
from mlflow_evalplus.tracking.registry.promotion import Promotion, promote
from mlflow_evalplus.tracking.saved_view import write_view
from mlflow_evalplus.tracking.series import Series, compare_runs
from tests.browser import ui

ASKED = {
    "thresholds": [{"metric": "accuracy", "min": 0.85}],
    "error_costs": {"negative": {"neutral": 5, "positive": 20}},
}


@dataclass(frozen=True)
class Served:
    """A running server and what its store holds.

    Attributes
    ----------
    series : Series
        Four runs, each answering a little better than the one before; a fifth of the experiment is not among them.
    view : str or None
        The path of their saved view.
    version : Promotion
        The last of them in the registry.
    hostile : Series
        Two runs of an experiment of their own: every name and text of theirs is hostile.
    comparison : LoggedComparison
        These two, compared in a run; its addresses are those of ``mlflow ui``.
    """

    address: str
    series: Series
    view: str | None
    version: Promotion
    hostile: Series
    comparison: LoggedComparison


@pytest.fixture(scope="package")
def served(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server over the four runs."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        uri = f"sqlite:///{folder}/mlflow.db"
        for key, value in {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_ID": "0"}.items():
            patch.setenv(key, value)  # MLflow writes both: so they are put back afterwards
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        mlflow.set_tracking_uri(uri)
        series = _iterations()
        version = promote(list(series.runs.values())[-1].info.run_id, "sentiment", why="the best of four")
        view = write_view(series)
        hostile = _hostile()
        comparison = log_comparison(hostile)
    with ui.server(folder) as address:
        yield Served(address, series, view, version, hostile, comparison)


def _iterations() -> Series:
    rng = np.random.default_rng(7)
    label = rng.choice(["negative", "neutral", "positive"], 400, p=[0.45, 0.35, 0.2])
    frame = pd.DataFrame(
        {
            "text": [f"message {i}" for i in range(400)],
            "label": label,
            "channel": rng.choice(["app", "web", "email"], 400),
            "language": rng.choice(["en", "zh"], 400),
        }
    )
    wrong = rng.random(400) < np.where(frame["channel"] == "web", 0.6, 0.2)
    mlflow.set_experiment("iterations")
    runs = []
    for number in range(4):
        spoilt = wrong & (rng.random(400) < 1 - 0.25 * number)
        frame["prediction"] = np.where(spoilt, "neutral", frame["label"])
        runs.append(_log(frame, f"iteration-{number + 1}", slices=["channel", "language"], requirements=ASKED))
    _log(frame, "by-the-way", slices=["channel"])
    series = compare_runs(runs)
    record_baseline(series)
    return series


def _log(frame: pd.DataFrame, name: str, **options: Any) -> Run:
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_param("candidate", name[:100])
        model = DummyClassifier().fit([[0.0]], ["neutral"])
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
        ep.log(ep.evaluate(frame, text="text", **options))
    return mlflow.get_run(run.info.run_id)


def _hostile() -> Series:
    rng = np.random.default_rng(3)
    n = 200
    frame = pd.DataFrame(
        {
            "text": rng.choice(ui.HOSTILE, n),
            "label": rng.choice(ui.HOSTILE, n),
            "prediction": rng.choice(ui.HOSTILE, n),
            ui.SCRIPT: rng.choice(ui.HOSTILE, n),
        }
    )
    mlflow.set_experiment("hostile")
    runs = []
    for name in (ui.SCRIPT, ui.CLOSING):
        frame["prediction"] = frame["prediction"].where(rng.random(n) < 0.5, frame["label"])
        runs.append(_log(frame, name, slices=[ui.SCRIPT]))
    return compare_runs(runs)
