"""The rows of a version → a file."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import pandas as pd

from mlflow_evalplus.core.training_data.files import is_own
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError

WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    # with "\n" between the lines, a text with a lone "\r" would not be quoted, and would end its line
    ".csv": lambda frame, path: frame.to_csv(path, index=False, lineterminator="\r\n"),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


def export(
    data: TrainingData, path: str | PathLike[str], *, version: int | None = None, part: str = "train"
) -> tuple[int, int]:
    """Write the rows that a version has in use, whole or not at all; return how many, and of which version.

    Parameters
    ----------
    data : TrainingData
    path : path
        Of a CSV, JSONL or Parquet file. Texts are written as they are: in a spreadsheet one that begins with ``=``
        is a formula.
    version, part
        As in `TrainingData.rows`.

    Raises
    ------
    DataError
        It is of another kind, one of the data's own files, or cannot be written; there is no such version.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in WRITERS:
        raise DataError(f"{target.name!r} is not a {', '.join(WRITERS)} file")
    there = target.resolve()
    if there.parent == data.folder.resolve() and is_own(there.name):
        raise DataError(f"{str(target)!r} is a file of the training data itself; give another name")
    frame = data.rows(version, part)
    aside = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        WRITERS[kind](frame, aside)
        aside.replace(target)
    except OSError as error:
        raise DataError(f"cannot write {str(target)!r}: {error.strerror}") from None
    finally:
        aside.unlink(missing_ok=True)
    return len(frame), version or data.newest.number
