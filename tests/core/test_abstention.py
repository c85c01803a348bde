"""Accuracy against coverage by loops over rows; the choice of a threshold by simulation."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus.core.abstention import STEP
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.results import Abstention, Evaluation
from tests.generated import inputs

LABELS = ("a", "b", "c")
SCORES = {name: name for name in LABELS}


def rows(seed: int = 0, n: int = 600, signal: float = 1.8, sureness: float = 1.5) -> pd.DataFrame:
    """Rows of a model that is surer where it is right."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, n)
    logits = sureness * (signal * np.eye(3)[label] + rng.normal(size=(n, 3)))
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    answers = {"label": np.array(LABELS)[label], "prediction": np.array(LABELS)[scores.argmax(axis=1)]}
    extra = {"w": rng.lognormal(0, 0.5, n), "customer": rng.integers(0, n // 4, n)}
    return pd.DataFrame({**answers, **dict(zip(LABELS, scores.T, strict=True)), **extra})


def evaluated(frame: Any, launch: float | None = None, **options: Any) -> Evaluation:
    asked = {"thresholds": [{"metric": "accuracy", "min": launch}]} if launch is not None else {}
    return evaluate(frame, scores=SCORES, requirements=asked, **options)


def curve(frame: Any, launch: float | None = None, **options: Any) -> Abstention:
    found = evaluated(frame, launch, **options).abstention
    assert found
    return found


OPTIONS = [{}, {"weight": "w"}, {"cluster": "customer"}, {"weight": "w", "cluster": "customer"}]
IDS = ["plain", "weighted", "clustered", "both"]


@pytest.mark.parametrize("options", OPTIONS, ids=IDS)
def test_every_point_is_what_a_loop_over_the_rows_finds(options: dict[str, str]) -> None:
    frame = rows(n=300)
    sure, right = frame[list(LABELS)].max(axis=1), frame["label"] == frame["prediction"]
    w = frame["w"] if "weight" in options else pd.Series(1.0, frame.index)
    unit = frame["customer"] if "cluster" in options else pd.Series(frame.index)
    for point in curve(frame, **options).points:
        answered = sure >= point.threshold
        share = (w * right)[answered].sum() / w[answered].sum()
        coverage = w[answered].sum() / w.sum()
        assert point.accuracy.value == pytest.approx(share)
        assert point.coverage.value == pytest.approx(coverage)
        assert (point.accuracy.n, point.coverage.n) == (answered.sum(), len(frame))
        of_units = (w * answered * (right - share)).groupby(unit).sum()
        variance = (of_units**2).sum() / w[answered].sum() ** 2
        masses = (w * answered).groupby(unit).sum()
        units = (masses > 0).sum() if "cluster" in options else masses.sum() ** 2 / (masses**2).sum()
        z = stats.norm.ppf(0.975)
        if units < 2:
            continue
        if options:
            variance, z = variance * units / (units - 1), stats.t.ppf(0.975, units - 1)
        alike = masses.sum() ** 2 / (masses**2).sum()
        n = share * (1 - share) / variance if variance > 0 else alike
        lower = _wilson(share, min(n, 3 * answered.sum()) if variance > 0 else n, z)
        assert point.accuracy.lower == pytest.approx(lower)


def _wilson(share: float, n: float, z: float) -> float:
    """Return the root of ``(share - p)² = z² p (1 - p) / n`` below the share."""
    a, b, c = 1 + z**2 / n, 2 * share + z**2 / n, share**2
    return (b - math.sqrt(max(b**2 - 4 * a * c, 0))) / (2 * a)


@pytest.mark.parametrize("options", OPTIONS, ids=IDS)
def test_where_all_is_answered_the_accuracy_is_that_of_the_run(options: dict[str, str]) -> None:
    result = evaluated(rows(), **options)
    assert result.abstention
    whole = result.abstention.points[0]
    assert (whole.threshold, whole.coverage.value, whole.coverage.lower) == (0, 1, 1)
    accuracy = result.metrics["accuracy"]
    found = [whole.accuracy.value, whole.accuracy.lower, whole.accuracy.upper]
    assert found == pytest.approx([accuracy.value, accuracy.lower, accuracy.upper], abs=1e-12)


@pytest.mark.parametrize("options", [OPTIONS[0], OPTIONS[-1]], ids=["plain", "both"])
def test_engines_find_the_same_curve_and_choice(options: dict[str, str]) -> None:
    frame = rows(seed=2, n=1000)
    here = curve(frame, 0.9, **options)
    assert here.partial
    for engine in (pl.LazyFrame(frame), duckdb.from_df(frame)):
        there = curve(engine, 0.9, **options)
        figures = [found.frame().select_dtypes("number") for found in (here, there)]
        assert np.allclose(*figures)
        assert there.choice
        assert there.choice.threshold == here.partial.threshold


def test_labels_that_are_numbers_are_told_right_from_wrong_in_every_engine() -> None:
    frame = rows(n=200)
    numbers = frame.assign(**{c: frame[c].map({"a": 0, "b": 1, "c": 2}) for c in ("label", "prediction")})
    here = curve(frame).points[0].accuracy
    for engine in (numbers, pl.LazyFrame(numbers), duckdb.from_df(numbers)):
        found = evaluate(engine, scores={str(i): name for i, name in enumerate(LABELS)}).abstention
        assert found
        assert found.points[0].accuracy == here


def test_an_answer_that_is_missing_or_not_the_most_probable_label_is_judged_as_it_was_given() -> None:
    frame = rows(n=200)
    frame.loc[frame.index < 50, "prediction"] = None
    frame.loc[frame.index >= 150, "prediction"] = "c"
    right = (frame["label"] == frame["prediction"]).mean()
    assert curve(frame).points[0].accuracy.value == pytest.approx(right)
    assert curve(pl.LazyFrame(frame)).points[0].accuracy.value == pytest.approx(right)


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from([0.0, 0.5, 2.0]), st.floats(0, 1))
@settings(max_examples=inputs(15), deadline=None)
def test_points_lie_apart_and_the_choice_is_one_that_clears_the_launch_accuracy(
    seed: int, n: int, signal: float, launch: float
) -> None:
    found = curve(rows(seed, max(n, 4), signal), launch)
    shares = [point.coverage.value for point in found.points]
    assert len(shares) <= 1 / STEP + 1
    assert all(a - b >= STEP - 1e-9 for a, b in pairwise(shares))
    assert sorted(p.threshold for p in found.points) == [p.threshold for p in found.points]
    if found.choice:
        assert found.choice in found.points
        assert found.choice.accuracy.lower >= launch
        assert found.nearest is found.n_needed is None
    if found.points[0].accuracy.lower >= launch:
        assert found.choice == found.points[0]
    if found.nearest:
        assert found.nearest.accuracy.value > launch


def test_area_under_the_risk_coverage_curve_is_the_mean_risk_over_all_coverages() -> None:
    frame = rows(n=20_000)
    sure = frame[list(LABELS)].max(axis=1).to_numpy()
    wrong = (frame["label"] != frame["prediction"]).to_numpy()[np.argsort(-sure)]
    order = np.arange(1, len(wrong) + 1)
    found = curve(frame)
    assert found.aurc == pytest.approx((wrong.cumsum() / order).mean(), rel=0.005)
    assert found.aurc_oracle == pytest.approx((np.sort(wrong).cumsum() / order).mean(), rel=0.005)


def test_scores_that_are_all_alike_have_the_error_rate_as_their_area() -> None:
    frame = rows(n=100).assign(a=0.5, b=0.25, c=0.25)
    found = curve(frame)
    assert len(found.points) == 1
    assert found.aurc == pytest.approx(1 - found.points[0].accuracy.value)


@pytest.mark.parametrize(("right", "area"), [(True, 0.0), (False, 1.0)])
def test_all_right_and_all_wrong_have_an_area_of_0_and_1(right: bool, area: float) -> None:
    frame = rows(n=50)
    frame["label"] = frame["prediction"] if right else frame["prediction"].map({"a": "b", "b": "c", "c": "a"})
    found = curve(frame, 0.9)
    assert (found.aurc, found.aurc_oracle) == pytest.approx((area, area))
    assert (found.choice == found.points[0]) is right
    assert (found.nearest is None) is True


def test_no_accuracy_asked_means_no_choice() -> None:
    found = curve(rows())
    assert (found.launch, found.choice, found.nearest, found.n_needed) == (None, None, None, None)


def test_an_accuracy_of_a_slice_is_no_launch_accuracy() -> None:
    asked = {"slices": ["customer"], "thresholds": [{"metric": "accuracy", "min": 0.9, "every": "customer"}]}
    found = evaluate(rows(n=300).assign(customer="x"), scores=SCORES, requirements=asked).abstention
    assert found
    assert found.launch is None


def test_certainty_is_never_shown() -> None:
    frame = rows(n=2000)
    frame["label"] = frame["prediction"]
    assert curve(frame, 1.0).choice is None


@pytest.mark.parametrize(("seed", "n"), [(3, 120), (2, 200)])
def test_as_many_examples_as_are_said_to_be_needed_show_a_threshold(seed: int, n: int) -> None:
    frame = rows(seed, n)
    found = curve(frame, 0.95)
    assert found.choice is None
    assert found.nearest
    assert found.n_needed
    times = math.ceil(found.n_needed / n)
    assert times > 1

    def again(times: int) -> Abstention:
        return curve(pd.concat([frame] * times, ignore_index=True), 0.95)

    assert again(times - 1).choice is None
    choice = again(times).choice
    assert choice
    assert choice.threshold <= found.nearest.threshold


def test_without_a_score_for_each_label_there_is_no_curve() -> None:
    assert evaluate(rows(n=50), scores={"a": "a", "b": "b"}).abstention is None
    assert evaluate(rows(n=50).assign(a=0.9), scores=SCORES).abstention is None
    assert evaluate(rows(n=50)).abstention is None
