"""A difference split over class pairs and slices: exact sums, held against loops, integrals and hybrid models."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from sklearn import metrics as sk

from mlflow_evalplus import names
from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.difference import split_difference
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.mean_gradient import mean_gradient
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.results import Difference
from mlflow_evalplus.results.difference import DifferencePart, DifferenceSplit
from tests.generated import inputs

LABELS = ["negative", "neutral", "positive"]


def split(frame: pd.DataFrame, **options: Any) -> DifferenceSplit:
    return split_difference(*(evaluate(frame, prediction=model, **options) for model in "AB"))


@st.composite
def pairs(draw: st.DrawFn) -> pd.DataFrame:
    """Draw two models' answers; some are missing, and the class d has no example."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    label = rng.choice(["a", "b", "c"], n, p=draw(st.sampled_from([[0.4, 0.3, 0.3], [1, 0, 0], [0.9, 0.1, 0]])))
    columns: dict[str, Any] = {"label": label, "channel": rng.choice(["app", "web"], n)}
    columns |= {"plan": rng.choice(["x", "y", None], n), "customer": rng.integers(0, 9, n)}
    columns["w"] = rng.uniform(0.1, 3, n)
    for model in "AB":
        wrong = rng.choice(np.array(draw(st.sampled_from([["a", "b", "d", None], ["a", "b"]])), dtype=object), n)
        columns[model] = np.where(rng.random(n) < draw(st.sampled_from([0, 0.6, 1])), label, wrong)
    return pd.DataFrame(columns)


def scores(frame: pd.DataFrame, model: str) -> tuple[float, float]:
    answers, w = frame[model].fillna("(other)").astype(str), frame["w"]
    known = sorted(set(frame["label"]) | set(answers) - {"(other)"})
    f1 = sk.f1_score(frame["label"], answers, labels=known, average="macro", sample_weight=w, zero_division=0)
    return sk.accuracy_score(frame["label"], answers, sample_weight=w), f1


@settings(deadline=None, max_examples=inputs(60))
@given(pairs(), st.booleans(), st.booleans())
def test_parts_sum_to_the_difference(frame: pd.DataFrame, weighted: bool, clustered: bool) -> None:
    frame = frame if weighted else frame.assign(w=1.0)
    found = split(frame, slices=["channel", "plan"], weight="w", cluster="customer" if clustered else None)
    accuracy, f1 = np.subtract(scores(frame, "A"), scores(frame, "B"))
    assert found.total["accuracy"].value == pytest.approx(accuracy, abs=1e-12)
    assert found.total["f1_macro"].value == pytest.approx(f1, abs=1e-12)
    for column in ("class_pair", "channel", "plan"):
        parts = found.of(column)
        assert sum(part.accuracy.value for part in parts) == pytest.approx(accuracy, abs=1e-12)
        assert sum(part.f1_macro for part in parts) == pytest.approx(f1, abs=1e-12)
        assert sum(part.fixed for part in parts) == found.fixed
        assert sum(part.broken for part in parts) == found.broken
        for part in parts:
            accuracy_part = part.accuracy
            assert accuracy_part.lower <= accuracy_part.value <= accuracy_part.upper


@settings(deadline=None, max_examples=inputs(40))
@given(pairs())
def test_accuracy_parts_equal_a_loop_over_the_rows(frame: pd.DataFrame) -> None:
    found = split(frame, slices=["channel"], weight="w")
    frame = frame.assign(**{model: frame[model].fillna("(other)") for model in "AB"})
    total = frame["w"].sum()
    for part in found.of("channel"):
        rows = frame[frame["channel"] == part.name.removeprefix("channel=")]
        right = {model: rows[model].eq(rows["label"]) for model in "AB"}
        gain = (rows["w"] * (right["A"].astype(int) - right["B"].astype(int))).sum() / total
        assert part.accuracy.value == pytest.approx(gain, abs=1e-12)
        counted = (len(rows), (right["A"] & ~right["B"]).sum(), (~right["A"] & right["B"]).sum())
        assert (part.n, part.fixed, part.broken) == counted
    expected: dict[str, list[float]] = {}
    for label, a, b, w in frame[["label", "A", "B", "w"]].itertuples(index=False):
        for answer, sign in ((b, 1), (a, -1)):
            if answer != label and a != b:
                sums = expected.setdefault(f"{label} → {answer}", [0, 0, 0])
                sums[0] += sign * w / total
                sums[1] += sign > 0 and a == label
                sums[2] += sign < 0 and b == label
    assert {part.name for part in found.of("class_pair")} == set(expected)
    for part in found.of("class_pair"):
        assert [part.accuracy.value, part.fixed, part.broken] == pytest.approx(expected[part.name], abs=1e-12)
        assert part.n == frame["label"].eq(part.name.split(" → ")[0]).sum()


# macro F1: independent definitions of what a part contributes


def f1_macro(p: np.ndarray) -> float:
    """Return macro F1 of the classes that have a label or a prediction."""
    sides = [(p[i, i], p[i].sum() + p[:, i].sum()) for i in range(len(p))]
    return float(np.mean([2 * hit / both for hit, both in sides if both > 0]))


@pytest.fixture
def pair(frame: pd.DataFrame) -> pd.DataFrame:
    """Two models that err on partly the same rows: A is better in channel web."""
    rng = np.random.default_rng(11)
    better = rng.random(600) < np.where(frame["channel"] == "web", 0.6, 0.2)
    worse = rng.random(600) < 0.15
    b = frame["prediction"].mask(rng.random(600) < 0.3, frame["label"].sample(frac=1, random_state=1).to_numpy())
    a = b.mask(better, frame["label"]).mask(worse, pd.Series(rng.choice(LABELS, 600)))
    return frame.assign(A=a, B=b, w=rng.uniform(0.5, 2, 600))


def confusion(rows: pd.DataFrame, model: str, n: int) -> np.ndarray:
    return pd.crosstab(rows["label"], rows[model]).reindex(index=LABELS, columns=LABELS, fill_value=0).to_numpy() / n


def integral(p_b: np.ndarray, p_a: np.ndarray, towards: np.ndarray) -> float:
    """Return the integral of macro F1's change towards a direction along the line from B to A."""

    def slope(t: float) -> float:
        here = p_b + t * (p_a - p_b)
        return (f1_macro(here + 1e-6 * towards) - f1_macro(here - 1e-6 * towards)) / 2e-6

    return float(integrate.quad(slope, 0, 1, epsabs=1e-9)[0])


def test_macro_f1_of_slices_and_class_pairs_is_the_integral_along_the_line(pair: pd.DataFrame) -> None:
    p_a, p_b = (confusion(pair, model, 600) for model in "AB")
    found = split(pair, slices=["channel"])
    for part in found.of("channel"):
        rows = pair[pair["channel"] == part.name.removeprefix("channel=")]
        towards = confusion(rows, "A", 600) - confusion(rows, "B", 600)
        assert part.f1_macro == pytest.approx(integral(p_b, p_a, towards), abs=1e-7)
    for part in found.of("class_pair"):
        i, j = (LABELS.index(label) for label in part.name.split(" → "))
        towards = np.zeros((3, 3))
        towards[i, j] = (p_a - p_b)[i, j]
        towards[i, i] = -towards[i, j]
        assert part.f1_macro == pytest.approx(integral(p_b, p_a, towards), abs=1e-7)
        assert part.accuracy.value == pytest.approx(-towards[i, j])


@pytest.mark.slow
@pytest.mark.parametrize("new_class", [False, True], ids=["known classes", "a class without examples"])
def test_macro_f1_is_what_rows_change_when_they_switch_models_in_random_order(
    pair: pd.DataFrame, new_class: bool
) -> None:
    """Shapley's value with every changed row as a player: Aumann and Shapley's is its limit of many rows."""
    labels = [*LABELS, "spam"]
    if new_class:
        pair.loc[pair.index % 20 == 0, "A"] = "spam"
    codes = {column: pair[column].map(labels.index).to_numpy() for column in ("label", "A", "B")}
    start = np.zeros((4, 4))
    np.add.at(start, (codes["label"], codes["B"]), 1)
    changed = np.flatnonzero(codes["A"] != codes["B"])
    given_to: dict[str, float] = dict.fromkeys(pair["channel"].unique(), 0.0)
    rng = np.random.default_rng(0)
    draws = 250
    for _ in range(draws):
        p, before = start.copy(), f1_macro(start)
        for row in rng.permutation(changed):
            y = codes["label"][row]
            p[y, codes["B"][row]] -= 1
            p[y, codes["A"][row]] += 1
            after = f1_macro(p)
            given_to[pair["channel"].iloc[row]] += (after - before) / draws
            before = after
    found = split(pair, slices=["channel"])
    assert len(changed) > 100
    # the step of the new class, a quarter, goes to one row of an order: 250 orders know its shares to a thirtieth
    tolerance = 0.02 if new_class else 0.001
    for part in found.of("channel"):
        assert part.f1_macro == pytest.approx(given_to[part.name.removeprefix("channel=")], abs=tolerance)
    if new_class:
        assert found.total["f1_macro"].value < -0.1


def test_a_class_that_only_one_model_answers_costs_the_rows_with_that_answer() -> None:
    """All answers of B are right; A calls one of 400 rows by a class that has no example, and F1 falls by a third."""
    frame = pd.DataFrame({"label": ["a", "b"] * 200, "B": ["a", "b"] * 200, "slice": ["x"] * 399 + ["y"]})
    frame["A"] = ["a", "b"] * 199 + ["a", "d"]
    for models, sign in (("AB", 1), ("BA", -1)):
        found = split(frame.rename(columns=dict(zip(models, "AB", strict=True))), slices=["slice"])
        step = sign * (2 / 3 * (1 + 398 / 399) / 2 - 1)
        assert found.total["f1_macro"].value == pytest.approx(step, abs=2e-3)
        assert {part.name: round(part.f1_macro, 12) for part in found.of("slice")} == {
            "slice=x": 0, "slice=y": round(found.total["f1_macro"].value, 12)
        }  # fmt: skip
        (only,) = found.of("class_pair")
        assert only.name == "b → d"
        assert only.f1_macro == pytest.approx(found.total["f1_macro"].value, abs=1e-12)


SMOOTH = [name for name in metrics.OVERALL if name != "precision_macro"]


@settings(deadline=None, max_examples=inputs(60))
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.sampled_from([10, 1_000, 1_000_000]))
@example(1272897, 2, 1_000_000)  # half as many nodes leave 3e-9
def test_the_mean_gradient_explains_any_smooth_metric(seed: int, k: int, n: int) -> None:
    """Also where a class has one row in a million and one model alone answers it often."""
    rng = np.random.default_rng(seed)
    rows = np.maximum(rng.multinomial(n, rng.dirichlet(np.full(k, 0.3))), 1)

    def answers() -> np.ndarray:
        share = rng.dirichlet(np.full(k + 1, rng.choice([0.05, 1.0])), k)
        return np.stack([rng.multinomial(*row) for row in zip(rows, share, strict=True)]) / rows.sum()

    p_a, p_b = answers(), answers()
    for name in SMOOTH:
        values = [metrics.OVERALL[name].formula(p[None])[0][0] for p in (p_a, p_b)]
        explained = float((mean_gradient(metrics.OVERALL[name], p_a, p_b) * (p_a - p_b)).sum())
        if not np.isnan(values).any():
            # one row in a million leaves 1e-11; the root of mcc is steep where nearly all answers are one class
            tolerance = 1e-9 if name == "mcc" or n == 1_000_000 else 1e-12
            assert explained == pytest.approx(values[0] - values[1], abs=tolerance), name


# intervals


def interval(difference: Difference) -> tuple[float, float, float, float]:
    return (difference.value, difference.lower, difference.upper, difference.p_value)


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("cluster", [None, "customer"])
def test_a_slice_differs_as_a_model_that_answers_like_a_in_it_and_like_b_elsewhere(
    pair: pd.DataFrame, weight: str | None, cluster: str | None
) -> None:
    frame = pair.assign(customer=np.arange(600) % 30)
    found = split(frame, slices=["channel"], weight=weight, cluster=cluster)
    for part in found.of("channel"):
        inside = frame["channel"] == part.name.removeprefix("channel=")
        assert frame.loc[inside, "customer"].nunique() == 30
        hybrid = frame.assign(A=frame["A"].where(inside, frame["B"]))
        whole = compare_evaluations(
            *(evaluate(hybrid, prediction=model, weight=weight, cluster=cluster) for model in "AB")
        )
        assert interval(part.accuracy) == pytest.approx(interval(whole.metrics["accuracy"]), abs=1e-9)
    everything = split(frame.assign(one="x"), slices=["one"], weight=weight, cluster=cluster)
    (part,) = everything.of("one")
    assert interval(part.accuracy) == pytest.approx(interval(everything.total["accuracy"]), abs=1e-9)


def gains(frame: pd.DataFrame, part: DifferencePart) -> np.ndarray:
    """Return what each row adds to a part: 1, -1 or 0."""
    if part.level == "slice":
        right = [frame[model].eq(frame["label"]).astype(int) for model in "AB"]
        return ((right[0] - right[1]) * (frame["channel"] == part.name.removeprefix("channel="))).to_numpy()
    label, answer = part.name.split(" → ")
    made = [(frame["label"].eq(label) & frame[model].eq(answer)).astype(int) for model in "BA"]
    return (made[0] - made[1]).to_numpy()


def test_parts_have_the_error_of_a_bootstrap_of_weighted_customers(pair: pd.DataFrame) -> None:
    found = split(pair, slices=["channel"], weight="w", cluster="customer_id")
    groups = list(pair.groupby("customer_id").indices.values())
    rng = np.random.default_rng(0)
    draws = [np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))]) for _ in range(400)]
    w = pair["w"].to_numpy()
    compared = 0
    for part in found.parts:
        if part.fixed + part.broken < 15:
            continue  # there the bounds are wider than the normal ones
        own = gains(pair, part)
        spread = np.std([np.average(own[rows], weights=w[rows]) for rows in draws])
        column = "channel" if part.level == "slice" else "label"
        clusters = pair[pair[column] == part.name.removeprefix("channel=").split(" → ")[0]]["customer_id"].nunique()
        half = (part.accuracy.upper - part.accuracy.lower) / 2 / stats.t.ppf(0.975, clusters - 1)
        assert half == pytest.approx(spread, rel=0.13), part.name
        compared += 1
    assert compared >= 6


@pytest.mark.slow
def test_intervals_of_parts_hold_what_they_promise() -> None:
    """In 300 samples of 300 rows; each part's true contribution is known."""
    rng = np.random.default_rng(5)
    held: dict[str, list[bool]] = {}
    alike = evaluate(pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "b"]}))
    truth = {"s=x": 0.3 * 0.10, "s=y": 0.7 * -0.04, "a → b": 0.5 * (0.3 * 0.10 - 0.7 * 0.04)}
    for _ in range(300):
        n = 300
        x, label = rng.random(n) < 0.3, rng.choice(["a", "b"], n)
        base = rng.random(n) < 0.75
        better = ~base & (rng.random(n) < np.where(x, 0.6, 0.2))
        worse = base & (rng.random(n) < np.where(x, 0.05 / 0.75, 0.09 / 0.75))
        other = np.where(label == "a", "b", "a")
        right = (base | better) & ~worse
        frame = pd.DataFrame({"label": label, "s": np.where(x, "x", "y")})
        frame["A"], frame["B"] = (np.where(hit, label, other) for hit in (right, base))
        a, b = (replace(alike, predictions=read(frame, prediction=model, slices=["s"])) for model in "AB")
        for part in split_difference(a, b).parts:
            if part.name in truth:
                inside = part.accuracy.lower <= truth[part.name] <= part.accuracy.upper
                held.setdefault(part.name, []).append(inside)
    for name in truth:
        # 300 samples know 95 % to 1.3 points
        assert 0.92 <= np.mean(held[name]) <= 0.99, name


def test_a_slice_that_both_answer_alike_contributes_nothing_but_is_not_proven_equal(pair: pd.DataFrame) -> None:
    frame = pair.assign(A=pair["A"].where(pair["channel"] == "web", pair["B"]))
    app = next(part for part in split(frame, slices=["channel"]).parts if part.name == "channel=app")
    width = 1.959964**2 / (600 + 1.959964**2)
    assert interval(app.accuracy) == pytest.approx((0, -width, width, 1))
    assert (app.f1_macro, app.fixed, app.fixed_examples) == (0, 0, ())


def test_two_equal_models_have_no_class_pairs_to_tell_of(pair: pd.DataFrame) -> None:
    found = split(pair.assign(A=pair["B"]), slices=["channel"], cluster="customer_id")
    assert {part.level for part in found.parts} == {"slice"}
    assert all(part.accuracy.value == part.f1_macro == 0 for part in found.parts)
    assert len(found.frame()) == 4


# examples


def test_examples_are_the_most_confident_twenty(pair: pd.DataFrame) -> None:
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(3), 600)
    frame = pair.assign(id=[f"r{i}" for i in range(600)], **{f"p.{label}": p[:, i] for i, label in enumerate(LABELS)})
    given_scores = {label: f"p.{label}" for label in LABELS}
    found = split(frame, slices=["channel"], example_id="id", scores=given_scores)
    frame["sure"] = p[np.arange(600), frame["A"].map(LABELS.index)]
    right = {model: frame[model].eq(frame["label"]) for model in "AB"}
    sides = {"fixed": right["A"] & ~right["B"], "broken": ~right["A"] & right["B"]}
    assert found.fixed > 20
    for side, rows in sides.items():
        expected = frame[rows].sort_values("sure", ascending=False)["id"].head(20)
        assert getattr(found, f"{side}_examples") == tuple(expected)
        for part in found.of("channel"):
            inside = rows & (frame["channel"] == part.name.removeprefix("channel="))
            expected = frame[inside].sort_values("sure", ascending=False)["id"].head(20)
            assert getattr(part, f"{side}_examples") == tuple(expected)
        for part in found.of("class_pair"):
            label, answer = part.name.split(" → ")
            wrong = frame["B" if side == "fixed" else "A"]
            inside = rows & (frame["label"] == label) & (wrong == answer)
            expected = frame[inside].sort_values("sure", ascending=False)["id"].head(20)
            assert getattr(part, f"{side}_examples") == tuple(expected)


def test_the_frame_holds_the_whole_and_the_parts_and_the_largest_come_first(pair: pd.DataFrame) -> None:
    found = split(pair, slices=["channel", "language"])
    table = found.frame()
    assert tuple(table.columns) == names.DIFFERENCE_COLUMNS
    assert table["part"].tolist() == ["all", *(part.name for part in found.parts)]
    assert table.loc[0, ["fixed", "broken"]].tolist() == [found.fixed, found.broken]
    for column in ("class_pair", "channel", "language"):
        sizes = [abs(part.accuracy.value) for part in found.of(column)]
        assert sizes == sorted(sizes, reverse=True)
    assert table.loc[0, "summary"].endswith(f"of macro F1; {found.fixed} fixed, {found.broken} broken")
    assert not math.isnan(table["f1_macro"].sum())


def test_other_test_sets_and_missing_rows_are_refused(pair: pd.DataFrame) -> None:
    a, b = evaluate(pair, prediction="A", text="text"), evaluate(pair.head(400), prediction="B", text="text")
    with pytest.raises(ComparisonError, match="400 examples are shared"):
        split_difference(a, b)
    assert split_difference(a, b, shared_only=True).n == 400
    lazy = replace(evaluate(pair, prediction="B"), predictions=None)
    with pytest.raises(ComparisonError, match="needs the rows of both"):
        split_difference(a, lazy)
