"""`mlflow-evalplus data`: what it reads, prints and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from tests.cli.test_commands import Cli, program
from tests.core.data.frames import clean


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return what runs the command in a folder with train.csv, test.csv and both.csv; it needs no MLflow store."""
    rows = clean(300, np.random.default_rng(0), n_clusters=80).assign(vote=lambda rows: rows["label"])
    monkeypatch.chdir(tmp_path)
    rows[:200].to_csv("train.csv", index=False)
    rows[200:].to_csv("test.csv", index=False)
    rows.assign(part=["dev"] * 200 + ["test"] * 100).to_csv("both.csv", index=False)
    return program(monkeypatch, capsys, "data")


def test_files_are_checked_as_the_python_function_does(run: Cli) -> None:
    known = ("--cluster", "customer_id", "--slices", "channel", "--ignore", "vote,id", "--json")
    ended = run("train.csv", "--test", "test.csv", *known)
    frames = pd.read_csv("train.csv"), pd.read_csv("test.csv")
    expected = ep.check_data(*frames, cluster="customer_id", slices=["channel"], ignore=["vote", "id"])
    assert ended.code == 0
    assert (ended.json["n_train"], ended.json["n_test"]) == (200, 100)
    assert [(row["check"], row["column"], row["level"], row["sentence"]) for row in ended.json["rows"]] == [
        (row.check, row.column, row.level.value, row.sentence) for row in expected.rows
    ]
    whole = run("both.csv", "--split", "part", "--parts", "dev,test", *known)
    assert whole.json == ended.json


def test_an_error_is_printed_and_fails_only_where_that_is_asked(run: Cli) -> None:
    seen = ("--features", "vote,channel")
    ended = run("train.csv", "--test", "test.csv", *seen)
    assert ended.code == 0
    assert "'vote' is the label under another name" in " ".join(ended.out.split())
    assert "cannot be trusted" in ended.out
    assert all(check in ended.out for check in names.DATA_CHECKS)
    assert run("train.csv", "--test", "test.csv", "--strict", *seen).code == 3
    assert run("train.csv", "--test", "test.csv", "--strict").code == 0  # nobody said that the model sees the votes
    assert run("train.csv", "--test", "test.csv", "--strict", "--features", "channel").code == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("tran.csv",), "there is no file 'tran.csv'. Did you mean 'train.csv'?"),
        (("train.csv", "--label", "lable"), "Did you mean 'label'?"),
        (("train.csv", "--ignore", "vote,chanel"), "column 'chanel' is not in the data"),
        (("train.csv", "--test", "test.csv", "--split", "part"), "give test rows or a split column, not both"),
        (("both.csv", "--split", "part", "--parts", "dev"), "--parts is 'dev'; give two values"),
        (("both.csv", "--split", "part"), "split column 'part' holds ['dev', 'test']; it must hold one of"),
        (("both.csv", "--requirements", "none.yaml"), "none.yaml"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run: Cli, given: tuple[str, ...], message: str) -> None:
    ended = run(*given)
    assert ended.code == 1
    assert message in ended.error


def test_a_column_split_that_names_the_parts_is_used_by_itself(run: Cli) -> None:
    parts = pd.read_csv("both.csv").rename(columns={"part": "split"})
    parts.assign(split=parts["split"].replace("dev", "train")).to_csv("split.csv", index=False)
    ended = run("split.csv", "--json")
    assert (ended.json["n_train"], ended.json["n_test"]) == (200, 100)
    assert "parted by the column 'split'" in ended.err
    whole = run("split.csv", "--ignore", "split", "--json")
    assert (whole.json["n_train"], whole.json["n_test"], whole.err) == (300, 0, "")
    parts.to_csv("dev_and_test.csv", index=False)  # no training part: nothing is parted
    assert run("dev_and_test.csv", "--json").json["n_test"] == 0
