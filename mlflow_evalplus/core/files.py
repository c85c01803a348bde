"""Data files → data frame, with one clear error for what is wrong with the file."""

from __future__ import annotations

import os
import warnings
from codecs import getincrementaldecoder
from collections.abc import Callable, Collection
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlflow_evalplus.core.file_shape import check_shape, read_objects
from mlflow_evalplus.errors import DataError, EvalPlusError, did_you_mean
from mlflow_evalplus.limits import LINE, read_line

# A message "None" or "NA" is a text, not a missing value: only an empty cell is. No column is an index: rows longer
# than the header would shift.
CSV_OPTIONS: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "index_col": False}
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: pd.read_csv(path, encoding="utf-8-sig", low_memory=False, **CSV_OPTIONS),
    ".tsv": lambda path: pd.read_csv(path, sep="\t", encoding="utf-8-sig", low_memory=False, **CSV_OPTIONS),
    ".jsonl": lambda path: pd.DataFrame(read_objects(path)),
    ".parquet": lambda path: _read_parquet(path),
}
PIECE = 2**20  # bytes that are looked at together
BINARY = (".parquet", ".arrow", ".feather")  # the others are text


def check_file(path: str | Path, kinds: Collection[str] = READERS.keys()) -> Path:
    """Return the path of a data file that exists, is of one of `kinds`, is not empty, and is UTF-8 where it is text.

    Raises
    ------
    DataError
        What is wrong with it, and what to do.
    """
    path = Path(path)
    if not os.path.isfile(path):  # noqa: PTH113 — Path.is_file raises where no file can be called so
        folder = path.parent if os.path.isdir(path.parent) else None  # noqa: PTH112
        here = [p.name for p in folder.glob("*") if p.suffix in kinds] if folder else []
        raise DataError(f"there is no file {str(path)!r}.{did_you_mean(path.name, here)}")
    if path.suffix.lower() not in kinds:
        raise DataError(f"{path.name!r} is not a {', '.join(kinds)} file")
    if path.stat().st_size == 0:
        raise DataError(f"{str(path)!r} is empty")
    if path.suffix.lower() not in BINARY:
        _check_text(path)
    return path


def _check_text(path: Path) -> None:
    """Look through a text file in large pieces; only where something may be wrong line by line, to name the line."""
    longest, open_line = LINE.value, 0  # bytes since the last line end
    decoder = getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        while piece := file.read(min(PIECE, longest)):
            lines = piece.split(b"\n", 1)
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                return _check_lines(path)
            if open_line + len(lines[0]) >= longest:
                return _check_lines(path)
            open_line = len(piece) - piece.rfind(b"\n") - 1 if len(lines) > 1 else open_line + len(piece)
    if decoder.getstate()[0]:  # a letter that is cut off
        _check_lines(path)
    return None


def _check_lines(path: Path) -> None:
    with path.open("rb") as file:
        for number in count(1):
            line = read_line(file, number, path)
            if not line:
                return
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{str(path)!r} is not UTF-8: line {number} holds the byte 0x{line[error.start]:02x}. "
                    "Save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')."
                ) from None


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pq.read_table(path)
    table.validate(full=True)  # texts that are not UTF-8
    try:
        frame: pd.DataFrame = table.to_pandas()
    except (KeyError, TypeError, AttributeError, IndexError):  # what pandas noted of the columns is damaged, not they
        frame = table.replace_schema_metadata(None).to_pandas()
    return frame


def read_file(path: str | Path) -> pd.DataFrame:
    """Read a CSV, TSV, JSONL or Parquet file.

    Raises
    ------
    DataError
        It is missing, empty, not UTF-8, damaged, or has no rows.
    """
    path = check_file(path)
    try:
        check_shape(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
            frame = READERS[path.suffix.lower()](path)
    except EvalPlusError:
        raise
    except (ValueError, pa.ArrowException, pd.errors.ParserError, pd.errors.ParserWarning, OSError) as error:
        raise DataError(f"{str(path)!r} cannot be read as {path.suffix}: {str(error).strip()}") from None
    if frame.empty:
        raise DataError(f"{str(path)!r} has no rows")
    return frame
