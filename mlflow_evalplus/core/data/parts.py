"""One file's training rows and test rows, by a column that names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from mlflow_evalplus.core.columns import as_labels, column_names, native, require_columns
from mlflow_evalplus.errors import DataError, shorten

SPLIT = "split"
TRAIN_PARTS = ("train", "training")
TEST_PARTS = ("test", "validation", "valid", "val", "dev")


def part_by(frame: Any, column: str, parts: tuple[str, str] | None = None) -> tuple[Any, Any]:
    """Return the training rows and the test rows of one data frame, by a column that names them.

    Raises
    ------
    ColumnNotFound, DataError
        The column is not there, or does not name both parts.

    Examples
    --------
    >>> import pandas as pd
    >>> train, test = part_by(pd.DataFrame({"n": [1, 2, 3], "split": ["train", "dev", "train"]}), "split")
    >>> train["n"].tolist(), test["n"].tolist()
    ([1, 3], [2])
    """
    require_columns(frame, [column])
    eager, values = _part_names(frame, column)
    named = parts or _named_parts({value for value in values if value is not None})
    if not named or not set(named) <= set(values) or len(set(named)) < 2:
        held = shorten(sorted(value for value in set(values) if value is not None))
        want = f"{list(parts)}" if parts else f"one of {list(TRAIN_PARTS)} and one of {list(TEST_PARTS)}"
        raise DataError(f"split column {column!r} holds {held}; it must hold {want}, or name both with parts")
    train, test = (eager.filter([value == name for value in values]).to_native() for name in named)
    return train, test


def own_split(frame: Any, ignore: Sequence[str] = ()) -> str | None:
    """Return ``split`` where that column names training and test rows, and is not ignored; else None.

    Examples
    --------
    >>> import pandas as pd
    >>> own_split(pd.DataFrame({"split": ["train", "dev"]})), own_split(pd.DataFrame({"split": ["a", "b"]}))
    ('split', None)
    """
    if SPLIT in ignore or SPLIT not in column_names(frame):
        return None
    values = _part_names(frame, SPLIT)[1]
    return SPLIT if _named_parts({value for value in values if value is not None}) else None


def _part_names(frame: Any, column: str) -> tuple[nw.DataFrame[Any], list[str | None]]:
    rows = native(frame)
    eager = rows.collect("pyarrow") if isinstance(rows, nw.LazyFrame) else rows
    return eager, list(as_labels(eager.to_native(), column))


def _named_parts(values: set[str]) -> tuple[str, str] | None:
    lower = {value.lower(): value for value in values}
    train = next((lower[name] for name in TRAIN_PARTS if name in lower), None)
    test = next((lower[name] for name in TEST_PARTS if name in lower), None)
    return (train, test) if train and test else None
