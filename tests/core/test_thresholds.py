"""Cells of confidence against plain comparisons with each threshold."""

import duckdb
import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.thresholds import FINER, LAST, all_thresholds, cell
from tests.generated import inputs

THRESHOLDS = all_thresholds()


def cells(confidence, engine=pl.DataFrame):
    table = pl.DataFrame({"c": np.asarray(confidence, dtype=np.float64)})
    frame = duckdb.from_arrow(table.to_arrow()) if engine is duckdb else engine(table)
    found = nw.from_native(frame).select(cell(nw.col("c")).alias("c"))
    return (found.collect() if isinstance(found, nw.LazyFrame) else found)["c"].to_numpy()


def test_thresholds_are_round_and_rise():
    assert (np.diff(THRESHOLDS) > 0).all()
    assert len(THRESHOLDS) == LAST // FINER + 1
    assert all(float(f"{t:.9f}") == t for t in THRESHOLDS.tolist())


def test_a_confidence_that_is_a_threshold_reaches_it():
    assert cells(THRESHOLDS).tolist() == [FINER * place for place in range(len(THRESHOLDS))]


@given(st.lists(st.one_of(st.floats(0, 1), st.floats(0, 30).map(lambda x: 1 / (1 + np.exp(-x)))), min_size=1))
@settings(max_examples=inputs(40), deadline=None)
def test_a_row_reaches_just_the_thresholds_that_it_is_not_below(confidence):
    reached = np.floor(cells(confidence) / FINER)
    for value, found in zip(confidence, reached.tolist(), strict=True):
        assert THRESHOLDS[int(found)] <= value * (1 + 1e-9)
        above = THRESHOLDS[int(found) + 1 :]
        assert (value < above).all() or value == pytest.approx(above[0], abs=1e-9)


@pytest.mark.parametrize("engine", [pl.LazyFrame, duckdb])
def test_engines_agree_in_every_cell(engine):
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.random(2000), 1 - 10 ** -rng.uniform(0, 12, 2000), THRESHOLDS, [0.0, 1.0]])
    eager = cells(confidence)
    assert np.array_equal(np.sort(cells(confidence, engine)), np.sort(eager))
    assert eager[-2:].tolist() == [0, LAST]
    assert (np.diff(eager[np.argsort(confidence)]) >= 0).all()
