from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.core.slices import gap_tests
from mlflow_evalplus.results import SliceResult
from tests.generated import inputs


def answered(right: Any, **columns: Any) -> pd.DataFrame:
    """Rows of two classes, answered rightly where `right`."""
    label = np.where(np.arange(len(right)) % 2, "a", "b")
    return pd.DataFrame({"label": label, "prediction": np.where(right, label, "c"), **columns})


def fixed(name: str, hits: int, n: int) -> pd.DataFrame:
    return answered(np.arange(n) < hits, channel=name)


def test_the_gap_is_tested_by_the_pooled_z_test() -> None:
    frame = pd.concat([fixed("app", 70, 90), fixed("web", 40, 65), fixed("email", 50, 52)])
    rows = evaluate(frame, slices=["channel"]).slices
    for name, hits, n in (("app", 70, 90), ("web", 40, 65), ("email", 50, 52)):
        row = rows[f"channel={name}"]
        _, p_value = proportions_ztest([hits, 160 - hits], [n, 207 - n])
        assert row.p_value == pytest.approx(p_value, rel=1e-9)
        assert row.gap == pytest.approx(hits / n - (160 - hits) / (207 - n), abs=1e-12)
        assert not row.small_support


@settings(deadline=None, max_examples=inputs(40))
@given(st.integers(1, 29), st.integers(1, 200), st.data())
def test_below_30_rows_the_test_is_fishers(few: int, many: int, data: st.DataObject) -> None:
    """Either side may be the small one: the slice, or the rest."""
    hits, rest_hits = data.draw(st.integers(0, few)), data.draw(st.integers(0, many))
    frame = pd.concat([fixed("few", hits, few), fixed("many", rest_hits, many)])
    rows = evaluate(frame, slices=["channel"]).slices
    expected = stats.fisher_exact([[hits, few - hits], [rest_hits, many - rest_hits]]).pvalue
    assert rows["channel=few"].p_value == pytest.approx(expected, rel=1e-9)
    assert rows["channel=many"].p_value == pytest.approx(expected, rel=1e-9)
    assert rows["channel=few"].small_support


def test_a_weighted_gap_is_tested_with_the_weights_variance() -> None:
    rng = np.random.default_rng(0)
    frame = answered(rng.random(300) < 0.8, channel=rng.choice(["app", "web"], 300), w=rng.uniform(0.5, 2, 300))
    row = evaluate(frame, slices=["channel"], weight="w").slices["channel=app"]
    right, w, inside = frame["label"] == frame["prediction"], frame["w"], frame["channel"] == "app"
    pooled = np.average(right, weights=w)
    shares = [(w[s] ** 2).sum() / w[s].sum() ** 2 for s in (inside, ~inside)]
    gap = np.average(right[inside], weights=w[inside]) - np.average(right[~inside], weights=w[~inside])
    assert row.gap == pytest.approx(gap)
    assert row.p_value == pytest.approx(2 * stats.norm.sf(abs(gap) / np.sqrt(pooled * (1 - pooled) * sum(shares))))


def gap_by_loops(frame: pd.DataFrame, inside: pd.Series, weight: pd.Series) -> tuple[float, float]:
    """Return the gap and its p-value: each customer's whole influence, in the slice and outside it."""
    right = (frame["label"] == frame["prediction"]).astype(float)
    residual = weight * (right - np.average(right, weights=weight))
    here, there = weight[inside].sum(), weight[~inside].sum()
    gap = (weight * right)[inside].sum() / here - (weight * right)[~inside].sum() / there
    spread = 0.0
    for customer in frame["customer"].unique():
        own = frame["customer"] == customer
        spread += (residual[own & inside].sum() / here - residual[own & ~inside].sum() / there) ** 2
    if abs(gap) < 1e-12:
        return 0.0, 1.0
    clusters = frame.loc[inside, "customer"].nunique()
    spread *= clusters / max(clusters - 1, 1)
    p_value = 2 * stats.t.sf(abs(gap) / math.sqrt(spread), max(clusters - 1, 1))
    return gap, p_value


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@settings(deadline=None, max_examples=inputs(15))
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 80))
def test_the_clustered_gap_equals_a_loop_over_customers(weighted: bool, seed: int, n: int) -> None:
    """A customer may write through both channels: then slice and rest are not independent."""
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, max(n // 3, 2), n)
    right = rng.random(n) < np.where(customer % 3 == 0, 0.4, 0.9)
    line = (customer % 2).astype(str)  # a slice that never splits a customer
    frame = answered(right, channel=rng.choice(["app", "web"], n), line=line, customer=customer)
    weight = pd.Series(rng.integers(1, 4, n) if weighted else np.ones(n), index=frame.index).astype(float)
    options: dict[str, Any] = {"weight": "w"} if weighted else {}
    counts = count(read(frame.assign(w=weight), slices=["channel", "line"], cluster="customer", **options))
    for columns in [("channel",), ("line",), ("channel", "line")]:
        margin = counts.margins[columns]
        gaps, p_values = gap_tests(counts, margin)
        for index, values in enumerate(margin.values):
            inside = pd.Series(True, index=frame.index)
            for column, value in zip(columns, values, strict=True):
                inside &= frame[column] == value
            if inside.all() or right.all() or not right.any():
                continue
            gap, p_value = gap_by_loops(frame, inside, weight)
            assert gaps[index] == pytest.approx(gap, abs=1e-12)
            assert p_values[index] == pytest.approx(p_value, rel=1e-6)


def test_doubling_every_row_proves_nothing_when_the_copies_are_one_cluster() -> None:
    rng = np.random.default_rng(1)
    frame = answered(rng.random(200) < 0.8, channel=rng.choice(["app", "web"], 200), row=np.arange(200))
    once, twice = (
        evaluate(f, slices=["channel"], cluster="row").slices["channel=web"] for f in (frame, pd.concat([frame] * 2))
    )
    assert twice.p_value == pytest.approx(once.p_value, rel=1e-9)
    naive = evaluate(pd.concat([frame] * 2), slices=["channel"]).slices["channel=web"]
    assert naive.p_value < once.p_value


def test_a_slice_of_all_rows_has_no_rest() -> None:
    row = evaluate(answered([True, False] * 40, channel="app"), slices=["channel"]).slices["channel=app"]
    assert (row.n, row.weak) == (80, False)
    assert all(math.isnan(x) for x in (row.gap, row.p_value, row.q_value))


def test_without_any_error_no_gap_is_significant() -> None:
    frame = answered([True] * 90, channel=["app", "web", "email"] * 30, customer=np.arange(90) // 2)
    for options in ({}, {"cluster": "customer"}):
        for row in evaluate(frame, slices=["channel"], **options).slices.rows:
            assert (row.gap, row.p_value, row.weak) == (0, 1, False)


@pytest.mark.parametrize("hits", [1, 2, 6])
def test_customers_who_all_fare_alike_show_no_gap(hits: int) -> None:
    """Gap and variance are both 0; what rounding leaves of them must not become a p-value."""
    customer = np.repeat(np.arange(41), 7)
    frame = answered(np.tile(np.arange(7) < hits, 41), customer=customer, channel=np.where(customer < 12, "app", "web"))
    for weight in (None, "w"):
        rows = evaluate(frame.assign(w=0.1), slices=["channel"], cluster="customer", weight=weight).slices.rows
        assert [row.p_value for row in rows] == [1, 1]


def test_q_values_are_over_all_slices_looked_at(frame: pd.DataFrame) -> None:
    rows = evaluate(frame, slices=["channel", "language"], intersections=2).slices.rows
    assert len(rows) == 3 + 2 + 6
    expected = multipletests([row.p_value for row in rows], method="fdr_bh")[1]
    assert [row.q_value for row in rows] == pytest.approx(expected.tolist())


def weak_rows(frame: pd.DataFrame, slices: list[str]) -> list[SliceResult]:
    return [row for row in evaluate(frame, slices=slices).slices.rows if row.weak]


def test_weak_needs_both_a_small_q_and_two_points() -> None:
    many = 40_000
    tiny = pd.concat([fixed("app", int(0.915 * many), many), fixed("web", int(0.9 * many), many)])
    web = evaluate(tiny, slices=["channel"]).slices["channel=web"]
    assert web.q_value < 1e-6
    assert not web.weak  # a gap of 1.5 points is real but does not matter
    chance = pd.concat([fixed("app", 18, 20), fixed("web", 16, 20)])
    assert not weak_rows(chance, ["channel"])  # ten points, but by chance
    assert [
        row.name for row in weak_rows(pd.concat([fixed("app", 190, 200), fixed("web", 150, 200)]), ["channel"])
    ] == ["channel=web"]


def test_the_planted_weak_slice_is_found_first(frame: pd.DataFrame) -> None:
    rows = evaluate(frame, slices=["channel", "language"]).slices.rows
    assert rows[0].name == "channel=web"
    assert rows[0].weak
    weak = [row.weak for row in rows]
    assert weak == sorted(weak, reverse=True)
    for flag in (True, False):
        gaps = [row.gap for row in rows if row.weak is flag]
        assert all(a <= b for a, b in pairwise(gaps))


def crossing(accuracy: dict[tuple[str, str], float], n: int = 400) -> pd.DataFrame:
    return pd.concat(
        answered(np.arange(n) < share * n, channel=channel, language=language)
        for (channel, language), share in accuracy.items()
    )


def test_a_crossing_that_its_parent_explains_is_folded_into_the_parent() -> None:
    """Web is bad in both languages: 'web and zh' adds no finding."""
    uniform = {("app", "en"): 0.95, ("app", "zh"): 0.95, ("web", "en"): 0.7, ("web", "zh"): 0.7}
    assert [row.name for row in weak_rows(crossing(uniform), ["channel", "language"])] == ["channel=web"]


def test_a_crossing_worse_than_its_parents_is_a_finding_of_its_own() -> None:
    special = {("app", "en"): 0.95, ("app", "zh"): 0.95, ("web", "en"): 0.95, ("web", "zh"): 0.5}
    names = [row.name for row in weak_rows(crossing(special), ["channel", "language"])]
    assert names[0] == "channel=web & language=zh"
    assert set(names) == {"channel=web & language=zh", "channel=web", "language=zh"}


def test_a_slice_has_the_metrics_of_its_rows_alone(frame: pd.DataFrame) -> None:
    rows = evaluate(frame, slices=["channel", "language"]).slices
    part = frame[(frame["channel"] == "web") & (frame["language"] == "zh")]
    alone = evaluate(part)
    row = rows["channel=web & language=zh"]
    assert row.n == len(part)
    for name, estimate in alone.metrics.items():
        found = row.metrics[name]
        assert (found.value, found.lower, found.upper, found.n) == pytest.approx(
            (estimate.value, estimate.lower, estimate.upper, estimate.n), abs=1e-12
        )
    recall = row.metrics["recall[negative]"]
    assert recall.value == pytest.approx(alone.classes["negative"].metrics["recall"].value)
    assert rows.of("channel", "language") == tuple(r for r in rows.rows if len(r.columns) == 2)


def test_slices_that_do_not_occur_together_have_no_row() -> None:
    frame = answered([True] * 4, channel=["app", "app", "web", "web"], language=["en", "zh", "en", "en"])
    names = {row.name for row in evaluate(frame, slices=["channel", "language"]).slices.rows}
    assert "channel=web & language=zh" not in names
    assert len(names) == 2 + 2 + 3


def test_without_slice_columns_there_is_an_empty_table() -> None:
    slices = evaluate(answered([True, False])).slices
    assert slices.rows == ()
    assert slices.frame().empty
