from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.layouts import layouts
from mlflow_evalplus.core.selection.priorities import PRIORITIES, Utility, utility
from mlflow_evalplus.requirements import SelectionRules
from tests.core.selection.worlds import found, questions

NAN = math.nan
ASKED = questions(100, ("a", "b"))


def valued(facts: dict[str, Facts], priority: str = "accuracy", **weights: float) -> Utility:
    return utility(facts, layouts(ASKED, {}), SelectionRules(weights=weights), priority)


def asked(rate: float, seed: int = 0, repeats: int = 2, **more: Any) -> Facts:
    rng = np.random.default_rng(seed)
    return found(ASKED, (rng.random((100, repeats)) < rate) * 1.0, **more)


def with_stability(facts: Facts, value: float) -> Facts:
    facts.columns["stability"] = np.full(100, value)
    return facts


@pytest.mark.parametrize("priority", PRIORITIES)
def test_the_utility_is_the_weighted_mean_of_its_parts(priority: str) -> None:
    facts = {
        "a": with_stability(asked(0.9, money=0.004, fluency=0.8), 0.9),
        "b": with_stability(asked(0.7, 1, money=0.001, fluency=1.0), 0.6),
    }
    made = valued(facts, priority)
    assert sum(made.weights.values()) == pytest.approx(1)
    assert max(made.weights, key=lambda part: made.weights[part]) == priority
    parts = made.parts("b")
    assert parts["accuracy"] == pytest.approx(np.mean([facts["b"]["score"][d::4].mean() for d in (0, 1, 2, 3)]))
    assert (parts["fluency"], parts["stability"], parts["cost"]) == pytest.approx((1.0, 0.6, 0.75))
    assert made.parts("a")["cost"] == pytest.approx(0)
    assert made.value("b") == pytest.approx(sum(PRIORITIES[priority][part] * value for part, value in parts.items()))
    difference = made.difference("a", "b", 0.95).difference()
    assert difference.value == pytest.approx(made.value("a") - made.value("b"))
    assert difference.lower < difference.value < difference.upper
    assert made.notes == ()


def test_own_weights_go_before_the_priority() -> None:
    made = valued({"a": asked(0.9, money=1.0), "b": asked(0.8, money=2.0)}, "cost", accuracy=3, cost=1)
    assert (made.priority, made.weights) == ("weights", {"accuracy": 0.75, "cost": 0.25})


def test_a_part_that_is_not_known_of_one_is_left_out_for_all_and_said() -> None:
    made = valued({"a": with_stability(asked(0.9, money=1.0), 1.0), "b": asked(0.8, money=2.0)})
    assert set(made.weights) == {"accuracy", "fluency", "cost"}
    assert sum(made.weights.values()) == pytest.approx(1)
    assert made.notes == ("Stability is left out of the utility: it is not known of b.",)


def test_a_part_known_of_one_cluster_does_not_blur_all_the_others() -> None:
    """One pair of twins has no spread: with it no utility could be told from another."""
    known = np.where(np.arange(100) < 2, 1.0, NAN)
    good, bad = asked(0.95, repeats=1), asked(0.4, 1, repeats=1)
    for each in (good, bad):
        each.columns["stability"] = known
    made = valued({"a": good, "b": bad})
    assert "stability" not in made.weights
    assert "Stability is left out of the utility: known on too few questions of a, b." in made.notes
    assert made.difference("a", "b", 0.95).p_value < 1e-6


def test_without_a_price_the_cost_is_the_median_latency() -> None:
    rng = np.random.default_rng(5)
    quick, slow = rng.gamma(4, 0.25, (100, 2)), rng.gamma(4, 1, (100, 2))
    made = valued({"a": asked(0.9, seconds=quick, money=0.1), "b": asked(0.8, seconds=slow)})
    assert made.cost == "latency_ms_p50"
    assert made.parts("a")["cost"] == pytest.approx(1 - np.median(quick) / np.median(slow))
    assert "Cost is the median latency: no price is known of b." in made.notes


def test_the_medians_standard_error_is_that_of_the_bootstrap() -> None:
    rng = np.random.default_rng(6)
    seconds = rng.gamma(4, 0.25, (100, 1))
    made = valued({"a": asked(0.9, 0, 1, seconds=seconds), "b": asked(0.9, 0, 1, seconds=np.full((100, 1), 2.0))})
    error = math.sqrt(made.of_part("cost", "a", "b", 0.95).mean.variance) * 2.0
    drawn = np.median(rng.choice(seconds[:, 0], (4000, 100)), axis=1)
    assert error == pytest.approx(drawn.std(), rel=0.35)


@pytest.mark.parametrize("dearest", ["a", "b", "c"])
def test_the_scale_of_the_cost_is_measured_too(dearest: str) -> None:
    """The standard error is at least that of a bootstrap by cluster that takes the largest mean anew."""
    rng = np.random.default_rng(8)
    prices = dict(zip("abc", (1.0, 2.0, 1.5), strict=True)) | {dearest: 6.0}
    spread = dict(zip("abc", (0.5, 0.5, 0.5), strict=True)) | {dearest: 1.0}
    money = {name: prices[name] * rng.lognormal(0, spread[name], 100) for name in "abc"}
    made = valued({name: asked(0.8, 1, 1, money=each[:, None]) for name, each in money.items()}, "cost")
    found_ = made.of_part("cost", "a", "b", 0.95)
    assert found_.mean.value == pytest.approx(made.parts("a")["cost"] - made.parts("b")["cost"])
    clusters = rng.integers(0, 50, (4000, 50))
    drawn = {name: each.reshape(50, 2).mean(axis=1)[clusters].mean(axis=1) for name, each in money.items()}
    error = ((drawn["b"] - drawn["a"]) / np.max(list(drawn.values()), axis=0)).std()
    measured = math.sqrt(found_.mean.variance)
    assert measured > 0.93 * error
    if dearest == "c":
        assert measured == pytest.approx(error, rel=0.15)
    assert made.parts(dearest)["cost"] == 0.0


def test_without_price_and_time_the_cost_is_left_out() -> None:
    made = valued({"a": asked(0.9), "b": asked(0.8)})
    assert made.cost == ""
    assert "cost" not in made.weights
    assert "Cost is left out of the utility: no price is known of a, b, no latency of a, b." in made.notes
    priced = valued({"a": asked(0.9, money=1.0), "b": asked(0.8, seconds=1.0)})
    assert "Cost is left out of the utility: no price is known of b, no latency of a." in priced.notes


def test_if_no_weighted_part_is_known_the_accuracy_is_taken() -> None:
    made = valued({"a": asked(0.9), "b": asked(0.8)}, cost=1)
    assert made.weights == {"accuracy": 1.0}
    assert any("the utility is the accuracy" in note for note in made.notes)


def test_a_candidate_that_never_answered_does_not_take_a_part_from_the_others() -> None:
    dead = found(ASKED, np.full((100, 2), NAN))
    made = valued({"a": asked(0.9, money=1.0), "b": asked(0.8, money=2.0), "dead": dead})
    assert "cost" in made.weights
    assert math.isnan(made.value("dead"))
    assert math.isnan(made.difference("a", "dead", 0.95).p_value)


def test_free_candidates_cost_nothing() -> None:
    made = valued({"a": asked(0.9, money=0.0), "b": asked(0.8, money=0.0)})
    assert made.parts("a")["cost"] == made.parts("b")["cost"] == 1


def test_with_accuracy_first_a_free_candidate_makes_up_for_at_most_6_points() -> None:
    weights = PRIORITIES["accuracy"]
    assert weights["cost"] / weights["accuracy"] < 0.06
