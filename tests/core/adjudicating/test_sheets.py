"""What spreadsheets do to a file, and what is refused in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from mlflow_evalplus.core.adjudicating.sheets import read_sheet
from mlflow_evalplus.errors import DataError
from tests.core.adjudicating.queues import HOSTILE, queue_of, sheet, written

ROWS = [["case_id", "text", "annotator_1"], ["c1", 'a, "b"; c\n\td', "neg"], ["", "", ""], ["c2", "快递", "pos"]]


@pytest.mark.parametrize("separator", list(",;\t|"))
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_way_in_which_spreadsheets_save_is_read(
    tmp_path: Path, separator: str, line_end: str, encoding: str
) -> None:
    path = tmp_path / "filled.csv"
    path.write_bytes(written(ROWS, separator, line_end).encode(encoding))
    found = read_sheet(path)
    assert found.columns == tuple(ROWS[0])
    assert [row.cells for row in found.rows] == [tuple(ROWS[1]), tuple(ROWS[3])]
    assert [row.where for row in found.rows] == ["filled.csv line 2", "filled.csv line 5"]


def test_the_line_that_tells_excel_of_the_separator_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "filled.csv"
    path.write_text("sep=;\r\n" + written(ROWS, ";"), encoding="utf-8", newline="")
    found = read_sheet(path)
    assert found.columns == tuple(ROWS[0])
    assert found.rows[0].where == "filled.csv line 3"


def test_cells_beyond_the_header_shift_a_row_unless_they_are_blank(tmp_path: Path) -> None:
    path = tmp_path / "filled.csv"
    path.write_text("case_id,text,annotator_1,,\nc1,a,neg,,\nc2,b, c,pos\nc3,d\n", encoding="utf-8")
    found = read_sheet(path)
    assert [(row.cells, row.shifted) for row in found.rows] == [
        (("c1", "a", "neg"), False), (("c2", "b", " c"), True), (("c3", "d", ""), False),
    ]  # fmt: skip


def test_hostile_texts_come_through_a_spreadsheet(tmp_path: Path) -> None:
    queue = queue_of(HOSTILE)
    path = tmp_path / "filled.csv"
    limit = csv.field_size_limit(131_072)
    path.write_bytes(written(sheet(queue, {}, ["annotator_1", "annotator_2"])).encode("utf-8-sig"))
    assert len(read_sheet(path).rows) == len(HOSTILE)
    path.write_text(written([["case_id", "text"], ["c1", "y" * 200_000]]), encoding="utf-8")
    assert len(read_sheet(path).rows[0].cells[1]) == 200_000
    assert csv.field_size_limit(limit) == 131_072


def test_json_lines_and_parquet_and_any_frame_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"case_id": ["c1", "c2"], "annotator_1": ["neg", None], "n": [1.0, None]})
    frame.to_parquet(tmp_path / "filled.parquet")
    lines = [{"kind": "queue", "n_rows": 3}, {"case_id": "c1", "annotator_1": "neg", "n": 1, "reasons": ["audit"]}]
    (tmp_path / "filled.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n{}\n", encoding="utf-8")
    expected = [("c1", "neg", "1"), ("c2", "", "")]
    for given in (frame, pl.from_pandas(frame), tmp_path / "filled.parquet"):
        assert [row.cells for row in read_sheet(given).rows] == expected
    found = read_sheet(tmp_path / "filled.jsonl")
    assert found.columns == ("case_id", "annotator_1", "n", "reasons")
    assert [(row.where, row.cells) for row in found.rows] == [("filled.jsonl line 2", ("c1", "neg", "1", '["audit"]'))]


def test_a_line_of_json_ends_where_the_file_ends_it(tmp_path: Path) -> None:
    """Unicode has more ends of lines, which JSON leaves as they are within a text."""
    texts = ["so\u2028late", "a\x85b", "c\x0bd\x0ce"]
    lines = [json.dumps({"case_id": f"c{n}", "text": text}, ensure_ascii=False) for n, text in enumerate(texts)]
    (tmp_path / "filled.jsonl").write_text("\r\n".join(lines), encoding="utf-8", newline="")
    assert [row.cells[1] for row in read_sheet(tmp_path / "filled.jsonl").rows] == texts


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("filled.xlsx", b"PK\x03\x04", "'filled.xlsx' is a workbook, which is not read. Save it as UTF-8: in Excel"),
        ("filled.csv", b"PK\x03\x04rest", "is a workbook under another name"),
        ("filled.csv", "case_id,text\nc1,café\n".encode("cp1252"), "is not UTF-8: line 2 holds the byte 0xe9"),
        ("filled.csv", "case_id,text\nc1,快递\n".encode("gb18030"), "GB18030, in which other characters are lost"),
        ("filled.csv", "case_id,text\n".encode("utf-16-le"), "is UTF-16 without a mark that says so"),
        ("filled.csv", b"", "is empty"),
        ("filled.csv", b'case_id,text\nc1,"open\n', "cannot be read as CSV from line 2 on"),
        ("filled.csv", b"case_id,text,text\nc1,a,b\n", r"has two columns of one name, \['text'\]"),
        ("filled.doc", b"x", r"is not a .csv, .tsv, .txt, .jsonl, .parquet file"),
        ("filled.jsonl", b"{]\n", "line 1 is not JSON"),
        ("filled.jsonl", b"[1]\n", "line 1 is not an object"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_sheet(tmp_path / name)


def test_a_file_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "filled.csv").write_text("case_id\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"Did you mean 'filled\.csv'"):
        read_sheet(tmp_path / "filed.csv")
    with pytest.raises(DataError, match="there is no file"):
        read_sheet(tmp_path / "gone.xlsx")
