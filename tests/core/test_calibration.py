"""Is a calibration error more than noise? By simulated calibrated models, row by row."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

from mlflow_evalplus.core.calibration import calibration
from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.core.scores import of_predictions
from mlflow_evalplus.results import Calibration
from tests.core.test_abstention import SCORES, rows
from tests.core.test_threshold_choice import sure_and_right


def found(frame: pd.DataFrame, **options: str) -> Calibration:
    predictions = read(frame, scores={"a": "a", "b": "b"}, labels=("a", "b"), **options)
    scored = of_predictions(predictions)
    assert scored
    bins = calibration(scored, count(predictions).overall)
    assert bins
    return bins


def errors(sure: np.ndarray, right: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the calibration error of each draw in `right`, [draws, rows]."""
    place = np.minimum((sure * 10).astype(int), 9)
    each = [np.abs((w * (right - sure))[:, place == i].sum(axis=1)) for i in range(10)]
    return np.sum(each, axis=0) / w.sum()


@pytest.mark.parametrize(("over", "spread"), [(0.0, 0.0), (0.03, 0.0), (0.05, 0.0), (0.05, 1.0)])
def test_the_p_value_is_the_share_of_calibrated_models_with_as_large_an_error(over: float, spread: float) -> None:
    rng = np.random.default_rng(1)
    sure, w = rng.uniform(0.5, 1, 400), rng.lognormal(0, spread, 400)
    right = rng.random(400) < sure - over
    bins = found(sure_and_right(sure, right, w=w), weight="w")
    drawn = errors(sure, rng.random((4000, 400)) < sure, w)
    assert bins.p_value == pytest.approx((drawn >= errors(sure, right[None], w)).mean(), abs=0.02)
    assert bins.noise == pytest.approx(drawn.mean(), rel=0.05)


@pytest.mark.slow
def test_a_calibrated_model_of_clustered_rows_is_told_off_in_5_of_100_test_sets() -> None:
    """Half of a cluster's rows are right or wrong together; without clusters about 30 of 100 would be told off."""
    rng = np.random.default_rng(2)
    of_clusters, of_rows = [], []
    for _ in range(40):
        customer = rng.integers(0, 50, 500)
        sure = rng.uniform(0.5, 1, 500)
        drawn = rng.normal(size=50)[customer] * 0.9 + rng.normal(size=500) * math.sqrt(1 - 0.81)
        frame = sure_and_right(sure, stats.norm.cdf(drawn) < sure, customer=customer)
        of_clusters.append(found(frame, cluster="customer").p_value)
        of_rows.append(found(frame).p_value)
    assert stats.binomtest(int((np.array(of_clusters) < 0.05).sum()), 40, 0.06, alternative="greater").pvalue > 0.05
    assert np.mean(np.array(of_rows) < 0.05) > 0.2
    assert math.isnan(found(frame.assign(customer=customer % 10), cluster="customer").p_value)


@pytest.mark.parametrize(("right", "p_value"), [(True, 1.0), (False, 0.0)])
def test_certainty_is_right_or_wrong_without_noise(right: bool, p_value: float) -> None:
    assert found(sure_and_right(np.ones(50), np.full(50, right))).p_value == p_value


def calibrations(frame: pd.DataFrame) -> list[Calibration]:
    engines: list[Any] = [frame, pl.LazyFrame(frame), duckdb.from_df(frame)]
    each = [evaluate(engine, scores=SCORES).calibration for engine in engines]
    return [bins for bins in each if bins]


def test_engines_find_the_same_rows_where_right_has_two_meanings() -> None:
    frame = rows(n=300)
    best = frame["prediction"].copy()
    frame.loc[frame.index < 40, "prediction"] = "a"
    apart = int(((frame["label"] == frame["prediction"]) != (frame["label"] == best)).sum())
    assert apart > 0
    assert [bins.n_apart for bins in calibrations(frame)] == [apart] * 3
    assert found(sure_and_right(np.full(9, 0.7), np.arange(9) < 5)).n_apart == 0
