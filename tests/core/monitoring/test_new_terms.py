from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.monitoring.new_terms import Terms, accuracies, count_terms, new_terms
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.core.words import words_of

REFERENCE = ["where is my order", "the order is late", "thank you very much", "cancel it please"] * 60
WINDOW = [*["where is my order", "thank you very much"] * 40, *["flash sale order", "Flash Sale!"] * 8]


def counted(reference: list[str], window: list[str]) -> Terms:
    texts = pa.chunked_array([[*reference, *window]])
    part = np.repeat([0, 1], [len(reference), len(window)])
    return count_terms(texts, part, 2, np.ones(len(texts), dtype=bool))


def test_a_word_that_customers_begin_to_use_is_found_with_its_exact_q_value() -> None:
    found = new_terms(counted(REFERENCE, WINDOW), 1, 0)
    assert [(term.term, term.n, term.n_reference, term.unseen) for term in found] == [
        ("flash", 16, 0, True),
        ("sale", 16, 0, True),
    ]
    n, m = len(WINDOW), len(REFERENCE)
    p = stats.fisher_exact([[16, n - 16], [0, m]], alternative="greater").pvalue
    # flash, sale and the phrase share the smallest p-value; all words and phrases of five texts are tested
    known = {w for text in (*REFERENCE, *WINDOW) for w in words_of(text)}
    assert found[0].share == 16 / n
    assert 0 < found[0].q_value / p <= 3 * len(known)
    assert found[0].q_value < 1e-6


def test_words_that_only_happen_to_be_rarer_or_small_are_not_new() -> None:
    assert new_terms(counted(REFERENCE, REFERENCE[:100]), 1, 0) == []
    assert new_terms(counted(REFERENCE, [*REFERENCE[:100], *["odd word"] * 4]), 1, 0) == []
    assert new_terms(counted(REFERENCE, []), 1, 0) == []
    assert new_terms(counted([], REFERENCE), 1, 0) == []


def test_a_known_word_is_new_where_it_is_twice_as_frequent_by_two_points() -> None:
    usual = ["refund please", *["hello there"] * 19] * 20
    found = {term.term: term for term in new_terms(counted(usual, [*["refund please"] * 60, *usual]), 1, 0)}
    assert "refund" in found
    assert not found["refund"].unseen
    assert found["refund"].share_reference == 0.05
    assert new_terms(counted(usual, [*["refund please"] * 12, *usual]), 1, 0) == []  # 7.8 % are not twice 5 %


def test_how_well_texts_with_a_new_word_are_answered_is_what_evaluate_says_of_them() -> None:
    texts = [*REFERENCE, *WINDOW]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"text": texts, "label": rng.choice(list("ab"), len(texts))})
    frame["prediction"] = np.where(rng.random(len(texts)) < 0.7, frame["label"], "a")
    frame["customer"] = rng.integers(0, 90, len(texts)).astype(str)
    rows = read(frame, text="text", cluster="customer")
    chosen = np.arange(len(REFERENCE), len(texts))[::2]
    found = accuracies(counted(REFERENCE, WINDOW), ["flash", "cancel"], rows, chosen, 0.9)
    held = frame.iloc[chosen]
    held = held[held["text"].str.casefold().str.contains("flash")]
    assert found == {"flash": evaluate(held, cluster="customer", confidence=0.9).metrics["accuracy"]}
    assert accuracies(counted(REFERENCE, WINDOW), [], rows, chosen, 0.9) == {}


def test_texts_of_any_kind_are_counted() -> None:
    odd = ["<script>alert(1)</script>", "\x00\u202e", "😀 打不开了", "", "x" * 10_000]
    found = new_terms(counted(REFERENCE, odd * 6), 1, 0)
    assert {"script", "打不", "不开", "开了"} <= {term.term for term in found}
    with pytest.raises(IndexError):
        new_terms(counted(REFERENCE, odd), 2, 0)
