from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from mlflow_evalplus.core.selection.estimates import estimate, mean
from mlflow_evalplus.core.selection.layouts import Layout
from tests.generated import inputs

NAN = math.nan


def layout(n: int, clusters: Any = None, strata: Any = None, weights: Any = None, shares: Any = None) -> Layout:
    strata = np.zeros(n, dtype=int) if strata is None else np.asarray(strata)
    return Layout(
        np.arange(n) if clusters is None else np.asarray(clusters), strata,
        np.ones(n) if weights is None else np.asarray(weights, dtype=float),
        np.full(strata.max() + 1, 1 / (strata.max() + 1)) if shares is None else np.asarray(shares, dtype=float),
    )  # fmt: skip


def by_hand(values: np.ndarray, made: Layout) -> tuple[float, float]:
    """Return mean and variance, question by question and cluster by cluster."""
    rows = [i for i in range(len(values)) if not math.isnan(values[i]) and made.shares[made.strata[i]] != 0]
    total = {h: sum(made.weights[i] for i in rows if made.strata[i] == h) for h in set(made.strata[rows].tolist())}
    center = {h: sum(made.weights[i] * values[i] for i in rows if made.strata[i] == h) / total[h] for h in total}
    value = sum(made.shares[h] * center[h] for h in total)
    sums: dict[int, float] = {}
    alike = 0.0
    for i in rows:
        h = int(made.strata[i])
        sizes: dict[int, float] = {}
        for j in rows:
            if made.strata[j] == h:
                sizes[int(made.clusters[j])] = sizes.get(int(made.clusters[j]), 0.0) + made.weights[j] / total[h]
        groups, squares = len(sizes), sum(each**2 for each in sizes.values())
        residual = values[i] - (center[h] if groups > 1 else value)
        # the expected square of a cluster's residual, all clusters being alike but for their weight
        left = sum(each**2 * ((1 - each) ** 2 + squares - each**2) for each in sizes.values())
        factor = math.sqrt(squares / left) if groups > 1 else 1.0
        part = made.shares[h] * made.weights[i] / total[h]
        sums[int(made.clusters[i])] = sums.get(int(made.clusters[i]), 0.0) + part * factor * residual
        spread = sum(
            made.weights[j] * (values[j] - (center[h] if groups > 1 else value)) ** 2
            for j in rows if made.strata[j] == h
        )  # fmt: skip
        alike += part**2 * spread / total[h]
    clustered = sum(each**2 for each in sums.values())
    return value, max(clustered, alike) if clustered > 1e-25 else 0.0


@st.composite
def samples(draw: st.DrawFn) -> tuple[np.ndarray, Layout]:
    n = draw(st.integers(2, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = draw(st.sampled_from([rng.integers(0, 2, n) * 1.0, rng.random(n), np.round(rng.random(n), 1), np.ones(n)]))
    values = np.where(rng.random(n) < draw(st.sampled_from([0.0, 0.3])), NAN, values)
    strata = rng.integers(0, draw(st.integers(1, 3)), n)
    shares = rng.dirichlet(np.ones(strata.max() + 1))
    return values, layout(n, rng.integers(0, draw(st.integers(2, n)), n), strata, rng.uniform(0.5, 3, n), shares)


@settings(deadline=None, max_examples=inputs(200))
@given(samples())
def test_mean_and_variance_are_those_by_hand(sample: tuple[np.ndarray, Layout]) -> None:
    values, made = sample
    found = mean(values, made)
    known = {int(h) for h in made.strata[~np.isnan(values)]}
    if known != set(range(len(made.shares))):
        assert math.isnan(found.value)
        assert math.isnan(estimate(values, made, 0.95).lower)
        return
    value, variance = by_hand(values, made)
    assert found.value == pytest.approx(value, abs=1e-12)
    if found.units > 1:
        assert found.variance == pytest.approx(variance, rel=1e-9, abs=1e-20)
    else:
        assert math.isnan(found.variance)
    interval = estimate(values, made, 0.95)
    assert interval.n == int((~np.isnan(values)).sum())
    if found.units > 1:
        assert 0 <= interval.lower <= interval.value <= interval.upper <= 1
        assert interval.upper - interval.lower > 0.01, "a few questions make nobody certain"


def test_the_variance_over_clusters_is_that_of_a_regression_on_a_constant() -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(30), 4)
    values = np.clip(0.5 + np.repeat(rng.normal(0, 0.3, 30), 4) + rng.normal(0, 0.1, 120), 0, 1)
    fit = sm.OLS(values, np.ones(120)).fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
    found = mean(values, layout(120, clusters))
    assert found.value == pytest.approx(fit.params[0])
    assert found.variance == pytest.approx(fit.bse[0] ** 2 * 30 / 29)
    assert (found.units, found.freedom) == (30, pytest.approx(29))


def test_without_clusters_and_weights_it_is_wilsons_interval_with_students_quantile() -> None:
    values = np.array([1.0] * 90 + [0.0] * 30)
    found = estimate(values, layout(120), 0.95)
    # the variance with n - 1 stands for one question fewer
    level = 2 * stats.norm.sf(stats.t.ppf(0.975, 119))
    lower, upper = proportion_confint(0.75 * 119, 119, level, method="wilson")
    assert (found.lower, found.upper) == pytest.approx((lower, upper))


def test_strata_of_equal_size_have_as_many_degrees_of_freedom_as_clusters_less_strata() -> None:
    rng = np.random.default_rng(2)
    found = mean(rng.random(60), layout(60, strata=np.arange(60) % 3))
    assert found.freedom == pytest.approx(57)


def test_heavy_questions_leave_fewer_degrees_of_freedom_and_a_wider_interval() -> None:
    values = np.array([1.0, 0.0] * 30)
    alike, heavy = (estimate(values, layout(60, weights=w), 0.95) for w in (np.ones(60), [50.0] * 2 + [1.0] * 58))
    assert heavy.value == pytest.approx(alike.value)
    assert heavy.upper - heavy.lower > 1.5 * (alike.upper - alike.lower)


def test_where_only_light_questions_fail_the_interval_does_not_shrink() -> None:
    weights = np.array([5.0] * 50 + [1.0] * 50)
    light = estimate(np.array([1.0] * 95 + [0.0] * 5), layout(100, weights=weights), 0.95)
    assert light.lower < 0.96


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_that_varies_is_as_sure_as_the_clusters_are_many(value: float) -> None:
    few, many = (estimate(np.full(n, value), layout(n, np.arange(n) // 2), 0.95) for n in (40, 400))
    z = stats.t.ppf(0.975, 19)
    reach = z**2 / (20 + z**2)
    assert few.upper - few.lower == pytest.approx(reach)
    assert many.upper - many.lower < reach / 8
    assert few.small_support


def test_what_is_unknown_is_nan_with_its_n() -> None:
    nothing = estimate(np.full(3, NAN), layout(3), 0.95)
    assert (nothing.n, nothing.small_support) == (0, True)
    assert math.isnan(nothing.value)
    one = estimate(np.array([1.0, NAN]), layout(2), 0.95)
    assert (one.value, one.n) == (1.0, 1)
    assert math.isnan(one.lower) and math.isnan(one.upper)  # noqa: PT018
    empty_stratum = estimate(np.array([1.0, 1.0, NAN]), layout(3, strata=[0, 0, 1]), 0.95)
    assert (math.isnan(empty_stratum.value), empty_stratum.n) == (True, 2)


def test_money_has_students_interval() -> None:
    rng = np.random.default_rng(3)
    values = rng.gamma(2, 3, 40)
    found = estimate(values, layout(40), 0.95, bounded=False)
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert (found.lower, found.upper) == pytest.approx(expected)


def coverage(kind: str, weighted: bool, rounds: int) -> float:
    """Return how often the interval of 120 questions, twins alike by 0.5, in 3 strata covers the truth."""
    rng, hits, rates = np.random.default_rng(5), 0, np.array([0.6, 0.8, 0.9])
    clusters = np.repeat(np.arange(60), 2)
    strata = clusters % 3
    for _ in range(rounds):
        common = np.repeat(rng.random(60) < 0.5, 2)
        drawn = np.where(common, np.repeat(rng.random(60), 2), rng.random(120))
        rate = rates[strata]
        values = (drawn < rate) * 1.0 if kind == "yes or no" else np.clip(rate + (drawn - 0.5) * 0.2, 0, 1)
        weights = rng.choice([1.0, 2.0, 5.0], 120) if weighted else np.ones(120)
        found = estimate(values, layout(120, clusters, strata, weights), 0.95)
        hits += found.lower <= rates.mean() <= found.upper
    return hits / rounds


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["yes or no", "fractions"])
def test_intervals_cover_about_as_often_as_they_say(kind: str, weighted: bool) -> None:
    assert 0.92 <= coverage(kind, weighted, 400) <= 0.985
