from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from mlflow_evalplus import names
from mlflow_evalplus.core.comparison import compare_evaluations, mcnemar
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.results import Comparison, Evaluation
from tests.generated import inputs


@pytest.fixture
def pair(frame: pd.DataFrame) -> pd.DataFrame:
    """Two models that err on partly the same rows: A is better in channel web."""
    rng = np.random.default_rng(11)
    better = (frame["channel"] == "web") & (rng.random(600) < 0.6)
    worse = rng.random(600) < 0.05
    b = frame["prediction"]
    return frame.assign(A=b.mask(better, frame["label"]).mask(worse, "neutral"), B=b)


def compared(frame: pd.DataFrame, **options: Any) -> Comparison:
    return compare_evaluations(*(evaluate(frame, prediction=model, **options) for model in ("A", "B")))


@st.composite
def pairs(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    label = rng.choice(["a", "b", "c"], n, p=draw(st.sampled_from([[0.4, 0.3, 0.3], [1, 0, 0], [0.9, 0.1, 0]])))
    columns = {"label": label, "channel": rng.choice(["app", "web"], n), "customer": rng.integers(0, 9, n)}
    for model in "AB":
        answer = rng.choice(np.array(["a", "b", "d", None]), n)
        columns[model] = np.where(rng.random(n) < draw(st.sampled_from([0, 0.6, 1])), label, answer)
    return pd.DataFrame(columns)


@settings(deadline=None, max_examples=inputs(30))
@given(pairs())
def test_a_difference_is_the_difference_of_the_values(frame: pd.DataFrame) -> None:
    a, b = (evaluate(frame, prediction=model, slices=["channel"]) for model in ("A", "B"))
    comparison = compare_evaluations(a, b)
    assert comparison.n == len(frame)
    for name, difference in comparison.metrics.items():
        if name in a.metrics and name in b.metrics:
            expected = a.metrics[name].value - b.metrics[name].value
            assert difference.value == pytest.approx(expected, abs=1e-12, nan_ok=True)
    for row in comparison.slices:
        values = [e.slices[row.name].metrics["accuracy"].value for e in (a, b)]
        assert row.metrics["accuracy"].value == pytest.approx(values[0] - values[1], abs=1e-12)


@settings(deadline=None, max_examples=inputs(30))
@given(pairs())
def test_exchanging_the_runs_changes_the_sign_only(frame: pd.DataFrame) -> None:
    forth = compared(frame, slices=["channel"], cluster="customer")
    back = compared(frame.rename(columns={"A": "B", "B": "A"}), slices=["channel"], cluster="customer")
    assert (forth.fixed, forth.broken, forth.mcnemar_p) == (back.broken, back.fixed, back.mcnemar_p)
    for name, difference in forth.metrics.items():
        mirror = back.metrics[name]
        expected = (-mirror.value, -mirror.upper, -mirror.lower, mirror.p_value)
        actual = (difference.value, difference.lower, difference.upper, difference.p_value)
        assert actual == pytest.approx(expected, abs=1e-6, nan_ok=True), name


def resampled(frame: pd.DataFrame, by: pd.Series, rng: np.random.Generator) -> np.ndarray:
    groups = list(by.groupby(by).indices.values())
    return np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [None, "customer_id"], ids=["rows", "customers"])
def test_differences_have_the_error_of_a_paired_bootstrap(pair: pd.DataFrame, cluster: str | None) -> None:
    comparison = compared(pair, cluster=cluster)
    y, a, b = np.searchsorted(["negative", "neutral", "positive"], pair[["label", "A", "B"]].T.astype(str))
    by = pair[cluster] if cluster else pair.index.to_series()
    rng = np.random.default_rng(0)
    draws = [resampled(pair, by, rng) for _ in range(300)]

    def recall(y_true: np.ndarray, y_pred: np.ndarray) -> float:
        return float(np.mean(y_pred[y_true == 0] == 0))

    scores = {
        "accuracy": sk.accuracy_score,
        "f1_macro": lambda y, p: sk.f1_score(y, p, average="macro"),
        "cohen_kappa": sk.cohen_kappa_score,
        "recall[negative]": recall,
    }
    for name, score in scores.items():
        spread = np.std([score(y[rows], a[rows]) - score(y[rows], b[rows]) for rows in draws])
        found = comparison.metrics[name]
        # 300 resamples know a standard deviation to 4 %
        assert (found.upper - found.value) / 1.959964 == pytest.approx(spread, rel=0.13), name
        assert found.upper - found.value == pytest.approx(found.value - found.lower, rel=0.1)


LABELS = ["negative", "neutral", "positive"]
SCORE_METRICS = [*names.SCORE_METRICS, *(names.class_metric("roc_auc", label) for label in LABELS)]


@pytest.fixture
def scored_pair(frame: pd.DataFrame) -> pd.DataFrame:
    """Two models' probabilities, which share half of their noise: A is better, and has a weight for each row."""
    rng = np.random.default_rng(12)
    right, shared = np.eye(3)[np.searchsorted(LABELS, frame["label"])], rng.normal(size=(600, 3))
    for model, skill in (("A", 1.6), ("B", 1.0)):
        logits = np.exp(skill * right + 0.7 * shared + 0.7 * rng.normal(size=(600, 3)))
        p = logits / logits.sum(axis=1, keepdims=True)
        frame = frame.assign(**{model: np.array(LABELS)[p.argmax(axis=1)]})
        frame = frame.assign(**{f"{model}.{label}": p[:, i] for i, label in enumerate(LABELS)})
    return frame.assign(w=rng.uniform(0.5, 2, 600))


def scored(frame: pd.DataFrame, model: str, **options: Any) -> Evaluation:
    return evaluate(frame, prediction=model, scores={label: f"{model}.{label}" for label in LABELS}, **options)


def score_metrics(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> list[float]:
    """Return the metrics of the scores in the order of SCORE_METRICS, with NumPy and scikit-learn."""
    own, best = p[np.arange(len(y)), y], p.max(axis=1)
    gaps = np.bincount((best * 10).astype(int), w * ((own == best) - best))
    means = (-np.log(own), (p**2).sum(axis=1) - 2 * own + 1, np.sort(p, axis=1)[:, 1] <= own)
    ranked = [sk.roc_auc_score(y == i, p[:, i], sample_weight=w) for i in range(3)]
    return [*(float(np.average(x, weights=w)) for x in means), float(np.abs(gaps).sum() / w.sum()), *ranked]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cluster", "weight"), [(None, None), ("customer_id", "w")], ids=["rows", "weighted customers"]
)
def test_differences_of_scores_have_the_error_of_a_paired_bootstrap(
    scored_pair: pd.DataFrame, cluster: str | None, weight: str | None
) -> None:
    a, b = (scored(scored_pair, model, cluster=cluster, weight=weight) for model in "AB")
    comparison = compare_evaluations(a, b)
    y = np.searchsorted(LABELS, scored_pair["label"])
    p = [scored_pair[[f"{model}.{label}" for label in LABELS]].to_numpy() for model in "AB"]
    w = scored_pair[weight].to_numpy() if weight else np.ones(600)

    def differences(rows: np.ndarray) -> np.ndarray:
        return np.subtract(*(score_metrics(y[rows], of_model[rows], w[rows]) for of_model in p))

    rng = np.random.default_rng(0)
    by = scored_pair[cluster] if cluster else scored_pair.index.to_series()
    spread = np.std([differences(resampled(scored_pair, by, rng)) for _ in range(150)], axis=0)
    quantile = stats.t.ppf(0.975, scored_pair[cluster].nunique() - 1) if cluster else stats.norm.ppf(0.975)
    for name, value, error in zip(SCORE_METRICS, differences(np.arange(600)), spread, strict=True):
        found = comparison.metrics[name]
        assert found.value == pytest.approx(value), name
        # 150 resamples know a standard deviation to 6 %; where a bin is nearly even, noise folds over in the ECE
        tolerance = 0.3 if name == "ece" else 0.1
        assert (found.upper - found.lower) / 2 / quantile == pytest.approx(error, rel=tolerance), name
        moment = math.hypot(error, value / math.sqrt(by.nunique()))
        assert stats.norm.isf(found.p_value / 2) == pytest.approx(abs(value) / moment, rel=tolerance), name
    assert comparison.metrics["log_loss"].value < 0
    assert comparison.metrics["log_loss"].p_value < 1e-6


def test_differences_of_scores_change_their_sign_with_the_runs(scored_pair: pd.DataFrame) -> None:
    both = [scored(scored_pair.head(80), model, cluster="customer_id") for model in "AB"]
    forth, back = compare_evaluations(*both), compare_evaluations(*both[::-1])
    for name in SCORE_METRICS:
        found, mirror = forth.metrics[name], back.metrics[name]
        assert (found.value, found.lower, found.upper) == pytest.approx((-mirror.value, -mirror.upper, -mirror.lower))
        assert found.p_value == pytest.approx(mirror.p_value)


def test_equal_scores_do_not_differ_and_ranks_are_not_proven_equal(scored_pair: pd.DataFrame) -> None:
    a = scored(scored_pair, "A")
    for name, found in compare_evaluations(a, a).metrics.items():
        if name in SCORE_METRICS:
            assert (found.value, found.p_value) == (0, 1)
            width = 0 if name in names.UNBOUNDED else 1.959964**2 / (600 + 1.959964**2)
            assert (found.lower, found.upper) == pytest.approx((-width, width))


@pytest.mark.parametrize("n", [2, 50])
def test_rows_that_all_differ_alike_are_as_much_evidence_as_they_are_many(n: int) -> None:
    """Their variance is 0, and a test by it would be certain after a single row."""
    frame = pd.DataFrame({"label": ["a"] * n, "A": "a", "B": "a", "p": 0.9, "q": 0.1, "r": 0.6, "s": 0.4})
    a, b = (evaluate(frame, prediction=m, scores={"a": x, "b": y}) for m, x, y in (("A", "p", "q"), ("B", "r", "s")))
    found = compare_evaluations(a, b).metrics
    assert found["log_loss"].value == pytest.approx(math.log(0.6 / 0.9))
    for name in ("log_loss", "brier"):
        assert found[name].p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(n)))


def test_one_row_or_one_customer_tells_no_difference_of_scores(scored_pair: pd.DataFrame) -> None:
    alone, one_customer = scored_pair.head(1), scored_pair.head(50).assign(customer_id="c1")
    for rows, cluster in ((alone, None), (one_customer, "customer_id")):
        found = compare_evaluations(*(scored(rows, model, cluster=cluster) for model in "AB")).metrics["log_loss"]
        assert not math.isnan(found.value)
        assert all(map(math.isnan, (found.lower, found.upper, found.p_value)))


def test_only_what_both_have_scores_for_is_compared(scored_pair: pd.DataFrame) -> None:
    a, b = scored(scored_pair, "A"), evaluate(scored_pair, prediction="B", scores={"neutral": "B.neutral"})
    found = compare_evaluations(a, b).metrics
    assert [name for name in found if name in SCORE_METRICS] == ["roc_auc[neutral]"]


def test_pairing_makes_the_difference_sharper_than_two_separate_intervals(pair: pd.DataFrame) -> None:
    a, b = (evaluate(pair, prediction=model).metrics["accuracy"] for model in ("A", "B"))
    found = compared(pair).metrics["accuracy"]
    separate = math.hypot(a.upper - a.value, b.upper - b.value)
    assert found.upper - found.value < 0.8 * separate


@settings(deadline=None, max_examples=inputs(60))
@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_equals_statsmodels(fixed: int, broken: int) -> None:
    exact = fixed + broken < 25
    expected = statsmodels_mcnemar([[50, fixed], [broken, 10]], exact=exact, correction=True).pvalue
    assert mcnemar(fixed, broken) == pytest.approx(expected if fixed + broken else 1.0, rel=1e-9)


def test_fixed_and_broken_are_counted_by_row(pair: pd.DataFrame) -> None:
    comparison = compared(pair)
    right = {model: pair[model] == pair["label"] for model in "AB"}
    assert comparison.fixed == (right["A"] & ~right["B"]).sum() > 0
    assert comparison.broken == (~right["A"] & right["B"]).sum() > 0
    assert comparison.mcnemar_p == mcnemar(comparison.fixed, comparison.broken)
    assert comparison.metrics["accuracy"].value == pytest.approx((comparison.fixed - comparison.broken) / 600)


def test_the_p_value_of_accuracy_is_mcnemars_without_continuity_correction(pair: pd.DataFrame) -> None:
    comparison = compared(pair, slices=["channel"])
    expected = statsmodels_mcnemar(
        [[0, comparison.fixed], [comparison.broken, 0]], exact=False, correction=False
    ).pvalue
    assert comparison.metrics["accuracy"].p_value == pytest.approx(expected, rel=1e-9)


def test_slices_are_compared_and_corrected_for_their_number(pair: pd.DataFrame) -> None:
    comparison = compared(pair, slices=["channel", "language"])
    assert {row.columns for row in comparison.slices} == {("channel",), ("language",)}
    assert comparison.slices[0].name == "channel=web"
    assert comparison.slices[0].q_value < 0.05
    p_values = [row.metrics["accuracy"].p_value for row in comparison.slices]
    expected = multipletests(p_values, method="fdr_bh")[1]
    assert [row.q_value for row in comparison.slices] == pytest.approx(expected.tolist())


def test_a_slices_differences_are_those_of_its_rows_alone(pair: pd.DataFrame) -> None:
    web = next(row for row in compared(pair, slices=["channel"]).slices if row.name == "channel=web")
    for name, alone in compared(pair[pair["channel"] == "web"]).metrics.items():
        found = web.metrics[name]
        expected = (alone.value, alone.lower, alone.upper, alone.p_value, alone.n)
        assert (found.value, found.lower, found.upper, found.p_value, found.n) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=inputs(30))
@given(pairs())
def test_two_equal_models_do_not_differ_but_are_not_proven_equal(frame: pd.DataFrame) -> None:
    """No discordant row: the interval has the width that so many rows can show, never 0."""
    for difference in compared(frame.assign(B=frame["A"])).metrics.values():
        if not math.isnan(difference.value):
            assert (difference.value, difference.p_value) == (0, 1)
            assert difference.lower < -1e-3 < 1e-3 < difference.upper


@settings(deadline=None, max_examples=inputs(50))
@given(st.integers(0, 2**32 - 1), st.integers(8, 80))
def test_classes_that_both_answer_alike_show_no_difference(seed: int, n: int) -> None:
    """Wrong answers differ, hits do not: equal recalls must not differ by what rounding leaves of them."""
    rng = np.random.default_rng(seed)
    label = rng.choice(["a", "b", "c"], n)
    hit = rng.random(n) < 0.7
    others = np.array([["b", "c"], ["a", "c"], ["a", "b"]])[np.searchsorted(["a", "b", "c"], label)]
    wrong = [others[np.arange(n), rng.integers(0, 2, n)] for _ in range(2)]
    frame = pd.DataFrame({"label": label, "A": np.where(hit, label, wrong[0]), "B": np.where(hit, label, wrong[1])})
    found = compared(frame).metrics
    for name in ("accuracy", "balanced_accuracy", "recall[a]", "recall[b]", "recall[c]"):
        if name in found and not math.isnan(found[name].value):
            assert found[name].value == pytest.approx(0, abs=1e-12)
            assert found[name].p_value == pytest.approx(1, abs=1e-6)
            assert found[name].lower < -1e-3 < 1e-3 < found[name].upper


@pytest.mark.parametrize("n", [1, 4, 30, 400])
def test_a_model_that_is_wrong_wherever_the_other_is_right_is_significantly_worse(n: int) -> None:
    """All rows differ alike, so the variance is 0; that is strong evidence, not none."""
    frame = pd.DataFrame({"label": ["a"] * n, "A": ["b"] * n, "B": ["a"] * n})
    accuracy = compared(frame).metrics["accuracy"]
    assert accuracy.value == accuracy.lower == -1
    assert accuracy.upper < 1
    assert accuracy.p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(n)))


def test_a_class_of_few_rows_shows_no_more_than_they_can() -> None:
    """Ten rows of a class answered alike say little of its recall, whatever the other 990 rows are."""
    frame = pd.DataFrame({"label": ["rare"] * 10 + ["often"] * 990})
    found = compared(frame.assign(A=frame["label"], B=frame["label"])).metrics
    for name, n in (("recall[rare]", 10), ("precision[rare]", 10), ("recall[often]", 990), ("accuracy", 1000)):
        assert found[name].upper == pytest.approx(1.959964**2 / (n + 1.959964**2), rel=1e-5), name
    worse = compared(frame.assign(A="often", B=frame["label"])).metrics["recall[rare]"]
    assert worse.value == -1
    assert worse.p_value == pytest.approx(2 * stats.norm.sf(math.sqrt(10)))


def test_without_a_discordant_row_the_customers_count_not_the_rows() -> None:
    frame = pd.DataFrame({"label": ["a", "b"] * 100, "customer": np.repeat(np.arange(40), 5)})
    frame = frame.assign(A=frame["label"], B=frame["label"])
    widths = [compared(frame, cluster=cluster).metrics["accuracy"].upper for cluster in (None, "customer")]
    quantiles = {200: stats.norm.ppf(0.975), 40: stats.t.ppf(0.975, 39)}
    assert widths == pytest.approx([q**2 / (n + q**2) for n, q in quantiles.items()])


def test_rows_are_paired_by_id_in_any_order(pair: pd.DataFrame) -> None:
    shuffled = pair.sample(frac=1, random_state=0)
    a = evaluate(pair, prediction="A", text="text", slices=["channel"])
    b = evaluate(shuffled, prediction="B", text="text", slices=["channel"])
    straight = compared(pair, text="text", slices=["channel"])
    assert compare_evaluations(a, b) == straight
    given = pair.assign(id=np.arange(600)[::-1])
    by_id = [evaluate(f, prediction=m, example_id="id") for f, m in ((given, "A"), (given.sample(frac=1), "B"))]
    assert compare_evaluations(*by_id).metrics == straight.metrics


def test_different_test_sets_are_refused_or_compared_where_they_meet(pair: pd.DataFrame) -> None:
    a = evaluate(pair.head(500), prediction="A", text="text")
    b = evaluate(pair.tail(400), prediction="B", text="text")
    with pytest.raises(ComparisonError, match="300 examples are shared, 200 are only in the first, 100 only in the s"):
        compare_evaluations(a, b)
    shared = compare_evaluations(a, b, shared_only=True)
    assert shared.n == 300
    assert shared.metrics == compared(pair.iloc[200:500], text="text").metrics
    with pytest.raises(ComparisonError, match="0 examples are shared"):
        compare_evaluations(
            a, evaluate(pair.tail(100), prediction="B", text="text"), shared_only=True
        )  # fmt: skip


def test_a_subset_is_not_the_same_test_set(pair: pd.DataFrame) -> None:
    whole, part = (evaluate(f, prediction="A", text="text") for f in (pair, pair.head(100)))
    for a, b in ((whole, part), (part, whole)):
        with pytest.raises(ComparisonError, match="saw different test sets: 100 examples are shared"):
            compare_evaluations(a, b)


def test_one_example_with_two_labels_is_refused(pair: pd.DataFrame) -> None:
    relabelled = pair.assign(label=pair["label"].mask(pair.index < 2, "neutral").mask(pair.index == 2, "mixed"))
    changed = int((relabelled["label"] != pair["label"]).sum())
    a, b = evaluate(pair, prediction="A", text="text"), evaluate(relabelled, prediction="B", text="text")
    with pytest.raises(ComparisonError, match=f"{changed} examples have another label in each evaluation"):
        compare_evaluations(a, b)


def test_without_rows_nothing_is_compared(pair: pd.DataFrame) -> None:
    a = evaluate(pair, prediction="A")
    with pytest.raises(ComparisonError, match="needs the rows of both"):
        compare_evaluations(a, replace(a, predictions=None))


def test_a_class_that_only_one_model_knows_is_wrong_for_both_alike() -> None:
    frame = pd.DataFrame({"label": ["a", "b"] * 20, "A": ["a", "z"] * 20, "B": [None, "b"] * 20})
    found = compared(frame)
    assert found.metrics["accuracy"].value == 0
    assert found.metrics["recall[a]"].value == 1
    assert found.metrics["recall[b]"].value == -1
    assert math.isnan(found.metrics["recall[z]"].value)
    assert math.isnan(found.metrics["recall[z]"].p_value)


def test_the_price_of_errors_is_compared_where_it_is_asked(pair: pd.DataFrame) -> None:
    costs = {"error_costs": {"negative": {"positive": 20, "neutral": 5}}}
    a, b = (evaluate(pair, prediction=model, requirements=costs) for model in "AB")
    found = compare_evaluations(a, b).metrics["error_cost"]
    assert found.value == pytest.approx(a.metrics["error_cost"].value - b.metrics["error_cost"].value)
    price = pd.Series({("negative", "positive"): 20.0, ("negative", "neutral"): 5.0})
    paid = [price.reindex(pd.MultiIndex.from_frame(pair[["label", model]])).fillna(0).to_numpy() for model in "AB"]
    error = np.std(paid[0] - paid[1]) / math.sqrt(600)
    assert found.upper - found.value == pytest.approx(1.959964 * error, rel=1e-5)


def test_names_and_confidence_are_taken_over(pair: pd.DataFrame) -> None:
    a, b = (evaluate(pair, prediction=model, confidence=0.8) for model in "AB")
    comparison = compare_evaluations(a, b, names=("new", "old"))
    assert (comparison.a, comparison.b) == ("new", "old")
    wide = compared(pair).metrics["f1_macro"]
    narrow = comparison.metrics["f1_macro"]
    ratio = stats.norm.ppf(0.9) / stats.norm.ppf(0.975)
    assert narrow.upper - narrow.value == pytest.approx(ratio * (wide.upper - wide.value), rel=0.03)
    assert set(comparison.frame()["metric"]) >= set(names.METRICS)


def test_an_evaluation_is_comparable_with_itself(pair: pd.DataFrame) -> None:
    a: Evaluation = evaluate(pair, prediction="A", text="text")
    comparison = compare_evaluations(a, a)
    assert (comparison.fixed, comparison.broken, comparison.mcnemar_p) == (0, 0, 1.0)


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_an_example_or_two_do_not_pass_a_margin(broken: int) -> None:
    """A Wald interval of one discordant row is narrower than that of none: the worse model would pass, the same not."""
    label = ["a", "b"] * 50
    worse = ["b"] * broken + label[broken:] if broken < 2 else ["b", "a", *label[2:]]
    frame = pd.DataFrame({"label": label, "A": worse, "B": label})
    assert compared(frame).metrics["accuracy"].lower < -0.03
