"""promote, rollback and history as they are typed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.test_commands import program
from tests.tracking.registry.registering import champion, make, pointed

ROOT = Path(__file__).parents[2]
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    database, runs = make(empty_store)
    shutil.copy(database, tmp_path)
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "WARNING")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("COLUMNS", "200")
    with pointed(tmp_path):
        yield runs


@pytest.fixture
def typed(runs: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Return what runs a command line; it returns exit code, output and errors."""

    run = program(monkeypatch, capsys)

    def call(line: str) -> tuple[int, str, str]:
        ended = run(*shlex.split(line))
        assert "Traceback" not in ended.out + ended.err
        return ended.code, ended.out, ended.err

    return call


def test_from_the_first_champion_and_back(typed: Typed, runs: dict[str, str]) -> None:
    assert typed("promote old --name sentiment --why 'the first'")[0] == 0
    code, out, _ = typed("promote new --name sentiment --why '[bold]fewer misses'")
    assert (code, out.splitlines()[0]) == (0, (
        "sentiment version 2 is now 'champion', instead of version 1: cleared for launch. "
        "PASS: the requirement is cleared by the interval's bound."
    ))  # fmt: skip
    code, out, _ = typed("rollback --name sentiment --why 'refunds'")
    assert (code, out) == (0, "sentiment version 1 is 'champion', instead of version 2\n")
    code, out, _ = typed("history --name sentiment")
    assert code == 0
    told = [re.split(r" {2,}", line.strip())[1:] for line in out.splitlines() if "ada" in line]
    assert told == [
        ["ada", "promoted to champion", "1", "pass", "the first"],
        ["ada", "promoted to champion", "2", "1", "pass", "[bold]fewer misses"],
        ["ada", "rolled back", "1", "2", "pass", "refunds"],
    ]
    assert out.splitlines()[-1] == "'champion' is version 1"
    found = json.loads(typed("history --name sentiment --json")[1])
    assert found["aliases"] == {"champion": "1"}
    assert [(event["kind"], event["replaced"], event["version"]) for event in found["events"]] == [
        ("promote", "", "1"), ("promote", "1", "2"), ("rollback", "2", "1"),
    ]  # fmt: skip
    assert found["events"][0]["run_id"] == runs["old"]


def test_what_did_not_pass_is_refused_and_forced_with_a_reason(typed: Typed) -> None:
    code, out, err = typed("promote bad --name sentiment --champion")
    assert (code, out) == (1, "")
    assert re.match(r"Error: run bad is not made champion of 'sentiment': it did not pass\. FAIL .*--force --why", err)
    assert len(err.splitlines()) == 1
    assert "force needs a reason: --force --why" in typed("promote bad --name sentiment --champion --force")[2]
    code, out, _ = typed("promote bad --name sentiment --champion --force --why 'the old one is worse'")
    assert out.startswith("sentiment version 1 is now 'champion' (forced): not cleared for launch. FAIL")
    assert re.search(r" fail \(forced\) +the old one is worse", typed("history --name sentiment")[1])
    found = json.loads(typed("promote open --name sentiment --json")[1])
    assert (found["version"], found["alias"], found["created"], found["forced"]) == ("2", "challenger", True, False)
    assert found["reason"].startswith("not cleared for launch. UNDECIDED")


def test_a_gate_that_passes_against_a_baseline_can_be_promoted(typed: Typed, tmp_path: Path) -> None:
    asked = tmp_path / "relative.yaml"
    asked.write_text("thresholds: [{metric: accuracy, not_worse_than: baseline, margin: 0.05}]", encoding="utf-8")
    line = f"promote new --name sentiment --champion --requirements {asked}"
    assert "Say what it is compared with: --baseline RUN" in typed(line)[2]
    assert typed(f"gate new --requirements {asked} --baseline old")[0] == 0
    code, out, _ = typed(f"{line} --baseline old --experiment tests")
    assert (code, out.splitlines()[0]) == (0, (
        "sentiment version 1 is now 'champion': cleared for launch. "
        "PASS: the requirement is cleared by the interval's bound."
    ))  # fmt: skip
    found = json.loads(typed("history --name sentiment --json")[1])["events"]
    assert typed(f"gate newer --requirements {asked} --baseline champion")[0] == 0
    assert typed(f"promote newer --name sentiment --requirements {asked} --baseline champion")[0] == 0
    assert champion() == "2"
    assert len(found[0]["baseline"]) == 32


def test_a_version_that_is_there_is_taken(typed: Typed, runs: dict[str, str]) -> None:
    typed("promote old --name sentiment")
    typed("promote new --name sentiment --alias challenger")
    assert champion() == "1"
    found = json.loads(typed("promote --name sentiment --version 2 --alias champion --json")[1])
    assert (found["version"], found["alias"], found["created"], found["replaced"]) == ("2", "champion", False, "1")
    found = json.loads(typed("rollback --name sentiment --to 1 --json")[1])
    assert (found["name"], found["version"], found["replaced"], found["run_id"]) == ("sentiment", "1", "2", runs["old"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("promote old --name sentiment --alias king", "alias 'king' is neither 'champion' nor 'challenger'"),
        ("promote old --name sentiment --version 4", "no registered model is called 'sentiment'"),
        ("rollback --name sentiment", "no registered model is called 'sentiment'"),
        ("history --name sentiment", "there is none yet; make one with: mlflow-evalplus promote"),
        ("history --name a/b", "answered: "),
    ],
)
def test_what_is_not_there_is_one_clear_error(typed: Typed, line: str, words: str) -> None:
    code, out, err = typed(line)
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_project_run_with_every_parameter_at_its_default_is_a_command_line(typed: Typed) -> None:
    """MLflow puts an empty default in quotes, so the options must take it as not given."""
    points = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]

    def line(name: str, **given: str) -> str:
        values = {key: shlex.quote(p["default"]) for key, p in points[name]["parameters"].items()}
        return str(points[name]["command"]).format(**values | given).removeprefix("mlflow-evalplus ")

    for run in ("old", "new"):
        assert typed(line("promote", run=run))[0] == 0
    assert typed(line("rollback"))[0] == 0
    assert champion() == "1"
