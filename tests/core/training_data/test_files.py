"""A list of versions that was changed or is damaged is never worked with, and no label is thrown away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.core.training_data.export import WRITERS, export
from mlflow_evalplus.core.training_data.files import digest_of
from mlflow_evalplus.errors import DataError

FIRST = pd.DataFrame({"text": ["late again", "very good"], "label": ["bad", "good"]})
SECRET = pd.DataFrame({"text": ["a secret test sentence of mine"], "label": ["bad"]})


@pytest.fixture
def data(tmp_path: Path) -> ep.TrainingData:
    """Three versions; the first names a test."""
    data = ep.TrainingData.create(
        tmp_path / "d", FIRST, text="text", label="label", source="a.csv", test=SECRET, at="2026-01-01"
    )
    data.add(FIRST.assign(label="ok"), source="b.csv")
    data.add(FIRST.assign(text=["one", "two"]), source="c.csv")
    return data


def lines_of(data: ep.TrainingData) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data.folder / "versions.jsonl").read_text().splitlines()]


def put(data: ep.TrainingData, lines: list[Any]) -> None:
    (data.folder / "versions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("forged", [False, True])
def test_a_test_set_that_is_taken_out_of_the_list_lets_nothing_in(data: ep.TrainingData, forged: bool) -> None:
    """Also where the digest of the line is made anew: the next line names the old one."""
    lines = lines_of(data)
    del lines[0]["files"]["tests-0001.jsonl"]
    if forged:
        lines[0]["digest"] = digest_of(lines[0])
    put(data, lines)
    said = "version 2 does not follow from the line" if forged else "line 1 was changed after version 1"
    opened = ep.TrainingData.open(data.folder)
    for use in (lambda: opened.add(SECRET, source="x"), opened.rows, lambda: opened.retire(before="2030")):
        with pytest.raises(DataError, match=rf"{said}.*cannot be trusted\. Restore the file"):
            use()
    assert said in opened.verify()[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: [], "line 2 is not version 2"),
        (lambda line: {**line, "files": []}, "line 2 has no 'files' that is a dict"),
        (lambda line: {k: v for k, v in line.items() if k != "n_rows"}, "line 2 has no 'n_rows' that is a int"),
        (lambda line: {k: v for k, v in line.items() if k != "parent"}, "line 2 has no 'parent' that is a str"),
        (lambda line: {**line, "files": {"../../etc/passwd": "0"}}, "line 2 names files that are not its own"),
        (lambda line: {**line, "files": {"rows-0001.jsonl": "0"}}, "line 2 names files that are not its own"),
        (lambda line: {**line, "settings": {"text": "t"}}, "line 2 has no 'settings' that name"),
        (lambda line: {**line, "settings": {"text": 1, "label": 2, "time": 3}}, "line 2 has no 'settings' that name"),
        (lambda line: {**line, "retired": [7]}, "line 2 has no 'retired' that says which rows"),
        (lambda line: {**line, "retired": [{"rule": {"column": "x"}}]}, "line 2 has no 'retired' that says"),
    ],
)
def test_a_line_of_another_shape_is_named(data: ep.TrainingData, change: Any, said: str) -> None:
    lines = lines_of(data)
    put(data, [lines[0], change(lines[1]), lines[2]])
    with pytest.raises(DataError, match=rf"versions\.jsonl' is damaged: {said}"):
        ep.TrainingData.open(data.folder)


def test_rows_of_a_lost_line_are_set_aside_and_not_deleted(data: ep.TrainingData) -> None:
    """The list of versions was restored from an older copy: the rows of version 3 belong to none."""
    put(data, lines_of(data)[:2])
    rows = (data.folder / "rows-0003.jsonl").read_bytes()
    opened = ep.TrainingData.open(data.folder)
    assert opened.add(FIRST.assign(text=["three", "four"]), source="x").number == 3
    (aside,) = data.folder.glob("of-no-version-*")
    assert aside.name.startswith("of-no-version-rows-0003-")
    assert aside.read_bytes() == rows
    assert opened.verify() == ()


@pytest.mark.parametrize("name", ["rows-0001.jsonl", "rows-0009.jsonl", "tests-0001.jsonl", "versions.jsonl",
                                  "ROWS-0001.JSONL"])  # fmt: skip
def test_no_export_takes_the_place_of_a_file_of_the_data(data: ep.TrainingData, tmp_path: Path, name: str) -> None:
    before = {path.name: path.read_bytes() for path in data.folder.iterdir()}
    (tmp_path / "link").symlink_to(data.folder)
    for path in (data.folder / name, tmp_path / "link" / name, data.folder / ".." / "d" / name):
        with pytest.raises(DataError, match="is a file of the training data itself; give another name"):
            export(data, path)
    assert {path.name: path.read_bytes() for path in data.folder.iterdir()} == before
    assert export(data, data.folder / "export.jsonl") == (4, 3)
    assert export(data, tmp_path / name.lower()) == (4, 3)


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_exported_is_read_back_as_it_was(tmp_path: Path, kind: str) -> None:
    texts = ["so late\rand wet", "two\r\nlines", "\r", "\n", 'x\ry,"z"', "sep\u2028x", "NA", "=1+1", "'"]
    texts = [f"{text} {number}" for number, text in enumerate(texts)]
    rows = pd.DataFrame({"text": texts, "label": [f"a\r{number}" for number in range(len(texts))]})
    data = ep.TrainingData.create(tmp_path / "d", rows, text="text", label="label", source="x")
    export(data, tmp_path / f"out{kind}")
    read = read_file(tmp_path / f"out{kind}")
    assert read[["text", "label"]].to_numpy().tolist() == rows.to_numpy().tolist()
