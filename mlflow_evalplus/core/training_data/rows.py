"""Rows of any data frame → what a version holds of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import as_labels, column_names, native, require_columns, select, strings
from mlflow_evalplus.core.training_data.dates import dated
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.results.adjudication import HOW as HOWS
from mlflow_evalplus.results.adjudication import Adjudication

if TYPE_CHECKING:
    import pandas as pd

ID, VERSION, PART, HOW, SOURCE, ADDED_AT = names.TRAINING_COLUMNS
TRAIN, HELD_OUT, ALL = "train", "held_out", "all"
IMPORTED = "imported"
SLICE = "slice."
Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """Columns of the training data; `time` may be none."""

    text: str
    label: str
    time: str | None = None


def plain_rows(given: Any, settings: Settings) -> list[Row]:
    """Return rows as builtin values, with how each one's label came about in the column ``evalplus.how``.

    Parameters
    ----------
    given : data frame or Adjudication
        Of an adjudication, or its frame, the columns ``text`` and ``label`` are taken for those of the data,
        ``slice.channel`` for ``channel``, and ``how`` says how. All other rows are ``imported``.
    settings : Settings

    Raises
    ------
    ColumnNotFound, DataError
        A column is missing; a row has no text or no label, or a blank one; its time is no date; a value is none that
        can be written down.

    Examples
    --------
    >>> import pandas as pd
    >>> plain_rows(pd.DataFrame({"text": ["late"], "label": [1.0], "n": [None]}), Settings("text", "label"))
    [{'text': 'late', 'label': '1', 'n': None, 'evalplus.how': 'imported'}]
    """
    frame = _pandas(given.frame() if isinstance(given, Adjudication) else given)
    collected = {"case_id", "how"} <= set(frame.columns)
    if collected:
        frame = frame.rename(columns=_names_of_cases(list(map(str, frame.columns)), settings))
    require_columns(frame, [settings.text, settings.label])
    ours = [name for name in frame.columns if str(name).startswith("evalplus.")]
    columns: dict[str, Sequence[Any]] = {
        str(name): _values(str(name), frame[name].tolist()) for name in frame.columns if name not in ours
    }
    columns[settings.text] = _texts(frame, settings.text)
    columns[settings.label] = as_labels(frame, settings.label)
    for name in (settings.text, settings.label):
        _require_all(name, columns[name])
    if settings.time in columns:
        columns[settings.time] = dated(settings.time, columns[settings.time])
    how = [value if value in HOWS else IMPORTED for value in columns.pop("how")] if collected else None
    columns[HOW] = how or [IMPORTED] * len(frame)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def texts_in(given: Any, text: str) -> list[str]:
    """Return the texts of a test set, by the column that the data have, or ``text``; missing ones left out.

    Parameters
    ----------
    given : data frame, or path of a data file
    text : str

    Raises
    ------
    ColumnNotFound, DataError
        There is no such file or column.
    """
    from mlflow_evalplus.core.files import read_file

    frame = read_file(given) if isinstance(given, str) or hasattr(given, "__fspath__") else given
    known = column_names(frame)
    column = "text" if text not in known and "text" in known else text
    return [value for value in _texts(frame, column) if value is not None]


def _pandas(given: Any) -> pd.DataFrame:
    rows = native(given)
    eager = rows.collect() if isinstance(rows, nw.LazyFrame) else rows
    frame: pd.DataFrame = eager.to_pandas()
    return frame


def _names_of_cases(columns: Sequence[str], settings: Settings) -> dict[str, str]:
    """Return the names that the columns of accepted cases have in the data, no two of them alike.

    Text, label and time get theirs first: what is in their way is ``case.…``, and a slice of that name stays
    ``slice.…``.
    """
    ours = {"text": settings.text, "label": settings.label, **({"time": settings.time} if settings.time else {})}
    wanted = {**ours, **{name: name.removeprefix(SLICE) for name in columns if name.startswith(SLICE)}}
    wanted |= {name: f"case.{name}" for name in columns if name in ours.values() and name not in wanted}
    used = set(columns) - set(wanted)
    found = {}
    for old, new in wanted.items():
        if old in columns:
            found[old] = next(name for name in (new, old, f"case.{old}") if name not in used)
            used.add(found[old])
    return found


def _texts(frame: Any, column: str) -> list[Any]:
    try:
        found: list[Any] = strings(select(frame, [column])[column]).to_pylist()
    except UnicodeEncodeError as error:
        raise DataError(f"column {column!r} cannot be written down: {error}; save it anew as UTF-8") from None
    return found


def _require_all(column: str, values: Sequence[str | None]) -> None:
    missing = [row for row, value in enumerate(values) if value is None or not value.strip()]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(values):,} rows have no {column!r} (rows {shorten(missing, 5)}, from 0); "
            "fill or remove them"
        )


def _values(column: str, values: Sequence[Any]) -> list[Any]:
    try:
        column.encode()
        return [_value(value) for value in values]
    except (TypeError, ValueError) as error:
        raise DataError(f"column {column!r} cannot be written down: {error}; give one plain value per row") from None


def _value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (not isinstance(value, (list, dict, tuple, str)) and value != value):
        return None
    if isinstance(value, str):
        value.encode()
        return value
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, Decimal)):
        if math.isinf(value):
            raise ValueError("it holds an infinite number")
        return float(value)
    if isinstance(value, date):  # a Timestamp is one too
        return value.isoformat()
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise TypeError(f"it holds a {type(value).__name__}")
