"""Data files: what is in them comes back as it is, and what is wrong with them is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.files import READERS, check_file, read_file
from mlflow_evalplus.errors import DataError
from tests.generated import inputs

WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".parquet": lambda frame, path: frame.to_parquet(path),
}
# Carriage returns are left out: CSV readers make a line feed of them. So are surrogates, which are no characters.
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=12)


def test_there_is_a_reader_for_each_format_that_is_promised() -> None:
    assert set(READERS) == set(WRITERS)


@pytest.mark.parametrize("suffix", [*WRITERS, ".CSV", ".Tsv", ".JSONL", ".PARQUET"])
def test_every_format_gives_back_the_same_rows(tmp_path: Path, suffix: str) -> None:
    """Words that look like nothing are words; what looks like a date stays as it was written."""
    frame = pd.DataFrame(
        {
            "text": ["None", "NA", "null", "nan", "say, \"hi\"\tthere", "two\nlines", "灵活付 🙂", "-"],
            "label": ["N/A", "none", "NULL", "#N/A", "<NA>", "n/a", "NaN", "1.#IND"],
            "date": [f"2025-03-0{day}" for day in range(1, 9)],
            "created_at": [f"2025-03-0{day}T10:00:00Z" for day in range(1, 9)],
            "stars": range(8),
            "score": [0.1, 0.25, 1 / 3, 1e-9, 1.5, 2.5, 3.5, 4.5],
        }
    )  # fmt: skip
    path = tmp_path / f"rows{suffix}"
    WRITERS[suffix.lower()](frame, path)
    back = read_file(path)
    assert back.drop(columns="score").to_dict("list") == frame.drop(columns="score").to_dict("list")
    assert back["score"].tolist() == pytest.approx(frame["score"].tolist(), rel=1e-9)


@settings(deadline=None, max_examples=inputs(60))
@given(rows=st.lists(st.tuples(TEXTS, st.sampled_from(["a", "b"])), min_size=1, max_size=6))
@pytest.mark.parametrize("suffix", list(WRITERS))
def test_any_text_comes_back_as_it_is_or_as_missing_where_it_is_empty(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: list[tuple[str, str]]
) -> None:
    # beside a word, so that a column of digits alone does not become numbers
    frame = pd.DataFrame([("a word", "a"), *rows], columns=["text", "label"])
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    WRITERS[suffix](frame, path)
    back = read_file(path)
    assert back["text"].fillna("").tolist() == frame["text"].tolist()
    assert back["label"].tolist() == frame["label"].tolist()


def test_a_name_with_leading_zeros_stays_a_name_where_the_format_says_so(tmp_path: Path) -> None:
    """JSON tells "007" from 7: as numbers, the ids "012" and "12" would be one."""
    for suffix in (".jsonl", ".parquet"):
        path = tmp_path / f"ids{suffix}"
        WRITERS[suffix](pd.DataFrame({"id": ["007", "012", "12"], "n": [1, 2, 3]}), path)
        assert read_file(path).to_dict("list") == {"id": ["007", "012", "12"], "n": [1, 2, 3]}


def test_an_empty_cell_alone_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("label,prediction\na,\nb,NA\n", encoding="utf-8")
    assert read_file(path)["prediction"].isna().tolist() == [True, False]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    """Spreadsheets begin a UTF-8 file with one."""
    for suffix in (".csv", ".tsv", ".jsonl"):
        path = tmp_path / f"rows{suffix}"
        WRITERS[suffix](pd.DataFrame({"label": ["a", "b"]}), path)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert read_file(path).to_dict("list") == {"label": ["a", "b"]}


def test_cells_beyond_the_header_shift_no_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nfine,a,\nbad,b,\n", encoding="utf-8")
    assert read_file(path)[["text", "label"]].to_dict("list") == {"text": ["fine", "bad"], "label": ["a", "b"]}
    path.write_text("text,label\nhi, you,a\nno, really,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="Length of header"):
        read_file(path)


def test_a_column_has_one_type_however_long_the_file(tmp_path: Path) -> None:
    """Read in chunks, a column that is numeric at first would hold 1 and "1" side by side."""
    n = 200_000
    path = tmp_path / "long.csv"
    words = [str(i % 5) for i in range(n)]
    pd.DataFrame({"label": [*words, "x"], "text": "a message that fills the buffer of the reader"}).to_csv(
        path, index=False
    )
    assert set(read_file(path)["label"]) == {"0", "1", "2", "3", "4", "x"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv", b"", "is empty"),
        ("rows.csv", b"\n\n", "No columns"),
        ("rows.csv", b"text,label\n", "has no rows"),
        ("rows.jsonl", b"\n", "has no rows"),
        ("rows.csv", b"text\nok\ncaf\xe9\n", "line 3 holds the byte 0xe9"),
        ("rows.jsonl", b'{"a": "\xff"}\n', "line 1 holds the byte 0xff"),
        ("rows.csv", "text,label\na,b\n".encode("utf-16"), "is not UTF-8"),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("rows.csv", b'a,b\n"never closed,2\n', "cannot be read as .csv"),
        ("rows.jsonl", b'{"a": 1}\n{"a": \n', "cannot be read as .jsonl"),
        ("rows.jsonl", b"[1, 2", "cannot be read as .jsonl"),
        ("rows.parquet", b"PAR1PAR1", "cannot be read as .parquet"),
        ("rows.txt", b"a", "is not a .csv, .tsv, .jsonl, .parquet file"),
        ("rows", b"a", "is not a .csv"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_file(path)
    assert name in str(caught.value)
    assert says in str(caught.value)


def test_a_file_that_is_not_there_suggests_the_nearest_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "answer.exe").write_bytes(b"x")
    with pytest.raises(DataError, match=r"there is no file .*answer\.csv'\. Did you mean 'answers\.csv'\?"):
        read_file(tmp_path / "answer.csv")
    for path in (tmp_path, tmp_path / "no" / "folder.csv", ""):
        with pytest.raises(DataError, match="there is no file"):
            check_file(path)
