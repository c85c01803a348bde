"""A queue survives its files, no spreadsheet runs a cell of it, and no filled one is lost."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.core.collecting import queue_files
from mlflow_evalplus.core.collecting.queue_files import (
    is_queue,
    jsonl_text,
    labels_of,
    read_queue,
    write_queue,
)
from mlflow_evalplus.core.collecting.queue_sheet import MAX_CELL, csv_text, shown
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.queue import Queue
from tests.core.collecting.queues import HOSTILE, queue_of, small

# What a person types, without control characters, which are left out, and carriage returns, which become line ends.
TYPED = st.text(st.characters(exclude_categories=("Cc", "Cs"), include_characters="\t\n"), max_size=30) | st.builds(
    str.__add__, st.sampled_from(["=", "'", "''", "＝", " =", "'=", "\t", "\n", "-", "@"]), st.text("=a'", max_size=3)
)


def same(a: Queue, b: Queue) -> bool:
    """Compare two queues; nan is nan."""
    return repr(a) == repr(b)


def inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(TYPED)
@example("'=1")
@example("\u200b=1")
def test_a_cell_gives_its_text_again(text: str) -> None:
    cell = shown(text)
    assert (cell[1:] if cell.startswith("'") else cell) == text


@given(TYPED, TYPED)
def test_two_texts_never_share_a_cell(a: str, b: str) -> None:
    assert (shown(a) == shown(b)) == (a == b)


@given(st.text() | st.sampled_from(HOSTILE))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    visible = shown(text).lstrip("\ufeff\u200b\u2060 \u3000\u00a0\x00")
    assert visible[:1] not in tuple("=+-@＝＋－＠\t\r")
    assert not {chr(n) for n in (*range(9), 11, 12, 13, *range(14, 32), *range(127, 160))} & set(shown(text))
    shown(text).encode("utf-8")


@pytest.mark.parametrize("text", ["x" * 100_000, "👍" * 40_000, "=" + "y" * 40_000, "z" * MAX_CELL])
def test_a_cell_fits_a_spreadsheet_and_says_what_was_cut(text: str) -> None:
    cell = shown(text)
    assert len(cell.encode("utf-16-le")) // 2 <= MAX_CELL
    kept, _, said = cell.partition("… [")
    guard = kept.startswith("'")
    assert text.startswith(kept[guard:])
    if said:
        assert int(said.split()[0].replace(",", "")) == len(text) - len(kept[guard:])
    else:
        assert cell == text == "z" * MAX_CELL


@pytest.mark.filterwarnings("error")
def test_the_csv_is_read_alike_by_python_and_pandas() -> None:
    queue = queue_of(HOSTILE)
    raw = csv_text(queue).encode("utf-8")
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    frame = pd.read_csv(io.BytesIO(raw), encoding="utf-8-sig", dtype=str, keep_default_na=False)
    assert list(frame.columns) == [
        "case_id", "text", "annotator_1", "annotator_2", "adjudicated", "note", "slice.channel", "slice.=lang",
    ]  # fmt: skip
    for row, case, (_, read) in zip(rows, queue.cases, frame.iterrows(), strict=True):
        assert (row["case_id"], row["text"]) == (case.case_id, shown(case.text)) == (read["case_id"], read["text"])
        assert row["slice.channel"] == shown(case.text[:40]) == read["slice.channel"]
        assert row["annotator_1"] == row["annotator_2"] == row["adjudicated"] == row["note"] == ""


def test_annotators_see_nothing_of_what_the_model_or_feedback_said() -> None:
    queue = small()
    secret = tuple(
        replace(one, prediction="ANSWER", challenger="ANSWER", label="ANSWER", margin=0.987, weight=654.0)
        for one in queue.cases
    )
    for text in (csv_text(replace(queue, cases=secret)), csv_text(queue, ["annotator_1"], third=False)):
        assert not any(word in text for word in ("ANSWER", "0.987", "654", "audit", "wrong", "margin"))


@pytest.mark.parametrize("queue", [queue_of(HOSTILE), small(), small(0)], ids=["hostile", "small", "empty"])
def test_a_queue_is_read_as_it_was_written(queue: Queue, tmp_path: Path) -> None:
    files = write_queue(queue, tmp_path / "deep" / "queue")
    assert [path.name for path in files] == ["queue.csv", "queue.jsonl"]
    expected = replace(queue, labels=labels_of(queue))
    assert same(read_queue(files[-1]), expected)
    assert same(read_queue(tmp_path / "deep" / "queue"), expected)
    assert inside(tmp_path / "deep") == ["queue"]


def test_the_header_tells_what_the_file_is(tmp_path: Path) -> None:
    queue = small()
    lines = jsonl_text(queue, ["positive", "negative"]).splitlines()
    head = json.loads(lines[0])
    assert {key: head[key] for key in ("schema_version", "kind", "n_rows", "n_texts", "seed", "labels", "notes")} == {
        "schema_version": names.SCHEMA_VERSION, "kind": "queue", "n_rows": 1_000, "n_texts": 900, "seed": 7,
        "labels": ["positive", "negative"], "notes": ["there is no challenger"],
    }  # fmt: skip
    assert len(lines) == 1 + len(queue.cases)
    assert "NaN" not in jsonl_text(queue)
    assert labels_of(queue) == ("negative", "neutral", "positive")
    path = write_queue(queue, tmp_path / "q", labels=["a", "b"])[-1]
    assert read_queue(path).labels == ("a", "b")


def test_what_a_later_version_adds_is_passed_over(tmp_path: Path) -> None:
    queue = small()
    lines = [json.loads(line) for line in jsonl_text(queue).splitlines()]
    path = tmp_path / "queue.jsonl"
    path.write_text("".join(json.dumps({**line, "later": [1]}) + "\r\n" for line in lines), encoding="utf-8")
    assert same(read_queue(path), replace(queue, labels=labels_of(queue)))


def test_annotators_may_have_a_file_each(tmp_path: Path) -> None:
    files = write_queue(small(), tmp_path / "q", annotators=3, per_annotator=True)
    assert [path.name for path in files] == [*(f"queue_annotator_{n}.csv" for n in (1, 2, 3)), "queue.jsonl"]
    for number, path in enumerate(files[:-1], start=1):
        frame = pd.read_csv(path, encoding="utf-8-sig")
        votes = [column for column in frame.columns if column.startswith("annotator")]
        assert (votes, len(frame)) == ([f"annotator_{number}"], 6)
        assert "adjudicated" not in frame
    three = pd.read_csv(write_queue(small(), tmp_path / "r", annotators=3)[0], encoding="utf-8-sig")
    assert list(three.columns[2:6]) == ["annotator_1", "annotator_2", "annotator_3", "adjudicated"]


@pytest.mark.parametrize("held", ["queue.csv", "queue.jsonl", "queue_annotator_2.csv"])
def test_a_queue_that_may_be_filled_in_is_never_overwritten(tmp_path: Path, held: str) -> None:
    (tmp_path / held).write_text("filled", encoding="utf-8")
    with pytest.raises(DataError, match=f"holds a queue already .{held}.*may have filled in.*--force"):
        write_queue(small(), tmp_path)
    assert inside(tmp_path) == [held]
    assert (tmp_path / held).read_text(encoding="utf-8") == "filled"


def test_force_replaces_the_queue_and_nothing_else(tmp_path: Path) -> None:
    write_queue(small(), tmp_path, per_annotator=True)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "queue_of_anna.csv").write_text("hers", encoding="utf-8")
    write_queue(small(9), tmp_path, force=True)
    assert inside(tmp_path) == ["notes.txt", "queue.csv", "queue.jsonl", "queue_of_anna.csv"]
    assert len(read_queue(tmp_path).cases) == 9


@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    folder = tmp_path / "q"
    if there:
        folder.mkdir()
    whole = Path.write_bytes if not there else Path.read_bytes
    calls: list[Path] = []

    def full(path: Path, *given: Any) -> Any:
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return whole(path, *given)

    monkeypatch.setattr(Path, whole.__name__, full)
    with pytest.raises(DataError, match=r"cannot write the queue into .*: No space left on device"):
        write_queue(small(), folder)
    monkeypatch.undo()
    assert list(tmp_path.rglob("*")) == ([folder] if there else [])


def test_a_queue_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_queue(small(), tmp_path / "q")

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_queue(small(9), tmp_path / "q", force=True)
    assert (len(read_queue(tmp_path / "q").cases), inside(tmp_path)) == (6, ["q"])


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").write_text("", encoding="utf-8")
    monkeypatch.setattr(queue_files, "files_in", lambda folder: [])
    (tmp_path / "queue.jsonl").write_text("theirs", encoding="utf-8")
    with pytest.raises(DataError, match="File exists"):
        write_queue(small(), tmp_path)
    assert inside(tmp_path) == ["other", "queue.jsonl"]
    assert (tmp_path / "queue.jsonl").read_text(encoding="utf-8") == "theirs"


def test_one_annotator_is_too_few_and_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="annotators is 1; a label needs two people"):
        write_queue(small(), tmp_path / "q", annotators=1)
    (tmp_path / "q").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="it is a file"):
        write_queue(small(), tmp_path / "q")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("queue.csv", "case_id,text\n", "no queue for machines; queue.jsonl, written beside it, is"),
        ("rows.jsonl", '{"text": "a"}\n', "first line is no header with kind 'queue'"),
        ("queue.jsonl", "", "first line is no header"),
        ("queue.jsonl", "\xff\xfe", "first line is no header"),
        ("queue.jsonl", '{"kind": "queue", "schema_version": 99}\n', "schema version 99; update mlflow-evalplus"),
        ("queue.jsonl", '{"kind": "queue", "schema_version": 1}\n', "line 1 .* is no header of a queue; it holds"),
        ("queue.jsonl", '{"kind": "queue", "schema_version": 1}\n{"case_id":', "line 2 .* is no JSON; is the file"),
        ("queue.jsonl", '{"kind": "queue", "schema_version": 1}\n[1]', "line 2 .* is no case of a queue, but list"),
        ("queue.jsonl", '{"kind": "queue", "schema_version": 1}\n{"text": "a"}', r"line 2 .* no case .* \['text'\]"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named_with_its_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        read_queue(tmp_path / name)


def test_a_missing_queue_is_said_with_the_nearest_name(tmp_path: Path) -> None:
    path = write_queue(small(), tmp_path / "q")[-1]
    assert is_queue(path)
    assert is_queue(tmp_path / "q")
    assert not is_queue(tmp_path)
    assert not is_queue(tmp_path / "q" / "queue.csv")
    with pytest.raises(DataError, match=r"there is no queue .*quene.jsonl'. Did you mean 'queue.jsonl'\?"):
        read_queue(tmp_path / "q" / "quene.jsonl")
