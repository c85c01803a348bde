"""Coverage of knowledge: against a loop with a Counter."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.attribution.coverage import MIN_SEEN, coverage
from mlflow_evalplus.core.words import words_of
from tests.generated import inputs

WORDS = ("late", "Late", "drone", "24", "退款慢", "退款", "好", "don’t", "?")
TEXTS = st.lists(st.none() | st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join), min_size=1, max_size=12)


def column(texts: list[str | None], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, kind or pa.string())])


@settings(deadline=None, max_examples=inputs(200))
@given(TEXTS, TEXTS, st.sampled_from([pa.string(), pa.large_string()]))
def test_unfamiliar_words_are_those_of_a_loop(
    texts: list[str | None], training: list[str | None], kind: pa.DataType
) -> None:
    seen = Counter(word for text in training for word in set(words_of(text or "")))
    found = coverage(column(texts, kind), column(training, kind))
    for row, text in enumerate(texts):
        words = set(words_of(text or ""))
        new = {word for word in words if seen[word] < MIN_SEEN}
        assert sorted(found.words(row)) == sorted(new)
        assert found.share[row] == pytest.approx(len(new) / len(words) if words else 0)


@settings(deadline=None, max_examples=inputs(100))
@given(TEXTS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_most_frequent_are_those_of_most_of_the_chosen_texts(
    texts: list[str | None], random: np.random.RandomState, limit: int
) -> None:
    chosen = np.array([random.random() < 0.6 for _ in texts])
    known = column(["late", "late", "late"])
    held = Counter(
        word for text, inside in zip(texts, chosen, strict=True) if inside for word in set(words_of(text or ""))
    )
    held.pop("late", None)
    found = coverage(column(texts), known).most_frequent(chosen, limit)
    assert [held[word] for word in found] == sorted(held.values(), reverse=True)[:limit]
    assert len(set(found)) == len(found)


def test_a_word_must_stand_in_three_training_texts_not_three_times_in_one() -> None:
    training = column(["drone drone drone drone", "a drone", "late", "late", "late"])
    assert coverage(column(["drone late"]), training).words(0) == ["drone"]


def test_training_without_texts_makes_every_word_unfamiliar() -> None:
    found = coverage(column(["late", None, "24/7"]), column([]))
    assert found.share.tolist() == [1.0, 0.0, 0.0]
    assert found.most_frequent(np.zeros(3, bool), 5) == []
    none = coverage(column([None, ""]), column([None]))
    assert (none.share.tolist(), none.words(1), none.most_frequent(np.ones(2, bool), 5)) == ([0.0, 0.0], [], [])
