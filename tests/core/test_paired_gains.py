"""What rows that become right and wrong do to accuracy: SciPy, the comparison of two runs, and error rates."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.paired_gains import gained, share_right, sign_tests
from mlflow_evalplus.core.predictions import Predictions, read
from tests.generated import inputs


def rows_of(gains: np.ndarray, **columns: object) -> tuple[Predictions, pd.DataFrame]:
    """Return rows, and the answers before and after that have these gains."""
    frame = pd.DataFrame(
        {"label": "a", "before": np.where(gains > 0, "b", "a"), "after": np.where(gains < 0, "b", "a")}
    )
    frame = frame.assign(**columns)
    named = {name: name for name in columns}
    return read(frame, prediction="after", **named), frame  # type: ignore[arg-type]


@settings(deadline=None, max_examples=inputs(60))
@given(st.integers(0, 40), st.integers(0, 40))
def test_independent_rows_have_the_p_value_of_the_exact_mcnemar_test(fixed: int, broken: int) -> None:
    gains = np.repeat([1, -1, 0], [fixed, broken, 20])
    found = gained(rows_of(gains)[0], gains)
    if fixed + broken:
        assert found.p_value == pytest.approx(stats.binomtest(fixed, fixed + broken).pvalue)
    else:
        assert math.isnan(found.p_value)
    assert found.value == pytest.approx((fixed - broken) / len(gains))


@pytest.mark.parametrize("columns", [(), ("cluster",), ("weight",), ("cluster", "weight")])
def test_value_and_interval_are_those_of_the_comparison_of_two_runs(columns: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    gains = rng.choice([1, -1, 0], 300, p=[0.1, 0.04, 0.86])
    known = {"cluster": np.arange(300) // 3, "weight": rng.uniform(0.5, 3, 300)}
    given_ = {name: known[name] for name in columns}
    rows, frame = rows_of(gains, **given_)
    options = {"text": "text", "cluster": "cluster" if "cluster" in columns else None,
               "weight": "weight" if "weight" in columns else None}  # fmt: skip
    frame["text"] = [str(place) for place in range(300)]
    after, before = (evaluate(frame, prediction=name, requirements={"task": {"labels": ["a", "b"]}}, **options)
                     for name in ("after", "before"))  # fmt: skip
    expected = compare_evaluations(after, before).metrics["accuracy"]
    found = gained(rows, gains)
    assert (found.value, found.lower, found.upper) == pytest.approx((expected.value, expected.lower, expected.upper))
    right = share_right(rows, gains >= 0)
    accuracy = after.metrics["accuracy"]
    assert (right.value, right.lower, right.upper) == pytest.approx((accuracy.value, accuracy.lower, accuracy.upper))


def test_rows_of_one_cluster_are_one_vote() -> None:
    """Ten rows of one customer that all become right are no more than one."""
    gains = np.array([1] * 10 + [-1] * 2 + [0] * 40)
    cluster = np.array(["x"] * 10 + ["y", "z"] + [f"{place}" for place in range(40)])
    rows = rows_of(gains, cluster=cluster)[0]
    assert gained(rows, gains).p_value == 1  # one for, two against
    assert gained(rows_of(gains)[0], gains).p_value == pytest.approx(stats.binomtest(10, 12).pvalue)


SKEWED = np.array([1] * 14 + [-1] * 40 + [0] * 60)  # 14 customers with a row each; then one with 40
CUSTOMERS = np.array([f"c{place}" for place in range(14)] + ["big"] * 40 + [f"d{place}" for place in range(60)])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("weighted", [False, True])
def test_many_small_customers_do_not_outvote_the_sum(sign: int, weighted: bool) -> None:
    """14 customers of 15 get better, and most rows worse: neither is evidence of the other."""
    columns = {"cluster": CUSTOMERS} | ({"weight": np.full(len(SKEWED), 2.0)} if weighted else {})
    found = gained(rows_of(SKEWED, **columns)[0], sign * SKEWED)
    assert np.sign(found.value) == -sign
    assert found.p_value == 1
    weights = np.where(CUSTOMERS == "big", 10.0, 1.0)
    alone = np.where(np.arange(len(SKEWED)) < 15, sign * SKEWED, 0)  # one row of the large customer
    assert gained(rows_of(SKEWED, weight=weights)[0], alone).p_value > 0.4


@pytest.mark.parametrize("clustered", [False, True])
def test_what_sums_to_nothing_on_average_is_seldom_taken_for_an_effect(clustered: bool) -> None:
    """One customer (row) in three loses twice what each other one wins: the sign test alone would find that often."""
    n, n_sets = 60, 2000
    columns = {"cluster": np.arange(2 * n) // 2} if clustered else {"weight": np.arange(2 * n) % 2 + 1.0}
    rows = rows_of(np.zeros(2 * n, dtype=int), **columns)[0]
    loses = np.random.default_rng(2).random((n_sets, n)) < 1 / 3
    # the first row of a customer wins; both lose, or the second, which weighs twice as much
    gains = np.stack([~loses, np.zeros_like(loses)], axis=2) - np.stack([clustered & loses, loses], axis=2).astype(int)
    sets, places = np.nonzero(gains.reshape(n_sets, -1))
    found = gains.reshape(n_sets, -1)[sets, places]
    p_values = sign_tests(rows, sets, places, found, n_sets)
    assert np.mean(p_values < 0.05) < 0.06
    assert np.mean(stats.binom.cdf(loses.sum(axis=1), n, 0.5) < 0.025) > 0.5


def test_groups_are_tested_apart_and_an_empty_one_is_undefined() -> None:
    rows = rows_of(np.zeros(20, dtype=int))[0]
    groups, places = np.array([0] * 6 + [2] * 4), np.array([*range(6), 0, 1, 2, 3])
    p_values = sign_tests(rows, groups, places, np.array([1] * 6 + [1, 1, -1, -1]), 3)
    assert p_values[0] == pytest.approx(2 / 64)
    assert math.isnan(p_values[1])
    assert p_values[2] == 1


@pytest.mark.parametrize("weighted", [False, True])
def test_chance_alone_is_seldom_taken_for_an_effect(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    weights = {"weight": rng.lognormal(0, 1, 200)} if weighted else {}
    rows = rows_of(np.zeros(200, dtype=int), **weights)[0]
    false = [gained(rows, rng.choice([1, -1, 0], 200, p=[0.06, 0.06, 0.88])).p_value < 0.05 for _ in range(150)]
    assert np.mean(false) < 0.08
