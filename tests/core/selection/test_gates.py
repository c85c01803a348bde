"""No gate is passed by a point, or by what is not known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.gates import gate_of, questions_needed, verdict_of
from mlflow_evalplus.core.selection.layouts import layouts
from mlflow_evalplus.core.selection.measures import Measure
from mlflow_evalplus.requirements import SelectionGate
from mlflow_evalplus.requirements.selection import GATED, OF_TIME, RANGES
from mlflow_evalplus.results import Estimate, Gate, Outcome
from tests.core.selection.worlds import found, questions
from tests.generated import inputs

NAN = math.nan
ASKED = questions(120, ("a", "b"))
MEASURE = Measure(layouts(ASKED, {}), 0.95)


def right(share: float, **more: Any) -> Facts:
    values = np.zeros(120)
    values[: round(120 * share)] = 1.0
    return found(ASKED, np.random.default_rng(0).permutation(values), **more)


def gate(facts: dict[str, Facts] | Facts, name: str = "x", **asked: Any) -> Gate:
    known = facts if isinstance(facts, dict) else {name: facts}
    return gate_of(name, known, SelectionGate(**asked), MEASURE)


def test_the_bound_decides_not_the_point() -> None:
    facts = right(0.9)
    interval = MEASURE.estimate(facts, "score")
    cases = [
        ({"min": interval.lower}, Outcome.PASS),
        ({"min": interval.lower + 1e-9}, Outcome.UNDECIDED),
        ({"min": interval.value}, Outcome.UNDECIDED),
        ({"min": interval.upper + 1e-9}, Outcome.FAIL),
        ({"max": interval.upper}, Outcome.PASS),
        ({"max": interval.upper - 1e-9}, Outcome.UNDECIDED),
        ({"max": interval.lower - 1e-9}, Outcome.FAIL),
    ]
    for bound, outcome in cases:
        assert gate(facts, metric="score", **bound).outcome is outcome, bound


def test_a_gate_may_be_about_a_dimension_a_tag_or_both() -> None:
    values = [1.0 if question.dimension == "a" else 0.0 for question in ASKED]
    facts = found(ASKED, values)
    of = {place: gate(facts, metric="score", min=0.5, **dict(place)) for place in (
        (("dimension", "a"),), (("dimension", "b"),), (("tag", "language=zh"),),
        (("dimension", "a"), ("tag", "language=zh")),
    )}  # fmt: skip
    estimates = [each.estimate for each in of.values() if each.estimate]
    assert [e.value for e in estimates] == pytest.approx([1.0, 0.0, 0.5, 1.0])
    assert [e.n for e in estimates] == [60, 60, 60, 30]
    assert [each.where for each in of.values()] == ["a", "b", "language=zh", "a & language=zh"]


@pytest.mark.parametrize(("rate", "asked"), [(1.0, {"min": 1}), (0.0, {"max": 0})])
def test_what_no_number_of_questions_would_show_is_said(rate: float, asked: dict[str, float]) -> None:
    found_ = gate(right(rate), metric="score", dimension="a" if rate else "b", **asked)
    assert (found_.outcome, found_.n_needed) == (Outcome.UNDECIDED, None)
    assert found_.reason.endswith("and no number of questions would show it: leave a little room")


def test_too_few_questions_decide_nothing() -> None:
    facts = right(1.0)
    few = gate(facts, metric="score", dimension="a", min=0.5, min_questions=61)
    assert few.outcome is Outcome.UNDECIDED
    assert "on 60 questions is too few: at least 61; about 1 more question is needed" in few.reason
    assert gate(facts, metric="score", dimension="a", min=0.5, min_questions=60).outcome is Outcome.PASS


def test_answers_are_not_questions_where_time_is_gated() -> None:
    asked = questions(10)
    facts = found(asked, np.ones((10, 5)), seconds=np.ones((10, 5)))
    few = gate_of(
        "x", {"x": facts}, SelectionGate(metric="latency_ms_p50", max=2000), Measure(layouts(asked, {}), 0.95)
    )
    assert (few.outcome, few.n_needed) == (Outcome.UNDECIDED, None)
    assert "on 10 questions is too few" in few.reason


def test_what_was_not_measured_is_undecided_and_says_so() -> None:
    dead, alive = found(ASKED, np.full(120, NAN)), right(0.9)
    for facts, asked in [
        (dead, {"metric": "score", "min": 0}), (dead, {"metric": "fluency", "min": 0}),
        (alive, {"metric": "cost_per_1000", "max": 1e9}), (alive, {"metric": "latency_ms_p95", "max": 1e9}),
        (alive, {"metric": "tokens_per_s", "min": 0}), (alive, {"metric": "pass_k", "min": 0}),
        (alive, {"metric": "stability", "min": 0}),
    ]:  # fmt: skip
        found_ = gate(facts, **asked)
        assert found_.outcome is Outcome.UNDECIDED
        assert "was not measured" in found_.reason
        assert ("give it a price" in found_.reason) == (asked["metric"] == "cost_per_1000")
    assert gate(dead, metric="coverage", min=0.9).outcome is Outcome.FAIL


def test_time_and_money_are_held_by_their_bounds() -> None:
    rng = np.random.default_rng(1)
    facts = right(0.9, seconds=rng.gamma(4, 0.25, 120), completion_tokens=np.full(120, 50), money=rng.gamma(4, 1, 120))
    p95 = MEASURE.estimate(facts, "latency_ms_p95")
    assert gate(facts, metric="latency_ms_p95", max=p95.value).outcome is Outcome.UNDECIDED
    assert gate(facts, metric="latency_ms_p95", max=p95.lower - 1).outcome is Outcome.FAIL
    assert gate(facts, metric="latency_ms_p50", max=2000.0).outcome is Outcome.PASS
    assert gate(facts, metric="tokens_per_s", min=5).outcome is Outcome.PASS
    money = MEASURE.estimate(facts, "cost_per_1000")
    assert gate(facts, metric="cost_per_1000", max=money.upper).outcome is Outcome.PASS
    assert gate(facts, metric="cost_per_1000", max=money.value).n_needed is None


def test_a_price_that_is_the_same_for_every_question_is_no_measurement() -> None:
    facts = right(0.9, money=np.full(120, 0.001))
    assert gate(facts, metric="cost_per_1000", max=1.0).outcome is Outcome.PASS
    assert gate(facts, metric="cost_per_1000", max=0.999).outcome is Outcome.FAIL


def test_not_worse_than_another_is_held_by_the_paired_difference() -> None:
    facts = {"x": right(0.9), "twin": right(0.9), "bad": right(0.5)}
    within = gate(facts, metric="score", not_worse_than="twin", margin=0.2)
    assert (within.outcome, within.relative) == (Outcome.PASS, True)
    assert gate(facts, metric="score", not_worse_than="twin").outcome is Outcome.UNDECIDED
    assert gate(facts, "bad", metric="score", not_worse_than="x", margin=0.1).outcome is Outcome.FAIL
    dear = {"x": right(0.9, money=np.full(120, 2.0)), "y": right(0.9, money=np.full(120, 1.0))}
    assert gate(dear, "y", metric="cost_per_1000", not_worse_than="x").outcome is Outcome.PASS
    assert gate(dear, "x", metric="cost_per_1000", not_worse_than="y", margin=500).outcome is Outcome.FAIL


def test_the_candidate_that_others_are_held_against_passes_if_it_was_measured() -> None:
    assert gate(right(0.9), metric="score", not_worse_than="x").outcome is Outcome.PASS
    assert gate(right(0.9), metric="pass_k", not_worse_than="x").outcome is Outcome.UNDECIDED


def test_fail_beats_undecided_beats_pass_and_the_plan_says_what_to_ask() -> None:
    facts = {"x": right(0.9)}
    passes, unsure, fails = (SelectionGate(metric="score", min=bound) for bound in (0.5, 0.88, 0.99))
    there = SelectionGate(metric="score", min=0.85, dimension="a")
    assert verdict_of("x", facts, [passes], MEASURE).outcome is Outcome.PASS
    assert verdict_of("x", facts, [passes, unsure], MEASURE).outcome is Outcome.UNDECIDED
    assert verdict_of("x", facts, [passes, unsure, fails], MEASURE).outcome is Outcome.FAIL
    plan = verdict_of("x", facts, [unsure, there], MEASURE).plan
    assert [each.where for each in plan] == ["", "a"]
    assert plan[1].text.endswith("more questions of a, to decide “score in a at least 0.85”.")


def test_so_many_questions_decide_a_gate() -> None:
    """Asked so many times over, the same answers do."""
    asked = SelectionGate(metric="score", min=0.85)
    values = np.random.default_rng(2).permutation([1.0] * 90 + [0.0] * 10)

    def times(n: int) -> Gate:
        many = questions(100 * n, ("a",), twins=False)
        return gate_of("x", {"x": found(many, np.tile(values, n))}, asked, Measure(layouts(many, {}), 0.95))

    needed = times(1).n_needed
    assert needed is not None
    factor = needed / 100
    assert times(math.ceil(factor + 0.3)).outcome is Outcome.PASS
    assert times(math.floor(factor - 0.1)).outcome is Outcome.UNDECIDED


def test_no_number_is_named_where_none_would_do() -> None:
    at = SelectionGate(metric="score", min=0.9)
    assert questions_needed(at, Estimate(0.9, 0.8, 0.95, 100)) is None
    assert questions_needed(at, Estimate(0.95, NAN, NAN, 1)) is None
    assert questions_needed(SelectionGate(metric="score", min=1.0), Estimate(0.9, 0.8, 1.0, 100)) is None
    assert questions_needed(at, Estimate(0.900001, 0.8, 0.95, 100)) is None


def gates() -> st.SearchStrategy[dict[str, Any]]:
    place = st.fixed_dictionaries({}, optional={
        "dimension": st.sampled_from("ab"), "tag": st.sampled_from(["language=zh", "level=odd", "level=none"]),
        "min_questions": st.sampled_from([1, 5, 20]),
    })  # fmt: skip
    bound = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5])

    def of(metric: str) -> st.SearchStrategy[dict[str, Any]]:
        scale = 1.0 if RANGES[metric][1] == 1 else 2000.0
        absolute = st.sampled_from(["min", "max"]).flatmap(lambda k: bound.map(lambda b: {k: b * scale}))
        relative = st.fixed_dictionaries({
            "not_worse_than": st.sampled_from(["x", "y"]), "margin": st.floats(0, 0.99) | st.just(0.0)
        })  # fmt: skip
        sides = absolute if metric in OF_TIME else absolute | relative
        return st.tuples(sides, place).map(lambda pair: {"metric": metric, **pair[0], **pair[1]})

    return st.sampled_from(GATED).flatmap(of)


@st.composite
def candidates(draw: st.DrawFn) -> tuple[dict[str, Facts], Measure]:
    """Few questions and many holes: no answers, no scores, no prices, no times, one repeat or three."""
    n, repeats = draw(st.integers(1, 30)), draw(st.sampled_from([1, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    asked = questions(n, ("a", "b"), twins=draw(st.booleans()), weights=draw(st.sampled_from([(1.0,), (1.0, 3.0)])))
    facts = {}
    for name in "xy":
        holes = draw(st.sampled_from([0.0, 0.5, 1.0]))
        values: Any = draw(st.sampled_from([rng.random((n, repeats)), np.ones((n, repeats)), np.zeros((n, repeats))]))
        values = np.where(rng.random((n, repeats)) < holes, NAN, values)
        more = {}
        for key in ("seconds", "money", "completion_tokens", "first_token_s", "fluency"):
            if draw(st.booleans()):
                more[key] = np.where(rng.random((n, repeats)) < 0.2, NAN, rng.random((n, repeats)))
        if "completion_tokens" in more:
            more["completion_tokens"] = rng.integers(0, 50, (n, repeats))
        facts[name] = found(asked, values, **more)
    return facts, Measure(layouts(asked, {}), 0.95)


@settings(deadline=None, max_examples=inputs(150))
@given(candidates(), st.lists(gates(), min_size=1, max_size=4))
def test_nothing_undefined_ever_passes(made: tuple[dict[str, Facts], Measure], wanted: list[dict[str, Any]]) -> None:
    facts, measure = made
    asked = [SelectionGate(**{**each, "dimension": known(each.get("dimension"), measure)}) for each in wanted]
    verdict = verdict_of("x", facts, asked, measure)
    for rule, each in zip(asked, verdict.gates, strict=True):
        estimate = each.estimate
        if estimate is None or math.isnan(estimate.value) or estimate.n == 0:
            assert each.outcome is Outcome.UNDECIDED
            continue
        low, high = (-estimate.upper, -estimate.lower) if rule.falling else (estimate.lower, estimate.upper)
        bound = -rule.bound if rule.falling else rule.bound
        n = measure.n_questions(facts["x"], rule.metric, rule.dimension or "", rule.tag or "")
        enough = (n if rule.metric in OF_TIME else estimate.n) >= rule.min_questions
        if rule.not_worse_than == "x":
            assert (each.outcome is Outcome.PASS) == enough
            continue
        expected = Outcome.PASS if low >= bound else Outcome.FAIL if high < bound else Outcome.UNDECIDED
        assert each.outcome is (expected if enough else Outcome.UNDECIDED)
        assert each.n_needed is None or each.n_needed > estimate.n
    outcomes = [each.outcome for each in verdict.gates]
    assert (verdict.outcome is Outcome.PASS) == (set(outcomes) == {Outcome.PASS})
    assert (verdict.outcome is Outcome.FAIL) == (Outcome.FAIL in outcomes)


def known(dimension: str | None, measure: Measure) -> str | None:
    return dimension if dimension in measure.layouts.weights else None


@pytest.mark.parametrize("metric", GATED)
def test_every_metric_that_may_be_gated_is_measured(metric: str) -> None:
    rng = np.random.default_rng(4)
    shape = (120, 3)
    facts = found(
        ASKED, (rng.random(shape) < 0.8) * 1.0, seconds=rng.random(shape) + 1, first_token_s=rng.random(shape),
        money=rng.random(shape), completion_tokens=rng.integers(1, 50, shape),
    )  # fmt: skip
    facts.columns["stability"] = rng.random(120)
    estimate = MEASURE.estimate(facts, metric)
    assert estimate.lower <= estimate.value <= estimate.upper
    assert estimate.n >= 120
