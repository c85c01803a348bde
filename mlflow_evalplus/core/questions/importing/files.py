"""Reading of other tools' files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.questions.rows import read_rows
from mlflow_evalplus.errors import DataError, shorten


def json_lines(path: Path, keys: Sequence[str], what: str) -> Iterator[tuple[int | str, dict[str, Any]]]:
    """Yield every line of a JSONL file with its number; `keys` are those that each of `what` has.

    Raises
    ------
    DataError
        A line is no JSON object, or lacks one of the keys.
    """
    for number, row in read_rows(path, ()):
        if isinstance(row, str):
            raise DataError(f"{path}: line {number} {row}")
        if lacking := [key for key in keys if key not in row]:
            raise DataError(
                f"{path} is none of {what}: line {number} has no {', '.join(map(repr, lacking))}; "
                f"its keys are {shorten(row)}"
            )
        yield number, row
