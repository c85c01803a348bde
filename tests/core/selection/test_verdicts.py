from __future__ import annotations

import math
from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.core.online.krippendorff import alpha
from mlflow_evalplus.core.selection.verdicts import JudgeVerdict, Pairwise, Preference, combined, judging, outcomes
from mlflow_evalplus.errors import DataError

NAN = math.nan
verdicts = st.lists(
    st.builds(JudgeVerdict, st.sampled_from("jkl"), st.sampled_from("xy"), st.sampled_from(["W1", "W2"]),
              st.integers(0, 1), st.sampled_from([0.0, 0.3, 0.5, 1.0, NAN, -1.0, 7.0, math.inf])),
    max_size=12,
)  # fmt: skip


@pytest.mark.parametrize(("how", "expected"), [("median", median), ("mean", mean)])
@given(drawn=verdicts)
def test_an_unusable_verdict_is_missing_and_never_0(how: str, expected: object, drawn: list[JudgeVerdict]) -> None:
    found = combined(drawn, how)
    assert set(found) == {(v.candidate, v.question, v.repeat) for v in drawn}
    for key, value in found.items():
        usable = [v.value for v in drawn if (v.candidate, v.question, v.repeat) == key and 0 <= v.value <= 1]
        assert (value == pytest.approx(expected(usable))) if usable else math.isnan(value)  # type: ignore[operator]


def test_another_way_to_combine_is_refused() -> None:
    with pytest.raises(DataError, match=r"one of \['median', 'mean'\], not by 'medain'. Did you mean 'median'"):
        combined([], "medain")


def both(winner: str, other: str, judge: str = "j", question: str = "W1") -> list[Preference]:
    return [Preference(judge, question, "x", "y", winner), Preference(judge, question, "y", "x", other)]


@pytest.mark.parametrize(
    ("winner", "other", "points", "flipped"),
    [
        ("a", "b", 1.0, 0.0), ("b", "a", 0.0, 0.0), ("tie", "tie", 0.5, 0.0),
        ("a", "a", 0.5, 1.0), ("b", "b", 0.5, 1.0), ("a", "tie", 0.5, 1.0), ("tie", "a", 0.5, 1.0),
    ],
)  # fmt: skip
def test_a_win_is_one_only_where_both_orders_agree(winner: str, other: str, points: float, flipped: float) -> None:
    assert outcomes(both(winner, other)) == ([Pairwise("j", "W1", "x", "y", points)], flipped)
    assert outcomes(both(winner, other)[::-1]) == ([Pairwise("j", "W1", "x", "y", points)], flipped)


def test_a_pair_in_one_order_is_left_out() -> None:
    one_order = [*both("a", ""), Preference("k", "W1", "y", "x", "a"), Preference("k", "W1", "y", "x", "a")]
    decided, flipped = outcomes(one_order)
    assert decided == []
    assert math.isnan(flipped)
    assert outcomes([*one_order, *both("a", "a", "m"), *both("a", "b", "m", "W2")])[1] == 0.5


@pytest.mark.parametrize(
    ("said", "match"),
    [(Preference("j", "W1", "x", "x", "a"), "against itself"), (Preference("j", "W1", "x", "y", "x"), "got 'x'")],
)
def test_what_is_no_preference_is_refused(said: Preference, match: str) -> None:
    with pytest.raises(DataError, match=match):
        outcomes([said])


def test_agreement_is_over_answers_with_two_usable_verdicts() -> None:
    rng = np.random.default_rng(0)
    true = rng.random(30)
    given_values = {j: np.clip(true + rng.normal(0, 0.1, 30), 0, 1) for j in "jkl"}
    given_values["l"][:10] = NAN
    said = [JudgeVerdict(j, "x", f"W{q}", 0, float(v)) for j, own in given_values.items() for q, v in enumerate(own)]
    lonely = JudgeVerdict("j", "y", "W0", 0, 0.0)
    found = judging([*said, lonely])
    usable = [v for v in said if not math.isnan(v.value)]
    items = np.array([int(v.question[1:]) for v in usable])
    expected = alpha(np.array([v.value for v in usable]), items, "interval")
    assert found.agreement is not None
    assert (found.agreement.value, found.agreement.n) == (pytest.approx(expected.value), 30)
    assert (found.judges, found.n_verdicts, found.n_unusable) == (("j", "k", "l"), 91, 10)
    assert math.isnan(found.flipped)


def test_where_only_pairs_were_judged_the_agreement_is_theirs() -> None:
    said = [p for j in "jk" for q in range(20) for p in both("ab"[q % 2], "ba"[q % 2], j, f"W{q}")]
    found = judging([], [*said, *both("a", "", "j", "W99")])
    assert found.agreement is not None
    assert (found.agreement.value, found.agreement.n, found.flipped) == (1.0, 20, 0.0)
    assert (found.n_verdicts, found.n_unusable) == (82, 1)


def test_one_judge_agrees_with_nobody() -> None:
    assert judging([JudgeVerdict("j", "x", "W1", 0, 0.5)], both("a", "b")).agreement is None
