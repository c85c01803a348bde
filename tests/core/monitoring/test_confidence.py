from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

from mlflow_evalplus.core.monitoring.confidence import (
    MIN_LABELLED,
    calibrate,
    estimated_accuracy,
    estimated_difference,
)
from tests.core.monitoring.streams import Answered, answered, at_most

RNG = np.random.default_rng(3)
ROWS = answered(1500, RNG, customers=200)


def regression(rows: Answered) -> sm.GLM:
    return sm.GLM(rows.right.astype(float), sm.add_constant(special.logit(rows.sure)), family=sm.families.Binomial())


def test_the_calibration_is_the_logistic_regression_of_statsmodels_with_its_sandwich() -> None:
    found = calibrate(ROWS.sure, ROWS.right.astype(float))
    oracle = regression(ROWS).fit(cov_type="HC0")
    assert found is not None
    assert [found.intercept, found.slope] == pytest.approx(oracle.params, rel=1e-3)
    assert found.covariance == pytest.approx(oracle.cov_params() * 1500 / 1499, rel=5e-3)
    assert found(ROWS.sure).mean() == pytest.approx(ROWS.right.mean(), abs=1e-6)


def test_clusters_make_the_calibration_less_sure_as_they_do_in_statsmodels() -> None:
    found = calibrate(ROWS.sure, ROWS.right.astype(float), clusters=ROWS.who)
    oracle = regression(ROWS).fit(cov_type="cluster", cov_kwds={"groups": ROWS.who, "use_correction": False})
    assert found is not None
    n = len(np.unique(ROWS.who))
    assert found.covariance == pytest.approx(oracle.cov_params() * n / (n - 1), rel=5e-3)
    assert found.units == n
    assert found.correlation > 0.01
    alone = calibrate(ROWS.sure, ROWS.right.astype(float))
    assert alone is not None
    window = answered(1000, np.random.default_rng(4), customers=100)
    wide = estimated_accuracy(found, window.sure, clusters=window.who)
    narrow = estimated_accuracy(alone, window.sure)
    assert wide.value == narrow.value
    assert wide.upper - wide.lower > 1.05 * (narrow.upper - narrow.lower)


def test_a_row_that_weighs_two_counts_as_two_rows() -> None:
    once = calibrate(np.repeat(ROWS.sure[:400], 2), np.repeat(ROWS.right[:400], 2).astype(float))
    twice = calibrate(
        np.append(ROWS.sure[:400], ROWS.sure[:400]), np.tile(ROWS.right[:400].astype(float), 2),
        weights=np.repeat([1.0, 1.0], 400),
    )  # fmt: skip
    weighted = calibrate(ROWS.sure[:400], ROWS.right[:400].astype(float), weights=np.full(400, 2.0))
    uneven = calibrate(ROWS.sure[:400], ROWS.right[:400].astype(float), weights=1.0 + ROWS.right[:400])
    assert once is not None and twice is not None and weighted is not None and uneven is not None  # noqa: PT018
    assert once.intercept == pytest.approx(twice.intercept)
    assert weighted.intercept == pytest.approx(once.intercept, abs=1e-3)
    assert uneven(ROWS.sure[:400]).mean() > weighted(ROWS.sure[:400]).mean()


@pytest.mark.parametrize("customers", [0, 150])
def test_the_interval_covers_the_true_accuracy_of_windows_with_harder_texts(customers: int) -> None:
    rng, misses, n = np.random.default_rng(11), 0, 120
    for _ in range(n):
        reference = answered(800, rng, customers=customers)
        window = answered(300, rng, customers=customers // 2, harder=0.05)
        own, there = (window.who, reference.who) if customers else (None, None)
        fitted = calibrate(reference.sure, reference.right.astype(float), clusters=there)
        assert fitted is not None
        found = estimated_accuracy(fitted, window.sure, clusters=own)
        misses += not found.lower <= window.right.mean() <= found.upper
    assert misses <= at_most(0.1, n, 0.99)


def test_answers_that_are_none_of_the_labels_are_never_right_and_unknown_scores_do_not_count() -> None:
    fitted = calibrate(ROWS.sure, ROWS.right.astype(float))
    assert fitted is not None
    sure = np.array([0.0, 0.0, np.nan, 0.9])
    found = estimated_accuracy(fitted, sure)
    assert found.n == 3
    assert found.value == pytest.approx(float(fitted(np.array([0.9]))[0]) / 3)
    nothing = estimated_accuracy(fitted, np.array([np.nan]))
    assert math.isnan(nothing.value)
    assert nothing.n == 0
    assert math.isnan(estimated_difference(fitted, sure, np.array([np.nan])).value)


@pytest.mark.parametrize("right", [np.ones(200), np.zeros(200), np.repeat([1.0, 0.0], [196, 4])])
def test_too_few_errors_calibrate_nothing(right: np.ndarray) -> None:
    assert calibrate(np.linspace(0.5, 0.99, 200), right) is None
    assert calibrate(np.linspace(0.5, 0.99, MIN_LABELLED - 1), np.resize([0.0, 1.0], MIN_LABELLED - 1)) is None


def test_scores_that_tell_right_from_wrong_without_fail_leave_the_calibration_finite() -> None:
    sure = np.repeat([0.99, 0.6], [150, 50])
    found = calibrate(sure, (sure > 0.9).astype(float))
    assert found is not None
    assert np.isfinite([found.intercept, found.slope, *found.covariance.ravel()]).all()
    assert estimated_accuracy(found, sure).value == pytest.approx(0.75, abs=0.01)
    alike = calibrate(np.full(200, 0.8), np.repeat([1.0, 0.0], 100))
    assert alike is not None
    assert estimated_accuracy(alike, np.full(50, 0.8)).value == pytest.approx(0.5)


def test_the_difference_is_that_of_the_estimates_and_its_error_that_of_the_means() -> None:
    fitted = calibrate(ROWS.sure, ROWS.right.astype(float))
    assert fitted is not None
    here, there = (answered(n, RNG, harder=h).sure for n, h in ((900, 0.05), (4000, 0.0)))
    found = estimated_difference(fitted, here, there)
    a, b = (estimated_accuracy(fitted, side).value for side in (here, there))
    assert found.value == pytest.approx(a - b)
    sampled = np.hypot(*(fitted(side).std(ddof=1) / np.sqrt(len(side)) for side in (here, there)))
    assert (found.upper - found.lower) / 3.92 >= sampled
    assert (found.upper - found.lower) / 3.92 == pytest.approx(sampled, rel=0.5)
    assert found.p_value < 0.001


@pytest.mark.parametrize("sure", [1.0, 0.9, 0.999999, 0.5])
def test_a_model_that_is_always_equally_sure_has_the_accuracy_of_the_reference(sure: float) -> None:
    rng, misses, n = np.random.default_rng(5), 0, 60
    for _ in range(n):
        right = (rng.random(500) < 0.9).astype(float)
        fitted = calibrate(
            np.append(np.full(500, sure), [0.7] * 4), np.append(right, [0.0] * 4)
        )  # 4 others change none
        assert fitted is not None
        assert fitted.flat
        found = estimated_accuracy(fitted, np.full(1000, sure))
        assert found.value == pytest.approx(right.sum() / 504)
        misses += not found.lower <= (rng.random(1000) < 0.9).mean() <= found.upper
        change = estimated_difference(fitted, np.full(200, sure), np.full(300, sure))
        assert (change.value, change.p_value) == (pytest.approx(0), 1)
        assert change.lower == pytest.approx(0)
    assert misses <= at_most(0.05, n)


def test_scores_that_hardly_differ_keep_the_slope_within_reach() -> None:
    rng = np.random.default_rng(6)
    sure = rng.choice([0.9, 0.905], 600)
    fitted = calibrate(sure, (rng.random(600) < 0.9).astype(float))
    assert fitted is not None
    assert not fitted.flat
    assert abs(fitted.slope) < 20
    assert estimated_accuracy(fitted, sure).value == pytest.approx(0.9, abs=0.05)


def test_one_customer_has_no_interval_of_the_difference_and_fewer_than_five_no_p_value() -> None:
    fitted = calibrate(ROWS.sure, ROWS.right.astype(float), clusters=ROWS.who)
    assert fitted is not None
    here = np.full(40, 0.5)
    one = estimated_difference(fitted, here, ROWS.sure, clusters=(np.zeros(40, dtype=np.int64), ROWS.who))
    assert one.value < -0.1
    assert np.isnan([one.lower, one.upper, one.p_value]).all()
    four = estimated_difference(fitted, here, ROWS.sure, clusters=(np.arange(40) % 4, ROWS.who))
    assert math.isnan(four.p_value)
    assert not math.isnan(four.lower)
