"""The tables of a monitored log: public columns, the reference first, a drop that is positive where it is worse."""

from __future__ import annotations

import json
from math import isnan

import pytest

from mlflow_evalplus import names
from mlflow_evalplus.render import monitoring_tables as tables
from tests.render import monitored


def test_the_windows_have_the_public_columns_and_drops_are_what_was_lost() -> None:
    found = monitored.monitoring()
    frame = tables.windows(found)
    assert tuple(frame.columns) == names.MONITOR_COLUMNS
    assert list(frame["window"]) == ["reference", *monitored.MONTHS]
    last, drop = frame.iloc[-1], found.last.drop
    assert drop is not None
    assert (last["drop"], last["drop_lower"], last["drop_upper"]) == (-drop.value, -drop.upper, -drop.lower)
    assert last["drop"] == pytest.approx(monitored.REFERENCE - monitored.LABELLED[-1])
    assert (last["split_by"], last["largest_psi_column"], last["alerts"], last["outcome"]) == (
        "channel", "channel", 2, "fail",
    )  # fmt: skip
    assert last["mix_effect"] + last["rate_effect"] == pytest.approx(-last["drop"])
    assert last["summary"] == "0.794 [0.769, 0.819] n=1800"


def test_shifts_and_terms_have_a_row_for_each_window_that_has_them() -> None:
    found = monitored.monitoring()
    shifts, terms = tables.shifts(found), tables.terms(found)
    assert tuple(shifts.columns) == names.MONITOR_SHIFT_COLUMNS
    assert tuple(terms.columns) == names.MONITOR_TERM_COLUMNS
    assert len(shifts) == 6 * 3
    assert list(terms["window"]) == ["2025-11"] * 3 + ["2025-12"] * 3
    assert list(terms["unseen"]) == [False, True, False] * 2
    assert shifts["summary"].iloc[-3] == "PSI 0.256, q < 0.001; web 30.0 % → 49.0 %"


def test_what_is_not_known_is_nan_and_never_0() -> None:
    found = monitored.nothing_known()
    row = tables.windows(found).iloc[1]
    unknown = [name for name in names.MONITOR_COLUMNS if isinstance(row[name], float)]
    assert len(unknown) == 16
    assert all(isnan(row[name]) for name in unknown)
    assert tables.shifts(found).empty
    assert tables.terms(found).empty


def test_the_whole_is_plain_and_each_window_says_its_outcome() -> None:
    plain = json.loads(json.dumps(tables.plain(monitored.monitoring())))
    assert [window["outcome"] for window in plain["windows"]] == ["pass"] * 4 + ["fail", "fail"]
    assert plain["windows"][-1]["mix_rate"]["rows"][0]["name"] == "channel=web"
