"""What is read of the training rows: against pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution.training import Training, read_training
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.errors import DataError


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "text": np.where(np.arange(60) % 3, "not late", "fine"),
            "channel": rng.choice(["app", "web", None], 60),
            "store": rng.integers(1, 5, 60),
            "age": np.arange(60) / 2,
        }
    )


SLICES = ["channel", "store", "age", "language", "text_negation"]


@pytest.mark.parametrize("of", [lambda f: f, pl.from_pandas, lambda f: pl.from_pandas(f).lazy(), pa.Table.from_pandas])
def test_rows_in_slices_and_crossings_are_those_of_pandas(of: Any) -> None:
    known = read_training(of(frame()), text="text", slices=SLICES)
    plain = frame().fillna({"channel": names.MISSING})
    assert known.n == 60
    assert known.texts is not None
    assert known.texts.to_pylist() == plain["text"].tolist()
    for channel in ("app", "web", names.MISSING):
        assert known.rows_in(["channel"], [channel]) == (plain["channel"] == channel).sum()
        for store in (1, 4, 9):
            both = (plain["channel"] == channel) & (plain["store"] == store)
            assert known.rows_in(["channel", "store"], [channel, str(store)]) == both.sum()
    assert known.rows_in(["text_negation"], ["yes"]) == 40
    assert known.rows_in(["channel"], ["kiosk"]) == 0


def test_what_the_training_rows_do_not_hold_is_not_known() -> None:
    known = read_training(frame(), text="text", slices=SLICES)
    assert known.rows_in(["language"], ["zh"]) is None
    assert known.rows_in(["channel", "language"], ["app", "zh"]) is None
    assert known.rows_in(["age"], ["up to 7"]) is None  # cut at quartiles, which are other ones in the test rows
    without = read_training(frame(), text="message", slices=SLICES)
    assert without.texts is None
    assert without.rows_in(["text_negation"], ["yes"]) is None
    assert read_training(frame(), text=None, slices=[]).n == 60


def test_a_column_that_is_cut_in_the_test_rows_only_is_not_known() -> None:
    """Else a slice ``store=up to 8`` would seem to lack all training rows, since there they are 1, 2, 3 and 4."""
    test = pd.DataFrame({"label": "a", "prediction": "a", "store": np.resize(np.arange(1, 31), 90)})
    _, values = read(test, slices=["store"]).codes("slice.store")
    known = read_training(frame(), text="text", slices=["store"])
    assert len(values) == 4
    assert [known.rows_in(["store"], [value]) for value in values] == [None] * 4
    assert known.rows_in(["store"], ["9"]) == 0


def test_more_values_than_make_useful_slices_are_no_mistake_of_training_rows() -> None:
    rows = pd.DataFrame({"text": "x", "shop": [f"s{i}" for i in range(500)]})
    assert read_training(rows, text="text", slices=["shop"]).rows_in(["shop"], ["s7"]) == 1


def test_columns_that_are_not_needed_are_not_read() -> None:
    rows = pd.DataFrame({"embedding": [[0.1, 0.2]] * 3, "channel": ["app", "app", "web"]})
    assert read_training(rows, text=None, slices=["channel"]).rows_in(["channel"], ["app"]) == 2


def test_no_rows_and_no_frame() -> None:
    empty = read_training(frame().iloc[:0], text="text", slices=["channel"])
    assert (empty.n, empty.rows_in(["channel"], ["app"])) == (0, 0)
    assert Training(5, None, {}).rows_in(["channel"], ["app"]) is None
    with pytest.raises(DataError, match="str is not a data frame"):
        read_training("train.csv", text="text", slices=[])
