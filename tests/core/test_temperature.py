"""Temperature scaling against a general optimiser, a grid, and scores whose temperature is known."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from mlflow_evalplus.core.temperature import COLDEST, HOTTEST, apply_temperature, fit_temperature
from mlflow_evalplus.errors import DataError
from tests.generated import inputs


def loss(scores, labels, temperature):
    logits = np.log(np.clip(scores, 1e-12, 1))
    return -log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()


def drawn(rng, n=400, k=3, sharpness=2.0):
    """Scores of a calibrated model with labels drawn from them."""
    scores = softmax(rng.normal(0, sharpness, (n, k)), axis=1)
    return scores, np.array([rng.choice(k, p=row) for row in scores])


@given(st.integers(0, 2**32), st.integers(2, 5), st.sampled_from([0.2, 0.5, 1.0, 3.0, 8.0]))
@settings(max_examples=inputs(15), deadline=None)
def test_no_other_temperature_makes_the_labels_more_likely(seed, k, true):
    rng = np.random.default_rng(seed)
    scores, labels = drawn(rng, n=120, k=k)
    scores = apply_temperature(scores, 1 / true)
    found = fit_temperature(scores, labels)
    assume(COLDEST < found < HOTTEST)
    start = {"x0": [0.0], "method": "Nelder-Mead", "options": {"xatol": 1e-7}}
    general = minimize(lambda x: loss(scores, labels, np.exp(x[0])), **start)
    assert found == pytest.approx(np.exp(general.x[0]), rel=1e-4)
    assert loss(scores, labels, found) <= min(loss(scores, labels, t) for t in np.geomspace(0.05, 20, 200)) + 1e-12


@pytest.mark.parametrize("true", [0.5, 2.5])
def test_a_temperature_that_was_planted_is_found(true):
    scores, labels = drawn(np.random.default_rng(5), n=8_000)
    assert fit_temperature(apply_temperature(scores, 1 / true), labels) == pytest.approx(true, rel=0.05)


def test_without_an_error_the_scores_stay_as_they_are():
    scores, _ = drawn(np.random.default_rng(1))
    assert fit_temperature(scores, scores.argmax(axis=1)) == 1.0
    assert fit_temperature([[0.5, 0.5]] * 3, [0, 1, 1]) == 1.0
    assert fit_temperature([[0.7, 0.3]], [0]) == 1.0


def test_where_all_are_wrong_the_model_becomes_as_unsure_as_it_may():
    scores, _ = drawn(np.random.default_rng(1))
    assert fit_temperature(scores, scores.argmin(axis=1)) == HOTTEST


def test_one_error_among_many_timid_right_answers_ends_at_the_lower_bound():
    scores = np.array([[0.51, 0.49]] * 100_000 + [[0.5, 0.5]] + [[0.49999, 0.50001]])
    assert fit_temperature(scores, [0] * 100_002) == COLDEST


def test_scores_of_0_and_1_are_clipped_so_that_one_sure_error_costs_no_infinity():
    scores = np.array([[1.0, 0.0]] * 9 + [[0.0, 1.0]])
    found = fit_temperature(scores, [0] * 10)
    assert found == pytest.approx(np.log(1e12) / np.log(9), rel=1e-6)
    assert apply_temperature(scores, found)[0] == pytest.approx([0.9, 0.1], rel=1e-6)


@given(st.integers(0, 2**32), st.floats(0.05, 20))
@settings(max_examples=inputs(25), deadline=None)
def test_temperature_keeps_the_order_and_a_sum_of_1(seed, temperature):
    scores, _ = drawn(np.random.default_rng(seed), n=20, k=4)
    scaled = apply_temperature(scores, temperature)
    assert np.allclose(scaled.sum(axis=1), 1)
    assert (scaled.argmax(axis=1) == scores.argmax(axis=1)).all()
    assert np.allclose(scaled, softmax(np.log(scores) / temperature, axis=1))


def test_the_inverse_temperature_undoes_it():
    scores, _ = drawn(np.random.default_rng(2))
    assert np.allclose(apply_temperature(apply_temperature(scores, 2.0), 0.5), scores)


@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        ([], [], "give one row per example"),
        ([0.5, 0.5], [0, 1], "give one row per example"),
        ([[0.5, 0.5]], [0, 1], "one whole number per row"),
        ([[0.5, 0.5]], ["a"], "one whole number per row"),
        ([[0.5, 0.5]], [0.0], "one whole number per row"),
        ([[0.5, 0.5]], [2], r"columns 0 … 1"),
        ([[0.5, 0.5]], [-1], r"columns 0 … 1"),
        ([[0.5, 0.5], [float("nan"), 0.5]], [0, 1], "1 of 2 rows are no probabilities, first those of row 1"),
        ([[0.9, 0.9]], [0], "no probabilities"),
        ([[1.5, -0.5]], [0], "no probabilities"),
    ],
)
def test_bad_input_gets_one_clear_error(scores, labels, words):
    with pytest.raises(DataError, match=words):
        fit_temperature(scores, labels)


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(DataError, match="give a number above 0"):
        apply_temperature([[0.5, 0.5]], temperature)
