"""What starting the command line and logging an evaluation cost beside the bare calls."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Metric, RunTag

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import delivery, saved_view, writer
from mlflow_evalplus.tracking.items import Table
from mlflow_evalplus.tracking.series import compare_runs
from tests.benchmarks.timing import medians
from tests.browser import ui

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

    What we add is one reading of the run, for its name and for the tables that it lists already, and the file of the
    spool that says what the upload belongs to.
    """
    client = mlflow.MlflowClient()
    experiment = mlflow.get_experiment_by_name("tests").experiment_id
    described, tags, data = writer.describe(evaluation), writer._tags(evaluation), writer._data(evaluation)
    monkeypatch.setattr(writer, "describe", lambda *_: described)
    monkeypatch.setattr(writer, "_tags", lambda _: tags)
    monkeypatch.setattr(writer, "_data", lambda _: data)
    monkeypatch.setattr(delivery, "_write_files", lambda files, evaluation, folder: copy(folder))

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
            tags=[
                RunTag(key, value) for key, value in {**tags, delivery.TABLES: listed, writer.IMAGES: "True"}.items()
            ],
        )

    paths = [item.path for item in described[1] if isinstance(item, Table)]
    listed = delivery._tables_of(client.get_run(client.create_run(experiment).info.run_id), paths)
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


@pytest.fixture(scope="module")
def large() -> Evaluation:
    """Return an evaluation of 10,000 rows with texts, three classes with scores, and six slice columns."""
    rng = np.random.default_rng(5)
    n, labels = 10_000, ("negative", "neutral", "positive")
    words = rng.choice([f"word{i}" for i in range(3_000)], (n, 20))
    frame = pd.DataFrame({f"column_{i}": rng.integers(0, 3 + i, n).astype(str) for i in range(6)})
    frame["text"] = [" ".join(row) for row in words]
    frame["label"] = rng.choice(labels, n, p=[0.5, 0.3, 0.2])
    towards = frame["label"].to_numpy()[:, None] == np.array(labels)
    hard = np.where(frame["column_1"] == "0", 0.8, 2.0)[:, None]
    scores = np.exp(hard * towards + rng.gumbel(size=(n, 3)))
    scores /= scores.sum(axis=1, keepdims=True)
    frame["prediction"] = np.array(labels)[scores.argmax(axis=1)]
    columns = {label: f"p_{label}" for label in labels}
    frame = frame.assign(**{columns[label]: scores[:, i] for i, label in enumerate(labels)})
    slices = [f"column_{i}" for i in range(6)]
    asked = {"thresholds": [{"metric": "accuracy", "min": 0.8}], "error_costs": {"negative": {"positive": 20}}}
    return ep.evaluate(frame, text="text", scores=columns, slices=slices, requirements=asked)


def test_logging_10_000_rows_takes_under_2_seconds_and_5_megabytes(store: str, large: Evaluation) -> None:
    attributed = ep.attribute(large)
    run_id = mlflow.MlflowClient().create_run(mlflow.get_experiment_by_name("tests").experiment_id).info.run_id
    log, both = medians([lambda: ep.log(attributed, run_id), lambda: ep.log(large, run_id)], 5)
    folder = Path(mlflow.artifacts.download_artifacts(run_id=run_id))
    sizes = {str(file.relative_to(folder)): file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    print(f"\n10,000 rows: {log:.2f} s to log, {both:.2f} s with attribution, {sum(sizes.values()) / 1e6:.2f} MB:")
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:6]:
        print(f"  {size / 1e6:.3f} MB {name}")
    assert log < both < 2
    assert sum(sizes.values()) < 5e6


@pytest.mark.skipif(ui.CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_chart_view_and_saved_view_of_ten_such_runs_open_in_under_5_seconds(store: str, large: Evaluation) -> None:
    """In a fresh browser, so with all of MLflow's scripts to load; the time of bare runs is the floor."""
    attributed = ep.attribute(large)
    runs = []
    for number in range(10):
        with mlflow.start_run(run_name=f"iteration-{number + 1}") as run:
            ep.log(attributed)
        runs.append(mlflow.get_run(run.info.run_id))
    bare = mlflow.set_experiment("bare").experiment_id
    for _ in range(10):
        with mlflow.start_run():
            mlflow.log_metric("accuracy", 0.5)
    mode = "workflowType=machine_learning&compareRunsMode=CHART"
    links = {
        "chart view": f"/#/experiments/{runs[0].info.experiment_id}/runs?{mode}",
        "saved view": saved_view.write_view(compare_runs(runs)),
        "chart view of bare runs": f"/#/experiments/{bare}/runs?{mode}",
    }
    taken: dict[str, list[float]] = {name: [] for name in links}
    with ui.server(Path.cwd()) as address:
        for _ in range(3):
            for name, link in links.items():
                taken[name].append(_seconds_to_charts(f"{address}{link}"))
    middle = {name: statistics.median(times) for name, times in taken.items()}
    print("\nten runs:", ", ".join(f"{name} {seconds:.2f} s" for name, seconds in middle.items()))
    assert max(middle["chart view"], middle["saved view"]) < 5


def _seconds_to_charts(link: str) -> float:
    with ui.browser_page() as page:
        start = time.perf_counter()
        page.goto(link)
        chart = page.locator(".js-plotly-plot .bars, img[src*='images%2F']").first
        chart.wait_for(state="attached", timeout=60_000)
        return time.perf_counter() - start
