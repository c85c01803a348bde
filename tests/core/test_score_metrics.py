"""Metrics of probabilities against scikit-learn, loops over rows, and derivatives taken by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

from mlflow_evalplus import names
from mlflow_evalplus.core import scores
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.core.score_metrics import row_influences
from mlflow_evalplus.results import Estimate, Evaluation
from tests.generated import inputs

LABELS = ["a", "b", "c", "d"]
LEAST = 2.0**-52  # scikit-learn's least probability
RANGES = {"log_loss": -math.log(LEAST), "brier": 2.0}


@st.composite
def scored(draw: st.DrawFn, most: int = 60) -> tuple[pd.DataFrame, list[str]]:
    """Rows with a probability of each label: sure or unsure, with ties, zeros and ones; a class may be missing."""
    n = draw(st.integers(1, most))
    labels = LABELS[: draw(st.integers(2, 4))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p = rng.dirichlet([draw(st.sampled_from([0.02, 0.5, 3.0]))] * len(labels), n)
    if draw(st.booleans()):
        p = np.round(p * 8) / 8
        p[:, -1] = 1 - p[:, :-1].sum(axis=1)
        p = np.where((p < 0).any(axis=1, keepdims=True), 1 / len(labels), p)
    known = draw(st.integers(1, len(labels)))  # the others have a score, but no row
    label = np.where(rng.random(n) < 0.7, p.argmax(axis=1), rng.integers(0, known, n))
    columns = {"label": np.array(labels)[label], "prediction": np.array(labels)[p.argmax(axis=1)]}
    extra = {"w": rng.uniform(0.1, 3, n), "customer": rng.integers(0, 8, n), "channel": rng.choice(["app", "web"], n)}
    return pd.DataFrame({**columns, **extra, **dict(zip(labels, p.T, strict=True))}), labels


def evaluated(frame: pd.DataFrame, labels: list[str], **options: Any) -> Evaluation:
    wanted = {"task": {"labels": labels}, "intersections": 1, **options.pop("requirements", {})}
    return evaluate(frame, scores={label: label for label in labels}, requirements=wanted, **options)


def estimates(result: Evaluation) -> dict[str, Estimate]:
    """Return the metrics of the scores, also those of single classes."""
    found = {name: result.metrics[name] for name in names.SCORE_METRICS if name in result.metrics}
    return found | {
        names.class_metric("roc_auc", row.name): row.metrics["roc_auc"]
        for row in result.classes.rows
        if "roc_auc" in row.metrics
    }


def calibration_error(p: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    gaps = [0.0] * 10
    for row, label, weight in zip(p, y, w, strict=True):
        sure = max(row)
        gaps[min(int(sure * 10), 9)] += weight * ((row[label] == sure) - sure)
    return sum(map(abs, gaps)) / sum(w)


def brute(frame: pd.DataFrame, labels: list[str], w: np.ndarray) -> dict[str, float]:
    """Return each metric as scikit-learn or a loop over the rows has it."""
    p = frame[labels].to_numpy()
    y = np.array([labels.index(label) for label in frame["label"]])
    rows = list(zip(p, y, strict=True))
    brier = [sum((p_i - (i == label)) ** 2 for i, p_i in enumerate(row)) for row, label in rows]
    top_2 = [sum(p_i > row[label] for p_i in row) < 2 for row, label in rows]
    found = {
        "log_loss": sk.log_loss(frame["label"], p, labels=labels, sample_weight=w),
        "brier": np.average(brier, weights=w),
        "top_2_accuracy": np.average(top_2, weights=w),
        "ece": calibration_error(p, y, w),
    }
    if len(labels) < 3:
        del found["top_2_accuracy"]
    for index, label in enumerate(labels):
        both = 0 < (y == index).sum() < len(y)
        auc = sk.roc_auc_score(y == index, p[:, index], sample_weight=w) if both else math.nan
        found[names.class_metric("roc_auc", label)] = auc
    return found


@settings(deadline=None, max_examples=inputs(30))
@given(scored(), st.booleans())
def test_every_metric_equals_scikit_learn_or_a_loop(both: tuple[pd.DataFrame, list[str]], weighted: bool) -> None:
    frame, labels = both
    result = estimates(evaluated(frame, labels, weight="w" if weighted else None))
    expected = brute(frame, labels, frame["w"].to_numpy() if weighted else np.ones(len(frame)))
    assert list(result) == list(expected)
    np.testing.assert_allclose([e.value for e in result.values()], list(expected.values()), rtol=1e-9, atol=1e-12)
    assert {estimate.n for estimate in result.values()} == {len(frame)}


def test_the_brier_score_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 50)
    frame = pd.DataFrame({"label": rng.choice(LABELS[:3], 50), "prediction": "a", **dict(zip("abc", p.T, strict=True))})
    expected = sk.brier_score_loss(frame["label"], p, labels=LABELS[:3], scale_by_half=False)
    assert evaluated(frame, LABELS[:3]).metrics["brier"].value == pytest.approx(expected)


@pytest.mark.parametrize("occurring", ["abd", "ab"])
def test_a_label_that_only_the_model_knows_takes_its_share_of_the_probability(occurring: str) -> None:
    """Nothing is declared and 'c' never occurs; its score is the difference to 1, and an alternative in the top 2."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet([1, 1, 1, 1], 80)
    frame = pd.DataFrame({"label": rng.choice(list(occurring), 80), **dict(zip("abcd", p.T, strict=True))})
    frame["prediction"] = frame["label"]
    of_scores = {label: label for label in "dcba"}  # their order must not matter
    result = evaluate(frame, scores=of_scores)
    assert result.labels == tuple(occurring)
    by_row = row_influences(read(frame, scores=of_scores))
    expected = brute(frame, list("abcd"), np.ones(80))
    never = {names.class_metric("roc_auc", label) for label in set("abcd") - set(occurring)}
    never |= {"top_2_accuracy"} if len(occurring) < 3 else set()
    assert list(by_row) == list(estimates(result)) == [name for name in expected if name not in never]
    for name, estimate in estimates(result).items():
        assert estimate.value == pytest.approx(expected[name])
        assert by_row[name][0] == pytest.approx(expected[name])


def test_scores_that_do_not_sum_to_1_are_no_probabilities_and_it_is_said() -> None:
    frame = pd.DataFrame({"label": ["a", "b"] * 40, "prediction": "a", "a": 0.6, "b": 0.4})
    assert evaluated(frame, ["a", "b"]).notes == ()
    # rounded to two digits they may miss it by as much
    rounded = evaluated(frame.assign(a=[0.6, 0.609] * 40), ["a", "b"])
    assert "log_loss" in rounded.metrics
    off = frame.assign(a=[0.9] * 3 + [0.6] * 77)
    result = evaluated(off, ["a", "b"])
    (note,) = result.notes
    assert note.startswith("The scores of 3 rows do not sum to 1: log-loss, Brier score, top-2 accuracy and calib")
    assert list(estimates(result)) == ["roc_auc[a]", "roc_auc[b]"]
    assert result.calibration is None
    assert list(row_influences(read(off, scores={"a": "a", "b": "b"}))) == ["roc_auc[a]", "roc_auc[b]"]
    # of one label alone nothing is left out, as nothing was to be expected
    assert evaluate(off, scores={"a": "a"}).notes == ()


def errors(frame: pd.DataFrame, psi: np.ndarray, w: np.ndarray, cluster: str | None) -> tuple[float, float]:
    """Return the standard error ``√Σ_clusters (Σ_rows w ψ)² / Σ w`` by a loop, and the quantile it is taken times."""
    if cluster is None:
        error, effective = math.sqrt(sum((w * psi) ** 2)) / sum(w), sum(w) ** 2 / sum(w**2)
        if effective > (1 - 1e-9) * len(w):  # weights that are alike are none
            return error, stats.norm.ppf(0.975)
        return error / math.sqrt(1 - 1 / max(effective, 2)), stats.t.ppf(0.975, max(effective - 1, 1))
    totals: dict[int, float] = {}
    for customer, part in zip(frame[cluster], w * psi, strict=True):
        totals[customer] = totals.get(customer, 0) + part
    groups = len(totals)
    error = math.sqrt(sum(total**2 for total in totals.values())) / sum(w)
    return error * math.sqrt(groups / max(groups - 1, 1)), stats.t.ppf(0.975, max(groups - 1, 1))


@pytest.mark.parametrize("cluster", [None, "customer"], ids=["independent", "clustered"])
@settings(deadline=None, max_examples=inputs(25))
@given(scored(), st.booleans())
def test_intervals_follow_from_the_influence_of_every_row(
    cluster: str | None, both: tuple[pd.DataFrame, list[str]], weighted: bool
) -> None:
    """Two ways to one variance: sums per cell, as engines return them, and a loop over rows."""
    frame, labels = both
    options = {"weight": "w" if weighted else None, "cluster": cluster}
    result = estimates(evaluated(frame, labels, **options))
    by_row = row_influences(read(frame, labels=labels, scores={label: label for label in labels}, **options))
    w = frame["w"].to_numpy() if weighted else np.ones(len(frame))
    assert list(by_row) == list(result)
    for name, (value, psi) in by_row.items():
        found = result[name]
        assert found.value == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
        error, z = errors(frame, psi, w, cluster)
        if math.isnan(value) or error < 1e-7:  # sums of squares keep half of the digits
            continue
        if name in names.UNBOUNDED:
            spread = math.exp(z * error / value)
            expected = (value / spread, min(value * spread, RANGES[name]))
        else:
            n = value * (1 - value) / error**2
            center, half = (value + z**2 / (2 * n)), z * math.sqrt(value * (1 - value) / n + z**2 / (4 * n**2))
            expected = ((center - half) / (1 + z**2 / n), (center + half) / (1 + z**2 / n))
        if name == "ece" or name.startswith("roc_auc"):  # wider: for its bias, and for few rows of the class
            assert found.lower <= expected[0] + 1e-6
            assert found.upper >= expected[1] - 1e-6
        else:
            assert (found.lower, found.upper) == pytest.approx(expected, rel=1e-5, abs=1e-6), name


@settings(deadline=None, max_examples=inputs(25))
@given(scored(25), st.data())
def test_influence_is_what_one_more_row_changes(both: tuple[pd.DataFrame, list[str]], data: st.DataObject) -> None:
    """``ψ_i = Σ w · ∂m / ∂w_i``, by weighing one row a little more and a little less."""
    frame, labels = both
    w = frame["w"].to_numpy()
    found = row_influences(read(frame, labels=labels, scores={label: label for label in labels}, weight="w"))
    row, step = data.draw(st.integers(0, len(frame) - 1)), 1e-5
    up, down = (brute(frame, labels, w + sign * step * (np.arange(len(w)) == row)) for sign in (1, -1))
    for name, (value, psi) in found.items():
        kink = abs(up[name] - 2 * value + down[name]) > 1e-8  # of the calibration error, where a bin is just even
        if not math.isnan(value) and not kink:
            assert psi[row] == pytest.approx(w.sum() * (up[name] - down[name]) / (2 * step), abs=1e-5), name
            assert np.average(psi, weights=w) == pytest.approx(0, abs=1e-9)


def test_the_variance_of_auc_is_delongs() -> None:
    """By the pairs: how often each row is ranked before those of the other class (DeLong et al., 1988)."""
    rng = np.random.default_rng(3)
    label = rng.random(120) < 0.3
    p = np.round(np.clip(0.3 * label + 0.7 * rng.random(120), 0, 1), 2)
    frame = pd.DataFrame({"label": np.where(label, "yes", "no"), "prediction": "no", "p": p})
    pairs = [[(x > y) + (x == y) / 2 for y in p[~label]] for x in p[label]]
    of_hits, of_rest = np.mean(pairs, axis=1), np.mean(pairs, axis=0)
    value, psi = row_influences(read(frame, scores={"yes": "p"}))["roc_auc[yes]"]
    assert value == pytest.approx(np.mean(pairs))
    # DeLong's has m - 1 and n - 1 in the variances of the two, ours m and n
    assert (psi**2).sum() / 120**2 == pytest.approx(np.var(of_hits) / len(of_hits) + np.var(of_rest) / len(of_rest))


def very_sure(rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
    """All scores within a millionth of 0 or 1, and in order only there: what a softmax of large logits gives."""
    small = 10.0 ** rng.uniform(-12, -6, len(label)) * np.where(label, 8.0, 1.0)
    return np.where(rng.random(len(label)) < 0.5, np.minimum(small, 1e-6), 1 - np.minimum(1e-6, 1e-18 / small))


SCORES: dict[str, Callable[[np.random.Generator, np.ndarray], np.ndarray]] = {
    "spread": lambda rng, label: np.clip(0.4 * label + 0.6 * rng.random(len(label)), 0, 1),
    "sure": lambda rng, label: 1 / (1 + np.exp(-12 * rng.normal(np.where(label, 0.3, -0.3)))),
    "very sure": very_sure,
    "rare": lambda rng, label: 0.001 * (0.4 * label + rng.random(len(label))) ** 3,
}


@pytest.mark.parametrize("scores_of", SCORES)
def test_binned_auc_is_close_to_the_exact(scores_of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    label = rng.random(4000) < 0.2
    p = SCORES[scores_of](rng, label)
    frame = pd.DataFrame({"label": np.where(label, "yes", "no"), "prediction": "no", "p": p})
    exact = estimates(evaluate(frame, scores={"yes": "p"}))["roc_auc[yes]"]
    assert exact.value == pytest.approx(sk.roc_auc_score(label, p))
    assert exact.value < 0.97
    monkeypatch.setattr(scores, "EXACT_ROWS", 3999)
    found = estimates(evaluate(frame, scores={"yes": "p"}))["roc_auc[yes]"]
    assert found != exact
    # a tenth of its error: the interval need not be wider for it
    error = (exact.upper - exact.lower) / 4
    assert asdict(found) == pytest.approx(asdict(exact), abs=error / 10)


def binned(values: list[float]) -> list[float]:
    frame = nw.from_native(pl.DataFrame({"p": values}, schema={"p": pl.Float64}))
    return frame.select(bin=scores.binned(nw.col("p")))["bin"].to_list()


sure = st.floats(0, 1e-5)
probabilities = st.one_of(st.floats(0, 1), sure, sure.map(lambda x: 1 - x), st.integers(1, 60).map(lambda k: 2.0**-k))


@settings(deadline=None, max_examples=inputs(60))
@given(st.lists(probabilities, min_size=1, max_size=40))
def test_bins_are_in_the_order_of_the_scores(values: list[float]) -> None:
    values = sorted(values)
    found = binned(values)
    assert found == sorted(found)
    for score, other, a, b in zip(values, values[1:], found, found[1:], strict=False):
        near, far = sorted([min(score, 1 - score), min(other, 1 - other)])
        apart = (score < 0.5) != (other < 0.5) or far > max(1.26 * near, 2.0**-50)
        assert a < b or not apart, "scores a quarter apart, or on both sides of ½, share a bin"


def test_there_are_about_8_000_bins() -> None:
    near = np.geomspace(1e-17, 0.5, 200_000)
    assert 7_500 < len(set(binned([*near, *(1 - near)]))) < 8_500


@settings(deadline=None, max_examples=inputs(15))
@given(scored(), st.sampled_from([None, "w"]), st.sampled_from([None, "customer"]))
def test_intervals_hold_the_value_stay_in_range_and_widen_with_confidence(
    both: tuple[pd.DataFrame, list[str]], weight: str | None, cluster: str | None
) -> None:
    levels = [estimates(evaluated(*both, weight=weight, cluster=cluster, confidence=c)) for c in (0.6, 0.95, 0.99)]
    units = both[0][cluster].nunique() if cluster else len(both[0])
    for name, wide in levels[-1].items():
        bounds = [bound for level in levels for bound in (level[name].lower, level[name].upper)]
        if not wide.defined or (units < 2 and name in names.UNBOUNDED):
            assert all(map(math.isnan, bounds)), name
            continue
        nested = [levels[2], levels[1], levels[0]]
        ordered = [0, *(e[name].lower for e in nested), wide.value, *(e[name].upper for e in nested[::-1])]
        assert ordered == pytest.approx(sorted(ordered), abs=1e-12), name
        assert ordered[-1] <= RANGES.get(name, 1)


def test_one_row_or_one_customer_shows_no_spread() -> None:
    """Its variance is 0, which would be certainty: one lucky row would clear any gate on the log-loss."""
    frame = pd.DataFrame({"label": ["a"], "prediction": ["a"], "a": [0.99], "b": [0.01], "customer": ["c"]})
    gates = [{"metric": name, "max": 0.5} for name in ("log_loss", "brier", "ece")]
    for rows in (frame, pd.concat([frame] * 50)):
        result = evaluated(rows, ["a", "b"], cluster="customer", requirements={"thresholds": gates})
        assert [gate.outcome.value for gate in result.verdict.gates] == ["undecided"] * 3
        assert result.metrics["log_loss"].value == pytest.approx(-math.log(0.99))


@pytest.mark.parametrize(("hits", "clusters"), [(1, None), (20, None), (20, 4)])
def test_a_perfect_ranking_is_known_as_well_as_its_smaller_class(hits: int, clusters: int | None) -> None:
    """One row of a class before 300 others is luck in one case of some, not an AUC above 0.98."""
    label = ["yes"] * hits + ["no"] * 300
    frame = pd.DataFrame({"label": label, "prediction": label, "p": np.linspace(1, 0, len(label))})
    frame["customer"] = np.arange(len(label)) % (clusters or len(label))
    found = estimates(evaluate(frame, scores={"yes": "p"}, cluster="customer" if clusters else None))["roc_auc[yes]"]
    assert (found.value, found.upper) == (1, 1)
    if clusters:
        assert 0.2 < found.lower < proportion_confint(hits, hits, method="wilson")[0]
    else:
        assert found.lower == pytest.approx(proportion_confint(hits, hits, method="wilson")[0])


@settings(deadline=None, max_examples=inputs(12))
@given(scored(), st.sampled_from([None, "w"]), st.sampled_from([None, "customer"]))
def test_a_slices_metrics_are_those_of_its_rows_alone(
    both: tuple[pd.DataFrame, list[str]], weight: str | None, cluster: str | None
) -> None:
    frame, labels = both
    for row in evaluated(frame, labels, slices=["channel"], weight=weight, cluster=cluster).slices.rows:
        part = frame[frame["channel"] == row.values[0]]
        alone = estimates(evaluated(part, labels, weight=weight, cluster=cluster))
        assert set(alone) == {name for name in row.metrics if name.split("[")[0] in (*names.SCORE_METRICS, "roc_auc")}
        for name, estimate in alone.items():
            assert asdict(row.metrics[name]) == pytest.approx(asdict(estimate), abs=1e-9, nan_ok=True), name


def test_bins_of_confidence_are_those_of_the_rows() -> None:
    rng = np.random.default_rng(6)
    p = rng.uniform(0.5, 1, 400)
    label = np.where(rng.random(400) < p**2, "a", "b")
    frame = pd.DataFrame({"label": label, "prediction": "a", "a": p, "b": 1 - p, "w": rng.integers(1, 4, 400)})
    result = evaluated(frame, ["a", "b"], weight="w")
    assert result.calibration
    bins = result.calibration.bins
    assert [(b.low, b.high) for b in bins] == [(0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.0)]
    for found in bins:
        inside = frame[(p >= found.low) & (p < found.high)]
        assert found.n == len(inside)
        assert found.confidence == pytest.approx(np.average(inside["a"], weights=inside["w"]))
        assert found.accuracy.value == pytest.approx(np.average(inside["label"] == "a", weights=inside["w"]))
        assert found.accuracy.lower < found.accuracy.value < found.accuracy.upper
    mass = [frame["w"][(p >= b.low) & (p < b.high)].sum() for b in bins]
    gap = [abs(b.accuracy.value - b.confidence) for b in bins]
    assert result.metrics["ece"].value == pytest.approx(np.average(gap, weights=mass))
