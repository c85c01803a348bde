from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.collecting.density import SHRUNK, Known, density_ratio
from mlflow_evalplus.core.tokens import Tokens, tokenise
from tests.generated import inputs

TEXTS = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=5).map(" ".join), min_size=1, max_size=8)


def tokens_of(texts: list[str]) -> Tokens:
    return tokenise(pa.chunked_array([pa.array(texts, pa.string())]))


def known_of(texts: list[str]) -> Known:
    return Known.of(tokens_of(texts), len(texts))


@settings(max_examples=inputs(60), deadline=None)
@given(TEXTS, TEXTS, st.data())
def test_it_is_what_a_loop_over_the_words_says(log: list[str], training: list[str], data: st.DataObject) -> None:
    n_rows = data.draw(st.lists(st.integers(1, 4), min_size=len(log), max_size=len(log)))
    n, size = sum(n_rows), len(training)

    def shares(word: str) -> tuple[float, float, float]:
        here = sum(rows for text, rows in zip(log, n_rows, strict=True) if word in text.split())
        there = sum(word in text.split() for text in training)
        prior = SHRUNK / (n + size)
        return np.log((n + size + 1) / (here + there + 1)) ** 2, here / n + prior, there / size + prior

    expected = []
    for text in log:
        words = [shares(word) for word in set(text.split())]
        usual = sum(idf * there for idf, _, there in words)
        expected.append(sum(idf * here for idf, here, _ in words) / usual if usual else 1.0)
    found = density_ratio(tokens_of(log), np.array(n_rows), known_of(training))
    assert found == pytest.approx(expected)


def test_a_text_is_worth_more_the_more_of_its_kind_there_are_and_the_fewer_were_trained_on() -> None:
    log = ["flexpay fails", "parcel fails", "zebra fails"]
    ratio = density_ratio(tokens_of(log), np.array([60, 60, 1]), known_of(["parcel fails"] * 50 + ["it fails"] * 50))
    flexpay, parcel, zebra = ratio
    assert flexpay > zebra > 0.5
    assert flexpay > 2 * parcel


def test_the_same_log_and_training_texts_have_the_ratio_one() -> None:
    texts = ["so late", "late again", "fine"]
    assert density_ratio(tokens_of(texts), np.ones(3, dtype=np.int64), known_of(texts)) == pytest.approx(np.ones(3))
