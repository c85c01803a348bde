from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.monitoring.defaults import Measured, _holm, default_alerts
from mlflow_evalplus.requirements import Monitor
from mlflow_evalplus.results import Alert, Difference, Estimate, Shift, Window
from tests.core.monitoring.test_gates import SHIFT, TERM, WINDOW

QUIET = replace(SHIFT, psi=0.01, p_value=0.7)
CALM = replace(
    WINDOW, drop=Difference(-0.001, -0.02, 0.02, 0.9, 500), estimated_drop=Difference(0.001, -0.01, 0.01, 0.8, 900),
    shifts=(QUIET, replace(QUIET, column="prediction")), terms=(),
)  # fmt: skip


def alerts(window: Window = CALM, p_worse: float = 0.4, n_reference: int = 400, **monitor: Any) -> list[Alert]:
    found = list(default_alerts(Measured(window, n_reference, p_worse, has_texts=True), Monitor(**monitor)))
    assert not any(alert.asked for alert in found)
    return found


def raised(*args: Any, **monitor: Any) -> list[str]:
    return [a.column or a.metric for a in alerts(*args, **monitor) if a.outcome.value == "fail"]


def test_a_calm_window_passes_all_that_is_watched() -> None:
    found = alerts()
    assert [a.metric for a in found] == ["accuracy", "estimated_accuracy", "psi", "psi", "new_terms"]
    assert {a.outcome.value for a in found} == {"pass"}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 0.2), max_size=8), st.sampled_from([0.01, 0.025, 0.1]))
def test_p_values_are_judged_together_as_holm_does_step_by_step(p_values: list[float], level: float) -> None:
    expected, left = [False] * len(p_values), list(range(len(p_values)))
    while left and p_values[least := min(left, key=lambda i: p_values[i])] * len(left) < level:
        expected[least] = True
        left.remove(least)
    assert _holm(p_values, level) == expected


def test_each_of_the_things_watched_raises_where_it_is_sure_and_large_enough() -> None:
    assert raised(CALM, 0.02) == ["accuracy"]
    assert raised(CALM, 0.03) == []  # half of alpha
    assert raised(replace(CALM, shifts=(SHIFT, QUIET))) == ["channel"]
    assert raised(replace(CALM, shifts=(replace(SHIFT, psi=0.09), QUIET))) == []
    assert raised(replace(CALM, shifts=(replace(SHIFT, p_value=0.02), QUIET))) == []  # one of four
    assert raised(replace(CALM, terms=(TERM,))) == ["new_terms"]
    assert raised(replace(CALM, estimated_drop=Difference(-0.02, -0.03, -0.01, 1e-5, 900))) == ["estimated_accuracy"]
    few = replace(CALM, estimated=Estimate(0.8, 0.7, 0.9, 29))
    assert raised(replace(few, estimated_drop=Difference(-0.02, -0.03, -0.01, 1e-5, 900))) == []
    assert raised(replace(CALM, estimated_drop=Difference(0.02, 0.01, 0.03, 1e-5, 900))) == []
    assert raised(replace(CALM, estimated_drop=Difference(-0.005, -0.006, -0.004, 1e-5, 900))) == []


@pytest.mark.parametrize(
    ("n_labelled", "n_reference", "says"),
    [(4, 400, "not tested: 4 labelled rows, 5 are needed"), (1, 400, "not tested: 1 labelled row, 5 are needed"),
     (400, 3, "not tested: the reference has 3 labelled rows, 5 are needed")],
)  # fmt: skip
def test_a_drop_on_few_labelled_rows_is_not_tested_and_says_so(n_labelled: int, n_reference: int, says: str) -> None:
    found = alerts(replace(CALM, n_labelled=n_labelled), 1e-9, n_reference)[0]
    assert found.outcome.value == "pass"
    assert found.reason == says
    assert alerts(replace(CALM, n_labelled=5), 1e-9)[0].outcome.value == "fail"


def test_what_is_asked_for_is_left_to_the_gate_that_asks_and_alpha_0_watches_nothing() -> None:
    asked = [
        {"metric": "accuracy", "max_drop": 0.1}, {"metric": "estimated_accuracy", "max_drop": 0.1},
        {"metric": "js", "column": "channel", "max": 0.5}, {"metric": "new_terms", "max": 9},
    ]  # fmt: skip
    assert [(a.metric, a.column) for a in alerts(alerts=asked)] == [("psi", "prediction")]
    assert "accuracy" in [a.metric for a in alerts(alerts=[{"metric": "accuracy", "min": 0.5}])]
    assert alerts(alpha=0) == []


def test_what_was_not_measured_is_not_watched() -> None:
    bare = Window("x", "", "", 50, 0, {}, None, shifts=(Shift("c", 0.0, 0.0, nan, nan, "a", 1.0, 1.0, 50),))
    assert list(default_alerts(Measured(bare, 0, nan, has_texts=False), Monitor())) == []
