"""How often is an online experiment wrong, looked at once or every day? Simulated with variants that are known.

``pytest -m benchmark -s tests/benchmarks/test_ab_error_rates.py`` prints the tables of docs/online.md.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlflow_evalplus.core.online.always_valid import always_valid, of_difference
from mlflow_evalplus.core.online.means import Between, Means, difference_bounds, means
from mlflow_evalplus.core.online.ratings import ratings

pytestmark = pytest.mark.benchmark
STEP, END = 100, 20_000
SIMULATIONS = 4_000
BLOCK = 250  # simulations held in memory at once


def outcomes(kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return outcomes of a known distribution: yes and no, or real with a long tail."""
    if kind.endswith("%"):
        return (rng.random(shape) < float(kind[:-1]) / 100).astype(np.float64)
    if kind == "lognormal":  # skewness 6, like handling times
        return rng.lognormal(0, 1, shape)
    if kind == "mostly 0":  # revenue per user: 95 % nothing, the rest exponential
        return np.where(rng.random(shape) < 0.05, rng.exponential(20, shape), 0.0)
    return rng.normal(0, 1, shape)


def looks(values: np.ndarray, arm: np.ndarray, step: int = STEP) -> tuple[Means, Between]:
    """Return the means of both arms, [2, simulations, looks], of the first 100, 200, … rows."""
    found = []
    for which in (0, 1):
        mine = arm == which
        n, total, squares = (np.cumsum(x, axis=1)[:, step - 1 :: step] for x in (mine, values * mine, values**2 * mine))
        mean = total / n
        found.append((n, n, mean, *[(squares - n * mean**2) / (n - 1) / n] * 2))
    arrays = [np.stack(pair) for pair in zip(*found, strict=True)]
    binary = bool(np.isin(values, (0, 1)).all())
    return Means(*(a.astype(np.float64) for a in arrays), binary), Between(*[np.zeros(arrays[0].shape)[:1]] * 2)


@pytest.mark.parametrize("kind", ["1%", "5%", "50%", "normal", "lognormal", "mostly 0"])
def test_a_test_that_is_looked_at_every_100_rows_is_wrong_at_most_5_times_in_100(kind: str) -> None:
    rng, always, naive, end = np.random.default_rng(0), 0, 0, 0
    for _ in range(SIMULATIONS // BLOCK):
        values = outcomes(kind, rng, (BLOCK, END))
        found, between = looks(values, rng.integers(0, 2, (BLOCK, END)))
        _, p_values = always_valid(*of_difference(found, between))
        always += int((np.nan_to_num(p_values[0], nan=1) <= 0.05).any(axis=1).sum())
        lower, upper = difference_bounds(found[1], found[0], between.covariance[0], 0.95)
        wrong = (lower > 0) | (upper < 0)
        naive, end = naive + int(wrong.any(axis=1).sum()), end + int(wrong[:, -1].sum())
    rates = [count / SIMULATIONS for count in (always, naive, end)]
    print(f"\n{kind}: always valid {rates[0]:.4f}, fixed at every look {rates[1]:.3f}, fixed at the end {rates[2]:.4f}")
    assert rates[0] <= 0.05
    assert rates[1] > 0.2
    assert 0.03 < rates[2] < 0.065


@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("arrival", ["all the time", "one after the other"])
def test_users_with_many_rows_do_not_make_it_wrong(spread: float, arrival: str) -> None:
    """Users who come back, or each one's rows in a block: 20 a user, alike by `spread` on the logit."""
    rng, always, naive, rows = np.random.default_rng(1), 0, 0, 10_000
    simulations, users = 400, 500
    for _ in range(simulations):
        arm = rng.integers(0, 2, users)
        rate = 1 / (1 + np.exp(-rng.normal(-1, spread, users)))
        user = rng.integers(0, users, rows) if arrival == "all the time" else np.arange(rows) * users // rows
        values = (rng.random(rows) < rate[user]).astype(np.float64)
        crossed, rowwise = False, False
        for n in range(200, rows + 1, 200):
            found, between = means(values[:n], arm[user[:n]], 2, user[:n], binary=True)
            p = always_valid(*of_difference(found, between))[1]
            crossed |= bool(np.nan_to_num(p, nan=1)[0] <= 0.05)
            alone, nothing = means(values[:n], arm[user[:n]], 2, binary=True)
            rowwise |= bool(np.nan_to_num(always_valid(*of_difference(alone, nothing))[1], nan=1)[0] <= 0.05)
        always, naive = always + crossed, naive + rowwise
    rates = always / simulations, naive / simulations
    print(f"\nusers come {arrival}, spread {spread}: always valid {rates[0]:.3f}, users left out {rates[1]:.3f}")
    assert rates[0] <= 0.05


@pytest.mark.parametrize("kind", ["5%", "50%", "normal", "lognormal"])
def test_a_fixed_interval_of_one_look_covers_the_difference(kind: str) -> None:
    rng, line = np.random.default_rng(2), []
    for n in (200, 1000, 10_000):
        held = total = 0
        for _ in range(max(1, SIMULATIONS * n // 2_000_000)):
            shape = (min(SIMULATIONS, 2_000_000 // n), n)
            values = outcomes(kind, rng, shape)
            found, between = looks(values, np.tile(np.arange(n) % 2, (shape[0], 1)), step=n)
            lower, upper = difference_bounds(found[1], found[0], between.covariance[0], 0.95)
            held += int(((lower <= 0) & (upper >= 0)).sum())
            total += shape[0]
        line.append((n, held / total))
        assert 0.94 <= held / total <= 0.97
    print(f"\n{kind}, coverage at n rows of both variants: {', '.join(f'{n}: {rate:.3f}' for n, rate in line)}")


@pytest.mark.parametrize("users", [20, 100, 1000])
def test_a_fixed_interval_over_users_covers_the_difference(users: int) -> None:
    """Users of 1 to 20 rows, alike by 1 on the logit; each in one variant."""
    rng, held, held_rows, simulations = np.random.default_rng(3), 0, 0, 2000
    truth = float(np.mean(1 / (1 + np.exp(-rng.normal(-1, 1, 1_000_000)))))
    for _ in range(simulations):
        user = np.repeat(np.arange(users), rng.integers(1, 21, users))
        values = (rng.random(len(user)) < (1 / (1 + np.exp(-rng.normal(-1, 1, users))))[user]).astype(np.float64)
        for clusters in (user, None):
            found, between = means(values, user % 2, 2, clusters, binary=True)
            lower, upper = difference_bounds(found[1:], found[:1], between.covariance, 0.95)
            inside = bool(lower[0] <= 0 <= upper[0])
            held, held_rows = (held + inside, held_rows) if clusters is not None else (held, held_rows + inside)
    rates = held / simulations, held_rows / simulations
    print(f"\n{users} users, rate {truth:.2f}: coverage {rates[0]:.3f}, users left out {rates[1]:.3f}")
    assert 0.93 <= rates[0] <= 0.975


@pytest.mark.parametrize("severity", [0.0, 0.5])
@pytest.mark.parametrize("raters", [2, 3, 5, 10, 30])
def test_intervals_of_ratings_cover_what_further_raters_and_examples_would_say(raters: int, severity: float) -> None:
    """Each of 60 examples is rated by all; ratings are real numbers around 3, raters differ by `severity`."""
    rng, held, held_pairs, simulations = np.random.default_rng(4), 0, 0, 400
    rater, example, side = (a.ravel() for a in np.meshgrid(range(raters), range(60), range(2), indexing="ij"))
    for _ in range(simulations):
        quality, strict = rng.normal(size=60), severity * rng.normal(size=raters)
        taste = 0.3 * severity * rng.normal(size=raters)  # some raters like the one variant more than others do
        values = 3 + quality[example] + strict[rater] + taste[rater] * side + 0.7 * rng.normal(size=len(rater))
        frame = pd.DataFrame(
            {"rater": rater, "example": example, "rating": values, "variant": np.where(side, "B", "A")}
        )
        overall = ratings(frame, variant="variant").overall
        assert overall.difference is not None
        held += overall.means["B"].lower <= 3 <= overall.means["B"].upper
        held_pairs += overall.difference.lower <= 0 <= overall.difference.upper
    rates = held / simulations, held_pairs / simulations
    print(
        f"\n{raters} raters, who differ by {severity}: coverage of the mean {rates[0]:.3f}, difference {rates[1]:.3f}"
    )
    assert min(rates) > 0.92


def test_how_often_a_sound_split_is_called_broken_if_looked_at_every_day() -> None:
    arm = np.random.default_rng(5).integers(0, 2, (10_000, 28 * 100), dtype=np.int8)
    seen = np.arange(100, arm.shape[1] + 1, 100)
    sizes = np.cumsum(arm, axis=1, dtype=np.int32)[:, 99::100]
    p_values = stats.chi2.sf((2 * sizes - seen) ** 2 / seen, 1)
    print(f"\nbroken by chance: at the end {(p_values[:, -1] < 0.001).mean():.4f}, "
          f"on one of 28 days {(p_values < 0.001).any(axis=1).mean():.4f}")  # fmt: skip
    assert (p_values < 0.001).any(axis=1).mean() < 0.02
