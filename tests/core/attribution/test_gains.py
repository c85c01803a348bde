"""What fixes buy: against loops over the rows, numeric derivatives, and simulated coverage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus.core.attribution import gains
from mlflow_evalplus.core.attribution.gains import Formula, Gain, answered_anew, as_clear_rows_show, as_the_rest
from mlflow_evalplus.core.custom import influences
from mlflow_evalplus.core.intervals import influence
from mlflow_evalplus.core.metrics import Metric
from mlflow_evalplus.core.predictions import Predictions, read
from tests.generated import inputs

Z = stats.norm.ppf(0.975)
Bools = np.ndarray


def rows_of(n: int, weight: np.ndarray | None = None, customer: np.ndarray | None = None) -> Predictions:
    """Return rows that carry nothing but weights and clusters; the gains are told which of them are wrong."""
    frame = pd.DataFrame({"label": ["a"] * n, "prediction": "a", "weight": weight, "customer": customer})
    more = {"weight": "weight"} if weight is not None else {}
    return read(frame, **more, **({"cluster": "customer"} if customer is not None else {}))


def expected(kind: str, first: Bools, second: Bools, weight: np.ndarray) -> tuple[float, float]:
    """Return gain and accuracy by a loop."""
    mass = {(a, b): 0.0 for a in (False, True) for b in (False, True)}
    for a, b, w in zip(first.tolist(), second.tolist(), weight.tolist(), strict=True):
        mass[a, b] += w / weight.sum()
    inside, rest = mass[True, True] + mass[True, False], mass[False, True] + mass[False, False]
    right = mass[True, False] + mass[False, False]
    if kind == "anew":
        return inside - (mass[True, True] + mass[False, True]), right
    if kind == "clear":
        rate = mass[True, True] / inside if inside else math.nan
        return rate, min(right + rate, 1.0)
    if not rest:
        return math.nan, math.nan
    return inside * (mass[True, True] / inside - mass[False, True] / rest) if inside else 0.0, mass[False, False] / rest


KINDS: dict[str, Callable[..., Gain]] = {"rest": as_the_rest, "anew": answered_anew, "clear": as_clear_rows_show}


@settings(deadline=None, max_examples=inputs(100))
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.1, 9)), min_size=1, max_size=60),
    st.sampled_from(["plain", "weights", "clusters"]),
)
def test_values_are_those_of_a_loop(kind: str, drawn: list[tuple[bool, bool, float]], how: str) -> None:
    first, second, weight = (np.array(column) for column in zip(*drawn, strict=True))
    n = len(first)
    rows = rows_of(n, weight if how == "weights" else None, np.arange(n) // 3 if how == "clusters" else None)
    found = KINDS[kind](rows, first, second)
    gain, accuracy = expected(kind, first, second, weight if how == "weights" else np.ones(n))
    assert found.gain.value == pytest.approx(gain, abs=1e-12, nan_ok=True)
    assert found.accuracy.value == pytest.approx(accuracy, abs=1e-12, nan_ok=True)
    assert found.gain.n == (first.sum() if kind == "clear" else n)
    if found.gain.defined:
        assert -1 <= found.gain.lower <= found.gain.value <= found.gain.upper <= 1
    else:
        assert math.isnan(found.gain.lower)
        assert math.isnan(found.gain.upper)


FORMULAS = (gains._gap, gains._rest, gains._fewer_errors, gains._after, gains._rate_inside, gains._more_right)


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_gradients_are_those_of_finite_differences(formula: Formula) -> None:
    shares = np.random.default_rng(0).dirichlet([8, 2, 3, 1], 40).reshape(-1, 2, 2)
    if formula is gains._more_right:
        shares = shares[formula(shares)[0] < 0.99]  # where it is not cut at 1
        assert len(shares) > 9
    _, psi = influence(Metric("gain", formula, low=-1.0), shares)
    np.testing.assert_allclose(psi, influences(lambda p: formula(p)[0], shares), atol=1e-5)


Draw = Callable[[np.random.Generator], tuple[Predictions, Bools, Bools]]
N, RUNS = 400, 600
SOME = np.random.default_rng(7)
PLAIN, WEIGHTED = rows_of(N), rows_of(N, weight=SOME.lognormal(0, 0.5, N))
CUSTOMER = SOME.integers(0, 40, N)
CLUSTERED = rows_of(N, customer=CUSTOMER)


def plain(rng: np.random.Generator, rows: Predictions = PLAIN) -> tuple[Predictions, Bools, Bools]:
    inside = rng.random(N) < 0.2
    return rows, inside, rng.random(N) < np.where(inside, 0.4, 0.1)


def weighted(rng: np.random.Generator) -> tuple[Predictions, Bools, Bools]:
    return plain(rng, WEIGHTED)


def clustered(rng: np.random.Generator) -> tuple[Predictions, Bools, Bools]:
    """Forty customers of about ten rows: some customers are answered far worse, whatever they ask."""
    rate, inside = rng.beta(1, 3, 40)[CUSTOMER], rng.random(N) < 0.2
    return CLUSTERED, inside, rng.random(N) < np.where(inside, 0.2 + 0.8 * rate, rate)


@pytest.mark.parametrize(("draw", "truth"), [(plain, 0.06), (clustered, 0.03), (weighted, 0.06)])
def test_the_interval_of_as_the_rest_covers_the_true_gain(draw: Draw, truth: float) -> None:
    """Share times the gap of the rates is the truth; a nominal 95 % that covers less would sell noise as a gain."""
    rng = np.random.default_rng(1)
    found = [as_the_rest(*draw(rng)).gain for _ in range(RUNS)]
    assert np.mean([gain.lower <= truth <= gain.upper for gain in found]) == pytest.approx(0.95, abs=0.03)
    # and it is as wide as the gains scatter, so that it does not cover by being idle
    widths = [gain.upper - gain.lower for gain in found]
    assert np.mean(widths) / (2 * Z * np.std([gain.value for gain in found])) == pytest.approx(1, abs=0.12)


def test_the_interval_of_answers_anew_covers_the_true_gain() -> None:
    """The answers are paired: nine in ten stay as they are, and only the others make the gain uncertain."""
    rng, hits, widths = np.random.default_rng(2), 0, []
    for _ in range(RUNS):
        before = rng.random(N) < 0.3
        after = np.where(before, rng.random(N) < 0.75, rng.random(N) < 0.03)
        gain = answered_anew(PLAIN, before, after).gain
        hits += gain.lower <= 0.054 <= gain.upper
        widths.append(gain.upper - gain.lower)
    assert hits / RUNS == pytest.approx(0.95, abs=0.03)
    unpaired = 2 * Z * math.sqrt((0.3 * 0.7 + 0.246 * 0.754) / N)
    assert np.mean(widths) < 0.6 * unpaired


def test_no_row_inside_buys_nothing_and_all_rows_inside_have_no_rest() -> None:
    wrong = np.arange(100) < 20
    none, every = (as_the_rest(rows_of(100), inside, wrong) for inside in (wrong & False, wrong | True))
    assert (none.gain.value, none.accuracy.value) == (0.0, 0.8)
    assert not every.gain.defined
    assert not every.accuracy.defined
    assert not as_clear_rows_show(rows_of(100), wrong & False, wrong).gain.defined


def test_an_accuracy_that_is_cut_at_1_has_bounds() -> None:
    """Where the clear rows are worse than all others, correcting so many labels would make more than all right."""
    wrong = np.arange(100) < 25
    for n_clear in (30, 100):  # 75 % are right, 83 % and 25 % of the labels seem wrong
        accuracy = as_clear_rows_show(rows_of(100), np.arange(100) < n_clear, wrong).accuracy
        assert (accuracy.value, accuracy.upper) == (1.0, 1.0)
        assert accuracy.lower == pytest.approx(100 / (100 + Z**2))


def test_no_difference_is_not_known_exactly() -> None:
    """No changed answer in 100 says no more than no error in 100: Wilson's upper bound of 0 / n."""
    wrong = np.arange(100) < 20
    gain = answered_anew(rows_of(100), wrong, wrong).gain
    assert gain.value == 0
    assert [gain.lower, gain.upper] == pytest.approx([-(Z**2) / (100 + Z**2), Z**2 / (100 + Z**2)])


def test_no_difference_in_few_clusters_says_less_than_in_as_many_rows() -> None:
    """A hundred rows of five customers are five that did not change."""
    wrong = np.arange(100) < 20
    alone = answered_anew(rows_of(100), wrong, wrong).gain
    together = answered_anew(rows_of(100, customer=np.arange(100) // 20), wrong, wrong).gain
    z = stats.t.ppf(0.975, 4)
    assert together.upper == pytest.approx(z**2 / (5 + z**2))
    assert together.upper > 5 * alone.upper


def test_a_higher_confidence_is_a_wider_interval() -> None:
    rows, inside, wrong = plain(np.random.default_rng(3))
    near, far = (as_the_rest(rows, inside, wrong, confidence).gain for confidence in (0.9, 0.99))
    spread = (near.upper - near.value) / stats.norm.ppf(0.95)
    assert far.upper - far.value == pytest.approx(spread * stats.norm.ppf(0.995))
