from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mlflow_evalplus import names
from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.intervals import influence
from mlflow_evalplus.results import Evaluation
from tests.generated import inputs

UNIVERSES: list[list[Any]] = [
    ["negative", "neutral", "positive"],
    ["差", "中 性", "très=bien", "a/b"],
    [0, 1, 2, 10],
    [True, False],
    ["only"],
]


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """Labels and predictions of one universe; a class may never be labelled, or never predicted."""
    universe = draw(st.sampled_from(UNIVERSES))
    labels = draw(st.lists(st.sampled_from(universe), min_size=1, max_size=30))
    predicted = st.sampled_from([*universe, None])
    return labels, draw(st.lists(predicted, min_size=len(labels), max_size=len(labels)))


def sklearn_metrics(
    y_true: list[str], y_pred: list[str], labels: tuple[str, ...], weight: Any = None
) -> dict[str, Any]:
    def averaged(score: Any, average: str) -> float:
        return float(
            score(
                y_true, y_pred, labels=list(labels), average=average, zero_division=np.nan, sample_weight=weight
            )
        )  # fmt: skip

    one_class = len(set(y_true)) == 1 or len(set(y_pred)) == 1
    return {
        "accuracy": sk.accuracy_score(y_true, y_pred, sample_weight=weight),
        "f1_macro": averaged(sk.f1_score, "macro"),
        "balanced_accuracy": sk.balanced_accuracy_score(y_true, y_pred, sample_weight=weight),
        "f1_weighted": averaged(sk.f1_score, "weighted"),
        "precision_macro": averaged(sk.precision_score, "macro"),
        "cohen_kappa": sk.cohen_kappa_score(y_true, y_pred, sample_weight=weight),
        # scikit-learn answers 0 where the correlation is 0 / 0
        "mcc": math.nan if one_class else sk.matthews_corrcoef(y_true, y_pred, sample_weight=weight),
    }


def assert_equals_sklearn(result: Evaluation, y_true: list[str], y_pred: list[str], weight: Any = None) -> None:
    expected = sklearn_metrics(y_true, y_pred, result.labels, weight)
    found = {key: estimate.value for key, estimate in result.metrics.items()}
    covered = found.pop(names.COVERAGE, 1.0)
    known = [answer in result.labels for answer in y_pred]
    assert covered == pytest.approx(np.average(known, weights=weight))
    assert list(found) == list(expected) == list(names.METRICS)
    actual = list(found.values())
    np.testing.assert_allclose(actual, list(expected.values()), rtol=0, atol=1e-12)
    by_class = sk.precision_recall_fscore_support(
        y_true, y_pred, labels=list(result.labels), zero_division=np.nan, sample_weight=weight
    )
    for index, metric in enumerate(names.CLASS_METRICS):
        actual = [row.metrics[metric].value for row in result.classes.rows]
        np.testing.assert_allclose(actual, by_class[index], rtol=0, atol=1e-12)
    assert [row.n for row in result.classes.rows] == [y_true.count(label) for label in result.labels]
    assert [row.n_predicted for row in result.classes.rows] == [y_pred.count(label) for label in result.labels]


@pytest.mark.filterwarnings("ignore::UserWarning:sklearn.*", "ignore::RuntimeWarning:sklearn.*")
@settings(deadline=None, max_examples=inputs(150))
@given(answers())
def test_every_metric_equals_scikit_learn(both: tuple[list[Any], list[Any]]) -> None:
    labels, predictions = both
    result = evaluate(pd.DataFrame({"label": labels, "prediction": predictions}))
    names_of = [names.OTHER if p is None else str(p) for p in predictions]
    assert_equals_sklearn(result, [str(label) for label in labels], names_of)


@pytest.mark.filterwarnings("ignore::UserWarning:sklearn.*", "ignore::RuntimeWarning:sklearn.*")
@settings(deadline=None, max_examples=inputs(60))
@given(answers(), st.randoms(use_true_random=False))
def test_weighted_metrics_equal_scikit_learns_sample_weight(both: tuple[list[Any], list[Any]], random: Any) -> None:
    labels, predictions = both
    weight = [random.uniform(0.1, 5) for _ in labels]
    result = evaluate(pd.DataFrame({"label": labels, "prediction": predictions, "w": weight}), weight="w")
    names_of = [names.OTHER if p is None else str(p) for p in predictions]
    assert_equals_sklearn(result, [str(label) for label in labels], names_of, weight)


@pytest.mark.filterwarnings("ignore::UserWarning:sklearn.*", "ignore::RuntimeWarning:sklearn.*")
@settings(deadline=None, max_examples=inputs(40))
@given(answers())
def test_a_declared_class_that_never_occurs_changes_no_metric(both: tuple[list[Any], list[Any]]) -> None:
    labels, predictions = ([None if v is None else str(v) for v in values] for values in both)
    frame = pd.DataFrame({"label": labels, "prediction": predictions}, dtype=object)
    declared = ["zebra", *sorted({*map(str, labels)})]
    result = evaluate(frame, requirements={"task": {"labels": declared}})
    # a prediction that is no declared label is as wrong as a missing one
    names_of = [p if p in declared else names.OTHER for p in predictions]
    assert result.labels == tuple(declared)
    assert_equals_sklearn(result, [str(label) for label in labels], [str(p) for p in names_of])
    assert all(math.isnan(estimate.value) for estimate in result.classes["zebra"].metrics.values())


def test_undefined_is_nan_with_its_n_and_never_zero() -> None:
    one_class = evaluate(pd.DataFrame({"label": ["a"] * 4, "prediction": ["a"] * 4}))
    for name in ("cohen_kappa", "mcc"):
        estimate = one_class.metrics[name]
        assert not estimate.defined
        assert (math.isnan(estimate.lower), math.isnan(estimate.upper), estimate.n) == (True, True, 4)
    never_predicted = evaluate(pd.DataFrame({"label": ["a", "b", "b"], "prediction": ["a", "a", "a"]}))
    precision = never_predicted.classes["b"].metrics["precision"]
    assert not precision.defined
    assert precision.n == 0
    assert never_predicted.classes["b"].metrics["recall"].value == 0
    assert never_predicted.classes["b"].metrics["f1"].value == 0


def test_a_model_that_answers_nothing_has_accuracy_zero() -> None:
    result = evaluate(pd.DataFrame({"label": ["a", "b", "b"], "prediction": [None, None, None]}))
    assert result.metrics["accuracy"].value == 0
    assert result.confusion.predictions == ("a", "b", names.OTHER)
    assert result.confusion.counts == ((0, 0, 1), (0, 0, 2))


def all_metrics(k: int, m: int) -> dict[str, metrics.Metric]:
    costs = np.arange(k * m, dtype=float).reshape(k, m) - 2  # a negative cost is a gain
    chosen = {**metrics.OVERALL, **metrics.of_classes([str(i) for i in range(k)])}
    return {**chosen, "error_cost": metrics.error_cost(costs)}


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    """A confusion matrix with empty cells, rows and columns, and perhaps the column (other)."""
    k = draw(st.integers(2, 4))
    m = k + draw(st.integers(0, 1))
    cells = draw(st.lists(st.sampled_from([0, 0, 1, 2, 7, 30]), min_size=k * m, max_size=k * m).filter(any))
    return np.array(cells, dtype=float).reshape(k, m)


@settings(deadline=None, max_examples=inputs(80))
@given(tables())
def test_influence_is_the_numeric_derivative(table: np.ndarray) -> None:
    """ψ(c) is the slope of the metric as rows of cell c are added, by central differences."""
    shares, step = table / table.sum(), 1e-6
    for metric in all_metrics(*table.shape).values():
        value, psi = influence(metric, shares[None])
        if math.isnan(value[0]):
            assert not psi.any()
            continue
        if metric.name == "mcc" and shares.shape[0] > 1 and max(shares.sum(0).max(), shares.sum(1).max()) > 0.98:
            continue  # its slope explodes as labels or predictions become one class
        for i, j in zip(*np.nonzero(table), strict=True):
            towards = np.zeros_like(shares)
            towards[i, j] = 1
            moved = np.stack([shares + sign * step * (towards - shares) for sign in (1, -1)])
            up, down = metric.formula(moved)[0]
            assert psi[0, i, j] == pytest.approx((up - down) / (2 * step), abs=1e-5, rel=1e-5), (metric.name, i, j)


@settings(deadline=None, max_examples=inputs(80))
@given(tables())
def test_influence_has_mean_zero_and_values_stay_in_range(table: np.ndarray) -> None:
    shares = (table / table.sum())[None]
    for metric in all_metrics(*table.shape).values():
        value, psi = influence(metric, shares)
        assert (shares * psi).sum() == pytest.approx(0, abs=1e-9 * max(1, np.abs(psi).max()))
        if metric.name != "error_cost":
            assert math.isnan(value[0]) or metric.low - 1e-12 <= value[0] <= metric.high + 1e-12


def test_slices_are_computed_at_once_as_if_each_were_alone() -> None:
    rng = np.random.default_rng(0)
    tables_of_slices = rng.integers(0, 4, (50, 3, 4)) * rng.integers(0, 2, (50, 3, 1)) + np.eye(3, 4)
    shares = tables_of_slices / tables_of_slices.sum(axis=(1, 2), keepdims=True)
    for metric in all_metrics(3, 4).values():
        values, psi = influence(metric, shares)
        for index, share in enumerate(shares):
            alone, psi_alone = influence(metric, share[None])
            np.testing.assert_array_equal(alone[0], values[index])
            np.testing.assert_allclose(psi_alone[0], psi[index], rtol=0, atol=1e-14)
