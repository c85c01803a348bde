"""Parting rows: no text is on both sides, no row is lost."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.errors import ColumnNotFound, DataError
from recipes.data.split import check, split
from tests.generated import inputs
from tests.recipes.data.test_files import ROWS


def normalised(text: str) -> str:
    return " ".join(text.casefold().split())


def test_what_would_fail_later_is_found_before() -> None:
    def checked(frame: pd.DataFrame, **changed: object) -> None:
        wanted = {"text": "text", "label": "label", "labels": ("negative", "neutral", "positive"), "slices": ()}
        check(frame, **{**wanted, **changed})  # type: ignore[arg-type]

    checked(ROWS, slices=("channel",))
    with pytest.raises(ColumnNotFound, match=r"column 'chanel' is not in the data.*Did you mean 'channel'"):
        checked(ROWS, slices=("chanel",))
    with pytest.raises(ColumnNotFound, match="column 'message' is not in the data"):
        checked(ROWS, text="message")
    with pytest.raises(DataError, match=r"1 of 8 rows have no 'text' \(rows \[2\], from 0\)"):
        checked(ROWS.assign(text=ROWS["text"].where(ROWS.index != 2)))
    with pytest.raises(DataError, match=r"2 of 8 rows have no 'label'"):
        checked(ROWS.assign(label=ROWS["label"].where(ROWS.index < 6)))
    with pytest.raises(DataError, match=r"not declared: \['neutral'\]"):
        checked(ROWS, labels=("negative", "positive"))


# Few letters, so that texts repeat; capitals and spaces of several kinds, so that they repeat in disguise.
TEXTS = st.text(alphabet="aAbB \t\nİΣσςß的", max_size=4)


@settings(deadline=None, max_examples=inputs(60))
@given(st.lists(st.tuples(TEXTS, st.sampled_from("xyz")), max_size=40), st.floats(0.05, 0.95), st.integers(0, 99))
def test_the_same_text_is_never_on_both_sides_and_no_row_is_lost(
    rows: list[tuple[str, str]], test_size: float, seed: int
) -> None:
    frame = pd.DataFrame(rows, columns=["text", "label"]).assign(row=range(len(rows)))
    try:
        parts = split(frame, text="text", label="label", test_size=test_size, seed=seed)
    except DataError:
        distinct = len({normalised(text) for text, _ in rows})
        assert distinct * min(test_size, 1 - test_size) < 4  # a side could not hold all three labels
        return
    train, test = ({normalised(text) for text in part["text"]} for part in (parts.train, parts.test))
    assert train
    assert test
    assert not train & test
    assert sorted([*parts.train["row"], *parts.test["row"]]) == list(range(len(rows)))


@settings(deadline=None, max_examples=inputs(40))
@given(
    st.lists(st.tuples(TEXTS, st.sampled_from(["train", "TRAIN", "test", "Test", "spare"])), min_size=2, max_size=30)
)
def test_a_split_column_is_honoured_but_for_leaked_training_rows(rows: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["text", "split"]).assign(label="x", row=range(len(rows)))
    test = [i for i, (_, side) in enumerate(rows) if side.lower() == "test"]
    seen = {normalised(rows[i][0]) for i in test}
    train = [i for i, (text, side) in enumerate(rows) if side.lower() == "train" and normalised(text) not in seen]
    try:
        parts = split(frame, text="text", label="label", column="split")
    except DataError:
        assert not test or not train
        return
    assert parts.test["row"].tolist() == test
    assert parts.train["row"].tolist() == train
    leaked = sum(side.lower() == "train" for _, side in rows) - len(train)
    assert (f"{leaked:,} training rows dropped" in parts.how) == (leaked > 0)


def test_both_sides_hold_the_labels_in_equal_shares() -> None:
    labels = ["common"] * 150 + ["rare"] * 30 + ["rarer"] * 20
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(200)], "label": labels})
    parts = split(frame, text="text", label="label", test_size=0.2, seed=3)
    assert parts.test["label"].value_counts().to_dict() == {"common": 30, "rare": 6, "rarer": 4}
    assert parts.how == "random 80% / 20%, stratified by label, seed 3"


def test_a_label_with_one_row_is_parted_without_strata_and_it_is_said() -> None:
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(20)], "label": ["common"] * 19 + ["once"]})
    parts = split(frame, text="text", label="label")
    assert len(parts.train) + len(parts.test) == 20
    assert "stratified" not in parts.how


def test_the_seed_alone_decides_the_split() -> None:
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(100)], "label": ["a", "b"] * 50})
    sides = [split(frame, text="text", label="label", seed=seed).test["text"].tolist() for seed in (1, 1, 2)]
    assert sides[0] == sides[1] != sides[2]


def test_a_split_column_is_found_without_being_named_and_test_goes_before_validation() -> None:
    frame = pd.DataFrame(
        {"text": list("abcdef"), "label": "x", "split": ["train", "train", "val", "val", "test", "dev"]}
    )
    parts = split(frame, text="text", label="label")
    assert (parts.train["text"].tolist(), parts.test["text"].tolist()) == (["a", "b"], ["e"])
    parts = split(frame[frame["split"] != "test"], text="text", label="label")
    assert (parts.train["text"].tolist(), parts.test["text"].tolist()) == (["a", "b"], ["c", "d"])
    assert parts.how == "column 'split': 2 train, 2 val (rows of ['dev'] not used: 1)"


def test_a_column_that_names_only_one_side_is_no_split() -> None:
    frame = pd.DataFrame({"text": [f"message {i}" for i in range(50)], "label": ["a", "b"] * 25, "split": "train"})
    assert len(split(frame, text="text", label="label").test) == 10
    with pytest.raises(DataError, match=r"split column 'split' holds \['train'\]; it must name a training part"):
        split(frame, text="text", label="label", column="split")
    with pytest.raises(ColumnNotFound, match="column 'fold' is not in the data"):
        split(frame, text="text", label="label", column="fold")


def test_too_few_rows_are_refused_in_words() -> None:
    few = pd.DataFrame({"text": ["Same", "same ", "SAME"], "label": ["a", "b", "a"]})
    with pytest.raises(DataError, match="1 different texts cannot be parted 80% / 20%"):
        split(few, text="text", label="label")
    everything_leaks = pd.DataFrame({"text": ["Same", "same "], "label": "a", "split": ["train", "test"]})
    with pytest.raises(DataError, match="every training text of split column 'split' is also in its test part"):
        split(everything_leaks, text="text", label="label")
