"""`mlflow-evalplus versions`: what it makes, lists, checks, writes and refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mlflow_evalplus as ep
from tests.cli import test_commands
from tests.cli.test_commands import Cli

cli = test_commands.cli


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own; the command needs no store."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(store: None) -> Path:
    """Write first.csv, more.csv and test.csv into the working folder; return the folder to make."""
    first = {"text": ["late again", "very good", "so so"], "label": ["bad", "good", "ok"], "month": ["2026-01"] * 3}
    pd.DataFrame(first).to_csv("first.csv", index=False)
    pd.DataFrame({"text": ["=new", "LATE again", "very  good"], "label": ["ok", "ok", "ok"]}).to_csv(
        "more.csv", index=False
    )
    pd.DataFrame({"text": ["Very good!"], "label": ["good"]}).to_csv("test.csv", index=False)
    return Path("training")


def test_a_version_is_made_listed_and_exported(cli: Cli, data: Path) -> None:
    made = cli("versions", "training", "--create", "first.csv", "--time", "month", "--test", "test.csv")
    assert made.out == ("Version 1: 2 rows to train on, 0 held out; 2 added, 1 refused (1 the text of a test row).\n")
    found = cli("versions", "training", "--add", "more.csv", "--note", "July", "--json").json
    assert (found["number"], found["n_added"], found["n_retired"], found["refused"]) == (2, 2, 1, {"same_text": 1})
    assert cli("versions", "training", "--add", "more.csv").out.startswith(
        "Nothing changed; 2 already there, 1 refused"
    )
    listed = cli("versions", "training")
    assert [line.split()[0] for line in listed.out.splitlines() if line.strip()[:1].isdigit()] == ["1", "2"]
    assert "July" in listed.out
    assert [row["note"] for row in cli("versions", "training", "--json").json] == ["", "July"]
    expected = ep.TrainingData.open(data)
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert f"Wrote 3 rows of version 2 to {name}." in cli("versions", "training", "--export", name).out
        read = pd.read_csv(name) if name == "out.csv" else None
        read = pd.read_json(name, lines=True) if name == "out.jsonl" else read
        read = pd.read_parquet(name) if read is None else read
        assert read["text"].tolist() == expected.rows()["text"].tolist() == ["so so", "LATE again", "=new"]
    exported = cli("versions", "training", "--export", "one.csv", "--version", "1", "--json").json
    assert exported == {"file": "one.csv", "version": 1, "part": "train", "rows": 2}


def test_old_rows_retire_and_rows_are_held_out(cli: Cli, data: Path) -> None:
    cli("versions", "training", "--create", "first.csv", "--time", "month", "--source", "run 1")
    pd.DataFrame({"text": [f"message {'abcdefghij'[i] * 9}" for i in range(10)], "label": ["ok"] * 10}).to_csv(
        "ten.csv"
    )
    added = cli("versions", "training", "--add", "ten.csv", "--held-out", "0.5", "--seed", "1", "--json").json
    assert 0 < added["n_held_out"] < 10
    retired = cli("versions", "training", "--retire-before", "2026-02", "--note", "old", "--json").json
    assert (retired["n_retired"], retired["n_rows"], retired["note"]) == (3, 10 - added["n_held_out"], "old")
    part = cli("versions", "training", "--export", "apart.csv", "--part", "held_out", "--json").json
    assert part["rows"] == added["n_held_out"]
    assert cli("versions", "training", "--json").json[0]["source"] == "run 1"


def test_a_changed_file_is_named_and_the_exit_code_tells(cli: Cli, data: Path) -> None:
    cli("versions", "training", "--create", "first.csv")
    sound = cli("versions", "training", "--verify")
    digest = ep.TrainingData.open(data).newest.digest
    assert (sound.code, sound.out) == (
        0,
        f"All 1 versions are as they were made; the newest has the digest {digest}.\n",
    )
    rows = data / "rows-0001.jsonl"
    rows.write_text(rows.read_text().replace("late", "soon"))
    broken = cli("versions", "training", "--verify")
    assert (broken.code, broken.out) == (3, "rows-0001.jsonl was changed after its version was made\n")
    found = cli("versions", "training", "--verify", "--json")
    assert (found.code, found.json["problems"]) == (3, ["rows-0001.jsonl was changed after its version was made"])
    assert "cannot be trusted" in cli("versions", "training", "--export", "out.csv").error
    assert not Path("out.csv").exists()


def test_a_test_set_alone_is_held_against_the_rows_that_are_there(cli: Cli, data: Path) -> None:
    cli("versions", "training", "--create", "first.csv")
    named = cli("versions", "training", "--test", "test.csv", "--note", "late")
    assert named.out == "Version 2: 2 rows to train on, 0 held out; 1 retired.\n"
    newest = ep.TrainingData.open(data).newest
    assert (newest.source, newest.note, newest.n_test_texts) == ("test.csv", "late", 1)
    assert "Nothing changed" in cli("versions", "training", "--test", "test.csv").out


def test_a_changed_list_of_versions_is_found_by_verify_and_used_by_nothing(cli: Cli, data: Path) -> None:
    cli("versions", "training", "--create", "first.csv", "--note", "one")
    path = data / "versions.jsonl"
    path.write_text(path.read_text().replace('"one"', '"two"'))
    assert cli("versions", "training", "--verify").code == 3
    for arguments in (["--add", "more.csv"], ["--export", "out.csv"], ["--retire-before", "2026-02"]):
        assert "line 1 was changed after version 1 was made" in cli("versions", "training", *arguments).error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["none"], "no versions.jsonl"),
        (["training", "--add", "mor.csv"], "Did you mean 'more.csv'?"),
        (["training", "--create", "first.csv"], "holds training data already"),
        (["training", "--add", "more.csv", "--verify"], "give one of --add, --verify at a time"),
        (["training", "--export", "out.xlsx"], "is not a .csv, .jsonl, .parquet file"),
        (["training", "--export", "no/out.csv"], "there is no folder"),
        (["training", "--export", "out.csv", "--version", "7"], "there is no version 7"),
        (["training", "--retire-before", "soon"], "is no date"),
        (["new", "--create", "first.csv", "--label", "lable"], "Did you mean 'label'?"),
        (
            ["training", "--retire-before", "2026", "--test", "test.csv"],
            "--test does not go with --retire-before; give it with --create, --add",
        ),
        (
            ["training", "--held-out", "0.2"],
            "--held-out does not go with a list of the versions; give it with --create, --add",
        ),
        (["training", "--add", "more.csv", "--text", "words"], "--text does not go with --add; give it with --create"),
        (
            ["training", "--add", "more.csv", "--version", "0"],
            "--version does not go with --add; give it with --export",
        ),
        (["training", "--verify", "--part", "train"], "--part does not go with --verify; give it with --export"),
        (
            ["training", "--test", "test.csv", "--seed", "0"],
            "--seed does not go with --test; give it with --create, --add",
        ),
        (["training", "--export", "training/rows-0001.jsonl"], "is a file of the training data itself"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, data: Path, arguments: list[str], error: str) -> None:
    cli("versions", "training", "--create", "first.csv")
    ended = cli("versions", *arguments)
    assert ended.code == 1
    assert error in ended.error
