from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.collecting.case_id import case_ids
from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.results.queue import Queue

HOSTILE = ["<script>alert(1)</script>", "</script>", '"quotes"', "null\x00byte", "right\u202eto left",
           "👩‍👩‍👧 好评！", "中文，逗号", "=1+1"]  # fmt: skip
TEXTS = st.sampled_from(
    ["late", "LATE ", "so late", "where is my parcel now", "my parcel: where is now", "", " ", *HOSTILE]
)
ROWS = st.lists(
    st.tuples(TEXTS, st.sampled_from(["a", "b", None]), st.sampled_from(["a", "b", "", None]), st.floats(0, 1),
              st.sampled_from(["x", "y", None])),
    min_size=1, max_size=25,
).filter(lambda rows: any(row[0].strip() for row in rows))  # fmt: skip
ALL = {"label": "label", "challenger": "challenger", "slices": ["channel"], "training": ["where is it"], "time": "time"}


def frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    log = pd.DataFrame(rows, columns=["text", "prediction", "label", "score.a", "channel"])
    log["score.b"] = 1 - log["score.a"]
    log["challenger"] = log["prediction"].iloc[::-1].to_list()
    log["time"] = log["channel"]
    return log


def planted(n: int = 400) -> pd.DataFrame:
    """Return a log in which each reason holds for rows of its own; all else is plain."""
    rng = np.random.default_rng(0)
    words = np.array(["order", "parcel", "refund", "invoice", "account", "login", "price", "delivery", "shop", "card"])
    log = pd.DataFrame({"text": [" ".join(rng.permutation(words)[:6]) + f" {i}" for i in range(n)], "prediction": "a"})
    log["score.a"], log["score.b"] = 0.95 - 1e-4 * np.arange(n), 0.05 + 1e-4 * np.arange(n)
    log["label"], log["challenger"], log["channel"] = None, "a", "app"
    log.loc[0:9, "label"] = "b"
    log.loc[10:19, "challenger"] = "b"
    log.loc[20:29, ["score.a", "score.b"]] = 0.5
    log.loc[30:39, "text"] = [f"flexpay order {i}" for i in range(10)]
    log.loc[40:49, "channel"] = "web"
    return log


def collected(log: pd.DataFrame, n: int = 40, **more: Any) -> Queue:
    training = ["order parcel refund invoice account login price delivery shop card"]
    given = {"label": "label", "challenger": "challenger", "training": training, "weak": ["channel=web"], "audit": 0}
    return ep.collect(log, n, **{**given, **more})


def key(queue: Queue) -> list[tuple[Any, ...]]:
    """All of the cases but where they stood."""
    return [(repr({**{f: getattr(case, f) for f in case.__slots__}, "row": 0}),) for case in queue.cases]


def test_each_reason_finds_what_was_planted_for_it() -> None:
    queue = collected(planted())
    rows = {"wrong": range(10), "disagreement": range(10, 20), "low_margin": range(20, 30),
            "unknown_words": range(30, 40), "weak_slice": range(40, 50)}  # fmt: skip
    assert [count.reason for count in queue.reasons] == list(names.REASONS)
    for count in queue.reasons[:-1]:
        cases = [case for case in queue.cases if case.reasons[0] == count.reason]
        assert (count.n_cases, count.n_rows) == (len(cases), 10)
        assert len(cases) == 8
        assert {case.row for case in cases} <= set(rows[count.reason])
    assert (len(queue.cases), queue.n_audit, queue.notes) == (40, 0, ())
    assert "'flexpay' (10 rows)" in queue.reasons[3].why


def test_a_reason_without_its_column_is_left_out_and_a_note_says_so() -> None:
    log = planted().drop(columns=["score.a", "score.b"])
    queue = ep.collect(log, 30)
    assert [count.reason for count in queue.reasons] == ["audit"]
    assert [word for note in queue.notes for word in ("label=", "challenger", "scores (", "training=", "weak=")
            if word in note] == ["label=", "challenger", "scores (", "training=", "weak="]  # fmt: skip
    assert queue.n_audit == len(queue.cases) > 25  # nothing else to go by: all of the budget is drawn at random
    assert sum(case.weight for case in queue.cases) == pytest.approx(len(log))


@settings(max_examples=20, deadline=None)
@given(ROWS, st.integers(1, 30), st.sampled_from([0.0, 0.2, 1.0]), st.randoms(use_true_random=False))
def test_the_queue_holds_whatever_the_log_and_the_order_of_its_rows(
    rows: list[tuple[Any, ...]], n: int, audit: float, random: Any
) -> None:
    log = frame(rows)
    queue = ep.collect(log, n, audit=audit, seed=3, **ALL)
    ids = [case.case_id for case in queue.cases]
    blank = sum(not text.strip() for text in log["text"])
    assert len(set(ids)) == len(ids) <= min(n, queue.n_texts)
    assert ids == case_ids([case.text for case in queue.cases])
    assert sum(case.copies for case in queue.cases) <= len(log) - blank == queue.n_rows - blank
    if len(queue.cases) == queue.n_texts:
        assert sum(case.copies for case in queue.cases) == len(log) - blank
    for case in queue.cases:
        text, prediction, label, score, _ = rows[case.row]
        assert (case.text, case.prediction, case.label) == (text, prediction or "", label or "")
        assert case.audit == ("audit" in case.reasons) == (case.weight == case.weight) == (case.reasons[0] == "audit")
        assert ("wrong" in case.reasons) == bool(label and label != prediction)
        other = rows[-1 - case.row][1]
        assert ("disagreement" in case.reasons) == bool(prediction and other and prediction != other)
        assert case.margin == pytest.approx(abs(2 * score - 1))
    if queue.n_audit:
        assert sum(case.weight for case in queue.cases if case.audit) == pytest.approx(len(log) - blank)
    order = list(range(len(log)))
    random.shuffle(order)
    again = ep.collect(log.iloc[order], n, audit=audit, seed=3, **ALL)
    assert key(again) == key(queue)
    assert (again.reasons, again.notes) == (queue.reasons, queue.notes)


def test_the_audit_estimates_the_accuracy_of_the_rows_that_are_left_without_bias() -> None:
    """Against the truth of a log with copies, near copies that are answered otherwise, blank and labelled rows."""
    rng = np.random.default_rng(5)
    stories = [f"story {chr(97 + i)} of my late parcel that nobody of you found" for i in range(3)]
    texts = np.array([f"message {chr(97 + i)}{chr(97 + j)}" for i in range(10) for j in range(5)] + stories)
    log = pd.DataFrame({"text": rng.choice(texts, 160, p=np.r_[np.full(50, 0.01), np.full(3, 1 / 6)])})
    log["truth"] = rng.choice(["a", "b"], 160)
    log["prediction"] = np.where(rng.random(160) < 0.7, log["truth"], rng.choice(["a", "b"], 160))
    log["score.a"] = rng.random(160)
    log.loc[:4, "text"] = "  "
    exclude = ["MESSAGE AA", case_ids([stories[0]])[0], "message bc", "never seen"]
    left = log["text"].str.strip().ne("") & ~log["text"].isin(["message aa", stories[0], "message bc"])
    truth = (log["truth"] == log["prediction"])[left].mean()
    found = []
    for seed in range(50):
        cases = [case for case in ep.collect(log, 60, audit=0.5, exclude=exclude, seed=seed).cases if case.audit]
        assert sum(case.weight for case in cases) == pytest.approx(left.sum())
        right = np.array([log["truth"][case.row] == case.prediction for case in cases])
        found.append(np.average(right, weights=[case.weight for case in cases]))
    z = (np.mean(found) - truth) / (np.std(found) / np.sqrt(len(found)))
    assert abs(z) < 3.5
    assert np.std(found) > 0.02


def test_what_is_labelled_already_is_not_queued_again_and_the_note_says_what_that_means() -> None:
    log = planted()
    first = collected(log, audit=0.2)
    again = collected(log, audit=0.2, exclude=[case.case_id for case in first.cases])
    assert not {case.case_id for case in first.cases} & {case.case_id for case in again.cases}
    assert any(note.startswith("40 rows of 40 texts left out as labelled already. The audit") for note in again.notes)
    everything = collected(log, exclude=log["text"])
    assert everything.cases == ()
    assert (everything.n_texts, everything.reasons[0].n_cases) == (again.n_texts, 0)


def test_near_copies_of_what_is_labelled_are_drawn_at_random_only() -> None:
    late = "my parcel {} of may has still not been brought by you"
    log = pd.DataFrame({"text": [late.format(word) for word in ("one", "two")], "prediction": "a", "label": "b"})
    exclude = [late.format("one")]
    assert ep.collect(log, 5, label="label", audit=0, exclude=exclude).cases == ()
    (case,) = ep.collect(log, 5, label="label", exclude=exclude).cases
    assert (case.audit, case.weight, case.row, case.copies) == (True, 1.0, 1, 2)


def test_one_case_stands_for_near_copies() -> None:
    texts = ["Where is my parcel?", "where is  MY parcel", "my parcel: where is", "where is my parcel", "thanks"]
    log = pd.DataFrame({"text": texts, "prediction": "a", "label": ["b", "b", "b", "a", "b"]})
    queue = ep.collect(log, 9, label="label", audit=0)
    assert (queue.n_rows, queue.n_texts) == (5, 2)
    assert Counter(case.copies for case in queue.cases) == {4: 1, 1: 1}
    assert queue.cases[0].text == "where is  MY parcel"  # written so most often, and known to be wrong


def test_texts_of_any_length_are_shown_whole() -> None:
    texts = ["x" * 100_000, "so " * 30_000, *HOSTILE]
    queue = ep.collect(pd.DataFrame({"text": texts, "prediction": "a"}), 99, training=["so"])
    assert sorted(case.text for case in queue.cases) == sorted(texts)
    assert all(len(count.why) < 1000 for count in queue.reasons)


def test_random_cases_are_strewn_among_the_others() -> None:
    log = planted()
    places = Counter(
        place for seed in range(20) for place, case in enumerate(collected(log, 10, audit=0.3, seed=seed).cases)
        if case.audit
    )  # fmt: skip
    assert set(places) == set(range(10))
    assert max(places.values()) < 16  # of 20: the place tells nothing


@pytest.mark.parametrize("make", [pl.DataFrame, lambda log: pl.DataFrame(log).lazy(), pa.Table.from_pandas])
def test_any_data_frame_yields_the_same_queue(make: Any) -> None:
    log = planted().astype({"label": "string"})
    assert repr(collected(make(log), audit=0.2)) == repr(collected(log, audit=0.2))


def test_requirements_say_what_is_not_named() -> None:
    log = planted().rename(columns={"text": "message", "label": "gold"})
    task = {"text": "message", "label": "gold", "labels": ["a", "b"]}
    wanted = {"task": task, "slices": ["channel", "gone", "text_length"]}
    queue = ep.collect(log, 20, requirements=wanted)
    assert queue.reasons[0].n_rows == 10
    assert set(queue.cases[0].slices or {}) == {"channel", "text_length"}
    with pytest.raises(DataError, match=r"'gold' holds labels that are not declared: \['c'\]"):
        ep.collect(log.replace({"gold": {"b": "c"}}), requirements=wanted)


def test_times_are_shown_as_the_log_has_them() -> None:
    log = pd.DataFrame({"text": ["one", "two"], "prediction": "a", "at": pd.to_datetime(["2026-07-01 10:30", None])})
    found = {case.text: case.time for case in ep.collect(log, 2, time="at").cases}
    assert found == {"one": "2026-07-01 10:30:00", "two": ""}
    assert {case.time for case in ep.collect(log.assign(at="1.0"), 2, time="at").cases} == {"1.0"}


def test_numbers_as_labels_and_a_single_score_are_read_as_evaluate_does() -> None:
    log = pd.DataFrame({"text": ["one", "two"], "prediction": [1, 0], "label": [0.0, None], "p": [0.8, 0.45]})
    queue = ep.collect(log, 2, label="label", scores={"1": "p"}, audit=0)
    found = {case.text: case for case in queue.cases}
    assert (found["one"].prediction, found["one"].label, found["one"].reasons) == ("1", "0", ("wrong",))
    assert found["two"].margin == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n is 0; give a whole number, 1 or more"),
        ({"n": True}, "n is True"),
        ({"seed": -1}, "seed is -1; give a whole number, 0 or more"),
        ({"audit": 1.5}, "audit is 1.5; give the share"),
        ({"audit": float("nan")}, "audit is nan"),
        ({"slices": "channel"}, r"slices is one text, 'channel'; give a list: slices=\['channel'\]"),
        ({"exclude": "c0"}, "exclude is one text"),
        ({"exclude": ["c0", None, 7]}, "exclude holds 7; give the texts"),
        ({"training": "late"}, "training is one text"),
        ({"training": 7}, "training is of type int"),
        ({"training": ["1", None]}, "the training texts hold no word"),
        ({"training": pd.DataFrame({"texts": ["a"]})}, "Did you mean 'texts'"),
        ({"text": "txt"}, "column 'txt' is not in the data.*Did you mean 'text'"),
        ({"prediction": "answer"}, "column 'answer' is not in the data"),
        ({"label": "gold"}, "column 'gold' is not in the data"),
        ({"scores": {"a": "p"}}, "column 'p' is not in the data"),
        ({"slices": ["chanel"]}, "Did you mean 'channel'"),
        ({"scores": {"a": "bad"}}, "'bad' must hold a probability from 0 to 1; row 0"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], message: str) -> None:
    log = planted(60).assign(bad=2.0)
    with pytest.raises((DataError, ColumnNotFound), match=message):
        ep.collect(log, **change)


def test_bad_rows_are_named_or_left_out() -> None:
    log = planted(60)
    with pytest.raises(DataError, match="the log has no rows"):
        ep.collect(log[:0])
    with pytest.raises(DataError, match="no row of the log has a text in 'text'"):
        ep.collect(log.assign(text=[None, " \u200b"] * 30))
    with pytest.raises(DataError, match=r"'late \\ud83d' holds half of a surrogate pair"):
        ep.collect(log.assign(text=pd.Series(["late \ud83d"] * 60, dtype=object)))
    with pytest.raises(DataError, match="list is not a data frame"):
        ep.collect(["late"])
    log.loc[50:54, "text"] = [None, "", " ", "\u200b\n", "\u3000"]
    log.loc[0:1, "prediction"] = None
    log.loc[20:21, "score.a"] = np.nan
    queue = collected(log, audit=0.2)
    assert queue.notes[:2] == (
        "5 rows without a text left out.", "2 rows without a prediction: wrong wherever feedback has a label.",
    )  # fmt: skip
    assert not {case.row for case in queue.cases} & set(range(50, 55))
    assert {case.row for case in queue.cases if "low_margin" in case.reasons} <= set(range(22, 30))
    assert queue.reasons[0].n_rows == 10
