"""Which threshold is chosen, by simulation, where errors are rare and where they are large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlflow_evalplus.core.abstention import abstention
from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.core.scores import of_predictions
from mlflow_evalplus.results import Abstention


def sure_and_right(sure: np.ndarray, right: np.ndarray, **columns: Any) -> pd.DataFrame:
    """Rows whose answer is always ``a``."""
    return pd.DataFrame({"label": np.where(right, "a", "b"), "prediction": "a", "a": sure, "b": 1 - sure, **columns})


def chosen(frame: pd.DataFrame, launch: float, **options: str) -> Abstention:
    predictions = read(frame, scores={"a": "a", "b": "b"}, labels=("a", "b"), **options)
    scored = of_predictions(predictions)
    assert scored
    found = abstention(scored, count(predictions).overall, launch)
    assert found
    return found


def test_few_right_answers_are_near_a_choice_and_say_so() -> None:
    found = chosen(sure_and_right(np.linspace(0.6, 0.99, 25), np.ones(25, dtype=bool)), 0.9)
    assert (found.choice, found.n_needed) == (None, None)
    assert found.nearest
    assert found.nearest.accuracy.small_support


@pytest.mark.parametrize("wrong", [0, 1, 5])
def test_one_error_more_never_shows_what_no_error_did_not(wrong: int) -> None:
    """Twenty clusters of twenty rows: without an error their spread is not known, with one it looks small."""
    place = np.arange(400)
    frame = sure_and_right(0.55 + place / 1000, ~np.isin(place, 21 * np.arange(wrong)), customer=place % 20)
    found = chosen(frame, 0.9, cluster="customer")
    assert found.choice is None
    assert found.n_needed is not None
    more = pd.concat([frame.assign(customer=frame["customer"] + 20 * i) for i in range(3)])
    assert chosen(more, 0.9, cluster="customer").choice


def few_bad_clusters(rng: np.random.Generator) -> tuple[pd.DataFrame, float, dict[str, str]]:
    """Twenty customers of twenty rows; one in twelve gets only wrong answers."""
    right = rng.random(400) < np.repeat(np.where(rng.random(20) < 0.08, 0, 0.97), 20)
    customer = np.repeat(np.arange(20), 20)
    return sure_and_right(rng.uniform(0.5, 1, 400), right, customer=customer), 0.9, {"cluster": "customer"}


def uneven_clusters(rng: np.random.Generator) -> tuple[pd.DataFrame, float, dict[str, str]]:
    """One customer in twenty has sixty rows, the others five; the large ones are wrong more often."""
    size = np.where(rng.random(100) < 0.05, 60, 5)
    right = np.where(rng.random(100) < np.where(size > 5, 0.3, 0.04), 0.1, 0.98)
    true = (3 * (0.3 * 0.1 + 0.7 * 0.98) + 4.75 * (0.04 * 0.1 + 0.96 * 0.98)) / 7.75
    customer = np.repeat(np.arange(100), size)
    frame = sure_and_right(rng.uniform(0.5, 1, len(customer)), rng.random(len(customer)) < right[customer])
    return frame.assign(customer=customer), true + 0.005, {"cluster": "customer"}


def heavy_rows(rng: np.random.Generator) -> tuple[pd.DataFrame, float, dict[str, str]]:
    """One row in twenty weighs as much as twenty, and is wrong more often."""
    heavy = rng.random(200) < 0.05
    frame = sure_and_right(rng.uniform(0.5, 1, 200), rng.random(200) < np.where(heavy, 0.8, 0.98))
    return frame.assign(w=np.where(heavy, 20.0, 1.0)), (0.8 + 0.95 * 0.98) / 1.95 + 0.005, {"weight": "w"}


@pytest.mark.slow
@pytest.mark.parametrize("draw", [few_bad_clusters, uneven_clusters, heavy_rows])
def test_rare_large_errors_are_not_overlooked(draw: Any) -> None:
    """Before there was a least number of effective clusters, 20 to 30 of 100 test sets had a threshold too low."""
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(25):
        frame, launch, options = draw(rng)
        missed += chosen(frame, launch, **options).choice is not None
    assert stats.binomtest(missed, 25, 0.05, alternative="greater").pvalue > 0.05


def test_a_bound_that_clears_on_its_own_is_not_enough_for_one_of_many_thresholds() -> None:
    """Right on 80 % of the surest tenth, on all of the next two tenths, then on 80 %: 93.3 % of the surest 30 %."""
    place = np.arange(2000)
    right = (place % 5 > 0) | ((place >= 200) & (place < 600))
    sure = 1 - place / 4000
    found = chosen(sure_and_right(sure, right), 0.9)
    assert max(point.accuracy.lower for point in found.points) > 0.9
    assert (found.choice, found.n_needed) == (None, None)
    assert found.nearest


@pytest.mark.slow
def test_a_threshold_that_is_chosen_is_too_low_at_most_5_times_in_100() -> None:
    """The hardest case: whatever the threshold, the answers are a little less accurate than asked."""
    simulations, n, launch = 50, 300, 0.9
    rng = np.random.default_rng(11)
    missed = 0
    for _ in range(simulations):
        sure = rng.uniform(0.5, 1, n)
        right = rng.random(n) < launch - 0.002
        missed += chosen(sure_and_right(sure, right), launch).choice is not None
    assert stats.binomtest(missed, simulations, 0.05, alternative="greater").pvalue > 0.01
    assert missed > 0  # some are: the test is not empty
