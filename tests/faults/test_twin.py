"""The oracle takes two faultless twins for the same, and tells what is missing, doubled or changed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import mlflow_evalplus as ep
from tests.faults.campaign import BEGIN, END, bad, table, written
from tests.faults.clients import Ended
from tests.faults.judging import Outcome
from tests.faults.trial import Case
from tests.faults.twin import Experiment, differences, look

Found = Callable[[], Experiment]


def sql(statement: str) -> None:
    with closing(sqlite3.connect("mlflow.db")) as store, store:
        assert store.execute(statement).rowcount > 0


def told(found: Found, twin: Experiment) -> str:
    return "\n".join(differences(twin, found()))


@pytest.fixture
def twins(store: str, frame: pd.DataFrame) -> tuple[Experiment, Found]:
    """Return what one experiment holds, and what looks into its twin."""
    evaluation = ep.evaluate(frame, slices=["channel"])
    for name in ("first", "second"):
        mlflow.set_experiment(name)
        with mlflow.start_run(run_name="one"):
            ep.log(evaluation)
    return look(Path("mlflow.db"), Path("mlruns"), "first"), lambda: look(Path("mlflow.db"), Path("mlruns"), "second")


def test_what_is_not_as_in_the_twin_is_told(twins: tuple[Experiment, Found]) -> None:
    twin, found = twins
    second = "(SELECT max(start_time) FROM runs)"
    run = mlflow.search_runs(experiment_names=["second"], output_format="list")[0].info.run_id
    assert differences(twin, found()) == []
    assert len(twin.runs[0].metrics) > 20
    assert len(twin.runs[0].artifacts) > 10

    sql(f"UPDATE runs SET status = 'RUNNING' WHERE start_time = {second}")
    assert "status: RUNNING instead of FINISHED" in told(found, twin)
    assert found().running == 1
    sql(f"UPDATE runs SET status = 'FINISHED' WHERE run_uuid = '{run}'")

    columns = "key, value, timestamp + 1, run_uuid, step, is_nan"
    sql(f"INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) SELECT {columns} FROM metrics"
        f" WHERE run_uuid = '{run}' AND key LIKE '%accuracy'")  # fmt: skip
    assert "metrics: 0 missing [], 2 too many" in told(found, twin)
    sql(f"DELETE FROM metrics WHERE run_uuid = '{run}' AND key LIKE '%accuracy'")
    assert "metrics: 2 missing" in told(found, twin)

    sql(f"UPDATE tags SET value = 'other' WHERE run_uuid = '{run}' AND key = 'evalplus.verdict'")
    assert "tags: 1 missing" in told(found, twin)
    (artifact,) = Path("mlruns").glob(f"*/{run}/artifacts/evalplus_summary.md")
    artifact.write_text(artifact.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert "artifacts: 1 missing" in told(found, twin)
    sql(f"DELETE FROM inputs WHERE destination_id = '{run}'")
    assert "inputs: 1 missing" in told(found, twin)

    shutil.rmtree(artifact.parent)
    sql(f"UPDATE runs SET name = 'more' WHERE run_uuid = '{run}'")
    assert told(found, twin) == "runs ['more'] instead of ['one']"
    assert differences(twin, Experiment([])) == ["runs [] instead of ['one']"]


def test_a_run_that_ended_before_anything_was_written_is_left_out(store: str) -> None:
    mlflow.set_experiment("first")
    with pytest.raises(ZeroDivisionError), mlflow.start_run(run_name="one"):
        1 / 0  # noqa: B018
    assert look(Path("mlflow.db"), Path("mlruns"), "first").without_empty().runs == []
    with mlflow.start_run(run_name="two"):
        mlflow.log_metric("accuracy", 1.0)
    mlflow.start_run(run_name="three")
    kept = look(Path("mlflow.db"), Path("mlruns"), "first").without_empty()
    assert [run.name for run in kept.runs] == ["three", "two"]
    assert kept.running == 1


def test_the_table_counts_and_replaces_only_what_is_between_the_marks(tmp_path: Path) -> None:
    ended = Ended(1, "")

    def one(fault: str, how: str, met: bool = True, running: int = 0, operation: str = "a") -> Outcome:
        return Outcome(Case(fault, operation), met, how, [], running, 0, ended)

    found = [one("hangs", "resumed"), one("hangs", "lost", operation="b"), one("slow", "at once", running=1)]
    found += [one("slow", "again"), one("slow", "at once", met=False)]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        written(page, table(found))
    lines = page.read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "old" not in lines
    (hangs,) = (line for line in lines if line.startswith("| hangs |"))
    assert hangs.endswith("| 2 | 2 | 0 | 1 | 0 | 0 | 1 | 0 | 0 |")
    (slow,) = (line for line in lines if line.startswith("| slow |"))
    assert slow.endswith("| 1 | 2 | 1 | 0 | 0 | 1 | 0 | 1 | 0 |")
    assert lines[-3].endswith("| **2** | **4** | **1** | **1** | **0** | **1** | **1** | **1** | **0** |")
    assert bad(found) == [found[1], found[2]]
