from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.monitoring.drop import NOTHING, Answers, answers_of, difference, p_worse, too_few
from tests.core.monitoring.streams import at_most, judged


def answers(right: int, wrong: int, **columns: Any) -> Answers:
    frame = pd.DataFrame({"label": ["a"] * (right + wrong), "prediction": ["a"] * right + ["b"] * wrong} | columns)
    return answers_of(evaluate(frame, **{column: column for column in columns}))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 200), st.integers(1, 60))
def test_a_drop_has_newcombes_interval_and_the_pooled_or_the_exact_test(a: int, b: int, c: int, d: int) -> None:
    here, there = answers(a, b), answers(c, d)
    found = difference(here, there)
    assert found is not None
    low, high = confint_proportions_2indep(a, a + b, c, c + d, method="newcomb", compare="diff")
    assert (found.lower, found.upper) == (pytest.approx(low), pytest.approx(high))
    if min(a + b, c + d) >= 30 and stats.contingency.expected_freq([[a, b], [c, d]]).min() >= 5:
        expected = proportions_ztest([a, c], [a + b, c + d], alternative="smaller")[1]
    else:
        expected = stats.fisher_exact([[a, b], [c, d]], alternative="less").pvalue
    assert p_worse(here, there) == pytest.approx(expected)


def test_few_rows_raise_no_more_false_alarms_and_a_window_of_wrong_answers_is_seen() -> None:
    """By enumeration of what is likely: the score test raises 2.7 false alarms in 100 here, 2.5 are allowed."""
    n, m, accuracy = 20, 40, 0.5
    likely = [(a, b) for a in range(4, 17) for b in range(11, 30)]
    share = {(a, b): stats.binom.pmf(a, n, accuracy) * stats.binom.pmf(b, m, accuracy) for a, b in likely}
    here, there = ([judged(np.arange(size) < right) for right in range(size + 1)] for size in (n, m))
    alarms = [(a, b) for a, b in likely if p_worse(here[a], there[b]) < 0.025]
    size = sum(share[pair] for pair in alarms)
    assert 0.005 < size < size + 1 - sum(share.values()) < 0.025
    assert p_worse(answers(0, 5), answers(5, 0)) == pytest.approx(1 / 252)


def test_clusters_and_weights_make_a_drop_less_sure() -> None:
    same = [f"c{i // 10}" for i in range(200)]
    alone = p_worse(answers(150, 50), answers(180, 20))
    clustered = p_worse(answers(150, 50, cluster=same), answers(180, 20, cluster=same))
    weights = np.resize([1.0, 9.0], 200)
    weighted = p_worse(answers(150, 50, weight=weights), answers(180, 20, weight=weights))
    assert alone < 0.001 < clustered
    assert alone < weighted


def test_without_labelled_rows_there_is_no_drop() -> None:
    assert difference(NOTHING, answers(9, 1)) is None
    assert math.isnan(p_worse(NOTHING, answers(9, 1)))


def test_a_window_without_an_error_has_not_dropped_and_one_without_a_right_answer_has() -> None:
    assert p_worse(answers(50, 0), answers(50, 0)) == 1
    assert p_worse(answers(0, 50), answers(50, 0)) < 1e-20
    clusters = [f"c{i}" for i in range(50)]
    assert p_worse(answers(50, 0, cluster=clusters), answers(50, 0, cluster=clusters)) == 1


def sampled(rng: np.random.Generator, n: int, accuracy: float, kind: str) -> Answers:
    """Return answers of a model, weighted 1 or 2, or two rows a cluster."""
    right = rng.random(n) < accuracy
    return judged(right, rng.choice([1.0, 2.0], n)) if kind == "weighted" else judged(right, who=np.arange(n) // 2)


@pytest.mark.parametrize("kind", ["weighted", "clustered"])
@pytest.mark.parametrize(("n_reference", "accuracy"), [(60, 0.97), (100, 0.99), (300, 0.99)])
def test_a_reference_that_is_nearly_all_right_raises_no_more_false_alarms(
    kind: str, n_reference: int, accuracy: float
) -> None:
    """Wald's test has no variance on the side without errors: a third of the windows raised an alert."""
    rng, n = np.random.default_rng(1), 120
    p_values = [
        p_worse(sampled(rng, 1000, accuracy, kind), sampled(rng, n_reference, accuracy, kind)) for _ in range(n)
    ]
    assert sum(p < 0.025 for p in p_values) <= at_most(0.025, n)


def test_equal_weights_and_clusters_of_one_row_are_tested_as_rows_are() -> None:
    alone = p_worse(answers(150, 50), answers(160, 40))
    weighted = p_worse(answers(150, 50, weight=np.full(200, 3.0)), answers(160, 40, weight=np.full(200, 3.0)))
    own = [f"c{i}" for i in range(200)]
    clustered = p_worse(answers(150, 50, cluster=own), answers(160, 40, cluster=own))
    assert weighted == pytest.approx(alone)
    assert clustered == pytest.approx(alone, rel=0.05)


def test_one_customer_tells_nothing_of_the_others() -> None:
    here, there = answers(20, 20, cluster=["c1"] * 40), answers(90, 10, cluster=[f"c{i}" for i in range(100)])
    assert math.isnan(p_worse(here, there))
    assert too_few(here, there) == (
        "the window's labelled rows come down to 1 cluster (customer), at least 5 are needed"
    )
    assert "the reference's labelled rows" in too_few(there, here)
    found = difference(here, there)
    assert found is not None
    assert math.isnan(found.p_value)
    uneven = answers(20, 20, weight=np.append(np.ones(39), 1000.0))
    assert "come down to 1.08 effective rows" in too_few(there, uneven)
    assert too_few(there, there) == ""
