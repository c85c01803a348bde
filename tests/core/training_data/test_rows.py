"""What a version holds of the rows that it is given: dates, names of columns, and what is no row."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus.core.training_data import files
from mlflow_evalplus.core.training_data.dates import moment
from mlflow_evalplus.core.training_data.rows import Settings, plain_rows
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results import AcceptedCase, Adjudication
from tests.generated import inputs

FIRST = pd.DataFrame({"text": ["late again", "very good"], "label": ["bad", "good"], "month": ["2026-01", "2026-06"]})


def created(folder: Path, rows: Any = FIRST, **options: Any) -> ep.TrainingData:
    return ep.TrainingData.create(folder, rows, **{"text": "text", "label": "label", "source": "first.csv", **options})


def accepted(slices: dict[str, str] | None = None, how: str = "agreed", time: str = "2026-07-02") -> Adjudication:
    case = AcceptedCase("c1", "new one", "good", how, {"a": "good"}, True, 2.0, 3, ("audit",), "bad", time, slices)
    return Adjudication(1, ("a",), ("bad", "good"), (case,), (), (), None, "All is settled.")


def test_time_and_a_slice_that_want_one_name_both_stay_and_the_time_gets_it(tmp_path: Path) -> None:
    data = created(tmp_path, time="month")
    data.add(accepted({"month": "2026-W27", "channel": "app"}), source="x")
    row = data.rows().iloc[-1]
    assert (row["month"], row["slice.month"], row["channel"]) == ("2026-07-02", "2026-W27", "app")


@settings(max_examples=inputs(40), deadline=None)
@given(
    st.lists(st.sampled_from(["text", "label", "time", "prediction", "month", "slice.month", "how_", "case_id"]),
             min_size=3, max_size=3, unique=True),
    st.lists(st.sampled_from(["text", "label", "time", "month", "prediction", "case_id", "slice.month"]), unique=True),
)  # fmt: skip
def test_text_label_and_time_of_a_case_always_get_their_own_names(ours: list[str], sliced: list[str]) -> None:
    text, label, time = ours
    given = accepted(dict.fromkeys(sliced, "s"))
    (row,) = plain_rows(given, Settings(text, label, time))
    assert (row[text], row[label], row[time]) == ("new one", "good", "2026-07-02")
    assert len(row) == len(given.frame().columns)  # `how` is now evalplus.how, and nothing else is lost
    assert list(row.values()).count("s") == len(sliced)


@pytest.mark.parametrize("how", ["agreed", "adjudicated", "majority"])
def test_how_a_label_came_about_is_kept(how: str) -> None:
    assert plain_rows(accepted(how=how), Settings("text", "label"))[0]["evalplus.how"] == how


def test_a_blank_time_is_none_and_the_date_of_the_version_counts(tmp_path: Path) -> None:
    data = created(tmp_path, time="month", at="2026-06-01")
    data.add(accepted(time=" "), source="x", at="2026-08-01")
    assert data.rows()["month"].isna().tolist() == [False, False, True]
    assert data.retire(before="2026-07-01").n_rows == 1
    assert data.rows()["text"].tolist() == ["new one"]


def test_a_blank_time_that_an_earlier_release_wrote_is_none_too(tmp_path: Path) -> None:
    data = created(tmp_path, FIRST, time="month", at="2026-03-01")
    path = tmp_path / "rows-0001.jsonl"
    path.write_text(path.read_text().replace('"2026-01"', '""'))
    line = json.loads((tmp_path / "versions.jsonl").read_text())
    files.write(tmp_path, line, [], {path.name: [json.loads(row) for row in path.read_text().splitlines()]})
    assert data.retire(before="2026-04-01").n_rows == 1
    assert ep.TrainingData.open(tmp_path).rows()["text"].tolist() == ["very good"]


@pytest.mark.parametrize(
    "value",
    ["05/03/2026", "25.3.2026", "July", "12:30", "today", "now", "202607", "2026-W27", "Q3 2026", "2026-13", "20260230",
     "7", "1767225600", "2026-7-1", "٢٠٢٦"],
)  # fmt: skip
def test_only_dates_of_iso_8601_are_taken_and_one_that_is_none_is_said_at_once(tmp_path: Path, value: str) -> None:
    rows = FIRST.assign(month=["2026-01", value])
    with pytest.raises(
        DataError, match=r"'month' of row 1 \(from 0\) is '.*no date of ISO 8601; write it as 2026, 2026-07"
    ):
        created(tmp_path / "new", rows, time="month")
    data = created(tmp_path)
    with pytest.raises(DataError, match="before is"):
        data.retire(before=value)


@pytest.mark.parametrize("value", [202607, 7, 20261, 2026.5, True, 1767225600])
def test_a_number_that_is_no_year_or_day_is_no_date(tmp_path: Path, value: Any) -> None:
    with pytest.raises(DataError, match="which is no date"):
        created(tmp_path, FIRST.assign(month=pd.Series([2026, value], dtype=object)), time="month")


@settings(max_examples=inputs(40), deadline=None)
@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), st.sampled_from(["Y", "M", "D", "m", "s", "us"]))
def test_iso_8601_is_read_as_it_is_written(when: datetime, unit: Any) -> None:
    """NumPy writes it, in any precision."""
    written = str(np.datetime64(when, unit))
    expected = np.datetime64(when, unit).astype("datetime64[us]").item().replace(tzinfo=timezone.utc)
    assert moment(written) == moment(expected) == moment(written.replace("T", " ")) == expected
    assert unit != "D" or moment(written.replace("-", "")) == expected


@pytest.mark.parametrize("blank", ["", "  ", "\n\t", "\u3000", None])
@pytest.mark.parametrize("column", ["text", "label"])
def test_a_blank_text_or_label_is_missing(tmp_path: Path, column: str, blank: str | None) -> None:
    rows = FIRST.astype(object)
    rows.loc[1, column] = blank
    with pytest.raises(DataError, match=rf"1 of 2 rows have no '{column}' \(rows \[1\], from 0\)"):
        created(tmp_path, rows)


HALF = pd.DataFrame({"text": ["a \ud800 b"], "label": ["\ud800"]}, dtype=object)


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (HALF.assign(label="x"), {}),
        (HALF.assign(text="x"), {}),
        (FIRST.set_axis(pd.Index(["text", "label", "\ud800"], dtype=object), axis=1), {}),
        (FIRST, {"test": HALF}),
        (FIRST, {"source": "\ud800"}),
        (FIRST, {"note": "\ud800"}),
    ],
)
def test_half_a_character_is_refused_before_anything_is_written(tmp_path: Path, rows: Any, options: Any) -> None:
    with pytest.raises(DataError, match="cannot be written down"):
        created(tmp_path, rows, **options)
    assert list(tmp_path.iterdir()) == []
