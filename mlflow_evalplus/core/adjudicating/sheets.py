"""A file as it comes back from a spreadsheet, or a data frame → rows of text, each with the place where it stands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.columns import column_names, select, strings
from mlflow_evalplus.core.file_shape import long_cells
from mlflow_evalplus.core.files import check_file, read_file
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.limits import COLUMNS, WHOLE, read_at_most

SEPARATORS = ",;\t|"
SHEETS = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers")
ZIP, OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
SAVE_AS = "Save it as UTF-8: in Excel 'CSV UTF-8 (Comma delimited)', in LibreOffice 'Text CSV' with 'Unicode (UTF-8)'."


@dataclass(frozen=True, slots=True)
class SheetRow:
    """The cells of one row.

    Attributes
    ----------
    where : str
        File and line, or data frame and row.
    cells : tuple of str
        One for each column; a missing one is empty.
    shifted : bool
        Whether the row has more cells than the header: nobody knows which is which.
    """

    where: str
    cells: tuple[str, ...]
    shifted: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file or data frame, with its columns and its rows, blank ones left out."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]


def read_sheet(filled: Any, name: str = "frame") -> Sheet:
    """Return what a filled file or data frame holds.

    Parameters
    ----------
    filled : path or data frame
        A spreadsheet's CSV with whatever separator, its "Unicode text" in UTF-16, a JSONL or Parquet file.
    name : str
        What a data frame is called in messages.

    Raises
    ------
    DataError
        The file is missing, empty, damaged, a workbook, or not Unicode: how to save it is said.

    Examples
    --------
    >>> import pandas as pd
    >>> sheet = read_sheet(pd.DataFrame({"case_id": ["c1"], "annotator_1": [1.0], "annotator_2": [None]}))
    >>> sheet.rows[0].where, sheet.rows[0].cells
    ('frame row 0 (from 0)', ('c1', '1', ''))
    """
    if not isinstance(filled, (str, Path)):
        return _of_frame(filled, name)
    path = Path(filled)
    kind = path.suffix.lower()
    if kind in WORKBOOKS and path.is_file():
        raise DataError(f"{path.name!r} is a workbook, which is not read. {SAVE_AS}")
    if kind in SHEETS and path.is_file():
        return _of_text(path)
    check_file(path, (*SHEETS, ".jsonl", ".parquet"))
    return _of_jsonl(path) if kind == ".jsonl" else _of_frame(read_file(path), path.name)


def _of_frame(frame: Any, name: str) -> Sheet:
    columns = column_names(frame)
    table = select(frame, columns)
    cells = [[value or "" for value in strings(table[column]).to_pylist()] for column in columns]
    rows = (SheetRow(f"{name} row {row} (from 0)", cells) for row, cells in enumerate(zip(*cells, strict=True)))
    return Sheet(name, tuple(columns), tuple(row for row in rows if any(map(str.strip, row.cells))))


def _of_jsonl(path: Path) -> Sheet:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        try:
            content = loads(line) if line.strip() else {}
        except ValueError as error:
            raise DataError(f"{path.name!r} line {number} is not JSON: {error}") from None
        if not isinstance(content, dict):
            raise DataError(f"{path.name!r} line {number} is not an object; each line is one case")
        if content.get("kind") != "queue":  # the line that opens a queue
            found.append((number, {name: _plain(value) for name, value in content.items()}))
    columns = tuple(dict.fromkeys(name for _, content in found for name in content))
    COLUMNS.check(len(columns), repr(path.name), "keep those that are needed")
    rows = (
        SheetRow(f"{path.name} line {number}", tuple(content.get(name, "") for name in columns))
        for number, content in found
    )
    return Sheet(path.name, columns, tuple(row for row in rows if any(map(str.strip, row.cells))))


def _plain(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of_text(path: Path) -> Sheet:
    text = _decoded(path)
    first, _, rest = text.partition("\n")
    own = first.strip().strip('"').lower()
    skipped = own.startswith("sep=") and len(own) == 5  # the line by which Excel is told of the separator
    text, before = (rest, 1) if skipped else (text, 0)
    separator = own[-1] if skipped else _separator(text)
    records = list(_records(path.name, text, separator, before))
    if not records:
        raise DataError(f"{path.name!r} is empty")
    width = max((place for place, cell in enumerate(records[0][1], 1) if cell.strip()), default=0)
    COLUMNS.check(width, repr(path.name), "keep those that are needed")
    header = tuple(cell.strip() for cell in records[0][1][:width])
    named = [cell for cell in header if cell]
    if len(set(named)) < len(named):
        twice = sorted({cell for cell in named if named.count(cell) > 1})
        raise DataError(f"{path.name!r} has two columns of one name, {twice}; rename or remove one")
    rows = [
        SheetRow(f"{path.name} line {line}", (*cells[:width], *[""] * (width - len(cells))), any(cells[width:]))
        for line, cells in records[1:]
        if any(map(str.strip, cells))
    ]
    return Sheet(path.name, header, tuple(rows))


def _decoded(path: Path) -> str:
    content = read_at_most(path, WHOLE, "is it the right file?")
    if not content.strip():
        raise DataError(f"{str(path)!r} is empty")
    if content.startswith((ZIP, OLD_OFFICE)):
        raise DataError(f"{path.name!r} is a workbook under another name, which is not read. {SAVE_AS}")
    try:
        text = content.decode("utf-16" if content.startswith(UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path.name!r} is not UTF-8: line {line} holds the byte 0x{content[error.start]:02x}. It was saved in a "
            f"national encoding such as Windows-1252 or GB18030, in which other characters are lost. {SAVE_AS}"
        ) from None
    if text.count("\0") > len(text) / 4:
        raise DataError(f"{path.name!r} is UTF-16 without a mark that says so. {SAVE_AS}")
    return text.lstrip("\ufeff").replace("\0", "")


def _separator(text: str) -> str:
    """Return what parts the header into most columns."""
    header = io.StringIO(text, newline="").readline()
    with long_cells():
        return max(SEPARATORS, key=lambda separator: len(next(csv.reader([header], delimiter=separator), [])))


def _records(name: str, text: str, separator: str, before: int) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield each record with the line of the file on which it begins."""
    reader, line = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), 1 + before
    with long_cells():
        try:
            for cells in reader:
                yield line, cells
                line = reader.line_num + before + 1
        except csv.Error as error:
            raise DataError(f"{name!r} cannot be read as CSV from line {line} on: {error}. {SAVE_AS}") from None
