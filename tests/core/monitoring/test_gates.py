from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

import pytest

from mlflow_evalplus.core.monitoring.gates import asked_alert
from mlflow_evalplus.requirements import MonitorAlert
from mlflow_evalplus.results import Alert, Difference, Estimate, NewTerm, Shift, Window

TERM = NewTerm("flash", 9, 0, 0.1, 0.0, 1e-9, True)
SHIFT = Shift("channel", 0.25, 0.08, 1e-6, 1e-5, "app", 0.5, 0.3, 400)
WINDOW = Window(
    "2025-07", "2025-07-01", "2025-07-31", n=400, n_labelled=90,
    metrics={"accuracy": Estimate(0.8, 0.75, 0.85, 90), "recall[negative]": Estimate(0.8, 0.5, 0.9, 12)},
    estimated=Estimate(0.8, 0.78, 0.82, 400), shifts=(SHIFT,), terms=(TERM,),
)  # fmt: skip
DROP = Difference(-0.08, -0.12, -0.04, 0.001, 500)


def held(
    window: Window = WINDOW,
    change: Difference | None = DROP,
    has_texts: bool = True,
    n_reference: int = 400,
    **gate: Any,
) -> Alert:
    alert = MonitorAlert(**gate)
    return asked_alert(alert, window, change, has_texts=has_texts, confidence=0.95, n_reference=n_reference)


@pytest.mark.parametrize(
    ("gate", "outcome", "says"),
    [
        ({"metric": "accuracy", "min": 0.7}, "pass", "clears it by its bound"),
        ({"metric": "accuracy", "min": 0.82}, "undecided", "cannot be told apart"),
        ({"metric": "accuracy", "min": 0.9}, "fail", "misses it by its bound"),
        ({"metric": "accuracy", "min": 0.9, "min_examples": 91}, "undecided", "too few, at least 91"),
        ({"metric": "recall", "class": "negative", "min": 0.95}, "undecided", "on 12 examples: too few"),
        ({"metric": "recall", "class": "odd", "min": 0.95}, "undecided", "recall[odd] was not measured"),
        ({"metric": "estimated_accuracy", "min": 0.83}, "fail", "0.800 [0.780, 0.820] on 400 examples"),
        (
            {"metric": "accuracy", "max_drop": 0.03},
            "fail",
            "-8.0 points [-12.0, -4.0] on 90 examples: has dropped by more",
        ),
        ({"metric": "accuracy", "max_drop": 0.05}, "undecided", "cannot be told apart"),
        ({"metric": "accuracy", "max_drop": 0.12}, "pass", "has not dropped by more"),
        ({"metric": "accuracy", "max_drop": 0.03, "min_examples": 91}, "undecided", "too few, at least 91"),
        ({"metric": "psi", "column": "channel", "max": 0.2}, "fail", "app 30.0% → 50.0%"),
        ({"metric": "psi", "column": "channel", "max": 0.25}, "pass", "within it"),
        ({"metric": "js", "column": "channel", "max": 0.05}, "fail", "0.080 on 400 rows"),
        ({"metric": "js", "column": "language", "max": 0.05}, "undecided", "the reference has no values of it"),
        ({"metric": "new_terms", "max": 0}, "fail", "there are 1, first 'flash'"),
        ({"metric": "new_terms", "max": 1}, "pass", "there are 1"),
        ({"metric": "n_labelled", "min": 90}, "pass", "there are 90"),
        ({"metric": "n_labelled", "min": 100}, "undecided", "label 10 more"),
    ],
)
def test_a_gate_is_cleared_or_missed_by_a_bound_and_else_undecided(
    gate: dict[str, Any], outcome: str, says: str
) -> None:
    found = held(**gate)
    assert found.outcome.value == outcome, found.reason
    assert says in found.reason
    assert found.asked
    assert found.requirement == str(MonitorAlert(**gate))


def test_a_mix_that_is_above_its_number_by_chance_alone_is_undecided() -> None:
    chance = replace(WINDOW, shifts=(replace(SHIFT, p_value=0.2),))
    assert held(chance, metric="psi", column="channel", max=0.1).outcome.value == "undecided"
    few = held(metric="psi", column="channel", max=0.1, n_reference=29)
    assert (few.outcome.value, "the reference has 29 rows" in few.reason) == ("undecided", True)
    untested = replace(WINDOW, shifts=(replace(SHIFT, p_value=nan),))
    assert held(untested, metric="psi", column="channel", max=0.1).outcome.value == "undecided"
    merged = replace(WINDOW, shifts=(replace(SHIFT, psi=0.0, js=0.0, p_value=nan),))
    assert held(merged, metric="js", column="channel", max=0.1).outcome.value == "undecided"
    constant = replace(WINDOW, shifts=(replace(SHIFT, psi=0.0, share=1.0, share_reference=1.0, p_value=nan),))
    assert held(constant, metric="psi", column="channel", max=0.1).outcome.value == "pass"


def test_what_was_not_measured_never_passes() -> None:
    empty = Window("x", "", "", 9, 0, {}, None)
    for gate in (
        {"metric": "accuracy", "min": 0.1}, {"metric": "estimated_accuracy", "min": 0.1},
        {"metric": "accuracy", "max_drop": 0.9}, {"metric": "psi", "column": "a", "max": 9},
        {"metric": "new_terms", "max": 99}, {"metric": "n_labelled", "min": 1},
    ):  # fmt: skip
        assert held(empty, None, has_texts=False, **gate).outcome.value == "undecided", gate
    undefined = replace(WINDOW, metrics={"accuracy": Estimate(nan, nan, nan, 0)})
    assert held(undefined, metric="accuracy", min=0.1).outcome.value == "undecided"
    assert held(change=Difference(nan, nan, nan, nan, 0), metric="accuracy", max_drop=0.9).outcome.value == "undecided"
