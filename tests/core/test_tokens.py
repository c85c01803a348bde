"""The words of many texts at once: held against `words_of` for each, and against a loop over words and pairs."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core import tokens as module
from mlflow_evalplus.core.tokens import term_entries, tokenise
from mlflow_evalplus.core.words import words_of
from tests.generated import inputs

ODD = st.text("ab'’ \n1²½\u0301\u064b好不〇ｶﾞA\x1e_ßİΣ\u05d0-", max_size=12)


@settings(deadline=None, max_examples=inputs(300))
@given(st.lists(st.none() | st.text() | ODD, max_size=5), st.sampled_from([5, 4_000_000]))
def test_texts_at_once_have_the_words_of_each(texts: list[str | None], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block)
        tokens = tokenise(pa.chunked_array([pa.array(texts, pa.string())]))
    found: list[list[str]] = [[] for _ in texts]
    for row, code in zip(tokens.rows, tokens.codes, strict=True):
        found[row].append(tokens.vocabulary[code])
    assert found == [words_of(text) if text else [] for text in texts]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["a", "B", "c", "不好", "好", "2", ","]), max_size=5).map(" ".join), max_size=12),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 8),
)
def test_terms_are_the_words_and_adjacent_pairs_of_a_loop(texts: list[str], few: int, often: int, most: int) -> None:
    rows, terms, vocabulary = term_entries(
        pa.chunked_array([pa.array(texts, pa.string())]), min_rows=few, min_phrase_rows=often, max_terms=most
    )
    held = defaultdict(set)
    for row, text in enumerate(texts):
        parts = text.lower().split(" ")
        for word in set(parts) - {"2", ",", ""}:
            held[word].add(row)
        for pair in pairwise(parts):
            if set(pair) <= set("abc"):
                held[" ".join(pair)].add(row)
    # a phrase of words that are too rare to be looked at is rarer still
    frequent = [term for term, where in held.items() if len(where) >= (often if " " in term else few)]
    assert vocabulary == sorted(frequent, key=lambda term: (-len(held[term]), term))[:most]
    assert set(zip(rows.tolist(), terms.tolist(), strict=True)) == {
        (row, i) for i, term in enumerate(vocabulary) for row in held[term]
    }
    assert len(rows) == sum(len(held[term]) for term in vocabulary)
