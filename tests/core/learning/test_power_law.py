from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from mlflow_evalplus.core.learning.power_law import EXPONENTS, fit
from tests.generated import inputs

N = np.array([100, 170, 300, 520, 900])


@pytest.mark.parametrize("exponent", [0.1, 0.35, 0.9, 1.9])
@pytest.mark.parametrize("floor", [0.0, 0.15])
def test_an_exact_curve_is_found_again_and_carried_on(floor: float, exponent: float) -> None:
    sizes = np.array([*N, 1800])
    error = floor + 0.3 * (sizes / 100) ** -exponent
    laws = fit(error[None, :5], N, np.ones(5))
    np.testing.assert_allclose(laws.error(sizes)[0], error, atol=2e-3)


def test_a_curve_that_is_linear_in_the_logarithm_has_the_exponent_0() -> None:
    laws = fit(0.5 - 0.05 * np.log(N / 900)[None], N, np.ones(5))
    assert laws.exponent[0] == 0
    np.testing.assert_allclose(laws.error(np.array([1800]))[0], 0.5 - 0.05 * np.log(2), atol=1e-12)


def test_an_error_that_rises_or_stays_is_fitted_as_its_weighted_mean() -> None:
    weight = np.array([1.0, 2, 3, 4, 5])
    for error in (np.full(5, 0.2), np.linspace(0.1, 0.3, 5), np.zeros(5), np.ones(5)):
        laws = fit(error[None], N, weight)
        np.testing.assert_allclose(laws.error(np.array([50, 9000]))[0], np.average(error, weights=weight), atol=1e-12)


@settings(max_examples=inputs(25), deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.lists(st.floats(0.01, 100), min_size=5, max_size=5),
)
def test_no_law_of_the_family_fits_better(error: list[float], weight: list[float]) -> None:
    """The oracle: for each exponent, a general optimiser over level and slope, on the formula as it is written."""
    y, w = np.array(error), np.array(weight)
    laws = fit(y[None], N, w)

    def loss(level: float, slope: float, exponent: float) -> float:
        risen = (1 - (N / 900) ** -exponent) / exponent if exponent else np.log(N / 900)
        return float(w @ (y - level + slope * risen) ** 2)

    ours = loss(laws.level[0], laws.slope[0], laws.exponent[0])
    for exponent in EXPONENTS[::12]:
        found = minimize(lambda x, e=exponent: loss(x[0], x[1], e), [0.5, 0.01], bounds=[(None, None), (0, None)])
        assert ours <= found.fun + 1e-6


def test_many_curves_are_fitted_as_each_one_alone() -> None:
    curves = np.random.default_rng(0).random((7, 5))
    weight = np.arange(1.0, 6)
    together = fit(curves, N, weight).error(np.array([100, 5000]))
    alone = [fit(curve[None], N, weight).error(np.array([100, 5000]))[0] for curve in curves]
    np.testing.assert_allclose(together, alone)
