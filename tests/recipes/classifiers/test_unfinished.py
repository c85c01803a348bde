"""A training that was killed finds its folder and its run again, and nothing else does."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

from recipes.classifiers.unfinished import KEPT_S, VARIABLE, Work, work_on

WHAT = {"candidate": "transformer", "seed": 0}
ROWS = (["a", "b"], ["x", "y"])
HOLD = """
import sys, time
from recipes.classifiers.unfinished import work_on
with work_on({"candidate": "transformer", "seed": 0}, (["a", "b"], ["x", "y"])) as work:
    print(work.folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "training"


def interrupted(status: str = "FAILED") -> Work:
    """Begin a training and leave it as an error, or a kill where the run is RUNNING still, leaves it."""
    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    with contextlib.suppress(KeyboardInterrupt), work_on(WHAT, ROWS) as work:
        work.belongs_to(run_id)
        (work.folder / "checkpoint").write_text("half way")
        if status != "RUNNING":
            client.set_terminated(run_id, status)
        raise KeyboardInterrupt
    return Work(work.folder, run_id)


@pytest.mark.parametrize("status", ["FAILED", "RUNNING", "KILLED"])
def test_what_was_interrupted_is_found_again_with_its_run(store: str, status: str) -> None:
    left = interrupted(status)
    with work_on(WHAT, ROWS) as again:
        assert again == left
        assert (again.folder / "checkpoint").read_text() == "half way"
    assert not again.folder.exists()


def test_what_ended_well_is_not_found_again(store: str, base: Path) -> None:
    with work_on(WHAT, ROWS) as work:
        work.belongs_to(mlflow.MlflowClient().create_run("0").info.run_id)
    with work_on(WHAT, ROWS) as again:
        assert again.run_id is None
    assert list(base.iterdir()) == []


@pytest.mark.parametrize("how", ["finished", "deleted", "unknown", "half written"])
def test_a_run_that_cannot_go_on_is_not_taken_up(store: str, how: str) -> None:
    left = interrupted()
    client = mlflow.MlflowClient()
    if how == "finished":
        client.set_terminated(str(left.run_id), "FINISHED")
    elif how == "deleted":
        client.delete_run(str(left.run_id))
    else:
        content = json.dumps({"run_id": "0" * 32}) if how == "unknown" else '{"run'
        (left.folder / "run.json").write_text(content, encoding="utf-8")
    with work_on(WHAT, ROWS) as again:
        assert again.run_id is None
        assert list(again.folder.iterdir()) == []


def test_another_training_other_rows_and_another_store_have_folders_of_their_own(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = interrupted()
    for what, rows in (({**WHAT, "seed": 1}, ROWS), (WHAT, (["a", "c"], ["x", "y"])), (WHAT, (["a"], ["b", "x", "y"]))):
        with work_on(what, rows) as other:
            assert other.folder != left.folder
            assert other.run_id is None
    (Path.cwd() / "elsewhere").mkdir()
    mlflow.set_tracking_uri("sqlite:///mlflow.db")  # of this folder, and of another one
    with work_on(WHAT, ROWS) as same:
        assert same.run_id == left.run_id
    left = interrupted()
    monkeypatch.chdir(Path.cwd() / "elsewhere")
    with work_on(WHAT, ROWS) as other:
        assert other.folder != left.folder
    assert left.folder.exists()
    mlflow.set_tracking_uri(f"{store}-other")
    with work_on(WHAT, ROWS) as other:
        assert other.folder != left.folder


@pytest.mark.slow
def test_two_processes_at_once_have_a_folder_each_and_a_killed_one_gives_it_free(store: str) -> None:
    root = str(Path(__file__).parents[3])
    first = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert first.stdout is not None
        taken = Path(first.stdout.readline().strip())
        with work_on(WHAT, ROWS) as other:
            assert other.folder != taken
            assert other.folder.name == f"{taken.name}-2"
    finally:
        first.kill()
        first.wait()
        first.stdout.close() if first.stdout else None
    with work_on(WHAT, ROWS) as again:
        assert again.folder == taken


def test_what_nobody_took_up_for_a_month_is_removed(store: str) -> None:
    left = interrupted()
    old = time.time() - KEPT_S - 60
    os.utime(left.folder, (old, old))
    with work_on({**WHAT, "seed": 5}, ROWS):
        assert not left.folder.exists()


def test_a_store_that_does_not_answer_costs_no_checkpoint(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = interrupted()

    def silent(self: object, run_id: str) -> None:
        raise mlflow.exceptions.MlflowException("the server is down")

    monkeypatch.setattr(mlflow.MlflowClient, "get_run", silent)
    with pytest.raises(mlflow.exceptions.MlflowException, match="down"), work_on(WHAT, ROWS):
        pass
    assert (left.folder / "checkpoint").exists()
