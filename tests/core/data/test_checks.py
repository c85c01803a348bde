from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import ColumnNotFound, DataError, EvalPlusError
from mlflow_evalplus.results.data_checks import Level
from tests.conftest import REAL_DATA
from tests.core.data.frames import clean
from tests.render.test_markdown import HOSTILE

MESSAGES = Path(__file__).parents[3] / "recipes" / "sentiment" / "messages.csv"
needs_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real data are not beside the checkout")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return clean(300, np.random.default_rng(0), n_clusters=80)


def test_every_check_has_its_say_in_order(rows: pd.DataFrame) -> None:
    known = {"text": "text", "slices": ["channel"], "cluster": "customer_id"}
    for found in (
        ep.check_data(rows[:200], rows[200:], **known),
        ep.check_data(rows, **known),
        ep.check_data(rows[:200], rows[200:], ignore=["channel"]),
        ep.check_data(rows[["label", "amount"]]),
    ):
        assert list(dict.fromkeys(row.check for row in found.rows)) == list(names.DATA_CHECKS)
        assert tuple(level.value for level in Level) == names.DATA_LEVELS
        assert len({row.name for row in found.rows}) == len(found.rows)
        assert all(bool(row.action) == (row.level in (Level.ERROR, Level.WARNING)) for row in found.rows)
        table = found.frame()
        assert list(table) == list(names.DATA_COLUMNS)
        assert table["key"].tolist() == [row.name for row in found.rows]


def test_what_is_not_known_is_not_checked_and_says_so(rows: pd.DataFrame) -> None:
    alone = ep.check_data(rows[["label", "amount"]])
    said = {row.check: row.sentence for row in alone.of_level("not applicable")}
    assert said["duplicates_across"] == "Not checked: no column of texts is known."
    assert said["drift"] == "Not checked: there are no test rows."
    assert (alone.n_test, np.isnan(alone.duplicates_across)) == (0, True)
    both = ep.check_data(rows[:200], rows[200:], text="text")
    assert both.of("cluster_overlap")[0].sentence == "Not checked: no cluster column is known."


@pytest.mark.parametrize(
    "engine",
    [
        pl.from_pandas,
        lambda rows: pl.from_pandas(rows).lazy(),
        lambda rows: pa.Table.from_pandas(rows, preserve_index=False),
        duckdb.from_df,
        lambda rows: rows.astype({"channel": "category"}),
    ],
)
def test_any_data_frame_says_the_same(rows: pd.DataFrame, engine: Callable[[pd.DataFrame], Any]) -> None:
    train, test = rows[:200].copy(), pd.concat([rows[200:], rows[:5]]).assign(amount=lambda rows: rows["amount"] + 1)
    known: dict[str, Any] = {"slices": ["channel"], "cluster": "customer_id"}
    expected = ep.check_data(train, test, **known)
    assert {row.check for row in (*expected.errors, *expected.warnings)} >= {"duplicates_across", "drift"}
    assert repr(ep.check_data(engine(train), engine(test), **known)) == repr(expected)


def test_one_frame_with_a_split_column_is_two(rows: pd.DataFrame) -> None:
    whole = rows.assign(part=np.repeat(["Train", "holdout", "test"], 100))
    expected = ep.check_data(rows[:100], rows[200:])
    assert repr(ep.check_data(whole, split="part")) == repr(expected)
    assert repr(ep.check_data(whole, split="part", parts=("Train", "test"))) == repr(expected)
    lazy = pl.from_pandas(whole).lazy()
    assert repr(ep.check_data(lazy, split="part", parts=("holdout", "test"))) == repr(
        ep.check_data(rows[100:200], rows[200:])
    )


def test_requirements_name_what_is_not_named(rows: pd.DataFrame) -> None:
    wanted = {"task": {"text": "said", "label": "y"}, "slices": ["channel", "text_length"], "cluster": "customer_id"}
    renamed = rows.rename(columns={"text": "said", "label": "y"})
    named = ep.check_data(
        renamed[:200], renamed[200:], text="said", label="y", slices=["channel"], cluster="customer_id"
    )
    assert repr(ep.check_data(renamed[:200], renamed[200:], requirements=wanted)) == repr(named)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"text": "txt"}, ColumnNotFound, "Did you mean 'text'?"),
        ({"label": "lable"}, ColumnNotFound, "column 'lable' is not in the data"),
        ({"slices": "channel"}, DataError, "slices is one text, 'channel'; give a list"),
        ({"slices": ["chanel"]}, ColumnNotFound, "Did you mean 'channel'?"),
        ({"features": ["nothing"]}, ColumnNotFound, "'nothing'"),
        ({"cluster": "customer"}, ColumnNotFound, "Did you mean 'customer_id'?"),
        ({"split": "channel"}, DataError, "give test rows or a split column, not both"),
        ({"requirements": "nowhere.yaml"}, EvalPlusError, "nowhere.yaml"),
    ],
)
def test_what_is_wrong_is_said(rows: pd.DataFrame, given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("?", r"\?")):
        ep.check_data(rows[:200], rows[200:], **given)


def test_columns_without_plain_values_are_left_out_and_said(
    rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow_evalplus.core.data.checks.MAX_LEFT_OUT", 2)
    odd = rows.assign(numbers=[[1]] * 300, nothing=None, band=pd.cut(rows["amount"], 4), wave=rows["amount"] + 1j)
    found = ep.check_data(odd[:200], odd[200:], text="text", cluster="customer_id")
    said = [row for row in found.of_level("not applicable") if row.check == "drift"]
    assert [row.column for row in said] == ["numbers", "band"]
    assert said[0].sentence == "Not compared, nor looked at as a leak: it does not hold one plain value per row."
    assert said[1].sentence.endswith("value per row; nor do 1 more columns.")
    for column in ("band", "wave"):
        with pytest.raises(DataError, match=f"{column}.* one plain value per row"):
            ep.check_data(odd[:200], odd[200:], text="text", label=column)


def test_one_column_may_have_two_roles(rows: pd.DataFrame) -> None:
    found = ep.check_data(rows[:200], rows[200:], text="text", label="channel", cluster="channel")
    assert found.of("cluster_overlap")[0].n == 100


def test_wrong_parts_and_empty_parts_are_said(rows: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"holds \['app', 'email', 'web'\]; it must hold one of"):
        ep.check_data(rows, split="channel")
    with pytest.raises(DataError, match=r"it must hold \['app', 'fax'\]"):
        ep.check_data(rows, split="channel", parts=("app", "fax"))
    with pytest.raises(DataError, match="the test data have no rows"):
        ep.check_data(rows, rows[:0])
    with pytest.raises(DataError, match="list is not a data frame"):
        ep.check_data([1, 2])


def test_hostile_rows_are_checked_without_a_warning_and_quoted_short() -> None:
    rng = np.random.default_rng(0)
    values = np.array([*HOSTILE, "x" * 100_000, "中" * 5000, "👨‍👩‍👧"], dtype=object)

    def drawn() -> pd.DataFrame:
        n = 200
        return pd.DataFrame(
            {
                "text": rng.choice(values, n), "label": rng.choice(values[:5], n), "<b>\n": rng.choice(values, n),
                "far": rng.choice([1.0, np.inf, np.nan], n), "none": [None] * n, "list": [[1]] * n,
                "mixed": rng.choice(np.array([1, "a", None, 2.5], dtype=object), n), "yes": rng.random(n) < 0.5,
                "at": pd.date_range("2024-01-01", periods=n), "kind": pd.Categorical(rng.choice(["a", "b"], n)),
            }
        )  # fmt: skip

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ep.check_data(drawn(), drawn(), slices=["<b>\n"], cluster="mixed")
    assert found.of("duplicates_across")[0].level is Level.ERROR
    assert max(len(row.sentence) for row in found.rows) < 600
    assert max(len(example.shown) for row in found.rows for example in row.examples) <= 120


def test_the_shipped_messages_are_sound() -> None:
    """A random fifth against the rest has nothing to warn of; the votes are leaks, where a model would see them."""
    rows = pd.read_csv(MESSAGES, keep_default_na=False).sample(frac=1, random_state=1)
    found = ep.check_data(
        rows[:1440], rows[1440:], slices=["business_line", "channel", "phrasing", "language"], cluster="customer_id",
        ignore=["annotator_a", "annotator_b"],
    )  # fmt: skip
    assert [(row.name, row.sentence) for row in (*found.errors, *found.warnings)] == []
    votes = ep.check_data(rows[:1440], rows[1440:]).of("leaks")
    assert {row.column for row in votes} == {"annotator_a", "annotator_b"}


@needs_data
def test_real_tweets_drift_from_train_to_test_and_share_a_few_texts() -> None:
    """XLM-T's Italian tweets of training and test are of other topics; nine texts differ in spaces only."""
    rows = pd.read_csv(REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv")
    found = ep.check_data(rows, text="text", label="label", slices=["language"], split="split")
    assert [row.name for row in found.warnings] == ["duplicates_across", "drift[words of text]"]
    assert found.of("duplicates_across")[0].n == 9
    assert "'labuonascuola'" in found.of("drift")[0].sentence
    assert found.errors == ()


@needs_data
@pytest.mark.parametrize("round_", [1, 2])
def test_real_sentences_that_were_parted_with_care_are_clean(round_: int) -> None:
    rows = pd.read_csv(REAL_DATA / "dynasent" / "examples.csv")
    found = ep.check_data(rows[rows["round"] == round_], split="split", parts=("dev", "test"))
    assert [row.name for row in (*found.errors, *found.warnings)] == []
