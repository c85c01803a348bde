"""Dates, written as ISO 8601 has them, and which rows are older than one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timezone
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.errors import DataError

ID, *_, ADDED_AT = names.TRAINING_COLUMNS
_TIME = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?"
# 05/03/2026 is another day in another country, and 202607 may be a month or a day of 1920: both are refused.
_ISO = re.compile(rf"[0-9]{{4}}(-[0-9]{{2}}(-[0-9]{{2}}({_TIME})?)?)?|[0-9]{{8}}")


def moment(given: str | datetime | None, what: str = "at") -> datetime:
    """Return a time in UTC, by default now; one without a zone is taken for UTC.

    Raises
    ------
    DataError
        It is none, or is not written as ISO 8601 has it.

    Examples
    --------
    >>> moment("2026-07"), moment("2026-07-01T12:00:00+02:00")
    (datetime.datetime(2026, 7, 1, 0, 0, tzinfo=datetime.timezone.utc), datetime.datetime(2026, 7, 1, 10, 0, \
tzinfo=datetime.timezone.utc))
    """
    import pandas as pd

    if given is None:
        return datetime.now(timezone.utc)
    found: Any = pd.NaT
    try:
        if isinstance(given, date) or _ISO.fullmatch(given.strip()):
            found = pd.Timestamp(given)
            found = found.tz_localize("UTC") if found.tz is None else found.tz_convert("UTC")
    except (AttributeError, ValueError, TypeError, OverflowError):
        found = pd.NaT
    if found is pd.NaT:
        raise DataError(f"{what} is {given!r}, which is no date of ISO 8601; write it as 2026, 2026-07, 2026-07-01, "
                        "20260701 or 2026-07-01T12:30")  # fmt: skip
    when: datetime = found.to_pydatetime(warn=False)
    return when


def dated(column: str, values: Sequence[Any]) -> list[Any]:
    """Return the dates of a column as they are written, a blank one as None.

    Raises
    ------
    DataError
        One is no date.

    Examples
    --------
    >>> dated("month", ["2026-07", " ", 2025])
    ['2026-07', None, 2025]
    """
    last = {value: row for row, value in enumerate(values) if not _blank(value)}
    for value, row in last.items():
        _moment_of(value, f"{column!r} of row {row} (from 0)")
    return [None if _blank(value) else value for value in values]


def is_older(rows: Sequence[Mapping[str, Any]], column: str | None, before: str) -> list[bool]:
    """Say which rows are older than a date: by a column of theirs, and by the date of their version without one.

    Raises
    ------
    DataError
        A value of the column is no date.

    Examples
    --------
    >>> rows = [{"month": "2026-01", "evalplus.added_at": "2026-09-01"}, {"evalplus.added_at": "2026-09-01"}]
    >>> is_older(rows, "month", "2026-07-01"), is_older(rows, None, "2026-07-01")
    ([True, False], [False, False])
    """
    limit = moment(before, "before")
    known: dict[Any, bool] = {}
    found = []
    for row in rows:
        value = row.get(column) if column else None
        value = row[ADDED_AT] if _blank(value) else value
        if value not in known:
            known[value] = _moment_of(value, f"{column!r} of row {row.get(ID, '')}") < limit
        found.append(known[value])
    return found


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _moment_of(value: Any, what: str) -> datetime:
    whole = isinstance(value, (int, float)) and value == int(value)
    return moment(str(int(value)) if whole else value, what)  # 2026 is no nanosecond
