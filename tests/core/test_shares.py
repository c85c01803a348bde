from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlflow_evalplus.core.shares import MIN_EXPECTED, chi_squared, jensen_shannon, merged, more_often, psi

COUNTS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=30)


@settings(max_examples=30, deadline=None)
@given(COUNTS)
def test_jensen_shannon_is_the_square_of_scipys_distance(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, dtype=float).T
    found = jensen_shannon(first, second)
    if not first.sum() or not second.sum():
        assert math.isnan(found)
    else:
        assert found == pytest.approx(jensenshannon(first, second, base=2) ** 2, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(COUNTS)
def test_values_are_merged_until_each_group_can_be_tested_and_no_row_is_lost(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs, dtype=float).T
    group = merged(first, second)
    tables = np.stack([np.bincount(group, part) for part in (first, second)])
    assert tables.sum() == first.sum() + second.sum()
    groups = tables[:, tables.sum(axis=0) > 0]
    if groups.shape[1] > 1:
        assert stats.contingency.expected_freq(groups).min() >= MIN_EXPECTED - 1e-9
        assert chi_squared(*tables) == pytest.approx(stats.chi2_contingency(groups, correction=False).pvalue)
    elif groups.shape[1] == 1:
        assert math.isnan(chi_squared(*tables))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_a_word_is_tested_as_fishers_exact_test_does_where_it_matters(n: int, m: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    (found,) = more_often(np.array([a]), np.array([b]), n, m)
    exact = stats.fisher_exact([[a, n - a], [b, m - b]], alternative="greater").pvalue
    assert found == pytest.approx(exact) or (found == 1.0 and exact > 0.03)


def test_psi_has_no_direction_and_is_never_below_zero() -> None:
    first, second = np.array([80.0, 15.0, 5.0]), np.array([60.0, 10.0, 30.0])
    assert psi(first, second) == pytest.approx(psi(second, first))
    assert psi(first, 10 * first) == pytest.approx(0, abs=0.02)
    assert psi(first, second) > 0.25
