"""What the tests share: a store of their own, and a small data set with known flaws."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


@event.listens_for(Engine, "connect")
def _without_waiting_for_the_disk(connection: object, _: object) -> None:
    """No store of a test outlives the machine: a commit need not be forced to disk."""
    if isinstance(connection, sqlite3.Connection):
        with suppress(sqlite3.DatabaseError):  # it is locked or damaged: MLflow is to meet that, not we
            connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty SQLite store: making one takes a second, copying it none."""
    folder = tmp_path_factory.mktemp("store")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Point MLflow to a fresh store in a working folder of the test's own; return its URI."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    mlflow.set_tracking_uri(uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")  # set_experiment writes it; so it is put back afterwards
    mlflow.set_experiment("tests")
    yield uri
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return 600 messages of 200 customers; the channel 'web' is answered worse than the others."""
    rng = np.random.default_rng(7)
    n, labels = 600, np.array(["negative", "neutral", "positive"])
    label = rng.choice(labels, n, p=[0.45, 0.35, 0.2])
    channel = rng.choice(["app", "web", "email"], n)
    wrong = rng.random(n) < np.where(channel == "web", 0.35, 0.08)
    return pd.DataFrame(
        {
            "text": [f"message {i}" for i in range(n)],
            "label": label,
            "prediction": np.where(wrong, rng.choice(labels, n), label),
            "channel": channel,
            "language": rng.choice(["en", "zh"], n, p=[0.75, 0.25]),
            "customer_id": [f"c{i}" for i in rng.integers(0, 200, n)],
        }
    )
