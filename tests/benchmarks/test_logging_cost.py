"""What starting the command line and logging an evaluation cost beside the bare calls."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Metric, RunTag

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import writer
from tests.benchmarks.timing import medians

pytestmark = pytest.mark.benchmark
RECIPE = Path(__file__).parents[2] / "recipes" / "sentiment"
BARE = """\
import click

@click.group()
def group() -> None:
    "Say how good, why, at what cost, and what now."

@group.command()
def evaluate() -> None:
    "Evaluate."

group(prog_name="bare")
"""


def test_help_takes_at_most_twice_a_bare_click_program(tmp_path: Path) -> None:
    bare = tmp_path / "bare.py"
    bare.write_text(BARE)
    program = Path(sys.executable).parent / "mlflow-evalplus"

    def call(*command: object) -> None:
        done = subprocess.run([*map(str, command), "--help"], capture_output=True, text=True, check=True)
        assert "Commands:" in done.stdout

    ours, theirs = medians([lambda: call(program), lambda: call(sys.executable, bare)], 15)
    print(f"--help {1000 * ours:.0f} ms, bare click {1000 * theirs:.0f} ms: {ours / theirs:.2f} times")
    assert ours <= 2 * theirs


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return an evaluation of the usual size: the shipped messages, as one annotator would answer them."""
    messages = pd.read_csv(RECIPE / "messages.csv", keep_default_na=False)
    return ep.attribute(ep.evaluate(messages, prediction="annotator_a", requirements=RECIPE / "requirements.yaml"))


@pytest.fixture
def rendered(evaluation: Evaluation, store: str, tmp_path: Path) -> Path:
    """Log an evaluation once; return the folder of its files."""
    with mlflow.start_run() as run:
        ep.log(evaluation)
    return Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=str(tmp_path / "rendered")))


def test_logging_costs_little_more_than_the_bare_calls(
    rendered: Path, evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, pages and metrics are made beforehand in both: what is timed is MLflow's part, with SQLite.

    What we add is one reading of the run, for its name and for the tables that it lists already.
    """
    client = mlflow.MlflowClient()
    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    described, tags, data = writer.describe(evaluation), writer._tags(evaluation), writer._data(evaluation)
    monkeypatch.setattr(writer, "describe", lambda *_: described)
    monkeypatch.setattr(writer, "_tags", lambda _: tags)
    monkeypatch.setattr(writer, "_data", lambda _: data)
    monkeypatch.setattr(writer, "_write_files", lambda files, evaluation, folder: copy(folder))

    def copy(folder: Path) -> None:
        shutil.copytree(rendered, folder, dirs_exist_ok=True)

    def ours() -> None:
        ep.log(evaluation, runs.pop())

    def bare() -> None:
        run_id = runs.pop()
        with TemporaryDirectory() as folder:
            copy(Path(folder))
            client.log_artifacts(run_id, folder)
        client.log_inputs(run_id, [data])
        now = int(1000 * time.time())
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in described[0].items()],
            tags=[RunTag(key, value) for key, value in {**tags, writer.TABLES: listed}.items()],
        )

    listed = writer._tables(client.get_run(client.create_run(experiment).info.run_id), described[1])
    pairs = 100
    runs = [client.create_run(experiment).info.run_id for _ in range(2 * pairs + 2)]
    written = list(runs)
    with_us, without = medians([ours, bare], pairs)
    print(f"log {1000 * with_us:.1f} ms, bare calls {1000 * without:.1f} ms: {with_us / without:.2f} times")
    first, second = (client.get_run(run_id) for run_id in written[-2:])
    assert first.data.metrics == second.data.metrics
    assert {k for k in first.data.tags if "evalplus" in k} == {k for k in second.data.tags if "evalplus" in k}
    assert names.TAG_VERDICT in first.data.tags
    assert with_us <= 1.15 * without
