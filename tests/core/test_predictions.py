from __future__ import annotations

import string
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import MAX_SLICE_VALUES
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.errors import ColumnNotFound, DataError
from tests.generated import inputs


def rows(**columns: list[Any]) -> pd.DataFrame:
    n = len(next(iter(columns.values()))) if columns else 2
    return pd.DataFrame({"label": ["a", "b"] * (n // 2), "prediction": ["a", "b"] * (n // 2)} | columns)


def values(predictions: Predictions, column: str) -> list[str]:
    codes, known = predictions.codes(column)
    return [known[code] for code in codes]


def test_a_missing_column_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ColumnNotFound, match=r"'chanel' is not in the data; .*Did you mean 'channel'\?"):
        read(rows(channel=["x", "y"]), slices=["chanel"])
    with pytest.raises(ColumnNotFound, match=r"columns are \[0, 1\]"):
        read(pd.DataFrame([["a", "a"]]))


@pytest.mark.parametrize("option", ["text", "cluster", "weight", "example_id", "latency_ms"])
def test_every_named_column_must_exist(option: str) -> None:
    with pytest.raises(ColumnNotFound, match="'nowhere'"):
        read(rows(), **{option: "nowhere"})


def test_what_is_no_data_frame_is_refused() -> None:
    with pytest.raises(DataError, match="list is not a data frame; give pandas, Polars"):
        read([{"label": "a"}])


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="'label' 2 times"):
        read(pd.DataFrame([["a", "a", "b"]], columns=["label", "label", "prediction"]))


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        read(rows().head(0))


def test_rows_without_a_label_are_counted_and_located() -> None:
    labels = [None if i in (3, 8) else "a" for i in range(10)]
    with pytest.raises(DataError, match=r"2 of 10 rows have no label in 'gold' \(rows \[3, 8\]"):
        read(pd.DataFrame({"gold": labels, "prediction": ["a"] * 10}), label="gold")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_not_a_number_is_no_label_and_no_cluster(make: Any) -> None:
    """Polars keeps NaN apart from null; it would otherwise become a class, or a cluster, of its own."""
    column = [1.0, float("nan")]
    with pytest.raises(DataError, match="1 of 2 rows have no label"):
        read(make({"label": column, "prediction": [1.0, 2.0]}))
    with pytest.raises(DataError, match="1 rows have no value in the cluster column 'c'"):
        read(make({"label": ["a", "b"], "prediction": ["a", "b"], "c": column}), cluster="c")
    assert values(read(make({"label": [1.0, 2.0], "prediction": column})), "prediction") == ["1", names.OTHER]


def test_an_undeclared_label_is_answered_with_the_nearest_declared_one() -> None:
    frame = pd.DataFrame({"label": ["negativ", "positive"], "prediction": ["positive", "positive"]})
    with pytest.raises(DataError, match=r"not declared: \['negativ'\].*Did you mean 'negative'\?"):
        read(frame, labels=["negative", "positive"])


def test_the_reserved_name_is_no_label() -> None:
    with pytest.raises(DataError, match="reserved"):
        read(pd.DataFrame({"label": ["a", names.OTHER], "prediction": ["a", "a"]}))
    with pytest.raises(DataError, match="reserved"):
        read(rows(), labels=["a", "b", names.OTHER])


def test_a_slice_column_of_names_or_ids_is_refused() -> None:
    n = 10_000
    frame = pd.DataFrame({"label": ["a"] * n, "prediction": ["a"] * n, "customer": np.arange(n)})
    with pytest.raises(DataError, match=r"'customer' has 10,000 different values, at most 200 .* use it as 'cluster'"):
        read(frame, slices=["customer"])
    assert len(read(frame, cluster="customer")) == n
    assert len(read(frame.head(MAX_SLICE_VALUES), slices=["customer"])) == MAX_SLICE_VALUES


def test_ids_must_be_there_and_distinct() -> None:
    with pytest.raises(DataError, match="1 ids in 'id' occur more than once"):
        read(rows(id=["x", "y", "x", "z"]), example_id="id")
    with pytest.raises(DataError, match="1 rows have no id in 'id'"):
        read(rows(id=["x", None]), example_id="id")


@pytest.mark.parametrize("weight", [0.0, -1.0, 1e-51, 1e51, float("nan"), float("inf"), None, "heavy"])
def test_weights_are_positive_numbers(weight: Any) -> None:
    with pytest.raises(DataError, match="'w' must hold a number above 0"):
        read(rows(w=[1.0, weight]), weight="w")


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan"), None, "sure"])
def test_scores_are_probabilities(score: Any) -> None:
    with pytest.raises(DataError, match="'p' must hold a probability from 0 to 1"):
        read(rows(p=[0.5, score]), scores={"a": "p"})


def test_a_latency_may_be_zero_but_not_negative() -> None:
    assert read(rows(ms=[0.0, 2.5]), latency_ms="ms").floats("latency_ms").tolist() == [0.0, 2.5]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="'ms' must hold a number not below 0"):
        read(rows(ms=[0.0, -2.5]), latency_ms="ms")


def test_a_column_of_lists_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"'label' holds list<.*>; give one plain value per row"):
        read(pd.DataFrame({"label": [["a"], ["b"]], "prediction": ["a", "b"]}))


def test_labels_are_sorted_by_number_where_all_are_numbers() -> None:
    assert read(pd.DataFrame({"label": [10, 9, 1], "prediction": [2, 9, 1]})).labels == ("1", "2", "9", "10")
    assert read(pd.DataFrame({"label": ["10", "9", "x"], "prediction": ["x"] * 3})).labels == ("10", "9", "x")
    # equal as numbers: their order must not depend on the hash seed of the process
    assert read(pd.DataFrame({"label": ["1.0", "01", "1"], "prediction": ["1"] * 3})).labels == ("01", "1", "1.0")


def test_declared_labels_keep_their_order() -> None:
    assert read(rows(), labels=["b", "c", "a"]).labels == ("b", "c", "a")


def test_integers_stay_integers_beside_missing_values() -> None:
    """Pandas turns a column of integers with a missing value to floats: 1.0 must still be the class 1."""
    predictions = read(pd.DataFrame({"label": [1, 2, 2], "prediction": [1, None, 2]}))
    assert predictions.labels == ("1", "2")
    assert values(predictions, "prediction") == ["1", names.OTHER, "2"]


def test_a_column_of_mixed_types_means_the_same_classes() -> None:
    predictions = read(pd.DataFrame({"label": ["a", 1, 2.0, True], "prediction": ["a", 1, None, True]}, dtype=object))
    assert values(predictions, "label") == ["a", "1", "2", "True"]
    assert values(predictions, "prediction") == ["a", "1", names.OTHER, "True"]


def test_fractions_and_numbers_beyond_integers_are_labels_too() -> None:
    assert read(pd.DataFrame({"label": [0.5, 2.0], "prediction": [0.5, 2.0]})).labels == ("0.5", "2")
    assert len(read(pd.DataFrame({"label": [1e300, 2.0], "prediction": [float("inf"), 2.0]})).labels) == 3


def test_categories_that_never_occur_are_no_labels() -> None:
    column = pd.Categorical(["a", "b", "a"], categories=["z", "b", "a"])
    assert read(pd.DataFrame({"label": column, "prediction": column})).labels == ("a", "b")


def test_a_missing_slice_value_is_a_slice() -> None:
    predictions = read(rows(channel=["app", None]), slices=["channel"])
    assert values(predictions, "slice.channel") == ["app", names.MISSING]
    assert predictions.slice_columns == ("channel",)


@settings(deadline=None, max_examples=inputs(50))
@given(st.lists(st.sampled_from([*string.ascii_lowercase[:4], None]), min_size=1, max_size=20), st.data())
def test_label_codes_point_into_the_labels(predicted: list[str | None], data: st.DataObject) -> None:
    n = len(predicted)
    gold = data.draw(st.lists(st.sampled_from(["a", "b", "é"]), min_size=n, max_size=n))
    predictions = read(pl.DataFrame({"label": gold, "prediction": predicted}, schema={"label": str, "prediction": str}))
    with_other = (*predictions.labels, names.OTHER)
    assert [with_other[code] for code in predictions.label_codes("label")] == gold
    assert [with_other[c] for c in predictions.label_codes("prediction")] == [p or names.OTHER for p in predicted]


def test_ids_are_stable_hashes_of_the_text_and_repeats_are_numbered() -> None:
    texts = ["hello", "你好", "hello", "", "hello"]
    frame = pd.DataFrame({"label": list("aabba"), "prediction": list("aabba"), "text": texts})
    ids = read(frame, text="text").with_ids().table["example_id"].to_pylist()
    assert len(set(ids)) == 5
    assert [ids[2], ids[4]] == [f"{ids[0]}-2", f"{ids[0]}-3"]
    backwards = read(frame[::-1], text="text").with_ids().table["example_id"].to_pylist()
    assert backwards[3] == ids[1]
    # written to predictions.parquet and compared years later, so the hash (here of `b2sum -l 64`) may never change
    assert ids[1] == "551c5a762e8ccedc"


def test_given_ids_are_kept() -> None:
    predictions = read(rows(id=[7, 8]), example_id="id")
    assert predictions.with_ids() is predictions
    assert predictions.table["example_id"].to_pylist() == ["7", "8"]


def test_the_digest_depends_on_ids_and_labels_only() -> None:
    frame = rows(text=["one", "two"], other=["x", "y"])
    digest = read(frame, text="text").digest()
    assert digest == read(frame.assign(prediction="b"), text="text", slices=["other"]).digest()
    assert digest != read(frame.assign(label=["b", "a"]), text="text").digest()
    assert digest != read(frame.assign(text=["one", "three"]), text="text").digest()


def test_columns_may_be_chunked_and_serve_twice() -> None:
    table = pa.concat_tables(
        [pa.table({"label": ["a"], "prediction": ["b"]}), pa.table({"label": ["b"], "prediction": ["b"]})]
    )
    predictions = read(table, slices=["label"], text="label")
    assert values(predictions, "slice.label") == ["a", "b"]
    assert predictions.label_codes("prediction").tolist() == [1, 1]


def test_a_duckdb_relation_is_read() -> None:
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql("select * from (values ('a', 'a', 0.25), ('b', null, 1)) as t(label, prediction, p)")
    predictions = read(relation, scores={"a": "p"})
    assert values(predictions, "prediction") == ["a", names.OTHER]
    assert predictions.floats("score.a").tolist() == [0.25, 1.0]  # type: ignore[union-attr]
