"""The share that came back: against sums by hand, and its interval against simulations."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.flywheel.recovery import recovery
from tests.generated import inputs

BITS = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=2, max_size=40)


def rows_of(before: object, without: object, reached: object, cluster: object = None) -> pd.DataFrame:
    frame = pd.DataFrame({"before": before, "without": without, "with": reached}).astype(float)
    return frame.assign(cluster=range(len(frame)) if cluster is None else cluster)


@settings(deadline=None)
@given(BITS)
def test_differences_are_those_of_the_means_with_the_error_of_paired_rows(
    bits: list[tuple[bool, ...]],
) -> None:
    a, b, c = np.array(bits, dtype=float).T
    found = recovery(rows_of(a, b, c))
    assert (found.before, found.without, found.reached) == pytest.approx((a.mean(), b.mean(), c.mean()))
    half = found.gained.upper - found.gained.value
    error = np.std(c - b, ddof=1) / math.sqrt(len(a))
    assert found.gained.value == pytest.approx((c - b).mean())
    assert half == pytest.approx(error * _t(len(a)), abs=1e-9)
    if a.mean() > b.mean():
        assert found.share.value == pytest.approx((c.mean() - b.mean()) / (a.mean() - b.mean()))
    else:
        assert math.isnan(found.share.value)


def _t(n: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, n - 1))


def test_an_interval_of_the_share_covers_the_truth_in_about_95_of_100_samples() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        u = rng.random(400)  # one difficulty per message, so that the answers go together
        before, without, reached = u < 0.75, u + rng.normal(0, 0.2, 400) < 0.55, u + rng.normal(0, 0.2, 400) < 0.68
        found = recovery(rows_of(before, without, reached))
        held += found.share.lower <= TRUTH <= found.share.upper
    assert 0.91 <= held / 300 <= 0.985


def _shifted(limit: float) -> float:
    grid = np.linspace(0, 1, 20001)
    from scipy.stats import norm

    return float(norm.cdf((limit - grid) / 0.2).mean())


TRUTH = (_shifted(0.68) - _shifted(0.55)) / (0.75 - _shifted(0.55))


def test_a_row_that_occurs_many_times_counts_once() -> None:
    rng = np.random.default_rng(0)
    a, b, c = (rng.random((3, 60)) < np.array([[0.9], [0.5], [0.7]])).astype(float)
    once = recovery(rows_of(a, b, c))
    thrice = recovery(rows_of(np.tile(a, 3), np.tile(b, 3), np.tile(c, 3), np.tile(np.arange(60), 3)))
    assert (thrice.share.lower, thrice.share.upper) == pytest.approx((once.share.lower, once.share.upper))


@settings(max_examples=inputs(30), deadline=None)
@given(BITS)
def test_a_share_is_said_to_be_told_from_nothing_just_where_the_gain_is(bits: list[tuple[bool, ...]]) -> None:
    """By Fieller's construction the interval of the share holds 0 where that of the gain does."""
    a, b, c = np.array(bits, dtype=float).T
    found = recovery(rows_of(a, b, c))
    if math.isfinite(found.share.lower) and min(abs(found.gained.lower), abs(found.gained.upper)) > 1e-9:
        assert found.none == (found.gained.lower < 0 < found.gained.upper)
        assert found.summary.endswith("not told apart from nothing") == found.none
        assert "-" not in found.summary


def test_accuracy_before_may_be_of_other_rows() -> None:
    rng = np.random.default_rng(1)
    before, without, reached = (rng.random((3, 500)) < np.array([[0.8], [0.5], [0.7]])).astype(float)
    late = pd.DataFrame({"cluster": range(500), "without": without, "with": reached})
    early = pd.DataFrame({"cluster": [f"e{i}" for i in range(500)], "before": before})
    found = recovery(pd.concat([late, early]))
    error = math.sqrt(before.var() / 500 + without.var() / 500)
    assert (found.lost.upper - found.lost.value) == pytest.approx(1.96 * error, rel=0.01)


def test_no_loss_has_no_share_and_a_loss_that_may_be_none_has_no_bounds() -> None:
    right = [1.0] * 8 + [0.0] * 2
    assert recovery(rows_of(right, right, right)).summary == "undefined (nothing was lost)"
    small = recovery(rows_of([1.0] * 10, [1.0] * 9 + [0.0], [1.0] * 10))
    assert small.share.value == pytest.approx(1)
    assert math.isnan(small.share.lower)
    assert "too small to bound it" in small.summary
