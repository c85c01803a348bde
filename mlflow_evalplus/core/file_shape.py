"""How wide a data file is, and how large it becomes in memory: looked at before it is read."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.limits import COLUMNS, LINE, TABLE, WHOLE

BATCH = 65_536  # rows that are measured at a time
FEWER = "keep the columns that are needed"
SMALLER = "split it, or keep the columns that are needed"


def check_shape(path: Path) -> None:
    """Check that a data file is no wider, and grows to no more, than the limits allow.

    Raises
    ------
    DataError
        It has too many columns, or is too large once it is unpacked.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        _check_parquet(path)
    elif kind != ".jsonl":  # that is looked at while it is read
        _check_header(path, "\t" if kind == ".tsv" else ",")


@contextmanager
def long_cells() -> Iterator[None]:
    """Allow the module csv cells of any length: its own limit is 131,072 characters."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _check_header(path: Path, separator: str) -> None:
    """Check a header, and how many cells there are where every line is filled up to its width."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline(LINE.value)
    width = header.count(separator) + 1
    if width > COLUMNS.value:
        with long_cells():
            width = len(next(csv.reader([header], delimiter=separator)))
        COLUMNS.check(width, repr(str(path)), FEWER)
    with path.open("rb") as file:
        TABLE.check(8 * width * sum(1 for _ in file), repr(str(path)), SMALLER)


def read_objects(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSONL file; blank lines are none.

    Raises
    ------
    DataError
        A line is no JSON object, or all of them together have too many keys.
    """
    found: list[dict[str, Any]] = []
    keys, largest = set[str](), TABLE.value
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = loads(line)
            except ValueError as error:
                told = f"{str(path)!r} cannot be read as .jsonl: line {number:,}"
                raise DataError(f"{told} is not JSON: {error}") from None
            if not isinstance(row, dict):
                raise DataError(f"line {number:,} of {str(path)!r} is no JSON object but {shorten([row])[1:-1]}; "
                                'write each row as {"column": value, …}')  # fmt: skip
            found.append(row)
            if not row.keys() <= keys:
                keys |= row.keys()
                COLUMNS.check(len(keys), repr(str(path)), FEWER)
            if 8 * len(found) * len(keys) > largest:
                TABLE.check(8 * len(found) * len(keys), repr(str(path)), SMALLER)
    return found


def _check_parquet(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 8, 0))
        footer = int.from_bytes(file.read(4), "little")
    WHOLE.check(min(footer, path.stat().st_size), f"the footer of {str(path)!r}", FEWER)
    with pq.ParquetFile(path) as file:
        found = file.metadata
        COLUMNS.check(found.num_columns, repr(str(path)), FEWER)
        # by groups, not by their columns: Arrow ends the whole process where notes on a column are damaged
        packed = [found.row_group(place).total_byte_size for place in range(found.num_row_groups)]
        TABLE.check(max(sum(packed), 8 * found.num_rows * found.num_columns), repr(str(path)), SMALLER)
        if found.num_rows * max(packed, default=0) > TABLE.value:  # one long text may stand in many rows
            _check_texts(path, file)


def _check_texts(path: Path, file: pq.ParquetFile) -> None:
    """Measure the texts as they lie in the file, each of them once, by how often it occurs."""
    texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
    if not texts:
        return
    size = 0
    with pq.ParquetFile(path, read_dictionary=texts) as coded:
        for batch in coded.iter_batches(BATCH, columns=texts):
            size += sum(map(_size, batch.columns))
            TABLE.check(size, repr(str(path)), SMALLER)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(check(kind) for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))


def _size(column: Any) -> int:
    """Return how many bytes the texts of a column take, each written out."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.cast(pc.binary_length(column.dictionary), pa.int64()).take(column.indices)
    return int(pc.sum(lengths).as_py() or 0)
