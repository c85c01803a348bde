"""Runs that pass, fail or are open, made once in a store that each test gets a copy of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

import mlflow_evalplus as ep

NAME = "sentiment"
# run → share of right answers; at least 0.8 is asked, of `free` nothing
RUNS = {"old": 0.9, "new": 0.95, "newer": 0.97, "bad": 0.5, "open": 0.8, "free": 0.9}
ASKED = {"thresholds": [{"metric": "accuracy", "min": 0.8}]}


@cache
def make(empty_store: Path) -> tuple[Path, dict[str, str]]:
    """Fill a store with the runs, once in a process; return its file, and name → run id."""
    folder = empty_store.parent / "registry"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    with pointed(folder):
        return folder / "mlflow.db", {name: _log(name, share) for name, share in RUNS.items()}


def _log(name: str, share: float) -> str:
    n = 200
    label = np.where(np.arange(n) % 2, "yes", "no")
    answer = np.where(np.arange(n) < share * n, label, np.where(label == "yes", "no", "yes"))
    frame = pd.DataFrame({"example_id": np.arange(n), "label": label, "prediction": answer})
    with mlflow.start_run(run_name=name) as run:
        mlflow.sklearn.log_model(
            DummyClassifier().fit([[0.0]], ["yes"]), name=f"model of {name}".replace(" ", "-"),
            pip_requirements=["scikit-learn"],
        )  # fmt: skip
        ep.log(ep.evaluate(frame, requirements=None if name == "free" else ASKED))
    return str(run.info.run_id)


@contextmanager
def pointed(folder: Path) -> Iterator[None]:
    """Point MLflow to the store in a folder, which is the working folder meanwhile."""
    before = mlflow.get_tracking_uri()
    uri = f"sqlite:///{folder}/mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        patch.setenv("MLFLOW_EXPERIMENT_ID", "0")  # set_experiment writes it; so it is put back afterwards
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment("tests")  # else the number of another store's would be used on
        yield
    mlflow.set_tracking_uri(before)


def champion(name: str = NAME) -> str | None:
    """Return the version that the alias champion names."""
    version = mlflow.MlflowClient().get_registered_model(name).aliases.get("champion")
    return None if version is None else str(version)


def versions_of(run_id: str) -> list[str]:
    """Return the versions that carry a run's id."""
    found = mlflow.MlflowClient().search_model_versions(f"tags.`evalplus.run` = '{run_id}'")
    return [str(version.version) for version in found]
