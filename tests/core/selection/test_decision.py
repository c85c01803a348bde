from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.selection.decision import Standing, decide_among
from mlflow_evalplus.core.selection.layouts import layouts
from mlflow_evalplus.core.selection.priorities import utility
from mlflow_evalplus.requirements import SelectionRules
from mlflow_evalplus.results import Difference, Estimate, Gate, Outcome, Verdict
from mlflow_evalplus.results.selection import PairDifference, SelectionDecision
from tests.core.selection.worlds import found, items, questions, select
from tests.generated import inputs

NAN = math.nan
ASKED = questions(40, ("a", "b"))
PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.UNDECIDED
RNG = np.random.default_rng(0)
NOTHING = Difference(0.0, -0.1, 0.1, 1.0, 40)
MORE = Difference(0.2, 0.1, 0.3, 0.01, 40)


def less(found_: Difference) -> Difference:
    return replace(found_, value=-found_.value, lower=-found_.upper, upper=-found_.lower)


def decide(
    outcomes: dict[str, Outcome], apart: set[str] = frozenset(), needed: dict[str, int | None] | None = None,  # type: ignore[assignment]
    gaps: Mapping[str, Difference] = MappingProxyType({}), where: str = "a", **money: Any,
) -> SelectionDecision:  # fmt: skip
    """Decide among candidates in the order of their utility; `apart` holds pairs such as ``xy``, x above y."""
    needed = needed or {}
    facts = {name: found(ASKED, np.ones(40), **({"money": money[name]} if name in money else {})) for name in outcomes}
    valued = utility(facts, layouts(ASKED, {}), SelectionRules(), "accuracy")
    standings = []
    for i, (name, outcome) in enumerate(outcomes.items()):
        gate = Gate(f"{name}'s gate", outcome, f"{name}'s gate: why", Estimate(0.5, 0.4, 0.6, 20), 80, where)
        score = Estimate(0.9 - i / 100, 0.8, 0.95, 40)
        standings.append(Standing(name, 0.9 - i / 10, score, Verdict(outcome, (gate,))))
    pairs = []
    for a, b in combinations(outcomes, 2):
        found_ = MORE if a + b in apart else less(MORE) if b + a in apart else gaps.get(a + b, NOTHING)
        p_holm = 0.01 if {a + b, b + a} & apart else 0.5
        pairs.append(PairDifference(a, b, found_, found_, p_holm, {}, needed.get(a + b)))
    return decide_among(standings, pairs, valued, 0.95, {"": 40, "a": 20})


def test_the_best_is_chosen_where_it_is_told_apart_from_all_that_pass() -> None:
    made = decide({"w": FAIL, "x": PASS, "y": PASS, "z": OPEN}, {"xy"})
    assert (made.outcome, made.chosen, made.tied, made.n_needed) == ("choose", "x", ("x",), None)
    assert made.reason.startswith("Take x: it clears every gate and has the highest utility (accuracy first), 0.800,")
    assert "Not decided: z" in made.reason


def test_the_only_one_that_passes_is_chosen() -> None:
    made = decide({"w": FAIL, "x": PASS})
    assert (made.outcome, made.chosen) == ("choose", "x")
    assert made.reason == "Take x: it clears every gate, and the only one of 2 that does."
    open_ = decide({"v": FAIL, "w": OPEN, "x": PASS, "y": OPEN})
    assert open_.reason.endswith("Not decided: w, y, of which a gate is open; w measures better than x.")


def test_of_those_that_cannot_be_told_apart_the_cheapest_is_taken() -> None:
    dear, cheap = RNG.gamma(9, 1, 40), RNG.gamma(9, 0.2, 40)
    made = decide({"x": PASS, "y": PASS, "z": PASS}, {"xz"}, {"xy": 300}, x=dear, y=cheap, z=cheap / 9)
    assert (made.outcome, made.chosen, made.tied, made.n_needed) == ("tied", "y", ("x", "y"), 300)
    assert made.reason.startswith("Take y, the cheapest of 2 that clear every gate and cannot be told apart")
    assert "about 300 questions in all" in made.reason


def test_the_cheapest_must_be_so_beyond_doubt() -> None:
    made = decide({"x": PASS, "y": PASS}, x=RNG.gamma(9, 1, 40), y=RNG.gamma(9, 1.01, 40))
    assert (made.outcome, made.chosen, made.n_needed) == ("tied", "", None)
    assert "none cheapest beyond doubt: x, y (accuracy first)" in made.reason
    assert "no realistic number of questions" in made.reason
    unknown = decide({"x": PASS, "y": PASS})
    assert (unknown.chosen, unknown.front) == ("", ())
    assert "what they cost is not known" in unknown.reason


def test_who_measures_far_below_the_best_is_not_taken_for_being_cheap() -> None:
    dear, cheap = RNG.gamma(9, 1, 40), RNG.gamma(9, 0.2, 40)
    far, near = Difference(0.12, -0.02, 0.26, 0.09, 40), Difference(0.05, -0.09, 0.19, 0.4, 40)
    two = {"x": PASS, "y": PASS}
    made = decide(two, needed={"xy": 90}, gaps={"xy": far}, x=dear, y=cheap)
    assert (made.outcome, made.chosen, made.tied, made.n_needed) == ("tied", "", ("x", "y"), 90)
    assert "but x measures more than 5 points better, too much for a draw: x, y" in made.reason
    assert "about 90 questions in all" in made.reason
    both = decide(two, gaps={"xy": far}, x=cheap, y=dear)
    assert both.chosen == "x", "better and cheaper"
    assert both.reason.startswith("Take x, the cheapest of 2 that")
    named = decide(two, gaps={"xy": near}, x=dear, y=cheap)
    assert named.chosen == "y"
    assert named.reason.endswith("At worst, by the 95 % interval, y scores 19.0 points below x.")
    three = decide({**two, "z": PASS}, gaps={"xz": far, "xy": near}, x=dear, y=cheap, z=cheap / 9)
    assert (three.chosen, three.tied) == ("y", ("x", "y", "z"))
    assert three.reason.startswith("Take y, the cheapest of the 2 that measure best, of 3 that clear every gate")


def test_the_questions_of_both_go_before_a_utility_of_fewer_questions() -> None:
    """One that left the hard ones out may have the higher utility, and be worse wherever both answered."""
    made = decide({"x": PASS, "y": PASS}, {"yx"})
    assert (made.outcome, made.chosen, made.tied) == ("choose", "y", ("y",))
    assert "on the questions that both answered" in made.reason
    assert "x measures higher only as the two did not answer the same questions" in made.reason
    assert decide({"x": PASS, "y": PASS, "z": PASS}, {"yx", "yz"}).tied == ("y",)
    circle = decide({"x": PASS, "y": PASS, "z": PASS}, {"yx", "zy", "xz"})
    assert (circle.outcome, circle.tied) == ("tied", ("x", "y"))


def test_of_the_tied_none_is_shown_to_be_below_another() -> None:
    """x is tied with y and z, and y is above z: z is no draw, though it cannot be told apart from the best."""
    made = decide({"x": PASS, "y": PASS, "z": PASS}, {"yz"}, x=np.full(40, 3.0), y=np.full(40, 2.0), z=np.full(40, 1.0))
    assert (made.outcome, made.tied, made.chosen) == ("tied", ("x", "y"), "y")


def test_a_priority_that_is_not_known_is_not_said_to_come_first() -> None:
    facts = {name: found(ASKED, np.ones(40)) for name in "xy"}
    valued = utility(facts, layouts(ASKED, {}), SelectionRules(), "cost")
    passed = Verdict(PASS, (Gate("g", PASS, "g"),))
    standings = [Standing(name, 0.9, Estimate(0.9, 0.8, 0.95, 40), passed) for name in "xy"]
    pair = PairDifference("x", "y", NOTHING, NOTHING, 0.5, {})
    assert "(cost first, but it is not known)" in decide_among(standings, [pair], valued, 0.95, {"": 40}).reason


def test_who_cannot_be_compared_is_not_said_to_be_as_good() -> None:
    nothing = Difference(NAN, NAN, NAN, NAN, 20)
    made = decide({"x": PASS, "y": PASS}, gaps={"xy": nothing}, x=np.full(40, 2.0), y=np.full(40, 1.0))
    assert (made.outcome, made.chosen, made.n_needed) == ("tied", "", None)
    assert "no question that both answered, so they cannot be compared" in made.reason


def test_n_needed_is_that_of_the_closest_rival_and_none_where_one_is_the_same() -> None:
    three = {"x": PASS, "y": PASS, "z": PASS}
    assert decide(three, needed={"xy": 300, "xz": 200, "yz": 999}).n_needed == 300
    assert decide(three, needed={"xy": 300, "xz": None, "yz": 999}).n_needed is None


def test_none_where_every_one_fails_and_undecided_where_a_gate_is_open() -> None:
    none = decide({"x": FAIL, "y": FAIL})
    assert (none.outcome, none.chosen, none.tied) == ("none", "", ())
    assert none.reason == "Take none: every candidate fails a gate; x, x's gate: why."
    open_ = decide({"x": FAIL, "y": OPEN})
    # 80 questions of dimension a, which 20 of 40 are of
    assert (open_.outcome, open_.chosen, open_.n_needed) == ("undecided", "", 160)
    assert "y, y's gate: why" in open_.reason
    assert "in all" not in open_.reason, "80 more of a are needed, not so many of every kind"
    whole = decide({"y": OPEN}, where="")
    assert whole.n_needed == 80
    assert whole.reason.endswith("why. About 80 questions in all would decide it at the present values.")


def test_the_front_is_of_those_that_no_other_beats_in_score_and_cost() -> None:
    made = decide({"x": PASS, "y": PASS, "z": PASS}, x=np.full(40, 2.0), y=np.full(40, 1.0), z=np.full(40, 1.5))
    assert made.front == ("x", "y")


@settings(deadline=None, max_examples=inputs(100))
@given(
    st.lists(st.sampled_from([PASS, FAIL, OPEN]), min_size=1, max_size=4),
    st.sets(st.sampled_from(["ab", "ac", "ad", "bc", "bd", "cd"])), st.booleans(),
)  # fmt: skip
def test_only_who_passes_is_ever_taken(outcomes: list[Outcome], apart: set[str], priced: bool) -> None:
    named = dict(zip("abcd", outcomes, strict=False))
    made = decide(named, apart, None, **({name: np.full(40, 1.0 + ord(name)) for name in named} if priced else {}))
    passing = [name for name, outcome in named.items() if outcome is PASS]
    assert set(made.tied) <= set(passing)
    assert made.chosen in (*made.tied, "")
    assert made.reason.endswith(".")
    if not passing:
        assert made.outcome == ("undecided" if OPEN in outcomes else "none")
    else:
        level = [name for name in passing[1:] if passing[0] + name not in apart]
        rivals = [name for name in level if not any(other + name in apart for other in level)]
        assert made.tied == (passing[0], *rivals)
        assert made.outcome == ("tied" if rivals else "choose")
        assert made.chosen or rivals
        if rivals and priced:
            assert made.chosen == passing[0], "named by the alphabet, they get dearer"


def test_a_nan_utility_is_never_taken() -> None:
    facts = {"x": found(ASKED, np.ones(40))}
    valued = utility(facts, layouts(ASKED, {}), SelectionRules(), "accuracy")
    passed = Verdict(PASS, (Gate("g", PASS, "g"),))
    standing = Standing("x", NAN, Estimate(NAN, NAN, NAN, 0), passed)
    made = decide_among([standing], [], valued, 0.95, {"": 40})
    assert (made.outcome, made.chosen) == ("undecided", "")
    assert "x has no utility" in made.reason
    assert decide_among([replace(standing, utility=0.5)], [], valued, 0.95, {"": 40}).outcome == "choose"


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_how_often_one_of_two_is_chosen(gap: float) -> None:
    """Two that are alike are told apart at most about 1 time in 20; with 30 points between them nearly always."""
    rng, chosen, rounds = np.random.default_rng(1), 0, 30
    asked = questions(100, ("a", "b"))
    for _ in range(rounds):
        made = select(asked, {
            name: items(asked, (rng.random(100) < rate) * 1.0) for name, rate in (("x", 0.85), ("y", 0.85 - gap))
        })  # fmt: skip
        chosen += made.decision.outcome == "choose"
    assert (chosen <= 5) if gap == 0 else (chosen >= 27)
