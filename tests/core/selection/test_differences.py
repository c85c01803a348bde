from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from mlflow_evalplus.core.selection.differences import combined, paired
from mlflow_evalplus.core.selection.layouts import Layout
from tests.core.selection.test_estimates import layout, samples
from tests.generated import inputs

NAN = math.nan


def test_a_paired_difference_of_right_and_wrong_answers_is_mcnemars() -> None:
    a = np.array([1.0] * 60 + [1.0] * 30 + [0.0] * 10 + [0.0] * 300)
    b = np.array([1.0] * 60 + [0.0] * 30 + [1.0] * 10 + [0.0] * 300)
    found = paired(a, b, layout(400), 0.95).difference(1.0)
    assert found.value == pytest.approx(0.05)
    expected = mcnemar([[60, 30], [10, 300]], exact=False, correction=False).pvalue
    assert found.p_value == pytest.approx(expected, rel=0.15)
    assert found.n == 400


@settings(deadline=None, max_examples=inputs(100))
@given(samples(), st.integers(0, 2**32 - 1))
def test_a_difference_turned_round_is_the_same_turned_round(sample: tuple[np.ndarray, Layout], seed: int) -> None:
    a, made = sample
    b = np.random.default_rng(seed).permutation(a)
    one, other = (paired(x, y, made, 0.95).difference(1.0) for x, y in ((a, b), (b, a)))
    assert one.value == pytest.approx(-other.value, abs=1e-12, nan_ok=True)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-9, nan_ok=True)
    assert one.p_value == pytest.approx(other.p_value, abs=1e-9, nan_ok=True)
    if not math.isnan(one.lower):
        assert -1 <= one.lower <= one.value <= one.upper <= 1
        assert one.upper - one.lower > 0.01, "a few questions make nobody certain"
        assert (one.p_value < 0.05) <= (one.lower > -1e-12 or one.upper < 1e-12)


def test_only_questions_that_both_have_are_paired() -> None:
    a, b = np.array([1.0, 1.0, NAN, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, NAN, 1.0])
    found = paired(a, b, layout(5), 0.95).difference(1.0)
    assert (found.n, found.value) == (3, pytest.approx(1 / 3))


def test_where_nothing_differs_the_interval_is_not_empty_and_p_is_1() -> None:
    found = paired(np.ones(80), np.ones(80), layout(80), 0.95).difference(1.0)
    assert (found.value, found.p_value) == (0, 1)
    assert found.upper == -found.lower > 0.03
    few = paired(np.ones(3), np.zeros(3), layout(3), 0.95).difference(1.0)
    assert few.p_value > 0.05, "three questions tell nobody apart"


def test_money_that_differs_by_the_same_on_every_question_is_told_apart_by_many_and_not_by_few() -> None:
    many, few = (paired(np.full(n, 2.0), np.ones(n), layout(n), 0.95, bounded=False).p_value for n in (30, 3))
    assert many < 1e-4
    assert few > 0.05


def test_a_sum_of_differences_is_the_difference_of_the_sums() -> None:
    rng = np.random.default_rng(4)
    parts = [(rng.random(120), rng.random(120)) for _ in range(2)]
    made = layout(120)
    each = [(weight, paired(a, b, made, 0.95)) for weight, (a, b) in zip((0.7, 0.3), parts, strict=True)]
    found = combined(each, made.clusters, 0.95)
    whole = paired(*(0.7 * x + 0.3 * y for x, y in zip(*parts, strict=True)), made, 0.95)
    assert found.mean.value == pytest.approx(whole.mean.value)
    assert found.mean.variance == pytest.approx(whole.mean.variance)
    assert found.below >= found.z * math.sqrt(found.mean.variance) - 1e-12
    assert found.p_value == pytest.approx(whole.p_value, rel=0.1)


def test_a_part_in_which_nothing_differs_leaves_the_sum_in_doubt() -> None:
    made = layout(30)
    alike, cheaper = paired(np.ones(30), np.ones(30), made, 0.95), paired(np.full(30, 0.5), np.zeros(30), made, 0.95)
    found = combined([(0.9, alike), (0.1, cheaper)], made.clusters, 0.95)
    assert found.mean.value == pytest.approx(0.05)
    assert found.p_value > 0.05


def test_two_that_are_alike_are_told_apart_at_most_as_often_as_is_said() -> None:
    rng, wrong, rounds = np.random.default_rng(6), 0, 600
    made = layout(120, np.repeat(np.arange(60), 2))
    for _ in range(rounds):
        hard = np.repeat(rng.normal(size=60), 2)
        a, b = ((hard + rng.normal(size=120) < 1) * 1.0 for _ in range(2))
        wrong += paired(a, b, made, 0.95).p_value < 0.05
    assert 0.015 <= wrong / rounds <= 0.07
