"""Texts that are one in one way of looking, and two in the other: none of them gets from a test to the training."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus.core.training_data.contamination import contaminated
from tests.core.training_data.sneaking import TWINS
from tests.generated import inputs

Step = tuple[list[tuple[str, str]], list[str], float]
TWIN = st.sampled_from(TWINS)
STEP = st.tuples(
    st.lists(st.tuples(TWIN, st.sampled_from("ab")), min_size=1, max_size=6), st.lists(TWIN, max_size=2),
    st.sampled_from([0, 0.5, 0.999]),
)  # fmt: skip


def frame(rows: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame({"text": [t for t, _ in rows], "label": [y for _, y in rows]}, dtype=object)


def parts(data: ep.TrainingData) -> tuple[list[str], list[str]]:
    return data.rows()["text"].tolist(), data.rows(part="held_out")["text"].tolist()


def after(folder: str | Path, steps: list[Step]) -> ep.TrainingData:
    first = frame([("something else entirely", "a")])
    data = ep.TrainingData.create(folder, first, text="text", label="label", source="first.csv")
    for number, (rows, tests, held_out) in enumerate(steps):
        data.add(frame(rows), source="x", test=frame([(text, "") for text in tests]), held_out=held_out, seed=number)
    return data


# a word that was trained on as no™ and is relabelled as notm, while "no tm" is held out; and the other way round
LABELLED_ANEW: list[Step] = [([("no™", "a")], [], 0), ([("no tm", "a")], [], 0.999), ([("notm", "b")], [], 0)]
HELD_OUT_ANEW: list[Step] = [([("no™", "a")], [], 0.999), ([("no tm", "a")], [], 0), ([("notm", "b")], [], 0)]


@settings(max_examples=inputs(12), deadline=None)
@given(st.lists(STEP, min_size=1, max_size=3))
@example([([("notm", "a")], ["notm", "no™"], 0)])
@example([([("ok m", "a")], ["ok m", "ok Ⓜ"], 0)])
@example([([("❤️", "a")], ["❤"], 0)])
@example(LABELLED_ANEW)
@example(HELD_OUT_ANEW)
@example([([("no™", "a")], [], 0.999), ([("notm", "b"), ("no tm", "a")], [], 0)])
@example([([("no™", "a")], [], 0), ([("notm", "b"), ("no tm", "a")], [], 0.999)])
def test_no_twin_of_a_test_text_is_trained_on_whatever_is_named_or_relabelled(steps: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        train, apart = parts(after(folder, steps))
    tests = [text for _, named, _ in steps for text in named]
    assert contaminated(train, [*tests, *apart]) == [""] * len(train)
    assert not set(train) & {*tests, *apart}
    assert "something else entirely" in train


@pytest.mark.parametrize(
    ("steps", "train", "apart"),
    [(LABELLED_ANEW, ["something else entirely", "no™"], ["no tm"]),
     (HELD_OUT_ANEW, ["something else entirely", "no tm"], ["no™"])],
)  # fmt: skip
def test_what_cannot_be_relabelled_stays_as_it_was_and_is_counted(
    tmp_path: Path, steps: list[Step], train: list[str], apart: list[str]
) -> None:
    data = after(tmp_path, steps[:2])
    refused = data.add(frame(steps[2][0]), source="x")
    assert (refused.changed, refused.refused) == (False, {"same_text": 1})
    assert parts(data) == (train, apart)


def test_a_text_to_test_on_can_be_relabelled_in_any_dress_that_is_no_training_text(tmp_path: Path) -> None:
    data = after(tmp_path, [([("no™", "a")], [], 0.999)])
    assert data.add(frame([("NO™", "b")]), source="x", test=frame([("no", "")])).n_added == 1
    assert parts(data) == (["something else entirely"], ["NO™"])


def test_every_text_of_a_test_set_is_remembered_as_it_is_written(tmp_path: Path) -> None:
    data = after(tmp_path, [([("so so", "a")], ["no™", "notm", "NOTM"], 0)])
    assert data.newest.n_test_texts == 3
