from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from mlflow_evalplus.core.conjunctions import MIN_ROWS, count_conjunctions, halved
from mlflow_evalplus.core.counts import Counts, Margin
from mlflow_evalplus.core.discovery import STREAM, discover, top_slices
from mlflow_evalplus.core.folding import Population
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.core.weakness import weakness
from mlflow_evalplus.results import Discovery
from tests.generated import inputs

COLUMNS = {"channel": 3, "language": 2, "region": 5, "product": 6}
SLICES = list(COLUMNS)


def drawn(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.integers(0, k, n).astype(str) for name, k in COLUMNS.items()})


def answered(frame: pd.DataFrame, accuracy: Any, seed: int = 0) -> pd.DataFrame:
    """Rows answered rightly with the given probability, one for all or one per row."""
    right = np.random.default_rng([seed, 1]).random(len(frame)) < accuracy
    return frame.assign(label="a", prediction=np.where(right, "a", "b"))


def weak(frame: pd.DataFrame, *where: pd.Series, gap: float = 0.25) -> np.ndarray:
    return 0.88 - gap * np.logical_or.reduce([np.asarray(mask) for mask in where])


def found(frame: pd.DataFrame, depth: int = 2, seed: int = 0, **options: Any) -> Discovery:
    return discover(read(frame, slices=SLICES, **options), depth=depth, seed=seed)


def names(discovery: Discovery) -> list[str]:
    return [row.name for row in discovery.rows]


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_a_planted_slice_is_found_with_the_numbers_of_the_confirming_rows(weighted: bool) -> None:
    frame = drawn(4000)
    inside = (frame["channel"] == "1") & (frame["region"] == "3")
    frame = answered(frame, weak(frame, inside))
    frame["w"] = np.random.default_rng(5).uniform(0.5, 2, len(frame)) if weighted else 1.0
    predictions = read(frame, slices=SLICES, weight="w" if weighted else None)
    (row,) = discover(predictions).rows
    assert (row.columns, row.values, row.n) == (("channel", "region"), ("1", "3"), inside.sum())
    half = halved(predictions, np.random.default_rng([0, STREAM]))[1]
    confirming, right = half == 1, frame["label"] == frame["prediction"]
    accuracy, rest = (
        np.average(right[mask], weights=frame["w"][mask]) for mask in (inside & confirming, ~inside & confirming)
    )
    assert row.accuracy.value == pytest.approx(accuracy)
    assert row.accuracy.n == (inside & confirming).sum()
    assert row.accuracy.lower < accuracy < row.accuracy.upper
    assert row.gap == pytest.approx(accuracy - rest)
    assert row.q_value < 0.05


def test_every_conjunction_of_at_least_30_rows_is_looked_at() -> None:
    frame = drawn(1500).assign(product="only")
    predictions = read(answered(frame, 0.9), slices=SLICES)
    half = halved(predictions, np.random.default_rng([0, STREAM]))[1]
    expected = 0
    for depth in (1, 2, 3):
        for chosen in combinations(SLICES, depth):
            sizes = frame.groupby([*map(frame.get, chosen), half]).size().unstack(fill_value=0)
            expected += int(((sizes.max(axis=1) >= MIN_ROWS) & (sizes.sum(axis=1) < len(frame))).sum())
    assert discover(predictions, depth=3).n_searched == expected


def test_where_nothing_is_weak_nothing_is_found() -> None:
    """At most one search in twenty may err."""
    erred = sum(bool(found(answered(drawn(2000, seed), 0.85, seed), depth=3, seed=seed).rows) for seed in range(40))
    assert erred <= 4


def test_a_planted_parent_does_not_yield_its_children() -> None:
    frame = drawn(6000)
    frame = answered(frame, weak(frame, frame["channel"] == "1"))
    for depth in (2, 3):
        assert names(found(frame, depth)) == ["channel=1"]


def test_a_planted_pair_does_not_yield_its_parents_nor_slices_that_overlap_it() -> None:
    frame = drawn(6000)
    frame = answered(frame, weak(frame, (frame["channel"] == "1") & (frame["language"] == "0")))
    for depth in (2, 3):
        assert names(found(frame, depth)) == ["channel=1 & language=0"]


def test_a_child_that_is_weaker_still_stands_beside_its_parent() -> None:
    frame = drawn(8000)
    parent, child = frame["channel"] == "1", (frame["channel"] == "1") & (frame["language"] == "0")
    frame = answered(frame, weak(frame, parent, gap=0.15) - 0.3 * child)
    assert sorted(names(found(frame))) == ["channel=1", "channel=1 & language=0"]


def test_three_columns_are_crossed_only_at_depth_3() -> None:
    frame = drawn(12_000)
    triple = (frame["channel"] == "1") & (frame["language"] == "0") & (frame["region"] == "2")
    frame = answered(frame, weak(frame, triple, gap=0.4))
    assert names(found(frame, depth=3)) == ["channel=1 & language=0 & region=2"]
    assert all(len(row.columns) < 3 for row in found(frame).rows)


def test_the_slices_with_most_errors_above_the_rest_come_first() -> None:
    frame = drawn(8000)
    frame = answered(frame, weak(frame, frame["product"] == "4", frame["channel"] == "1"))
    discovery = found(frame)
    assert names(discovery) == ["channel=1", "product=4"]
    assert discovery.frame()["slice"].tolist() == ["channel=1", "product=4"]


def texts(n: int, seed: int = 0) -> pd.DataFrame:
    """Messages of four words each, of which every tenth asks for a refund, 退款, in two characters."""
    rng = np.random.default_rng(seed)
    words = np.array(["你好", "订单", "快递", "客服", "手机", "账户", "天气", "地址", "发票", "颜色"])
    drawn_words = rng.choice(words, (n, 3))
    refund = rng.random(n) < 0.1
    joined = ["，".join([*row, "退款" if asks else "谢谢"]) for row, asks in zip(drawn_words, refund, strict=True)]
    return pd.DataFrame({"text": joined, "refund": refund, "channel": rng.choice(["app", "web"], n)})


def test_a_word_of_chinese_texts_is_found_alone_and_crossed_with_a_column() -> None:
    frame = texts(3000)
    options: dict[str, Any] = {"slices": ["channel"], "text": "text"}
    alone = discover(read(answered(frame, 0.9 - 0.4 * frame["refund"]), **options))
    assert [(row.name, row.n) for row in alone.rows] == [("word=退款", frame["refund"].sum())]
    inside = frame["refund"] & (frame["channel"] == "app")
    crossed = discover(read(answered(frame, 0.9 - 0.5 * inside), **options))
    assert [(row.name, row.n) for row in crossed.rows] == [("word=退款 & channel=app", inside.sum())]


def test_slices_that_texts_yield_are_searched_unless_declared() -> None:
    rng = np.random.default_rng(3)
    asks = rng.random(2000) < 0.3
    frame = pd.DataFrame({"text": np.where(asks, "where is it?", "it is here"), "text_question": "declared"})
    frame = answered(frame, 0.9 - 0.3 * asks)
    assert "text_question=yes" in names(discover(read(frame, text="text")))
    assert "text_question=yes" not in names(discover(read(frame, text="text", slices=["text_question"])))


def test_clusters_are_split_whole_and_one_bad_customer_is_no_finding() -> None:
    frame = drawn(3000)
    frame["customer"] = np.where(np.arange(3000) < 400, 0, np.arange(3000) // 5)
    frame.loc[frame["customer"] == 0, "region"] = "3"
    frame = answered(frame, np.where(frame["customer"] == 0, 0.4, 0.9))
    clustered = read(frame, slices=SLICES, cluster="customer")
    half = halved(clustered, np.random.default_rng(1))[1]
    assert (pd.Series(half).groupby(frame["customer"]).nunique() == 1).all()
    assert names(found(frame)) == ["region=3"]
    for seed in range(5):
        assert names(discover(clustered, seed=seed)) == []


def test_a_slice_that_is_weak_with_many_customers_is_found() -> None:
    frame = drawn(4000).assign(customer=np.arange(4000) // 4)
    inside = frame["region"] == "3"
    (row,) = found(answered(frame, weak(frame, inside)), cluster="customer").rows
    assert (row.name, row.n) == ("region=3", inside.sum())


def test_equal_weights_change_nothing() -> None:
    frame = drawn(3000)
    frame = answered(frame, weak(frame, frame["region"] == "3")).assign(w=2.5)
    plain, weighted = found(frame), found(frame, weight="w")
    assert names(plain) == names(weighted) == ["region=3"]
    assert weighted.rows[0].q_value == pytest.approx(plain.rows[0].q_value, rel=1e-6)
    assert weighted.rows[0].accuracy.upper == pytest.approx(plain.rows[0].accuracy.upper)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_groups_that_an_engine_counted_are_parted_too(weighted: bool) -> None:
    frame = drawn(6000)
    frame = answered(frame, weak(frame, (frame["channel"] == "1") & (frame["region"] == "3")))
    groups = frame.groupby([*SLICES, "label", "prediction"]).size().rename("n").reset_index()
    predictions = read(groups, slices=SLICES)
    masses = {"n": groups["n"].astype(float)}
    masses |= {"weight": 2.0 * groups["n"], "weight_squares": 4.0 * groups["n"]} if weighted else {}
    table = predictions.table
    for name, values in masses.items():
        table = table.append_column(name, pa.chunked_array([values.to_numpy()]))
    (row,) = discover(Predictions(table, predictions.labels)).rows
    assert (row.name, row.n) == ("channel=1 & region=3", ((frame["channel"] == "1") & (frame["region"] == "3")).sum())


def test_the_seed_decides() -> None:
    frame = drawn(3000)
    frame = answered(frame, weak(frame, frame["region"] == "3"))
    assert found(frame, seed=4) == found(frame, seed=4)
    assert found(frame, seed=4).rows[0].accuracy != found(frame, seed=5).rows[0].accuracy


def test_data_drawn_with_the_same_seed_is_not_parted_along_its_slices() -> None:
    side = np.random.default_rng(0).integers(0, 2, 5000, dtype=np.int8)
    half = halved(read(answered(pd.DataFrame({"side": side}), 0.9)), np.random.default_rng([0, STREAM]))[1]
    assert abs(np.corrcoef(side, half)[0, 1]) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 40, 200])
@pytest.mark.parametrize("accuracy", [0, 1])
@pytest.mark.parametrize("extra", [{}, {"cluster": "one"}, {"cluster": "each"}, {"weight": "w"}, {"text": "text"}])
def test_too_little_to_search_is_an_empty_result(n: int, accuracy: int, depth: int, extra: dict[str, str]) -> None:
    frame = answered(drawn(n), accuracy).assign(one="x", each=np.arange(n), w=0.1, text=["late again", None][n % 2])
    for slices in ([], ["channel"], SLICES):
        assert discover(read(frame, slices=slices, **extra), depth=depth).rows == ()
        assert top_slices(read(frame, slices=slices, **extra), depth=depth) == []
    empty = discover(read(frame, **{k: v for k, v in extra.items() if k != "text"}))
    assert (empty.n_searched, empty.frame().shape) == (0, (0, 8))


@settings(deadline=None, max_examples=inputs(200))
@given(st.integers(30, 200), st.integers(300, 3000), st.floats(0.02, 0.4), st.integers(0, 2**32 - 1))
def test_few_errors_are_tested_nearly_as_exactly_as_by_fisher(n: int, n_all: int, rate: float, seed: int) -> None:
    """Within a third of the mid-p value of the hypergeometric distribution; the normal one errs by factors."""
    errors = np.random.default_rng(seed).binomial(n, rate) + 1
    all_errors = min(int(rate * n_all), n_all - n) + errors
    cells = [np.array([[rows - wrong, wrong]], dtype=np.float64) for rows, wrong in ((n_all, all_errors), (n, errors))]
    overall, margin = (Margin((), [()], x, x, x) for x in cells)
    (p_value,) = weakness(Counts(("right",), ("right", "wrong"), {(): overall}), margin).p_values
    law = stats.hypergeom(n_all, all_errors, n)
    mid_p = law.sf(errors) + law.pmf(errors) / 2
    if 1e-6 < mid_p < 0.3:
        assert 0.65 < p_value / mid_p < 1.5


@settings(deadline=None, max_examples=inputs(30))
@given(st.integers(0, 2**32 - 1))
def test_evidence_beyond_other_slices_is_that_of_mantel_and_haenszel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 3000
    inside, other, third = rng.random((3, n)) < [[0.2], [0.3], [0.5]]
    wrong = rng.random(n) < 0.2 + 0.1 * other
    ones = np.ones(n)
    zero = np.zeros(3)
    population = Population(np.stack([inside, other, third]), ones, wrong.astype(float), ones, zero, zero + 1, zero)
    _, (log_p,) = population.evidence(np.array([0]), population.strata([1, 2]))
    strata = (other & third, other & ~third, ~other & third, ~other & ~third)
    tables = [[[np.sum(s & i & w) for w in (wrong, ~wrong)] for i in (inside, ~inside)] for s in strata]
    two_sided = StratifiedTable([np.array(t) for t in tables]).test_null_odds().pvalue
    one_sided = min(np.exp(log_p), 1 - np.exp(log_p))
    assert 2 * one_sided == pytest.approx(two_sided, rel=0.02)


def test_conjunctions_and_the_units_that_they_are_unions_of_agree() -> None:
    """Whether units are cells of a cube, or rows because there are words."""
    frame = answered(drawn(900), 0.8).assign(text=np.random.default_rng(2).choice(["late again", "so late", "ok"], 900))
    for options in ({}, {"text": "text"}):
        counted = count_conjunctions(read(frame, slices=SLICES, **options), np.random.default_rng(0), depth=2)
        masks = counted.masks(np.arange(len(counted)))
        np.testing.assert_allclose(masks @ counted.units.rows, counted.every.rows)


def test_top_slices_are_those_of_a_brute_force() -> None:
    frame = answered(drawn(500, 3), 0.8)
    wrong = frame["label"] != frame["prediction"]
    rows = []
    for chosen in [c for depth in (1, 2, 3) for c in combinations(SLICES, depth)]:
        for values, part in wrong.groupby([frame[c] for c in chosen]):
            score = 0.9 * (part.mean() / wrong.mean() - 1) - 0.1 * (len(frame) / len(part) - 1)
            if len(part) >= 10 and score > 0:
                rows.append((score, chosen, values, len(part), part.sum()))
    rows.sort(key=lambda row: -row[0])
    got = top_slices(read(frame, slices=SLICES), k=5, alpha=0.9, depth=3)
    assert [row[1:] for row in got] == [row[1:] for row in rows[:5]]
    assert [row[0] for row in got] == pytest.approx([row[0] for row in rows[:5]])
