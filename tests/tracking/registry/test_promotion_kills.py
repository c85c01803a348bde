"""kill -9 at any step leaves the old champion or the new one, and the next call completes the history."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest

from mlflow_evalplus.tracking.registry import promotion, versions
from mlflow_evalplus.tracking.registry.promotion import history, promote, rollback
from tests.tracking.registry.killing import counted
from tests.tracking.registry.registering import NAME, champion, make, pointed, versions_of

ROOT = Path(__file__).parents[3]
Case = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def made(empty_store: Path) -> tuple[Path, dict[str, str]]:
    return make(empty_store)


@pytest.fixture
def runs(
    made: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Return the runs; their evaluations are loaded once."""
    shutil.copy(made[0], tmp_path)
    load = functools.cache(lambda run_id: original(mlflow.get_run(run_id)))
    original = promotion.load_decided
    monkeypatch.setattr(promotion, "load_decided", lambda run, **options: load(run.info.run_id))
    with pointed(tmp_path):
        yield made[1]


class Killed(BaseException):
    """Ends a call where it stands; nothing in it may catch this."""


def rows() -> list[tuple[str, str, str]]:
    return [(event.kind, event.replaced, event.version) for event in history(NAME).rows if event.done]


def killed_at(step: int, call: Callable[[], object]) -> list[str]:
    """Run a call up to a step: 1 is before the first writing call, 2 after it, and so on; return the calls made."""

    def die(number: int, name: str) -> None:
        if number == step:
            raise Killed

    with counted(die) as calls, pytest.raises(Killed):
        call()
    return calls


def calls_of(call: Callable[[], object]) -> list[str]:
    with counted(lambda number, name: None) as calls:
        call()
    return calls


@pytest.mark.slow
def test_a_promotion_that_ends_at_any_writing_call_is_completed_by_the_next(runs: dict[str, str]) -> None:
    """One champion after the other, each killed at another step: the registry only grows."""
    promote(runs["old"], NAME)
    steps = calls_of(lambda: promote(runs["new"], NAME))
    assert steps.count("set_registered_model_alias") == 1
    assert steps.count("create_model_version") == 1
    assert "delete_registered_model_alias" not in steps
    client = mlflow.MlflowClient()
    for step in range(1, 2 * len(steps) + 1, 2):
        client.delete_registered_model(NAME)
        promote(runs["old"], NAME)
        done = killed_at(step, lambda: promote(runs["new"], NAME))
        alias_set = "set_registered_model_alias" in done[:-1]
        assert champion() == ("2" if alias_set else "1"), done
        assert rows() == [("promote", "", "1"), ("promote", "1", "2")][: 2 if alias_set else 1], done
        assert promote(runs["new"], NAME).version == champion() == "2"
        assert rows() == [("promote", "", "1"), ("promote", "1", "2")], done
        assert versions_of(runs["new"]) == ["2"], done


@pytest.mark.slow
def test_a_rollback_that_ends_at_any_writing_call_leaves_one_champion(runs: dict[str, str]) -> None:
    for run in ("old", "new"):
        promote(runs[run], NAME)
    steps = calls_of(lambda: rollback(NAME))
    assert steps == [
        "set_registered_model_tag", "set_registered_model_alias", "set_registered_model_tag", "update_registered_model",
    ]  # fmt: skip
    for step in range(1, 8, 2):
        promote(runs["new"], NAME)
        before = rows()
        done = killed_at(step, lambda: rollback(NAME))
        assert champion() == ("1" if len(done) > 2 else "2")
        assert rollback(NAME, to=1).version == champion() == "1"
        assert rows() == [*before, ("rollback", "2", "1")]
        assert (
            mlflow.MlflowClient().get_registered_model(NAME).description.count("rolled back |")
            == before.count(("rollback", "2", "1")) + 1
        )


def test_the_challenger_that_becomes_champion_is_not_both_after_a_kill(runs: dict[str, str]) -> None:
    promote(runs["old"], NAME, alias="challenger")
    steps = calls_of(lambda: promote(runs["old"], NAME))
    at = steps.index("delete_registered_model_alias")
    mlflow.MlflowClient().delete_registered_model(NAME)
    promote(runs["old"], NAME, alias="challenger")
    killed_at(2 * at + 1, lambda: promote(runs["old"], NAME))
    assert set(mlflow.MlflowClient().get_registered_model(NAME).aliases) == {"champion", "challenger"}
    promote(runs["old"], NAME)
    assert set(mlflow.MlflowClient().get_registered_model(NAME).aliases) == {"champion"}


def test_of_two_versions_registered_at_once_the_first_stays(
    runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look for a version of the run before either has made one."""
    promote(runs["old"], NAME)
    looked, original = [], versions.all_of

    def blind(*arguments: Any) -> Any:
        looked.append(arguments)
        return [] if len(looked) == 1 else original(*arguments)

    monkeypatch.setattr(versions, "all_of", blind)
    done = promote(runs["old"], NAME)
    assert (done.version, done.created, versions_of(runs["old"])) == ("1", False, ["1"])
    assert rows() == [("promote", "", "1")]


# with real processes and a real SIGKILL


@pytest.fixture(scope="module")
def case(made: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """Return what asks the prepared process, for a store of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.tracking.registry.killing"], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    def ask(kind: str, **options: Any) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("case")
        shutil.copy(made[0], folder)
        runs = list(made[1].values())
        process.stdin.write(json.dumps({"case": kind, "folder": str(folder), "runs": runs, **options}) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer

    yield ask
    process.stdin.close()
    process.stdout.close()
    process.wait(20)


@pytest.mark.slow
def test_kill_9_at_every_step_of_a_promotion(case: Case, made: tuple[Path, dict[str, str]]) -> None:
    runs = made[1]
    old, new = ["promote", runs["old"]], ["promote", runs["new"]]
    champions = []
    for step in range(1, 100):
        found = case("killed", before=[old], what=new, dies_at=step)
        assert found["champion"] in ("1", "2"), step
        champions.append(found["champion"])
        after = found["after"]
        assert after["champion"] == "2", step
        assert [row for row in after["rows"] if row[-1]] == [
            ["promote", "champion", "", "1", True], ["promote", "champion", "1", "2", True],
        ], step  # fmt: skip
        assert after["versions"][runs["new"]] == ["2"], step
        if not found["killed"]:
            break
    assert step > 10
    assert champions == sorted(champions)
    assert set(champions) == {"1", "2"}


@pytest.mark.slow
def test_kill_9_at_every_step_of_a_rollback(case: Case, made: tuple[Path, dict[str, str]]) -> None:
    before = [["promote", made[1][run]] for run in ("old", "new")]
    for step in range(1, 100):
        found = case("killed", before=before, what=["rollback", "1"], dies_at=step)
        assert found["champion"] in ("1", "2"), step
        assert found["after"]["champion"] == "1", step
        done = [row[:4] for row in found["after"]["rows"] if row[-1]]
        assert done[-1] == ["rollback", "champion", "2", "1"], step
        assert len(done) == 3, step
        if not found["killed"]:
            break
    assert step == 9


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [("old", "new", "newer"), ("new", "new", "new")])
def test_promotions_at_once_end_in_one_champion_and_a_complete_history(
    case: Case, made: tuple[Path, dict[str, str]], at_once: tuple[str, ...]
) -> None:
    runs = made[1]
    for before in ([], [["promote", runs["open"]]]):
        for _ in range(4):
            found = case("together", before=before, whats=[["promote", runs[run]] for run in at_once])
            assert found["ended"] == [0, 0, 0]
            done = [row for row in found["rows"] if row[1] == "champion"]
            assert all(row[-1] and row[0] == "promote" for row in done)
            assert done[-1][3] == found["champion"]
            assert [row[2] for row in done] == ["", *(row[3] for row in done[:-1])]
            for run in set(at_once):
                (version,) = found["versions"][runs[run]]
                assert version in [row[3] for row in done]
            if len(set(at_once)) == 3:
                assert len(done) == 3
