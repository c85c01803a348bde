from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.results.queue import Queue, ReasonCount


def log(rng: np.random.Generator, n: int = 1200, drop: float = 0.3) -> pd.DataFrame:
    """Return rows of which 'web' is answered worse."""
    channel = rng.choice(["app", "web", "mail"], n)
    label = rng.choice(["a", "b"], n)
    wrong = rng.random(n) < 0.1 + drop * (channel == "web")
    prediction = np.where(wrong, np.where(label == "a", "b", "a"), label)
    texts = [f"row number {i}" for i in range(n)]
    line = rng.choice(["x", "y"], n)
    return pd.DataFrame({"text": texts, "label": label, "prediction": prediction, "channel": channel, "line": line})


def of(queue: Queue, reason: str) -> ReasonCount:
    return next(one for one in queue.reasons if one.reason == reason)


def test_the_log_tells_its_own_weak_slices() -> None:
    rows = log(np.random.default_rng(0))
    queue = ep.collect(rows, 60, label="label", slices=["channel", "line"])
    count = of(queue, "weak_slice")
    assert count.n_rows == (rows["channel"] == "web").sum()
    assert "['channel=web']" in count.why
    chosen = [case for case in queue.cases if case.reasons[0] == "weak_slice"]
    assert len(chosen) == count.n_cases > 0
    assert {case.slices["channel"] for case in chosen if case.slices} == {"web"}


def test_slices_that_are_alike_are_seldom_called_weak() -> None:
    rng = np.random.default_rng(1)
    alarms = sum(
        of(ep.collect(log(rng, 300, drop=0), 5, label="label", slices=["channel", "line"]), "weak_slice").n_rows > 0
        for _ in range(15)
    )
    assert alarms <= 4  # P(more | 5 %) is 0.06 %


def test_weak_slices_of_an_evaluation_are_those_that_it_calls_weak() -> None:
    rng = np.random.default_rng(2)
    launch = ep.evaluate(log(rng), slices=["channel", "line"])
    weak = [row.name for row in launch.slices.rows if row.weak]
    assert "channel=web" in weak
    rows = log(rng).drop(columns="label")
    expected = sum(rows["channel"] == "web")
    for given in (launch, weak):
        queue = ep.collect(rows, 20, weak=given)
        assert of(queue, "weak_slice").n_rows == expected
        assert any((case.slices or {}).get("channel") == "web" for case in queue.cases)


def test_a_weak_slice_of_two_columns_and_one_of_a_word_are_found() -> None:
    rows = log(np.random.default_rng(3), 300)
    rows.loc[:9, "text"] = [f"refund of {i}" for i in range(10)]
    queue = ep.collect(rows, 20, weak=["channel=web & line=x"])
    assert of(queue, "weak_slice").n_rows == ((rows["channel"] == "web") & (rows["line"] == "x")).sum()
    assert of(ep.collect(rows, 20, weak=["word=refund"]), "weak_slice").n_rows == 10
    assert of(ep.collect(rows, 20, weak=["text_length=up to 40"]), "weak_slice").n_rows == 300


def test_a_weak_slice_that_the_log_does_not_have_is_told() -> None:
    rows = log(np.random.default_rng(4), 300)
    with pytest.raises(ColumnNotFound, match=r"'chanel' is not in the data.*Did you mean 'channel'"):
        ep.collect(rows, 5, weak=["chanel=web"])
    with pytest.raises(DataError, match="weak slice 'web' has no column and value"):
        ep.collect(rows, 5, weak=["web"])
    with pytest.raises(DataError, match="weak is one text"):
        ep.collect(rows, 5, weak="channel=web")  # type: ignore[arg-type]
    assert "no row is in ['channel=wbe']" in of(ep.collect(rows, 5, weak=["channel=wbe"]), "weak_slice").why
    launch = ep.evaluate(log(np.random.default_rng(2)), slices=["channel"])
    queue = ep.collect(rows.drop(columns="channel"), 5, weak=launch)
    assert any("no columns for the weak slices ['channel=web']" in note for note in queue.notes)


def test_without_enough_feedback_no_weak_slice_is_looked_for() -> None:
    rows = log(np.random.default_rng(5), 199)
    queue = ep.collect(rows, 5, label="label", slices=["channel"])
    assert any("199 rows have feedback, 200 are needed" in note for note in queue.notes)
    assert "weak_slice" not in [count.reason for count in queue.reasons]
