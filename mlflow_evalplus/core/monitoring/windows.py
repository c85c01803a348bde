"""A production log cut into windows of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.errors import DataError, shorten

MAX_WINDOWS = 2000
MONDAY = np.datetime64("1970-01-05", "D")
Times = np.ndarray[Any, np.dtype[np.datetime64]]
EXAMPLES = "'2025-07-01', '2025-07-01T09:30:00+02:00' or '2025-07'"


@dataclass(frozen=True)
class Span:
    """One window: its name, and the times of its first and last row (empty without times)."""

    name: str
    start: str = ""
    end: str = ""


@dataclass(frozen=True)
class Windows:
    """The windows of a log, oldest first.

    Attributes
    ----------
    spans : list of Span
    of_row : int array
        The window of each row of the log.
    empty : list of str
        Days, weeks, months … between the first and the last window that hold no row.
    """

    spans: list[Span]
    of_row: IntArray
    empty: list[str]


def cut(times: Times | None, window: str | int, n: int) -> Windows:
    """Cut a log of `n` rows into windows.

    Parameters
    ----------
    times : datetime array or None
        As `read_times` returns them.
    window : str or int
        ``day``, ``week`` (ISO, from Monday), ``month``, ``quarter``, in UTC; or a number of rows, in the order of time,
        else of the log. A last window of less than half as many rows is joined to the one before.

    Raises
    ------
    DataError
        There are no times to cut by, or there would be more than 2,000 windows.

    Examples
    --------
    >>> times = np.array(["2024-12-31", "2025-01-02", "2025-03-01"], "datetime64[us]")
    >>> windows = cut(times, "month", 3)
    >>> [span.name for span in windows.spans], windows.of_row.tolist(), windows.empty
    (['2024-12', '2025-01', '2025-03'], [0, 1, 2], ['2025-02'])
    >>> [span.name for span in cut(times, "week", 3).spans]
    ['2025-W01', '2025-W09']
    """
    if isinstance(window, int):
        return _by_rows(times, window, n)
    if times is None:
        raise DataError(
            f"windows of a {window} need the column of the time: name it with 'time' (--time), or give 'window' "
            "(--window) as a number of rows"
        )
    numbers = _numbers(times, window)
    occurring, of_row = np.unique(numbers, return_inverse=True)
    _require_few(len(occurring), f"windows of a {window}")
    gaps = np.setdiff1d(np.arange(occurring[0], occurring[-1] + 1), occurring) if len(occurring) else occurring
    spans = []
    order = np.argsort(of_row, kind="stable")
    ends = np.cumsum(np.bincount(of_row))
    for number, rows in zip(occurring.tolist(), np.split(order, ends[:-1]), strict=True):
        spans.append(Span(_name(number, window), *_ends(times[rows])))
    return Windows(spans, of_row, [_name(number, window) for number in gaps[:MAX_WINDOWS].tolist()])


def _by_rows(times: Times | None, size: int, n: int) -> Windows:
    order = np.arange(n) if times is None else np.argsort(times, kind="stable")
    n_windows = max(n // size + (n % size >= size / 2), 1)
    _require_few(n_windows, f"windows of {size:,} rows")
    of_row = np.empty(n, dtype=np.int64)
    of_row[order] = np.minimum(np.arange(n) // size, n_windows - 1)
    spans = []
    for number in range(n_windows):
        first, last = number * size, n if number == n_windows - 1 else (number + 1) * size
        ends = ("", "") if times is None else _ends(times[order[first:last]])
        spans.append(Span(f"rows {first + 1:,} to {last:,}", *ends))
    return Windows(spans, of_row, [])


def _require_few(n: int, what: str) -> None:
    if n > MAX_WINDOWS:
        raise DataError(
            f"the log makes {n:,} {what}, at most {MAX_WINDOWS:,} can be watched; give a longer 'window' (--window)"
        )


def _numbers(times: Times, window: str) -> IntArray:
    """Return the running number of the day, week, month or quarter of each time."""
    if window == "day":
        return times.astype("datetime64[D]").astype(np.int64)
    if window == "week":
        return (times.astype("datetime64[D]") - MONDAY).astype(np.int64) // 7
    return times.astype("datetime64[M]").astype(np.int64) // (3 if window == "quarter" else 1)


def _name(number: int, window: str) -> str:
    if window == "day":
        return str(np.datetime64(number, "D"))
    if window == "week":
        year, week, _ = (MONDAY + 7 * number).item().isocalendar()
        return f"{year}-W{week:02}"
    if window == "month":
        return str(np.datetime64(number, "M"))
    return f"{1970 + number // 4}-Q{number % 4 + 1}"


def _ends(times: Times) -> tuple[str, str]:
    """Return the first and the last time; without the time of day where that is midnight for all."""
    days = times.astype("datetime64[D]")
    shown = days if (times == days).all() else times.astype("datetime64[s]")
    first, last = str(shown.min()), str(shown.max())
    return first, last


def read_times(values: pa.ChunkedArray, source: str) -> Times:
    """Return the times in a column in UTC, to the microsecond: dates, timestamps, or texts as ISO 8601 has them.

    A text without a time zone is taken as UTC; ``2025-07`` is the first of July.

    Raises
    ------
    DataError
        A row has no time, or one that cannot be read; the rows are named.

    Examples
    --------
    >>> read_times(pa.chunked_array([["2025-07", "2025-07-01T01:00:00+02:00"]]), "at").astype(str).tolist()
    ['2025-07-01T00:00:00.000000', '2025-06-30T23:00:00.000000']
    """
    kind = values.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        times = values.cast(pa.timestamp("us", tz="UTC" if getattr(kind, "tz", None) else None), safe=False)
        found = np.asarray(times.to_numpy()).astype("datetime64[us]")
    elif pa.types.is_dictionary(kind):
        return read_times(values.cast(kind.value_type), source)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        found = _parsed(values)
    else:
        raise DataError(
            f"column {source!r} must hold times, but its type is {kind}; write them as {EXAMPLES}, or convert seconds "
            "with pandas.to_datetime(…, unit='s')"
        )
    wrong = np.flatnonzero(np.isnat(found))
    if len(wrong):
        shown = [values[int(row)].as_py() for row in wrong[:3]]
        raise DataError(
            f"{len(wrong):,} of {len(found):,} rows have no time in {source!r} that can be read (rows "
            f"{shorten(wrong.tolist(), 5)}, from 0: {shorten([str(v)[:40] for v in shown], 3)}); write {EXAMPLES}, or "
            "remove them"
        )
    return np.asarray(found)


def in_future(times: Times) -> IntArray:
    """Return the rows whose time is more than a day after now: clocks and time zones may be off by less.

    Examples
    --------
    >>> in_future(np.array(["2025-02-01", "2205-02-01"], "datetime64[us]")).tolist()
    [1]
    """
    return np.flatnonzero(times > np.datetime64("now") + np.timedelta64(1, "D"))


def _parsed(values: pa.ChunkedArray) -> Times:
    """Parse each different text once."""
    import pandas as pd

    column = values.cast(pa.string()).combine_chunks().dictionary_encode()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    texts = [text.strip() for text in column.dictionary.to_pylist()]
    parsed = pd.to_datetime(pd.Series(texts, dtype="object"), utc=True, format="ISO8601", errors="coerce")
    known = np.append(parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]"), np.datetime64("NaT", "us"))
    return np.asarray(known[pc.fill_null(column.indices, len(texts)).to_numpy()])
