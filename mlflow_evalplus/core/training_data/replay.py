"""The rows that a version has in use: what all versions added, less what they retired."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow_evalplus.core.training_data import files
from mlflow_evalplus.core.training_data.dates import is_older
from mlflow_evalplus.core.training_data.rows import ID, PART, TRAIN, Row


def in_use(folder: Path, lines: Sequence[files.Line]) -> list[Row]:
    """Return the rows in use after the last of these versions, in the order in which they came.

    Raises
    ------
    DataError
        A file is missing, or was changed.
    """
    files.require_chain(folder, lines)
    there: list[Row] = []
    for line in lines:
        for retired in line.get("retired", ()):
            there = _without(there, retired)
        name = files.ROWS.format(line["version"])
        if name in line["files"]:
            there += files.read_checked(folder, name, line["files"][name])
    return there


def _without(rows: list[Row], retired: files.Line) -> list[Row]:
    if rule := retired.get("rule"):
        trained = [row for row in rows if row[PART] == TRAIN]
        gone = {
            row[ID] for row, old in zip(trained, is_older(trained, rule["column"], rule["before"]), strict=True) if old
        }
    else:
        gone = set(retired["rows"])
    return [row for row in rows if row[ID] not in gone]
