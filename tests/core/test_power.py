"""Numbers of examples that are promised: held against a sum by hand, and against verdicts on simulated answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.power import (
    DISAGREE,
    POINTS,
    POWER,
    examples_against_baseline,
    examples_to_pass,
    needs,
    to_label,
)
from mlflow_evalplus.requirements import Threshold, load
from mlflow_evalplus.results import Outcome
from tests.generated import inputs


def chance(n: int, least: float, true: float, confidence: float = 0.95) -> float:
    """Return the probability to pass by summing over all that can happen, with Wilson's interval of statsmodels."""
    hits = np.arange(n + 1)
    lower, _ = proportion_confint(hits, np.full(n + 1, n), alpha=1 - confidence, method="wilson")
    return float(stats.binom.pmf(hits, n, true)[lower >= least - 1e-12].sum())


@settings(deadline=None, max_examples=inputs(15))
@given(
    st.floats(0.05, 0.93),
    st.sampled_from([0.06, 0.1, 0.2]),
    st.sampled_from([0.9, 0.95, 0.99]),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_from_that_many_examples_on_the_power_is_what_is_promised(
    least: float, better: float, confidence: float, power: float
) -> None:
    n = examples_to_pass(least, better, power=power, confidence=confidence)
    if least + better > 1:
        assert n is None
        return
    assert n is not None
    assert n == 1 or chance(n - 1, least, least + better, confidence) < power + 1e-9
    assert all(chance(later, least, least + better, confidence) >= power - 1e-9 for later in range(n, n + 30, 3))


def test_a_model_without_errors_needs_as_many_as_wilson_says() -> None:
    """There is no luck in it: its lower bound is n / (n + z²)."""
    n = examples_to_pass(0.95, 0.05)
    assert n == 73
    lower = [proportion_confint(k, k, method="wilson")[0] for k in (n - 1, n)]
    assert lower[0] < 0.95 <= lower[1]
    assert examples_to_pass(0.95, 0.06) is None
    assert examples_to_pass(0.9, 0.1) is not None  # 0.9 + 0.1 is 1, whatever floating point makes of it


def test_the_gate_itself_passes_as_often_as_promised() -> None:
    wanted = load({"thresholds": [{"metric": "accuracy", "min": 0.9}]})
    [need] = needs(wanted)
    n = need.n[POINTS.index(0.05)]
    assert n is not None
    power = []
    for size in (n - 1, n):
        enough = next(hits for hits in range(round(0.9 * size), size) if _passes(hits, size, wanted))
        power.append(stats.binom.sf(enough - 1, size, 0.95))
    assert power[0] < POWER <= power[1]


def _passes(hits: int, n: int, wanted: object) -> bool:
    frame = pd.DataFrame({"label": ["a"] * n, "prediction": ["a"] * hits + ["b"] * (n - hits)})
    return decide(evaluate(frame, requirements=wanted)).outcome is Outcome.PASS  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(("margin", "better"), [(0.03, 0.0), (0.02, 0.01), (0.05, -0.01)])
def test_a_baseline_is_held_as_often_as_promised(margin: float, better: float) -> None:
    rng = np.random.default_rng(1)
    n = examples_against_baseline(margin, better)
    assert n is not None
    threshold = {"metric": "accuracy", "not_worse_than": "baseline", "margin": margin}
    wanted = load({"thresholds": [threshold]})
    kinds = [(DISAGREE + better) / 2, (DISAGREE - better) / 2, 0.85, 0.15 - DISAGREE]
    outcomes = []
    for _ in range(200):
        fixed, broken, both, neither = rng.multinomial(n, kinds)
        new = ["a"] * (fixed + both) + ["b"] * (broken + neither)
        old = ["b"] * fixed + ["a"] * both + ["a"] * broken + ["b"] * neither
        frame = pd.DataFrame({"label": "a", "new": new, "old": old})
        a, b = (evaluate(frame, prediction=name, requirements=wanted) for name in ("new", "old"))
        outcomes.append(decide(a, comparison=compare_evaluations(a, b)).outcome is Outcome.PASS)
    assert abs(np.mean(outcomes) - POWER) < 0.09  # three standard errors of 200 simulations


def test_what_cannot_be_held_against_a_baseline_has_no_number() -> None:
    assert examples_against_baseline(0.0, 0.0) is None
    assert examples_against_baseline(0.01, -0.01) is None
    assert examples_against_baseline(0.5, 1.0) is None


def test_only_what_a_number_of_examples_decides_is_planned() -> None:
    wanted = load(
        {
            "slices": ["channel"],
            "thresholds": [
                {"metric": "accuracy", "every": "channel", "min": 0.85},
                {"metric": "f1_macro", "min": 0.85},
                {"metric": "latency_ms_p95", "max": 50},
                {"metric": "recall", "class": "neg", "min": 0.9, "slice": "channel=app"},
                {"metric": "precision", "class": "neg", "max": 0.3},
                {"metric": "accuracy", "min": 1.0},
                {"metric": "accuracy", "min": 0},
                {"metric": "f1_macro", "not_worse_than": "baseline"},
                {"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.02},
            ],
        }
    )
    found = {need.number: need for need in needs(wanted)}
    assert {number: need.of for number, need in found.items()} == {
        1: "examples in each channel", 4: "examples of neg in channel=app", 5: "examples answered neg", 9: "examples",
    }  # fmt: skip
    assert found[5].n[0] == examples_to_pass(0.7, 0.01)  # at most 0.3 wrong is at least 0.7 right
    assert [need.as_good for need in found.values()] == [None, None, None, examples_against_baseline(0.02, 0.0)]


def test_no_plan_is_below_what_a_threshold_asks_at_least() -> None:
    threshold = {"metric": "accuracy", "min": 0.1, "min_examples": 5000}
    [need] = needs(load({"thresholds": [threshold]}))
    assert need.n == (examples_to_pass(0.1, 0.01), 5000, 5000, 5000)


def test_rare_classes_and_slices_take_more_examples_as_they_come() -> None:
    classes, slices = {"neg": 0.2, "pos": 0.8}, {"channel": {"app": 0.75, "web": 0.25}}
    recall = Threshold(metric="recall", class_="neg", min=0.9)
    assert to_label(100, Threshold(metric="accuracy", min=0.9), classes, slices) == 100
    assert to_label(100, recall, classes, slices) == 500
    assert to_label(100, replace_with(recall, every="channel"), classes, slices) == 2000
    assert to_label(100, replace_with(recall, slice="channel=app"), classes, slices) == 667
    assert to_label(100, replace_with(recall, slice="channel=tv"), classes, slices) is None
    assert to_label(100, replace_with(recall, every="language"), classes, slices) is None


def replace_with(threshold: Threshold, **changes: str) -> Threshold:
    return threshold.model_copy(update=changes)
