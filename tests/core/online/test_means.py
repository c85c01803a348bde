from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from mlflow_evalplus.core.online.means import difference_bounds, mean_bounds, means
from tests.generated import inputs


def rows(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outcomes, arm and cluster of each row; some clusters are in both arms, and rows of one are alike."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 60, n)
    arm = np.where(rng.random(n) < 0.1, rng.integers(0, 2, n), cluster % 2)
    return rng.normal(size=60)[cluster] + rng.normal(size=n) + 0.3 * arm, arm, cluster


def test_a_difference_of_reals_is_welchs() -> None:
    values, arm, _ = rows(0)
    found, between = means(values, arm, 2)
    lower, upper = difference_bounds(found[1:], found[:1], between.covariance, 0.9)
    expected = stats.ttest_ind(values[arm == 1], values[arm == 0], equal_var=False).confidence_interval(0.9)
    assert (lower[0], upper[0]) == pytest.approx((expected.low, expected.high))
    own = stats.t.interval(0.9, (arm == 0).sum() - 1, values[arm == 0].mean(), stats.sem(values[arm == 0]))
    assert [bound[0] for bound in mean_bounds(found, 0.9)] == pytest.approx(own)


@settings(max_examples=inputs(40), deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 30), st.integers(2, 30))
def test_a_difference_of_yes_and_no_is_newcombes(x0: int, x1: int, more0: int, more1: int) -> None:
    n0, n1 = x0 + more0, x1 + more1
    values = np.repeat([1.0, 0.0, 1.0, 0.0], [x0, more0, x1, more1])
    found, between = means(values, np.repeat([0, 1], [n0, n1]), 2, binary=True)
    lower, upper = difference_bounds(found[1:], found[:1], between.covariance, 0.95)
    expected = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff")
    assert (lower[0], upper[0]) == pytest.approx(expected, abs=1e-9)
    assert [bound[0] for bound in mean_bounds(found, 0.95)] == pytest.approx(
        proportion_confint(x0, n0, method="wilson"), abs=1e-9
    )


def test_variances_over_clusters_are_those_of_a_cluster_robust_regression_even_if_clusters_met_both() -> None:
    values, arm, cluster = rows(1)
    found, between = means(values, arm, 2, cluster)
    fitted = sm.OLS(values, sm.add_constant(arm)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    plain = found.variance * (1 - 1 / found.units)
    root = np.sqrt(np.prod(1 - 1 / found.units))
    assert plain[0] == pytest.approx(fitted.cov_params()[0, 0])
    assert plain.sum() - 2 * root * between.covariance[0] == pytest.approx(fitted.cov_params()[1, 1])
    assert between.shared[0] == len(np.intersect1d(cluster[arm == 0], cluster[arm == 1])) > 5
    assert found.units.tolist() == [len(np.unique(cluster[arm == a])) for a in (0, 1)]


def test_groups_are_each_what_they_are_alone() -> None:
    values, arm, cluster = rows(2)
    part = np.random.default_rng(0).integers(0, 3, len(values))
    found, between = means(values, part * 2 + arm, 6, cluster)
    for p in range(3):
        alone, own = means(values[part == p], arm[part == p], 2, cluster[part == p])
        for name in ("n", "units", "value", "variance", "row_variance"):
            assert getattr(found[2 * p : 2 * p + 2], name) == pytest.approx(getattr(alone, name))
        assert (between.covariance[p], between.shared[p]) == pytest.approx((own.covariance[0], own.shared[0]))


def test_one_row_or_one_cluster_or_no_spread_gives_no_interval() -> None:
    one, _ = means(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 1]), 2)
    assert np.isnan(mean_bounds(one, 0.95)[0]).tolist() == [True, False]
    together, _ = means(np.array([1.0, 2.0, 4.0, 6.0]), np.array([0, 0, 1, 1]), 2, np.array([0, 0, 1, 2]))
    assert np.isnan(mean_bounds(together, 0.95)[0]).tolist() == [True, False]
    same, between = means(np.full(20, 3.0), np.arange(20) % 2, 2)
    assert np.isnan(difference_bounds(same[1:], same[:1], between.covariance, 0.95)).all()
