"""Slices of numbers, and that the order of the rows leaves no trace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.errors import DataError
from tests.generated import inputs


def slices_of(values: Any) -> list[str]:
    """Return the slice of each row."""
    table = pa.table({"label": ["a"] * len(values), "prediction": ["a"] * len(values), "x": values})
    return read(table, slices=["x"]).table["slice.x"].to_pylist()


# quartiles of multiples of 4 below 10,000 are whole and have four digits: what the names show is where the cuts are
numbers = st.lists(st.integers(-2499, 2499).map(lambda k: 4.0 * k), min_size=21, max_size=60, unique=True)


@settings(deadline=None, max_examples=inputs(60))
@given(numbers, st.data())
def test_many_numbers_are_cut_where_pandas_cuts_them(different: list[float], data: st.DataObject) -> None:
    values = different + data.draw(st.lists(st.sampled_from(different), max_size=60))
    q1, q2, q3 = np.quantile(values, [0.25, 0.5, 0.75])
    assume(min(values) < q1 < q2 < q3 < max(values))
    bins = [f"up to {q1:g}", f"{q1:g} to {q2:g}", f"{q2:g} to {q3:g}", f"above {q3:g}"]
    assert slices_of(pa.array(values)) == pd.qcut(values, 4, labels=bins).tolist()


@settings(deadline=None, max_examples=inputs(40))
@given(numbers, st.integers(1, 400), st.sampled_from([min, max]))
def test_a_bin_holds_no_number_outside_its_name(different: list[float], copies: int, which: Any) -> None:
    """Also where most rows hold the least or the greatest number, so that quartiles coincide with it."""
    values = [*different, *[which(different)] * copies]
    found = slices_of(pa.array(values))
    for number, name in zip(values, found, strict=True):
        low, high = -math.inf, math.inf
        if name.startswith("up to "):
            high = float(name.removeprefix("up to "))
        elif name.startswith("above "):
            low = float(name.removeprefix("above "))
        elif name != "all":
            low, high = map(float, name.split(" to "))
        assert low < number <= high
    # three cuts at most, and none that leaves a bin empty by being past the ends
    assert len(set(found)) <= 4
    assert ("all" in found) == (len(set(found)) == 1)


@pytest.mark.parametrize("kind", [pa.int8(), pa.float32(), pa.float64(), pa.decimal128(21, 2)])
def test_up_to_20_numbers_stay_as_they_are(kind: pa.DataType) -> None:
    few = [*range(20)] * 3
    stay, cut = slices_of(pa.array(few).cast(kind)), slices_of(pa.array([*few, 20]).cast(kind))
    assert [float(value) for value in stay] == few
    assert set(cut) == {"up to 5", "5 to 10", "10 to 15", "above 15"}


def test_missing_numbers_are_no_bin_of_their_own_kind() -> None:
    values = pa.array([*(i / 4 for i in range(40)), None, math.nan])
    assert slices_of(values)[-2:] == [names.MISSING] * 2
    assert slices_of(values)[:3] == ["up to 2.438"] * 3  # of the known ones alone: 9.75 / 4
    assert set(slices_of(pa.nulls(30, pa.float64()))) == {names.MISSING}


def test_numbers_beyond_what_floats_hold_are_cut_all_the_same() -> None:
    apart = [2**60 + 2**55 * (i % 30) for i in range(60)]
    assert len(set(slices_of(pa.array(apart)))) == 4
    infinite = [math.inf if i % 2 else i / 8 for i in range(100)]
    assert set(slices_of(pa.array(infinite))) == {"up to 6.188", "above 6.188"}


def test_whole_numbers_that_are_all_different_are_ids() -> None:
    """Their quartiles would be early and late customers; fractions, prices for example, are meant to be cut."""
    ids = pa.array(range(300))
    with pytest.raises(DataError, match=r"'x' has 300 different values, at most 200 .* use it as 'cluster'"):
        slices_of(ids)
    assert len(set(slices_of(ids.slice(0, 200)))) == 200
    assert len(set(slices_of(ids.cast(pa.float64())))) == 4


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
def test_a_label_is_written_alike_whatever_the_width_of_its_number(kind: pa.DataType) -> None:
    """Answers of a network often come as 32 bits."""
    table = pa.table({"label": pa.array([0.1, 2.0, -0.0, 0.0], kind), "prediction": pa.array([0.1, 2, 0, 5], kind)})
    result = evaluate(table)
    assert result.labels == ("0", "0.1", "2", "5")
    assert result.metrics["accuracy"].value == 0.75
    assert evaluate(table.slice(1)).labels == ("0", "2", "5")


@settings(deadline=None, max_examples=inputs(30))
@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([pd.DataFrame, pl.DataFrame]))
def test_the_order_of_the_rows_leaves_no_trace_in_the_counts(n: int, seed: int, make: Any) -> None:
    """A dictionary in order of appearance would order slices, and so the digest, by the first rows."""
    rng = np.random.default_rng(seed)
    columns = {name: [["é", "b", "a"][i] for i in rng.integers(0, 3, n)] for name in ("label", "prediction", "channel")}
    columns |= {"price": (rng.integers(0, 60, n) / 8).tolist(), "customer": rng.integers(0, 5, n).tolist()}
    order = rng.permutation(n)
    shuffled = {name: [values[i] for i in order] for name, values in columns.items()}
    one, other = (
        count(read(make(rows), slices=["channel", "price"], cluster="customer")) for rows in (columns, shuffled)
    )
    assert (one.labels, one.predictions, one.digest()) == (other.labels, other.predictions, other.digest())
    for key, margin in one.margins.items():
        again = other.margins[key]
        assert margin.values == again.values
        for name in ("rows", "weights", "squares"):
            np.testing.assert_array_equal(getattr(margin, name), getattr(again, name))
        assert margin.blocks
        assert again.blocks
        for name in ("starts", "slices", "clusters", "entry_slices", "cells", "weights"):
            np.testing.assert_array_equal(getattr(margin.blocks, name), getattr(again.blocks, name))
