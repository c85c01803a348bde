"""Metrics of a user's own: those that reimplement a built-in one have its value, interval and difference."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.custom import CustomMetric, influences
from mlflow_evalplus.errors import DataError, RequirementsError
from mlflow_evalplus.results import Difference, Estimate, Evaluation, Outcome
from tests.generated import inputs

LABELS = ["negative", "neutral", "positive"]


def accuracy(shares: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    return sum(shares[..., i, i] for i in range(len(labels)))


def macro_f1(shares: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    said = shares[..., : len(labels)].sum(axis=-2)
    total = shares.sum(axis=-1) + said
    f1 = 2 * np.diagonal(shares, axis1=-2, axis2=-1) / np.where(total > 0, total, np.nan)
    return np.nansum(f1, axis=-1) / (total > 0).sum(axis=-1)  # of the classes that occur


def kappa(shares: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    chance = (shares.sum(axis=-1) * shares[..., : len(labels)].sum(axis=-2)).sum(axis=-1)
    return np.where(chance < 1 - 1e-12, (accuracy(shares, labels) - chance) / (1 - chance), np.nan)


TWINS: dict[str, tuple[Callable[..., np.ndarray], float]] = {
    "accuracy": (accuracy, 0.0),
    "f1_macro": (macro_f1, 0.0),
    "cohen_kappa": (kappa, -1.0),
}
OWN = [
    CustomMetric(f"my_{name}", function, low=low, smooth=name == "f1_macro") for name, (function, low) in TWINS.items()
]


def lost_negatives(shares: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    row = shares[..., labels.index("negative"), :]
    return row[..., labels.index("positive")] / row.sum(axis=-1)


def lost_gradient(shares: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    """A ratio's: (δ - value) / denominator."""
    i, j = labels.index("negative"), labels.index("positive")
    gradient = np.zeros_like(shares)
    total = shares[..., i, :].sum(axis=-1)
    gradient[..., i, :] = (-lost_negatives(shares, labels) / total)[..., None]
    gradient[..., i, j] += 1 / total
    return gradient


LOST = CustomMetric("lost_negatives", lost_negatives, lower_is_better=True)


@st.composite
def rows(draw: st.DrawFn) -> pd.DataFrame:
    """Two models' answers to rows of two slices; classes may be missing, rows unanswered, cells empty."""
    n = draw(st.integers(1, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    label = rng.choice(LABELS, n, p=draw(st.sampled_from([[0.4, 0.3, 0.3], [0.9, 0.1, 0], [1, 0, 0]])))
    others = np.array([*LABELS, None]) if draw(st.booleans()) else np.array(LABELS)
    hit = draw(st.sampled_from([0.0, 0.8, 1.0]))
    answers = {model: np.where(rng.random(n) < hit, label, rng.choice(others, n)) for model in "AB"}
    extra = {"channel": rng.choice(["app", "web"], n), "customer": rng.integers(0, 9, n), "w": rng.integers(1, 4, n)}
    return pd.DataFrame({"label": label, **answers, **extra})


def evaluated(frame: pd.DataFrame, model: str, **options: Any) -> Evaluation:
    asked = {"task": {"labels": LABELS}, **options.pop("requirements", {})}
    return ep.evaluate(frame, prediction=model, metrics=options.pop("metrics", OWN), requirements=asked, **options)


def assert_twins(found: dict[str, Any]) -> None:
    """Each metric of our own says what the built-in one says."""
    for name in TWINS:
        own, built_in = found[f"my_{name}"], found[name]
        assert isinstance(own, Estimate | Difference)
        bounds = [(e.value, e.lower, e.upper, e.n, getattr(e, "p_value", 0)) for e in (own, built_in)]
        np.testing.assert_allclose(*bounds, rtol=1e-5, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("cluster", [None, "customer"], ids=["independent", "clustered"])
@settings(deadline=None, max_examples=inputs(20))
@given(rows(), st.sampled_from([None, "w"]))
def test_metrics_reimplemented_say_the_same_as_the_built_in_ones(
    cluster: str | None, frame: pd.DataFrame, weight: str | None
) -> None:
    both = [evaluated(frame, model, slices=["channel"], cluster=cluster, weight=weight) for model in "AB"]
    for result in both:
        assert_twins(result.metrics)
        for row in result.slices.rows:
            assert_twins(row.metrics)
    comparison = ep.compare(*both)
    assert_twins(comparison.metrics)
    for difference in comparison.slices:
        assert_twins(difference.metrics)


@st.composite
def shares(draw: st.DrawFn) -> np.ndarray:
    """Two slices' shares with empty cells, but all classes."""
    cells = np.array(draw(st.lists(st.sampled_from([0, 0, 1, 3, 20]), min_size=24, max_size=24)), dtype=float)
    cells = cells.reshape(2, 3, 4) + np.eye(3, 4)
    return np.asarray(cells / cells.sum(axis=(1, 2), keepdims=True))


@settings(deadline=None, max_examples=inputs(40))
@given(shares())
def test_numerical_influences_are_the_exact_ones_also_of_empty_cells(p: np.ndarray) -> None:
    exact = {name: metrics.OVERALL[name].formula(p)[1] for name in TWINS} | {"lost": lost_gradient(p, tuple(LABELS))}
    functions = {name: function for name, (function, _) in TWINS.items()} | {"lost": lost_negatives}
    for name, gradient in exact.items():
        function = functions[name]
        expected = gradient - (p * gradient).sum(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(
            influences(lambda q, f=function: f(q, tuple(LABELS)), p), expected, rtol=1e-5, atol=1e-6, err_msg=name
        )


def test_a_given_gradient_gives_the_same_interval_and_is_what_counts(frame: pd.DataFrame) -> None:
    exact, numeric = (
        evaluated(frame, "prediction", metrics=[metric], slices=["channel"], cluster="customer_id")
        for metric in (replace(LOST, gradient=lost_gradient), LOST)
    )
    for a, b in zip([exact, *exact.slices.rows], [numeric, *numeric.slices.rows], strict=True):
        found, expected = a.metrics["lost_negatives"], b.metrics["lost_negatives"]
        assert (found.value, found.n, found.small_support) == (expected.value, expected.n, expected.small_support)
        assert (found.lower, found.upper) == pytest.approx((expected.lower, expected.upper), rel=1e-6)
    # a gradient of another size gives another interval: it is not recomputed behind the user's back
    steeper = replace(LOST, gradient=lambda shares, labels: 3 * lost_gradient(shares, labels))
    wide = evaluated(frame, "prediction", metrics=[steeper], cluster="customer_id").metrics["lost_negatives"]
    assert wide.upper > 1.1 * exact.metrics["lost_negatives"].upper


def test_the_function_is_handed_what_it_was_promised(frame: pd.DataFrame) -> None:
    """Square where every prediction is a label, in comparisons too: a matrix of costs or weights then fits."""
    shapes: set[tuple[int, ...]] = set()

    def noted(shares: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
        assert labels == tuple(LABELS)
        np.testing.assert_allclose(shares.sum(axis=(-2, -1)), 1)
        shapes.add(shares.shape[-2:])
        return accuracy(shares, labels)

    metric = CustomMetric("noted", noted)
    other = frame.assign(prediction=frame["prediction"].mask(frame.index < 3))
    for data, expected in ((frame, {(3, 3)}), (other, {(3, 4)})):
        shapes.clear()
        result = evaluated(data, "prediction", metrics=[metric], slices=["channel", "language"])
        ep.compare(result, result)
        assert shapes == expected
    # where one of two models left rows unanswered, both are asked for with that column
    shapes.clear()
    ep.compare(*(evaluated(data, "prediction", metrics=[metric], text="text") for data in (frame, other)))
    assert shapes == {(3, 3), (3, 4)}


def test_a_range_of_its_own_is_kept(frame: pd.DataFrame) -> None:
    """Points on a scale from -5 to 20: the interval is that of the same metric in 0 to 1, stretched."""
    points = CustomMetric("points", lambda shares, labels: 25 * accuracy(shares, labels) - 5, low=-5, high=20)
    result = evaluated(frame, "prediction", metrics=[points, OWN[0]])
    unit, stretched = result.metrics["my_accuracy"], result.metrics["points"]
    expected = [25 * bound - 5 for bound in (unit.value, unit.lower, unit.upper)]
    assert [stretched.value, stretched.lower, stretched.upper] == pytest.approx(expected, rel=1e-6)


def test_undefined_is_nan_where_a_slice_lacks_the_class() -> None:
    frame = pd.DataFrame({"label": ["negative", "positive"] * 20, "prediction": "positive", "half": ["x", "y"] * 20})
    result = evaluated(frame, "prediction", metrics=[LOST], slices=["half"])
    assert result.metrics["lost_negatives"].value == 1
    assert result.slices["half=x"].metrics["lost_negatives"].value == 1
    missing = result.slices["half=y"].metrics["lost_negatives"]
    assert (missing.defined, missing.n) == (False, 20)


def test_lazy_frames_have_them_too(frame: pd.DataFrame) -> None:
    columns = frame.drop(columns="text")
    expected = evaluated(columns, "prediction", slices=["channel"])
    assert evaluated(pl.from_pandas(columns).lazy(), "prediction", slices=["channel"]) == expected


def gates(frame: pd.DataFrame, *thresholds: dict[str, Any]) -> list[Outcome]:
    result = evaluated(
        frame, "prediction", metrics=[LOST],
        requirements={"slices": ["channel"], "thresholds": [{"metric": "lost_negatives", **t} for t in thresholds]},
    )  # fmt: skip
    return [gate.outcome for gate in result.verdict.gates]


def test_gates_hold_its_bounds(frame: pd.DataFrame) -> None:
    found = evaluated(frame, "prediction", metrics=[LOST], slices=["channel"])
    whole, web = found.metrics["lost_negatives"], found.slices["channel=web"].metrics["lost_negatives"]
    assert gates(frame, {"max": whole.upper + 1e-6}, {"max": whole.upper - 1e-6}, {"max": whole.lower - 1e-6}) == [
        Outcome.PASS, Outcome.UNDECIDED, Outcome.FAIL,
    ]  # fmt: skip
    assert gates(frame, {"min": whole.lower - 1e-6}, {"min": whole.upper + 1e-6}) == [Outcome.PASS, Outcome.FAIL]
    assert gates(frame, {"max": web.lower - 1e-6, "slice": "channel=web"}) == [Outcome.FAIL]
    assert len(gates(frame, {"max": 0.5, "every": "channel"})) == 3


@pytest.mark.parametrize("lower_is_better", [True, False])
def test_not_worse_than_knows_which_way_is_worse(frame: pd.DataFrame, lower_is_better: bool) -> None:
    metric = replace(LOST, lower_is_better=lower_is_better)
    threshold = {"metric": "lost_negatives", "not_worse_than": "baseline", "margin": 0.05}
    loses = frame.assign(prediction=frame["prediction"].mask(frame.index % 3 == 0, "positive"))
    few, many = (
        evaluated(data, "prediction", metrics=[metric], text="text", requirements={"thresholds": [threshold]})
        for data in (frame, loses)
    )
    assert few.verdict.gates[0].outcome is Outcome.UNDECIDED
    outcomes = [ep.decide(a, comparison=ep.compare(a, b)).outcome for a, b in ((few, many), (many, few))]
    assert outcomes == ([Outcome.PASS, Outcome.FAIL] if lower_is_better else [Outcome.FAIL, Outcome.PASS])


@pytest.mark.slow
def test_it_is_logged_and_loaded_back(store: str, frame: pd.DataFrame) -> None:
    asked = {
        "thresholds": [
            {"metric": "lost_negatives", "max": 0.5},
            {"metric": "lost_negatives", "not_worse_than": "baseline", "margin": 0.05},
        ]
    }
    result = evaluated(frame, "prediction", metrics=[LOST], text="text", slices=["channel"], requirements=asked)
    with mlflow.start_run() as run:
        ep.log(result)
    logged = mlflow.get_run(run.info.run_id).data.metrics
    value = result.metrics["lost_negatives"].value
    assert logged["quality/lost_negatives"] == pytest.approx(value)
    back = ep.load(run.info.run_id)
    assert back == ep.attribute(result)
    assert (
        back.slices["channel=web"].metrics["lost_negatives"] == result.slices["channel=web"].metrics["lost_negatives"]
    )
    # its figures can be held against new numbers; the function itself is gone, so nobody knows which way is worse
    assert ep.decide(back, {"thresholds": [{"metric": "lost_negatives", "min": 0.5}]}).outcome is Outcome.FAIL
    gate = ep.decide(back, comparison=ep.compare(back, result)).gates[1]
    assert gate.outcome is Outcome.UNDECIDED
    assert "says whether less of it is better" in gate.reason


def failing(shares: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    return shares[..., labels.index("angry"), 0]


SHAPES = r"returned shape \(\) for shares of shape \(1, 3, 3\); return one value per slice, shape \(1,\): index with sh"


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ([CustomMetric("accuracy", accuracy)], "the name 'accuracy' of a custom metric is taken; choose another"),
        ([CustomMetric("roc_auc", accuracy)], "the name 'roc_auc' of a custom metric is taken"),
        ([OWN[0], OWN[0]], "the name 'my_accuracy' of a custom metric is taken"),
        ([CustomMetric("", accuracy)], r"the name '' of a custom metric must not be empty or hold '\['"),
        ([CustomMetric("recall[all]", accuracy)], r"the name 'recall\[all\]' of a custom metric must not be empty or"),
        ([accuracy], "metrics holds <function accuracy.*; give CustomMetric"),
        ([CustomMetric("own", lambda p, _: p.sum())], f"custom metric 'own' {SHAPES}"),
        ([CustomMetric("own", failing)],
         r"'own' failed on shares of shape \(1, 3, 3\) \[slices, labels, predictions\] for labels \['negative.*Error"),
        ([CustomMetric("own", lambda p, labels: 2 * accuracy(p, labels))],
         "custom metric 'own' returned 1.8.*, outside 0 to 1; give its range with low and high"),
        ([CustomMetric("own", lambda p, labels: accuracy(p, labels) - 1)], "'own' returned -0.08.*, outside 0 to 1"),
        ([CustomMetric("own", accuracy, gradient=accuracy)],
         r"the gradient of custom metric 'own' returned shape \(1,\) .*; return one value per cell, shape \(1, 3, 3\)"),
        ([CustomMetric("own", accuracy, gradient=failing)], "the gradient of custom metric 'own' failed on shares"),
    ],
)  # fmt: skip
def test_mistakes_are_said_in_words(frame: pd.DataFrame, own: list[Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ep.evaluate(frame, metrics=own)


def test_a_threshold_of_an_unknown_metric_names_the_known_ones(frame: pd.DataFrame) -> None:
    asked = {"thresholds": [{"metric": "lost_negative", "max": 0.1}]}
    with pytest.raises(RequirementsError, match=r"unknown metric 'lost_negative'.*Did you mean 'lost_negatives'"):
        ep.evaluate(frame, metrics=[LOST], requirements=asked)
    with pytest.raises(RequirementsError, match="unknown metric 'lost_negatives'"):
        ep.evaluate(frame, requirements={"thresholds": [{"metric": "lost_negatives", "max": 0.1}]})
    assert not math.isnan(ep.evaluate(frame, metrics=[LOST]).metrics["lost_negatives"].lower)
