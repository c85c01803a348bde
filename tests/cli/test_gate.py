from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import mlflow
import pandas as pd
import pytest
import yaml

import mlflow_evalplus as ep
from mlflow_evalplus.results import Estimate, Latency
from mlflow_evalplus.results.data_checks import NOT_TRUSTED
from tests.cli import test_commands
from tests.cli.test_commands import Cli, gates, logged

cli = test_commands.cli


def test_the_exit_code_of_gate_is_the_verdict(cli: Cli, frame: pd.DataFrame) -> None:
    run_id = logged(frame, "words", slices=["channel"])
    for minimum, code, outcome in ((0.5, 0, "pass"), (0.99, 3, "fail"), (0.915, 4, "undecided")):
        ended = cli("gate", "words", "--requirements", gates("r.yaml", minimum), "--json")
        assert (ended.code, ended.json["outcome"], ended.json["run_id"]) == (code, outcome, run_id)
    ended = cli("gate", "--requirements", gates("r.yaml", 0.5, 0.99))
    assert ended.code == 3
    assert "FAIL (1 pass, 1 fail)" in ended.out
    assert cli("gate").code == 4  # the run's own requirements: none
    assert cli("gate", "--requirements", "none.yaml").code == 1
    Path("r.yaml").write_text("slices: [language]\nthresholds: [{metric: accuracy, every: language, min: 0.5}]\n")
    ended = cli("gate", "--requirements", "r.yaml")
    assert (ended.code, "'language'" in ended.error) == (1, True)


def test_decide_is_the_old_name_of_gate_and_not_listed(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "words", slices=["channel"])
    old, new = (cli(name, "words", "--requirements", gates("r.yaml", 0.99), "--json") for name in ("decide", "gate"))
    assert (old.code, old.json) == (new.code, new.json)
    assert new.code == 3
    assert " decide" not in cli("--help").out


def test_gate_says_what_cannot_be_relied_on(cli: Cli, frame: pd.DataFrame) -> None:
    relative = {"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.05}
    wanted = {"thresholds": [{"metric": "latency_ms_p95", "max": 50}, relative]}
    single = {"latency_ms_p95": Estimate(12.0, 10.0, 15.0, 200)}
    for name, machine, other_load in (("old", "2 cores [red]", 0.0), ("new", "8 cores", 0.6)):
        latency = Latency(single, 600, 0.5, machine, other_load=other_load)
        evaluation = replace(ep.evaluate(frame, requirements=wanted), latency=latency)
        with mlflow.start_run(run_name=name):
            ep.log(evaluation)
    ended = cli("gate", "new", "--baseline", "old")
    assert ended.code == 0
    words = " ".join(ended.out.split())
    assert re.search(r"not comparable: new was measured on 8 cores; old \(\w+\) on 2 cores \[red\]\.", words)
    assert "Latency was measured while other processes used 60% of the machine" in words
    assert len(cli("gate", "new", "--baseline", "old", "--json").json["notes"]) == 3
    assert cli("gate", "old", "--json").json["notes"] == []


def test_gate_says_an_error_in_the_data_beside_the_verdict(cli: Cli, frame: pd.DataFrame) -> None:
    error = f"{NOT_TRUSTED} 10 of 60 test texts are training texts."
    with mlflow.start_run(run_name="words"):
        ep.log(replace(ep.evaluate(frame), notes=(error, "Another.")))
    printed = cli("gate", "words").out
    assert "words (" in printed
    assert error in printed[printed.index("words (") :]
    assert cli("gate", "words", "--json").json["data_errors"] == [error]


def test_gate_takes_the_winner_of_the_newest_series(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "better", 0.5, "s1")
    logged(frame, "worse", 0.0, "s1")
    assert cli("gate", "--json").json["run"] == "better"


def test_gate_holds_a_run_against_a_baseline(cli: Cli, frame: pd.DataFrame) -> None:
    threshold = {"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.02}
    Path("r.yaml").write_text(yaml.safe_dump({"thresholds": [threshold]}), encoding="utf-8")
    logged(frame, "old")
    logged(frame, "new", 0.5)
    assert cli("gate", "new", "--requirements", "r.yaml").code == 4
    for baseline in ("old", "previous"):
        assert cli("gate", "new", "--requirements", "r.yaml", "--baseline", baseline).code == 0
    failed = cli(
        "gate", "old", "--requirements", "r.yaml", "--baseline", "new", "--junit", "j.xml", "--summary", "s.md"
    )
    assert failed.code == 3
    assert "Differences are from new (" in failed.out
    assert re.search(r"-0\.\d{3} \[-0\.\d{3}, -0\.\d{3}\]", failed.out)
    for file in ("j.xml", "s.md"):
        assert re.search(r"new \\?\([0-9a-f]{32}\\?\)", Path(file).read_text(encoding="utf-8")), file
    itself = cli("gate", "new", "--requirements", "r.yaml", "--baseline", "new")
    assert itself.code == 1
    assert "the baseline is this very run, new (" in itself.error


def test_gate_compares_on_the_shared_examples_where_asked(cli: Cli, frame: pd.DataFrame) -> None:
    threshold = {"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.03}
    Path("r.yaml").write_text(yaml.safe_dump({"thresholds": [threshold]}), encoding="utf-8")
    logged(frame, "whole")
    logged(frame.head(400), "part", 0.5)
    arguments = ("gate", "part", "--requirements", "r.yaml", "--baseline", "whole")
    assert "different test sets: 400 examples are shared" in cli(*arguments).error
    shared = cli(*arguments, "--shared")
    assert shared.code == 0
    assert "Compared on the 400 examples that both have, of 400 of part and 600 of whole" in " ".join(
        shared.out.split()
    )


def test_other_requirements_do_not_change_what_test_set_it_was(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "words", slices=["channel"])
    own = cli("gate", "words", "--json").json["data_digest"]
    assert cli("gate", "words", "--requirements", gates("r.yaml", 0.5), "--json").json["data_digest"] == own


def test_gate_writes_what_a_ci_job_shows(cli: Cli, frame: pd.DataFrame) -> None:
    """The summary is added to: a job's steps share one file; the test cases are of this gate alone."""
    run_id = logged(frame, "words", slices=["channel"])
    Path("summary.md").write_text("# What a step before wrote\n", encoding="utf-8")
    files = ("--junit", "gate.xml", "--summary", "summary.md")
    for minimums, code, failures in (((0.5, 0.99), 3, "1"), ((0.5,), 0, "0")):
        ended = cli("gate", "words", "--requirements", gates("r.yaml", *minimums), *files)
        assert ended.code == code
        (suite,) = ET.parse("gate.xml").getroot()
        assert (suite.get("tests"), suite.get("failures")) == (str(len(minimums)), failures)
    text = Path("summary.md").read_text(encoding="utf-8")
    places = [
        text.index(heading) for heading in ("# What a step before wrote\n\n## ✘ fail: words", "\n\n## ✔ pass: words")
    ]
    assert places == sorted(places)
    assert text.count(run_id) == 2
    assert list(Path().glob("*.xml")) == [Path("gate.xml")]
    assert list(Path().glob(".*.part")) == []


def test_an_empty_name_of_a_summary_is_none(cli: Cli, frame: pd.DataFrame) -> None:
    """Outside of GitHub the variable with its name is not set."""
    logged(frame, "words", slices=["channel"])
    assert cli("gate", "words", "--requirements", gates("r.yaml", 0.5), "--summary", "", "--junit", "").code == 0


def test_a_file_that_cannot_be_written_is_said_before_anything_is_read(cli: Cli, tmp_path: Path) -> None:
    """There is no run in this store: that would be the next error."""
    Path("folder").mkdir()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    cases = [("none/gate.xml", "there is no folder"), ("folder", "it is a folder")]
    if not os.access(closed, os.W_OK):  # root may write everywhere
        cases.append((str(closed / "gate.xml"), "may not be written to"))
    for path, why in cases:
        for option in ("--junit", "--summary"):
            ended = cli("gate", "words", option, path)
            assert ended.code == 1
            assert f"cannot write {path!r}: " in ended.error
            assert why in ended.error


def test_an_error_leaves_no_green_file_of_an_earlier_job(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "words", slices=["channel"])
    assert cli("gate", "words", "--requirements", gates("r.yaml", 0.5), "--junit", "gate.xml").code == 0
    ended = cli("gate", "wrds", "--junit", "gate.xml")
    assert ended.code == 1
    (failure,) = ET.parse("gate.xml").getroot().iter("failure")
    assert ended.error == f"Error: {failure.get('message')}"


def test_a_file_is_written_whole_or_not_at_all(cli: Cli, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    logged(frame, "words", slices=["channel"])
    Path("gate.xml").write_text("what was there", encoding="utf-8")
    write = Path.write_text

    def full(path: Path, text: str, *args: str, **options: str) -> int:
        write(path, text[: len(text) // 2], encoding="utf-8")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        ended = cli("gate", "words", "--junit", "gate.xml")
    assert ended.code == 1
    assert ended.error == "Error: cannot write 'gate.xml': No space left on device"
    assert Path("gate.xml").read_text(encoding="utf-8") == "what was there"
    assert list(Path().glob(".*.part")) == []
