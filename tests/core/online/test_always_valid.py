from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from mlflow_evalplus.core.online.always_valid import always_valid, times_more, tuned


def one(value: float, variance: float, effective: float, df: float, **options: float) -> tuple[float, float]:
    arrays = (np.array([x]) for x in (value, variance, effective, df))
    half, p_value = always_valid(*arrays, **options)  # type: ignore[arg-type]
    return float(half[0]), float(p_value[0])


@pytest.mark.parametrize("t", [0.3, 2.0, 3.5, 5.0])
@pytest.mark.parametrize(("n", "planned"), [(40, 50), (200, 1000), (30, 30)])
def test_the_p_value_is_the_likelihood_ratio_of_t_mixed_over_effects(t: float, n: int, planned: int) -> None:
    """Oracle: numerical integration over effects of the noncentral t distribution, which the closed form avoids."""
    spread = math.sqrt(tuned(0.95) / planned)

    effects = np.linspace(-8 * spread, 8 * spread, 2001)
    likelihood = np.nan_to_num(stats.nct.pdf(t, n - 1, effects * math.sqrt(n)))  # nan where it is as good as 0
    mixed = float(integrate.trapezoid(likelihood * stats.norm.pdf(effects, scale=spread), effects))
    expected = min(1.0, float(stats.t.pdf(t, n - 1)) / mixed)
    assert one(t, 1.0, n, n - 1, planned=planned)[1] == pytest.approx(expected, rel=1e-5)


def test_with_many_rows_it_is_robbins_normal_mixture() -> None:
    variance, rho = 1e-4, tuned(0.95) / 10_000 * 1.0  # a row of variance 1
    expected = math.sqrt(variance * (variance + rho) / rho * (2 * math.log(20) + math.log1p(rho / variance)))
    assert one(0.02, variance, 10_000, 1e9)[0] == pytest.approx(expected, rel=1e-6)


@given(
    st.floats(-10, 10), st.floats(1e-6, 1e3), st.floats(2, 1e7), st.sampled_from([0.9, 0.95, 0.99]),
    st.sampled_from([100, 10_000]),
)  # fmt: skip
def test_the_interval_leaves_0_out_just_where_p_is_small(
    value: float, variance: float, n: float, confidence: float, planned: int
) -> None:
    half, p_value = one(value, variance, n, n - 1, confidence=confidence, planned=planned)
    assert 0 <= p_value <= 1
    if not math.isclose(p_value, 1 - confidence, rel_tol=1e-6):
        assert (half < abs(value)) == (p_value < 1 - confidence)


def test_it_is_tightest_where_it_was_planned_and_how_tight_is_what_the_page_says() -> None:
    wider = {
        n: one(0.0, 1 / n, n, 1e9)[0] * math.sqrt(n) / 1.959964 for n in (100, 1000, 9_900, 10_000, 10_100, 1e5, 1e6)
    }
    assert wider[9_900] > wider[10_000] < wider[10_100]
    assert {n: round(wider[n], 2) for n in (100, 1000, 10_000, 1e5, 1e6)} == {
        100: 4.56, 1000: 1.95, 10_000: 1.55, 1e5: 1.66, 1e6: 1.82,
    }  # fmt: skip


def test_few_rows_have_no_end_of_the_interval_and_none_without_spread() -> None:
    assert one(1.0, 0.01, 20, 19) == (math.inf, pytest.approx(1.0, abs=0.4))
    for variance, df in ((0.0, 10.0), (math.nan, 10.0), (1.0, 0.0), (1.0, math.nan)):
        assert all(math.isnan(found) for found in one(1.0, variance, 100, df))


def test_as_many_more_rows_as_it_says_would_do() -> None:
    times = times_more(0.02, 1e-4, 10_000, 9_998)
    assert times is not None
    assert one(0.02, 1e-4 / times, 1e4 * times, 9_998 * times)[0] < 0.02
    assert one(0.02, 1.02e-4 / times, 0.98e4 * times, 9_998 * times)[0] > 0.02
    assert times_more(1e-6, 1.0, 100, 99) is None


def test_a_test_that_is_looked_at_all_the_time_is_seldom_wrong() -> None:
    """The benchmark in small: looked at every 50 rows, a fixed interval is wrong four times in ten."""
    values = np.cumsum(np.random.default_rng(0).normal(size=(400, 100, 50)).sum(axis=2), axis=1)
    n = np.arange(50.0, 5001, 50)
    half, p_values = always_valid(values / n, np.broadcast_to(1 / n, values.shape), n, n - 1, planned=1000)
    assert ((p_values < 0.05).any(axis=1)).mean() <= 0.05
    assert (np.abs(values / n) > 1.96 / np.sqrt(n)).any(axis=1).mean() > 0.3
    assert ((half < np.abs(values / n)) == (p_values < 0.05)).all()
