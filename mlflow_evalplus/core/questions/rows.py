"""Files of questions → their rows as mappings, each with its line; what cannot be read is told in its place."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.file_shape import long_cells
from mlflow_evalplus.core.files import check_file
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from mlflow_evalplus.limits import COLUMNS, RECORDS

KINDS = (".jsonl", ".csv", ".tsv")
OF_TAGS = "tags."
PARTED = "|"
_JSON_CELLS = ("messages", "schema")
Row = dict[str, Any]
Read = tuple[int, Row | str]  # the line, and the row or what is wrong with it


def read_rows(path: str | Path, fields: tuple[str, ...]) -> list[Read]:
    """Return the rows of a JSONL, CSV or TSV file, each with the line it begins on; blank lines are none.

    Parameters
    ----------
    path : str or Path
    fields : tuple of str
        The columns that a CSV file may have, besides those of tags: ``tags.language``.

    Raises
    ------
    DataError
        The file is missing, empty or not UTF-8, or a CSV file is damaged.
    """
    path = check_file(path, KINDS)
    rows: list[Read] = []
    for row in _json_rows(path) if path.suffix.lower() == ".jsonl" else _table_rows(path, fields):
        rows.append(row)
        RECORDS.check(len(rows), repr(str(path)), "split it into several files")
    return rows


def parsed(text: str) -> Row | str:
    r"""Return the JSON object in a text, or what is wrong with it in words.

    Examples
    --------
    >>> parsed('{"id": 1}'), parsed('{"id": 1, "id": 2}'), parsed("[1]")
    ({'id': 1}, "the key 'id' is given twice", 'is a JSON list; a line is one object: {"id": …}')
    """
    try:
        value = loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return f"is not JSON: {error.msg} at column {error.colno}; a line is one whole object"
    except ValueError as error:  # of the two hooks, of a number with thousands of digits, of lists in lists in lists
        return str(error)
    if not isinstance(value, dict):
        kind = {list: "list", str: "string", type(None): "null", bool: "truth"}.get(type(value), "number")
        return f'is a JSON {kind}; a line is one object: {{"id": …}}'
    return value


def _once(pairs: list[tuple[str, Any]]) -> Row:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is given twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"holds {constant}, which is not JSON")


def _json_rows(path: Path) -> Iterator[Read]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):  # `check_file` has seen how long they are
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            if text:
                yield number, parsed(text)


def _table_rows(path: Path, fields: tuple[str, ...]) -> Iterator[Read]:
    for number, cells in table(path):
        if number == 1:
            yield from ((1, words) for words in _unknown(list(cells), fields))
            continue
        known = {name: cell for name, cell in cells.items() if name in fields or name.startswith(OF_TAGS)}
        yield number, _row(known)


def table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the header of a CSV or TSV file as line 1, then the filled cells of every row with the line it begins on.

    Raises
    ------
    DataError
        A column is named twice or not at all, a row has more cells than the header, or quotes are not closed.
    """
    try:
        with long_cells(), path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
            header = _header(path, next(reader, []))
            yield 1, dict.fromkeys(header, "")
            begins = reader.line_num + 1
            for cells in reader:
                if len(cells) > len(header):
                    raise DataError(f"{path}: line {begins} has {len(cells)} cells, the header {len(header)}; "
                                    "put cells that hold a comma in double quotes")  # fmt: skip
                filled = {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}
                if filled:
                    yield begins, filled
                begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{str(path)!r} cannot be read as {path.suffix}: line {reader.line_num}: {error}") from None


def _header(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    COLUMNS.check(len(names), repr(str(path)), "keep the columns that are needed")
    if "" in names or len(set(names)) < len(names):
        raise DataError(f"{str(path)!r} has the columns {shorten(names)}; name each of them, and differently")
    return names


def _unknown(header: list[str], fields: tuple[str, ...]) -> Iterator[str]:
    for name in header:
        if name not in fields and not (name.startswith(OF_TAGS) and name != OF_TAGS):
            near = did_you_mean(name, fields)
            yield f"unknown column {name!r}; columns are {shorten(fields, 20)}, and for tags 'tags.NAME'.{near}"


def _row(cells: Mapping[str, str]) -> Row | str:
    """Return a row of a CSV file: choices parted by ``|`` or in a JSON list, tags together, objects from JSON."""
    row: Row = {name: cell for name, cell in cells.items() if not name.startswith(OF_TAGS)}
    if tags := {name[len(OF_TAGS) :]: cell for name, cell in cells.items() if name.startswith(OF_TAGS)}:
        row["tags"] = tags
    for name in {*_JSON_CELLS, "choices"} & set(row):
        if name == "choices" and not row[name].lstrip().startswith("["):
            row[name] = [part.strip() for part in row[name].split(PARTED)]
            continue
        read = parsed('{"cell": ' + row[name] + "}")
        if isinstance(read, str):
            return f"{name}: {read}"
        row[name] = read["cell"]
    return row
