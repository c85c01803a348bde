"""The recipe with a transformer: killed in the middle it goes on in the same run, and its model answers anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Run

from mlflow_evalplus import names
from recipes.classifiers.resume import SEAL
from recipes.classifiers.unfinished import VARIABLE
from recipes.sentiment.data import SHIPPED
from tests.recipes.classifiers import tiny
from tests.recipes.test_run import all_runs, logged_rows

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# Long enough to be killed in the middle; one thread, since sums of floating point numbers depend on their number.
SETTINGS = "epochs=20,learning_rate=2e-3,batch_size=16,freeze=none,threads=1,patience=20,save_s=0.2"
ANSWER = """
import json, socket, sys
def refused(*_, **__): raise OSError("no network here")
socket.socket.connect = socket.create_connection = refused
import mlflow, pandas as pd
answers = mlflow.pyfunc.load_model(sys.argv[1]).predict(pd.DataFrame(json.load(sys.stdin)))
print(json.dumps({column: answers[column].tolist() for column in answers}))
"""


@pytest.fixture
def work(store: str, tmp_path: Path) -> Path:
    """Write rows and a checkpoint beside the store; return where trainings keep their checkpoints."""
    tiny.checkpoint(tmp_path / "bert")
    texts, labels = tiny.rows(600, seed=3)
    named = {label: f"label {place}" for place, label in enumerate(tiny.TELLING.values())}
    pd.DataFrame({"text": texts, "label": [named[label] for label in labels]}).to_csv("rows.csv", index=False)
    return tmp_path / "work-of-trainings"


def start(work: Path, checkpoint: Path, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, VARIABLE: str(work), "PYTHONPATH": str(ROOT)}
    environment.pop("MLFLOW_EXPERIMENT_ID", None)
    command = [sys.executable, "-m", "recipes.sentiment", "--data", "rows.csv", "--settings", SETTINGS,
               "--experiment", "tests", "--candidates", f"transformer:{checkpoint}", *more]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    return output


def transformers() -> list[Run]:
    return [run for run in all_runs() if (run.info.run_name or "").startswith("transformer")]


def killed_in_the_middle(process: subprocess.Popen[str], work: Path, times: int) -> None:
    """Kill a training without a warning when so many checkpoints more are whole."""
    seen: set[str] = set()
    end = time.monotonic() + 120
    while len(seen) < times and time.monotonic() < end:
        assert process.poll() is None, process.stdout and process.stdout.read()[-3000:]
        seen |= {path.parent.name for path in work.rglob(f"checkpoint-*/{SEAL}")}
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert len(seen) >= times


def test_a_killed_training_goes_on_in_the_same_run_and_ends_as_one_that_was_not_killed(
    work: Path, tmp_path: Path
) -> None:
    killed_in_the_middle(start(work, tmp_path / "bert"), work, times=4)
    (half,) = transformers()
    assert half.info.status == "RUNNING"
    output = finished(start(work, tmp_path / "bert"))
    assert f"an interrupted training goes on, in its run {half.info.run_id}" in output
    (run,) = transformers()
    assert (run.info.run_id, run.info.status) == (half.info.run_id, "FINISHED")
    newest = max(all_runs(), key=lambda other: other.info.start_time).data.tags[names.TAG_SERIES]
    assert run.data.tags[names.TAG_SERIES] == newest
    epochs = mlflow.MlflowClient().get_metric_history(run.info.run_id, "model/epoch_f1_macro")
    assert sorted({entry.step for entry in epochs}) == list(range(1, 21))
    assert not list(work.rglob("checkpoint-*"))

    finished(start(tmp_path / "other", tmp_path / "bert"))
    whole = next(other for other in transformers() if other.info.run_id != run.info.run_id)
    pd.testing.assert_frame_equal(logged_rows(run), logged_rows(whole), check_exact=True)
    assert run.data.metrics["quality/accuracy"] > 0.5  # of three labels: it has learnt
    assert_served_as_logged(run)


def assert_served_as_logged(run: Run) -> None:
    """In a fresh process without a network the model of a run answers what the run has logged: to the last bit."""
    rows = logged_rows(run)
    (output,) = (entry.model_id for entry in run.outputs.model_outputs)
    named = {column.removeprefix("slice."): column for column in rows if column in ("text", "slice.business_line")}
    asked = {name: rows[column].astype(str).tolist() for name, column in named.items()}
    answers = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ANSWER, f"models:/{output}"],
        input=json.dumps(asked), capture_output=True, text=True, check=True,
    )  # fmt: skip
    served = pd.DataFrame(json.loads(answers.stdout.splitlines()[-1]))
    assert served["prediction"].tolist() == rows["prediction"].tolist()
    scores = [column for column in rows if column.startswith("score.")]
    assert len(scores) == 3
    for column in scores:
        assert np.array_equal(served[column], rows[column])


def test_every_base_with_its_default_checkpoint_is_served_as_its_run_has_logged(store: str) -> None:
    """The four candidates of the README on a part of the shipped messages, one epoch."""
    pd.read_csv(SHIPPED, keep_default_na=False).head(400).to_csv("rows.csv", index=False)
    command = [
        sys.executable, "-m", "recipes.sentiment", "--data", "rows.csv", "--experiment", "tests", "--slices",
        "business_line", "--candidates", "words,embedding,transformer,scenario", "--settings", "epochs=1",
    ]  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_EXPERIMENT_ID"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    finished(process)
    runs = [run for run in all_runs() if run.data.tags.get(names.TAG_KIND) == names.KIND_EVALUATION]
    assert sorted(run.info.run_name for run in runs) == ["embedding", "scenario", "transformer", "words"]
    for run in runs:
        assert_served_as_logged(run)
