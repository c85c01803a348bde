"""Do three turns bring back what drift took, and more than labels drawn at random do?

``pytest -m benchmark -s tests/benchmarks/test_flywheel.py`` prints the tables of docs/flywheel.md.
"""

from __future__ import annotations

from functools import partial

import pytest

from recipes.flywheel.recovery import Recovery
from recipes.flywheel.stream import simulated_year, tweets
from recipes.flywheel.study import ALL, RANDOM, WHEEL, Study, study
from tests.conftest import REAL_DATA

pytestmark = pytest.mark.benchmark
TWEETS = REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv"
SEEDS = range(200, 208)  # nothing was chosen on these
YEAR_BUDGET, TWEET_BUDGET = 80, 150
TWO_THIRDS = 2 / 3


def row(name: str, found: Recovery) -> str:
    d = found.gained
    points = f"{100 * d.value:+.1f} [{100 * d.lower:+.1f}, {100 * d.upper:+.1f}]"
    return f"| {name} | {found.reached:.3f} | {points} | {found.summary} |"


def printed(title: str, found: Study, budget: int) -> None:
    wheel = found.policies[WHEEL]
    lost = f"{100 * wheel.lost.value:.1f} [{100 * wheel.lost.lower:.1f}, {100 * wheel.lost.upper:.1f}]"
    print(f"\n{title}, {budget} labels a turn, {found.n_seeds} seeds: before {wheel.before:.3f}, without the wheel "
          f"{wheel.without:.3f}, lost {lost} points")  # fmt: skip
    print("| labels | accuracy | gained, points | share recovered |\n|---|---:|---:|---:|")
    for name, one in found.policies.items():
        print(row(name, one))
    print(f"wheel less random: {found.better.gained}")
    if found.unphrased:
        print(f"gained on messages without a phrase: {found.unphrased.gained}")


def test_three_turns_bring_back_most_of_what_new_phrases_take() -> None:
    found = study(simulated_year, YEAR_BUDGET, SEEDS)
    printed("simulated year", found, YEAR_BUDGET)
    wheel = found.policies[WHEEL]
    assert wheel.lost.lower > 0.05
    assert wheel.gained.lower > 0
    assert 0 < wheel.share.value <= found.policies[ALL].share.value + 0.1, "a share beyond 100 % would be a toy"
    assert wheel.share.value > max(TWO_THIRDS, found.policies[RANDOM].share.value)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"the real data are not at {REAL_DATA}")
@pytest.mark.parametrize("language", ["german", "french", "italian", "portuguese"])
def test_three_turns_bring_back_a_part_of_what_a_new_language_takes(language: str) -> None:
    found = study(partial(tweets, TWEETS, language), TWEET_BUDGET, SEEDS)
    printed(f"tweets, English then half {language}", found, TWEET_BUDGET)
    wheel = found.policies[WHEEL]
    assert wheel.lost.lower > 0
    assert wheel.gained.lower > 0
    assert wheel.share.value > max(TWO_THIRDS, found.policies[RANDOM].share.value)
