"""Fifty evaluations from eight processes at once: nothing lost, nothing mixed up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from mlflow_evalplus import names
from tests.load.writing import rows, title

pytestmark = [pytest.mark.slow, pytest.mark.alone]
N, PROCESSES = 50, 8
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> MlflowClient:
    """Return a store into which one process alone has logged the same evaluations: what the others should hold."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    write(f"sqlite:///{folder}/mlflow.db", folder, 1)
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


@pytest.fixture(params=["a server over SQLite", "a server over PostgreSQL", "SQLite without a server"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield where eight processes are to write; nothing is there yet, no table either."""
    database = f"sqlite:///{tmp_path}/mlflow.db"
    if request.param == "SQLite without a server":
        yield database
        return
    pytest.importorskip("psycopg2")
    from tests.load import servers

    if request.param == "a server over SQLite":
        with servers.server(tmp_path, database) as address:
            yield address
        return
    if not servers.has_postgres():
        pytest.skip("PostgreSQL is not installed here")
    with servers.postgres() as postgres, servers.server(tmp_path, postgres) as address:
        yield address


def write(uri: str, folder: Path, processes: int) -> float:
    """Log all evaluations; return the seconds that it took."""
    command = [sys.executable, "-m", "tests.load.writing", "0", str(N), str(processes)]
    environment = {
        **os.environ, "MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_ID": "0", "PYTHONPATH": str(ROOT),
        "EVALPLUS_SPOOL": str(folder / "spool"), "OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true",
    }  # fmt: skip
    environment.pop("MLFLOW_RUN_ID", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.returncode} of {processes} processes failed:\n{done.stderr[-6000:]}"
    return float(done.stdout.splitlines()[-1])


def artifacts(client: MlflowClient, run: Run, folder: Path) -> dict[str, bytes]:
    path = Path(
        mlflow.artifacts.download_artifacts(
            run_id=run.info.run_id, dst_path=str(folder), tracking_uri=client.tracking_uri
        )
    )
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def runs(client: MlflowClient) -> dict[str, Run]:
    """Return the runs by name, of which each must be there once."""
    found = client.search_runs(["0"], max_results=1000)
    by_name = {run.info.run_name: run for run in found}
    assert len(found) == len(by_name)
    return by_name


def tags(run: Run) -> dict[str, str]:
    known = run.data.tags.items()
    return {key: value for key, value in known if key != names.TAG_DELIVERY and not key.startswith("mlflow.source")}


def test_fifty_evaluations_of_eight_processes_are_all_there_and_each_its_own(
    uri: str, alone: MlflowClient, tmp_path: Path
) -> None:
    seconds = write(uri, tmp_path, PROCESSES)
    client, expected = MlflowClient(uri), runs(alone)
    found = runs(client)
    assert sorted(found) == sorted(expected) == [title(seed) for seed in range(N)]
    for seed in range(N):
        run, twin = found[title(seed)], expected[title(seed)]
        assert run.info.status == "FINISHED"
        assert run.data.metrics == twin.data.metrics
        assert len(client.get_metric_history(run.info.run_id, "quality/accuracy")) == 1
        assert tags(run) == tags(twin)
        (data,), (twin_data,) = run.inputs.dataset_inputs, twin.inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest) == (title(seed), twin_data.dataset.digest)
        files = artifacts(client, run, tmp_path / "found" / title(seed))
        assert files == artifacts(alone, twin, tmp_path / "expected" / title(seed))
        given, kept = rows(seed), pd.read_parquet(BytesIO(files[names.PREDICTIONS]))
        assert kept["text"].tolist() == given["text"].tolist()
        right = (given["label"] == given["prediction"]).mean()
        assert run.data.metrics["quality/accuracy"] == pytest.approx(right, abs=1e-12)
    for key in run.data.metrics:
        assert len(client.get_metric_history(run.info.run_id, key)) == 1
    spool = tmp_path / "spool"
    assert not spool.exists() or not [file for file in spool.rglob("*") if file.is_dir()]
    minutes = seconds / 60
    print(f"\n{uri.split(':')[0]}: {N} evaluations in {seconds:.1f} s, {N / minutes:.0f} a minute")
