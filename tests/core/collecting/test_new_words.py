from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.collecting.new_words import COMMON, MIN_SHARE, MIN_WORD_ROWS, new_words
from mlflow_evalplus.core.tokens import tokenise

WORDS = ["late", "parcel", "where", "flexpay", "pickbox", "mira"]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.integers(1, 9000), st.sets(st.sampled_from(WORDS)))
def test_scores_are_those_of_a_loop_over_the_words(texts: list[str], most: int, known: set[str]) -> None:
    rows = [1 + (most * place) % 997 for place in range(len(texts))]
    tokens = tokenise(pa.chunked_array([texts]))
    found = new_words(tokens, np.array(rows), known)
    full = max(COMMON * sum(rows), MIN_WORD_ROWS)
    holding = {word: sum(n for text, n in zip(texts, rows, strict=True) if word in text.split()) for word in WORDS}
    weight = {
        word: min(1.0, math.log(n) / math.log(full)) if word not in known and n >= MIN_WORD_ROWS else 0.0
        for word, n in holding.items()
    }
    for place, text in enumerate(texts):
        score = sum(weight[word] for word in text.split()) / max(len(text.split()), 1)
        assert math.isclose(found.scores[place], score if score >= MIN_SHARE else 0.0, abs_tol=1e-12)
        counted = {word for word in text.split() if weight[word] > 0}
        assert (found.leads[place] >= 0) == bool(counted)
        if counted:
            lead = tokens.vocabulary[found.leads[place]]
            assert (weight[lead], -holding[lead]) == max((weight[word], -holding[word]) for word in counted)


def test_a_typo_is_no_news_and_a_new_product_is() -> None:
    texts = [f"my order {i} of flexpay is late" for i in range(20)] + ["my order is laet"]
    found = new_words(
        tokenise(pa.chunked_array([texts])), np.ones(21, dtype=np.int64), {"my", "order", "of", "is", "late"}
    )
    assert (found.scores[:20] > 0.1).all()
    assert found.scores[20] == 0
