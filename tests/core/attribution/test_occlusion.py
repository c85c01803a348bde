"""Words that are left out: what a model loses is held against coefficients, its budget against what it was asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.attribution import word_attribution
from mlflow_evalplus.core.attribution.occlusion import label_scores, occlude, without_spans
from mlflow_evalplus.core.attribution.word_attribution import attribute_words
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.core.words import word_spans, words_of
from mlflow_evalplus.errors import DataError
from tests.core.attribution.test_word_attribution import LABELS, WORDS, attributed, messages
from tests.generated import inputs


class Bag:
    """Counts times coefficients, softmax: without a word, log-odds change by exactly coefficient times count."""

    def __init__(self, n_labels: int = 3, seed: int = 1) -> None:
        self.coefficients = np.random.default_rng(seed).normal(0, 0.4, (n_labels, len(WORDS)))
        self.asked = 0
        self.batches: list[int] = []

    def __call__(self, texts: Sequence[str], rows: Any) -> Any:
        assert len(texts) == len(rows)
        self.asked += len(texts)
        self.batches.append(len(texts))
        counts = np.array([[words_of(text).count(word) for word in WORDS] for text in texts])
        scores = np.exp(counts @ self.coefficients.T)
        return scores / scores.sum(axis=1, keepdims=True)


def judged(frame: pd.DataFrame, bag: Bag) -> Predictions:
    scores = bag(frame["text"], frame["text"])
    columns = {f"s{label}": scores[:, code] for code, label in enumerate(LABELS)}
    given = np.array(LABELS)[scores.argmax(axis=1)]
    bag.asked = 0
    bag.batches.clear()
    score_columns = {label: f"s{label}" for label in LABELS}
    return read(frame.assign(prediction=given, **columns), text="text", scores=score_columns, labels=LABELS)


def test_occlusion_finds_the_coefficients_of_a_bag_of_words() -> None:
    frame, bag = messages(200), Bag()
    texts = frame["text"].tolist()
    found = occlude(texts, range(len(texts)), bag, 3)
    assert found.explained.tolist() == list(range(200))
    assert bag.asked == found.n_predictions == sum(1 + len(set(words_of(text))) for text in texts)
    words = [found.vocabulary[word] for word in found.words]
    counts = np.array([words_of(texts[row]).count(word) for row, word in zip(found.rows, words, strict=True)])
    pushes = bag.coefficients[:, [WORDS.index(word) for word in words]] * counts
    np.testing.assert_allclose(found.drops[:, 1] - found.drops[:, 0], pushes[1] - pushes[0], atol=1e-9)
    np.testing.assert_allclose(found.drops[:, 2] - found.drops[:, 0], pushes[2] - pushes[0], atol=1e-9)


def test_occlusion_sums_up_over_errors_and_right_rows() -> None:
    frame, bag = messages(400), Bag()
    predictions = judged(frame, bag)
    found = attributed(predictions, bag)
    given = predictions.table["prediction"].to_pylist()
    frame["given"] = given
    assert (found.method, found.unit, found.n_not_reproduced) == ("occlusion", "log-odds", 0)
    assert found.n_explained == found.n_errors == (frame["label"] != frame["given"]).sum()
    assert found.n_predictions == bag.asked
    for row in found.rows:
        own, other, word = LABELS.index(row.label), LABELS.index(row.prediction), WORDS.index(row.word)
        slope = bag.coefficients[other, word] - bag.coefficients[own, word]
        texts = frame["text"][(frame["label"] == row.label) & (frame["given"] == row.prediction)]
        counts = [words_of(text).count(row.word) for text in texts]
        assert row.contribution == pytest.approx(slope * np.mean(counts))
        assert row.n == np.count_nonzero(counts)


@settings(max_examples=inputs(40), deadline=None)
@given(st.integers(0, 600), st.integers(1, 90), st.integers(0, 5))
def test_the_budget_is_never_exceeded(budget: int, batch: int, seed: int) -> None:
    frame, bag = messages(120, seed=seed), Bag()
    frame["text"] = ["", None, *frame["text"][2:]]
    predictions = judged(frame.fillna(""), bag)
    found = attribute_words(predictions, bag, max_predictions=budget, batch_size=batch)
    assert bag.asked <= budget
    assert not bag.batches or max(bag.batches) <= batch
    if found:
        assert found.n_predictions == bag.asked
        assert found.n_explained <= found.n_errors
    again = attribute_words(predictions, bag, max_predictions=budget, batch_size=batch)
    assert repr(again) == repr(found)  # nan is not equal to nan


def test_within_the_budget_pairs_take_turns_and_the_most_confident_errors_come_first() -> None:
    frame, bag = messages(400), Bag()
    predictions = judged(frame, bag)
    run = word_attribution._run(predictions, LABELS)
    order = list(word_attribution._order(run))
    assert len(order) == len(set(order))
    label, given = predictions.label_codes("label"), predictions.label_codes("prediction")
    errors = [row for row in order if label[row] != given[row]]
    assert sorted(errors) == np.flatnonzero(label != given).tolist()
    assert [(label[row], given[row]) for row in errors[: len(run.pairs)]] == run.pairs
    for pair in run.pairs:
        scores = predictions.floats(f"score.{LABELS[pair[1]]}")
        assert scores is not None
        of_pair = [scores[row] for row in errors if (label[row], given[row]) == pair]
        assert of_pair == sorted(of_pair, reverse=True)
    assert abs(2 * len([row for row in order[:40] if label[row] == given[row]]) - 40) <= 2


def test_time_ends_the_asking_between_rows() -> None:
    frame, bag = messages(200), Bag()
    predictions = judged(frame, bag)

    def slow(texts: Sequence[str], rows: Any) -> Any:
        time.sleep(0.002 * len(texts))
        return bag(texts, rows)

    start = time.monotonic()
    found = attributed(predictions, slow, max_seconds=0.4)
    assert time.monotonic() - start < 2
    assert 0 < found.n_explained < found.n_errors
    assert attribute_words(predictions, bag, max_seconds=0) is None


def test_a_model_that_only_names_labels_shows_the_words_that_turn_it() -> None:
    def predict(texts: Sequence[str], rows: Any) -> Any:
        good = np.array(["great" in text for text in texts], dtype=float)
        return np.column_stack([1 - good, good])

    texts = ["great, late again", "not great", "great!", "late"]
    frame = pd.DataFrame({"text": texts, "label": ["no", "no", "yes", "no"], "prediction": ["yes", "yes", "yes", "no"]})
    found = attributed(read(frame, text="text"), predict)
    assert [(row.word, row.n, row.contribution, row.contribution_right) for row in found.rows] == [("great", 2, 2, 0)]
    assert found.unit == "decision"


def test_chinese_words_are_pairs_of_characters() -> None:
    def predict(texts: Sequence[str], rows: Any) -> Any:
        bad = np.array([0.9 if "打不开" in text else 0.2 for text in texts])
        return np.column_stack([bad, 1 - bad])

    frame = pd.DataFrame({
        "text": ["ＡＰＰ打不开了", "谢谢", "打不开，谢谢"],
        "label": ["pos", "pos", "neg"], "prediction": ["neg", "pos", "neg"],
    })  # fmt: skip
    found = attributed(read(frame, text="text"), predict)
    assert {row.word for row in found.rows} >= {"打不", "不开"}
    assert "谢谢" not in {row.word for row in found.rows}


@given(st.text() | st.text(alphabet="aé\u0301ß’'ｶﾞ打不开 ＡﬁİΣ1①한\u1112\u1161\u11ab"))
def test_spans_are_of_the_words_that_a_text_has(text: str) -> None:
    spans = list(word_spans(text))
    assert [word for word, _, _ in spans] == words_of(text)
    for word, start, end in spans:
        assert 0 <= start < end <= len(text)
        assert word in words_of(text[start:end]) or not text[start:end].isascii()


@given(st.lists(st.sampled_from([*WORDS, "don't", "打不开", "2024"]), min_size=1), st.sampled_from([" ", ", ", "\n"]))
def test_a_word_that_is_left_out_is_gone_and_the_others_stay(words: list[str], joint: str) -> None:
    text = joint.join(words)
    for word in set(words) - {"打不开", "2024"}:
        spans = [(start, end) for found, start, end in word_spans(text) if found == word]
        assert words_of(without_spans(text, spans)) == [other for other in words_of(text) if other != word]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((3, 3)), r"shape \(3, 3\) for 3 texts and 2 labels"),
        (np.zeros(5), r"shape \(5,\) for 3 texts"),
        (["yes"] * 3, "holds no numbers"),
        (None, "shape"),
        (np.full((3, 2), np.nan), "not finite, first"),
    ],
)
def test_nonsense_from_a_model_is_said_to_be_nonsense(answer: Any, message: str) -> None:
    frame = pd.DataFrame({"text": ["so late", "ok"], "label": ["no", "yes"], "prediction": ["yes", "yes"]})
    with pytest.raises(DataError, match=message):
        attribute_words(read(frame, text="text"), lambda texts, rows: answer)


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), KeyError("text"), DataError("no weights")])
def test_a_model_that_fails_is_said_to_fail(error: Exception) -> None:
    def predict(texts: Sequence[str], rows: Any) -> Any:
        raise error

    said = "no weights" if isinstance(error, DataError) else f"the model failed on 3 texts: {type(error).__name__}: "
    frame = pd.DataFrame({"text": ["so late", "ok"], "label": ["no", "yes"], "prediction": ["yes", "yes"]})
    with pytest.raises(DataError, match=f"^{said}"):
        attribute_words(read(frame, text="text"), predict)


def test_scores_are_found_by_the_names_of_their_classes() -> None:
    matrix = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
    assert label_scores(matrix, np.array([2.0, 0.0, 1.0]), ["0", "1", "x"]).tolist() == [[0.2, 0.7, 0], [0.3, 0.4, 0]]
    assert label_scores(matrix[:, :2], [True, False], ["False", "True"]).tolist() == [[0.2, 0.1], [0.3, 0.3]]
