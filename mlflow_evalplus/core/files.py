"""Data files → data frame, with one clear error for what is wrong with the file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from mlflow_evalplus.errors import DataError, did_you_mean

# A message "None" or "NA" is a text, not a missing value: only an empty cell is. No column is an index: rows longer
# than the header would shift.
CSV_OPTIONS: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "index_col": False}
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: pd.read_csv(path, encoding="utf-8-sig", low_memory=False, **CSV_OPTIONS),
    ".tsv": lambda path: pd.read_csv(path, sep="\t", encoding="utf-8-sig", low_memory=False, **CSV_OPTIONS),
    ".jsonl": lambda path: pd.read_json(path, lines=True, encoding="utf-8-sig", dtype=False, convert_dates=False),
    ".parquet": pd.read_parquet,
}
BINARY = (".parquet", ".arrow", ".feather")  # the others are text


def check_file(path: str | Path, kinds: Collection[str] = READERS.keys()) -> Path:
    """Return the path of a data file that exists, is of one of `kinds`, is not empty, and is UTF-8 where it is text.

    Raises
    ------
    DataError
        What is wrong with it, and what to do.
    """
    path = Path(path)
    if not path.is_file():
        here = [p.name for p in path.parent.glob("*") if p.suffix in kinds] if path.parent.is_dir() else []
        raise DataError(f"there is no file {str(path)!r}.{did_you_mean(path.name, here)}")
    if path.suffix.lower() not in kinds:
        raise DataError(f"{path.name!r} is not a {', '.join(kinds)} file")
    if path.stat().st_size == 0:
        raise DataError(f"{str(path)!r} is empty")
    if path.suffix.lower() not in BINARY:
        _check_text(path)
    return path


def _check_text(path: Path) -> None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{str(path)!r} is not UTF-8: line {number} holds the byte 0x{line[error.start]:02x}. "
                    "Save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')."
                ) from None


def read_file(path: str | Path) -> pd.DataFrame:
    """Read a CSV, TSV, JSONL or Parquet file.

    Raises
    ------
    DataError
        It is missing, empty, not UTF-8, damaged, or has no rows.
    """
    path = check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
            frame = READERS[path.suffix.lower()](path)
    except (ValueError, pa.ArrowInvalid, pd.errors.ParserError, pd.errors.ParserWarning, OSError) as error:
        raise DataError(f"{str(path)!r} cannot be read as {path.suffix}: {str(error).strip()}") from None
    if frame.empty:
        raise DataError(f"{str(path)!r} has no rows")
    return frame
