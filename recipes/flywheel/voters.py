"""Simulated annotators, who fill the files that people would get."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from mlflow_evalplus.errors import DataError

CASE = "case_id"


def fill(path: Path, column: str, answers: Mapping[str, str]) -> int:
    """Write an answer into each row of a queue file, in place, as a spreadsheet would; return how many were written.

    Parameters
    ----------
    path : Path
        A CSV that ``collect`` or ``adjudicate`` wrote.
    column : str
        Of the answers: ``annotator_1``, or ``adjudicated``.
    answers : mapping of str to str
        ``case_id`` → label. A case that is not among them stays blank.

    Raises
    ------
    DataError
        The file has no such column.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or ())
    if column not in columns:
        raise DataError(f"{path.name} has no column {column!r}; it has {columns}")
    for row in rows:
        row[column] = answers.get(row[CASE], row[column])
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    return sum(row[CASE] in answers for row in rows)
