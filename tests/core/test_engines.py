"""One answer, whatever holds the rows: pandas, PyArrow, Polars lazy, DuckDB and Spark."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core import counts as counting
from mlflow_evalplus.core import engines, scores
from mlflow_evalplus.core.columns import native
from mlflow_evalplus.core.counts import crossings
from mlflow_evalplus.core.predictions import contract_columns
from mlflow_evalplus.errors import ColumnNotFound, DataError, EvalPlusError
from mlflow_evalplus.results import Evaluation

LAZY: dict[str, Callable[[pa.Table], Any]] = {
    "Polars lazy": lambda table: pl.from_arrow(table).lazy(),
    "DuckDB": duckdb.from_arrow,
}
OTHERS = {"PyArrow": lambda table: table, **LAZY}

# Values, and as what they are stored. Each label's universe ends with one that is only ever predicted.
TEXTS = ["差 评", "c.d", "it's \"so\"", "😀", "a,b=c", "(other )", "é"]
LABELS: list[tuple[list[Any], pa.DataType]] = [
    (["差 评", "c.d", "it's \"so\"", "😀"], pa.string()),
    (["b", "a", "😀"], pa.dictionary(pa.int32(), pa.string())),
    ([True, False], pa.bool_()),
    ([1, 2, 10, -3], pa.int8()),
    ([1.0, 2.0, 10.0], pa.float64()),
    ([0.5, 2.0, -0.0, 1e300], pa.float64()),
    (["only", "none"], pa.string()),
]
COLUMNS: dict[str, tuple[list[Any], pa.DataType]] = {
    "渠道": ([*TEXTS, None], pa.string()),
    "a kind": (["x y", "", None], pa.dictionary(pa.int32(), pa.string())),
    'is "new".': ([True, False, None], pa.bool_()),
    "tier": ([1, 2, 3, None], pa.int16()),
    "one.price": ([0.0, -0.0, 2.5, math.nan, None], pa.float64()),
    # quartiles of eighths are exact in every engine; from the ninth row on more than 20 different ones are likely
    "amount": ([*(i / 8 for i in range(-30, 60)), math.nan, None], pa.float64()),
    "count": ([*range(0, 900, 7), None], pa.int32()),
}


@st.composite
def questions(draw: st.DrawFn) -> tuple[pa.Table, dict[str, Any]]:
    """Rows, and what is asked of them."""
    n = draw(st.sampled_from([1, 2, 9, 40, 120]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    universe, kind = draw(st.sampled_from(LABELS))
    labels = universe[: draw(st.integers(1, len(universe)))]
    missing = [None, math.nan] if pa.types.is_floating(kind) else [None]

    def column(values: list[Any], kind: pa.DataType) -> pa.Array:
        return pa.array([values[i] for i in rng.integers(0, len(values), n)], kind)

    slices = draw(st.lists(st.sampled_from(list(COLUMNS)), max_size=3, unique=True))
    rows = {"gold": column(labels, kind), "said so": column([*universe, *labels * 3, *missing], kind)}
    rows |= {name: column(*COLUMNS[name]) for name in slices}
    rows |= {"customer.id": column(draw(st.sampled_from([[1, 2, 5], list(range(40)), [0.5, 1.0]])), None)}
    # sums of whole numbers are exact in any order; 100² does not fit into the 8 bits of 100
    rows |= {"w": column([1, 2, 100], draw(st.sampled_from([pa.int8(), pa.float32(), pa.float64()])))}
    asked: dict[str, Any] = {"task": {"label": "gold"}, "slices": slices, "intersections": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        asked["task"]["labels"] = ["never", *sorted({written(label) for label in labels})]
        asked["error_costs"] = {"never": {"never": 0}, written(labels[0]): {"never": 3}}
    if draw(st.booleans()):
        asked["cluster"] = "customer.id"
    asked["thresholds"] = [{"metric": "accuracy", "min": 0.6}, *({"metric": "f1_macro", "every": c, "min": 0.1} for c in slices)]
    return pa.table(rows), {"requirements": asked, "weight": draw(st.sampled_from([None, "w"]))}


def written(label: Any) -> str:
    return str(int(label)) if isinstance(label, float) and label.is_integer() and abs(label) < 2**53 else str(label)


def evaluated(frame: Any, options: dict[str, Any]) -> Evaluation:
    return ep.evaluate(frame, prediction="said so", **options)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(questions())
def test_every_engine_gives_the_identical_result(question: tuple[pa.Table, dict[str, Any]]) -> None:
    table, options = question
    expected = evaluated(table.to_pandas(), options)
    assert expected.data_digest
    for engine, of in OTHERS.items():
        assert evaluated(of(table), options) == expected, engine
