from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.monitoring.windows import MAX_WINDOWS, cut, read_times
from mlflow_evalplus.errors import DataError

TIMES = st.lists(st.datetimes(dt.datetime(1960, 1, 1), dt.datetime(2060, 1, 1)), min_size=1, max_size=12)


def named(time: pd.Timestamp, window: str) -> str:
    """Return a window's name as pandas has it."""
    if window == "day":
        return str(time.date())
    if window == "week":
        year, week, _ = time.isocalendar()
        return f"{year}-W{week:02}"
    return f"{time.year}-{time.month:02}" if window == "month" else f"{time.year}-Q{time.quarter}"


@settings(deadline=None, max_examples=30)
@given(TIMES, st.sampled_from(["day", "week", "month", "quarter"]))
def test_each_row_lies_in_the_window_that_the_calendar_says(times: list[dt.datetime], window: str) -> None:
    found = cut(np.array(times, "datetime64[us]"), window, len(times))
    assert [found.spans[place].name for place in found.of_row] == [named(pd.Timestamp(t), window) for t in times]
    starts = [span.start for span in found.spans]
    assert starts == sorted(starts)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400), st.integers(10, 90), st.booleans())
def test_windows_of_rows_hold_all_rows_in_the_order_of_time(n: int, size: int, timed: bool) -> None:
    times = np.arange(n)[::-1].astype("datetime64[s]").astype("datetime64[us]") if timed else None
    found = cut(times, size, n)
    sizes = np.bincount(found.of_row, minlength=len(found.spans))
    assert sizes.sum() == n
    assert set(sizes[:-1]) <= {size}
    assert size / 2 <= sizes[-1] < 1.5 * size or len(sizes) == 1
    in_order = found.of_row[::-1] if timed else found.of_row
    assert (np.diff(in_order) >= 0).all()
    assert found.spans[-1].name.endswith(f" to {n:,}")


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["2025-07-01T00:30:00+02:00", "2025-07-02"]),
        pa.array(["2025-07-01T00:30:00+02:00", "2025-07-02"]).dictionary_encode(),
        pa.array([1751322600, 1751414400], pa.timestamp("s", tz="Europe/Berlin")),
        pa.array([dt.datetime(2025, 6, 30, 22, 30), dt.datetime(2025, 7, 2)]),
    ],
)
def test_times_are_read_as_utc_from_texts_and_timestamps_of_any_zone(values: pa.Array) -> None:
    found = read_times(pa.chunked_array([values]), "at")
    assert found.astype(str).tolist() == ["2025-06-30T22:30:00.000000", "2025-07-02T00:00:00.000000"]
    assert cut(found, "month", 2).of_row.tolist() == [0, 1]


def test_dates_and_months_need_no_time_of_day() -> None:
    dates = read_times(pa.chunked_array([[dt.date(2025, 7, 1), dt.date(2025, 8, 31)]]), "at")
    months = read_times(pa.chunked_array([["2025-07", "2025-08"]]), "at")
    assert [s.name for s in cut(dates, "month", 2).spans] == [s.name for s in cut(months, "month", 2).spans]
    assert cut(dates, "month", 2).spans[1].end == "2025-08-31"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["2025-07-01", "soon", None], r"2 of 3 rows have no time in 'at' .*rows \[1, 2\], from 0: \['soon', 'None'\]"),
        ([20250701, 20250702, 20250703], "must hold times, but its type is int64"),
        (["", "\u202e", "x" * 100_000], "3 of 3 rows have no time"),
    ],
)
def test_what_is_no_time_is_named_with_its_rows(values: list[object], says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read_times(pa.chunked_array([pa.array(values)]), "at")
    assert len(str(caught.value)) < 600


def test_a_log_without_times_cannot_be_cut_by_them_and_too_many_windows_are_refused() -> None:
    with pytest.raises(DataError, match="name it with 'time'"):
        cut(None, "month", 3)
    with pytest.raises(DataError, match=r"makes 3,000 windows of a day, at most 2,000"):
        cut(np.arange(3000).astype("datetime64[D]").astype("datetime64[us]"), "day", 3000)
    with pytest.raises(DataError, match="windows of 10 rows"):
        cut(None, 10, 10 * MAX_WINDOWS + 10)
