from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.core import counts as counting
from mlflow_evalplus.core.counts import Counts, Margin, count
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.intervals import variance
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.errors import ColumnNotFound
from tests.generated import inputs

SLICES = ["channel", "language", "line"]


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(1, 60))

    def column(values: list[Any]) -> list[Any]:
        return draw(st.lists(st.sampled_from(values), min_size=n, max_size=n))

    return pd.DataFrame(
        {
            "label": column(["a", "b", "c"]),
            "prediction": column(["a", "b", "d", None]),
            "channel": column(["app", "web", None]),
            "language": column(["en", "zh"]),
            "line": column(["1", "2", "3", "4"]),
            "customer": column([f"c{i}" for i in range(8)]),
            "weight": column([0.5, 1.0, 3.0]),
        },
        dtype=object,
    ).astype({"weight": float})


def counted(frame: pd.DataFrame, max_cells: int | None, **options: Any) -> Counts:
    """Count through the cube, or, where at most `max_cells` are allowed for it, from the rows."""
    with pytest.MonkeyPatch.context() as patch:
        if max_cells is not None:
            patch.setattr(counting, "MAX_CUBE_CELLS", max_cells)
        return count(read(frame, slices=SLICES, **options), intersections=3)


def cells_of(counts: Counts, margin: Margin, sums: np.ndarray) -> dict[tuple[str, ...], float]:
    """Return the cells that are not 0, keyed by slice values, label and prediction."""
    matrices = counts.matrices(sums)
    return {
        (*margin.values[s], counts.labels[i], counts.predictions[j]): float(matrices[s, i, j])
        for s, i, j in zip(*np.nonzero(matrices), strict=True)
    }


def grouped(frame: pd.DataFrame, columns: tuple[str, ...], values: pd.Series) -> dict[tuple[str, ...], float]:
    keys = [frame[c].fillna(names.MISSING) for c in columns]
    keys += [frame["label"], frame["prediction"].fillna(names.OTHER)]
    return {key: float(total) for key, total in values.groupby(keys).sum().items()}


@pytest.mark.parametrize("max_cells", [None, 0], ids=["cube", "rows"])
@settings(deadline=None, max_examples=inputs(25))
@given(frame=frames())
def test_counts_equal_a_groupby(max_cells: int | None, frame: pd.DataFrame) -> None:
    counts = counted(frame, max_cells, weight="weight")
    assert set(counts.margins) == {c for depth in range(4) for c in combinations(SLICES, depth)}
    weight = frame["weight"]
    for columns, margin in counts.margins.items():
        assert cells_of(counts, margin, margin.rows) == grouped(frame, columns, weight**0)
        assert cells_of(counts, margin, margin.weights) == grouped(frame, columns, weight)
        assert cells_of(counts, margin, margin.squares) == grouped(frame, columns, weight**2)
        assert (margin.rows.sum(axis=1) > 0).all()


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize("max_cells", [None, 0], ids=["cube", "rows"])
@settings(deadline=None, max_examples=inputs(20))
@given(frame=frames(), seed=st.integers(0, 2**32 - 1))
def test_sums_over_clusters_equal_a_loop(
    max_cells: int | None, weight: str | None, frame: pd.DataFrame, seed: int
) -> None:
    counts = counted(frame, max_cells, cluster="customer", weight=weight)
    answered = frame["prediction"].fillna(names.OTHER)
    for columns, margin in counts.margins.items():
        influence = np.random.default_rng(seed).normal(size=margin.rows.shape)
        expected = np.zeros(len(margin.values))
        by_cluster: dict[tuple[int, str], float] = {}
        for index, row in frame.iterrows():
            where = margin.values.index(tuple(row[c] if row[c] is not None else names.MISSING for c in columns))
            cell = counts.labels.index(row["label"]) * len(counts.predictions)
            cell += counts.predictions.index(answered[index])
            key = (where, row["customer"])
            by_cluster[key] = by_cluster.get(key, 0) + influence[where, cell] * (row[weight] if weight else 1)
        for (where, _), total in by_cluster.items():
            expected[where] += total**2
        np.testing.assert_allclose(margin.sum_of_squares(influence), expected, rtol=1e-9)


def test_a_cluster_is_told_apart_in_every_slice(frame: pd.DataFrame) -> None:
    counts = count(read(frame, slices=["channel", "language"], cluster="customer_id"))
    for columns, margin in counts.margins.items():
        assert margin.blocks is not None
        clusters = np.bincount(margin.blocks.slices, minlength=len(margin.values))
        for values, found in zip(margin.values, clusters, strict=True):
            inside = frame
            for column, value in zip(columns, values, strict=True):
                inside = inside[inside[column] == value]
            assert found == inside["customer_id"].nunique()


def test_only_the_named_columns_are_crossed_and_only_so_deep(frame: pd.DataFrame) -> None:
    predictions = read(frame.assign(half="h"), slices=["channel", "language", "half"])
    assert set(count(predictions, ["channel"]).margins) == {(), ("channel",)}
    assert len(count(predictions, intersections=1).margins) == 4
    assert len(count(predictions, intersections=2).margins) == 7
    with pytest.raises(ColumnNotFound, match=r"'langage' is not among .* Did you mean 'language'\?"):
        count(predictions, ["langage"])


@settings(deadline=None, max_examples=inputs(25))
@given(frame=frames(), seed=st.integers(0, 2**32 - 1))
def test_a_weight_has_the_value_of_as_many_rows(frame: pd.DataFrame, seed: int) -> None:
    copies = np.random.default_rng(seed).integers(1, 5, len(frame))
    weighted = evaluate(frame.assign(weight=copies), slices=SLICES[:2], weight="weight")
    replicated = evaluate(frame.loc[frame.index.repeat(copies)], slices=SLICES[:2])
    assert weighted.n == len(frame)
    assert weighted.confusion == replicated.confusion
    pairs = [(weighted.metrics, replicated.metrics)]
    pairs += [(a.metrics, b.metrics) for a, b in zip(weighted.classes.rows, replicated.classes.rows, strict=True)]
    pairs += [(row.metrics, replicated.slices[row.name].metrics) for row in weighted.slices.rows]
    for left, right in pairs:
        for name, estimate in left.items():
            assert estimate.value == pytest.approx(right[name].value, abs=1e-12, nan_ok=True)
    for row in weighted.slices.rows:
        assert row.gap == pytest.approx(replicated.slices[row.name].gap, abs=1e-12, nan_ok=True)


def test_clusters_of_one_row_are_independent_rows_but_for_the_small_sample_factor(frame: pd.DataFrame) -> None:
    own = frame.assign(row=np.arange(len(frame)))
    alone = count(read(frame, slices=["channel", "language"]))
    clustered = count(read(own, slices=["channel", "language"], cluster="row"))
    for columns, margin in alone.margins.items():
        psi = np.random.default_rng(1).normal(size=margin.rows.shape)
        clusters = margin.rows.sum(axis=1)
        expected = variance(margin, psi) * clusters / (clusters - 1)
        np.testing.assert_allclose(variance(clustered.margins[columns], psi), expected, rtol=1e-12)
