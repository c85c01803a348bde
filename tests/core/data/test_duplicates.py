from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus.core.data.duplicates import folded
from mlflow_evalplus.core.data.near_duplicates import BUT_ONE, SAME_WORDS, near_pairs
from mlflow_evalplus.core.tokens import tokenise
from mlflow_evalplus.core.words import words_of
from tests.generated import inputs

# few different ones, so that they meet
TEXTS = st.sampled_from(
    ["late", "LATE", " late", "so late", "so  late", "ＳＯ\u3000late", "sölate", "", " ", "很慢", "很 慢"]
)
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from("ab")), min_size=1, max_size=12)


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def frame(rows: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["text", "label"])


@given(st.lists(TEXTS, max_size=20))
def test_texts_that_differ_in_case_spaces_and_width_have_one_code(texts: list[str]) -> None:
    codes = folded(pa.chunked_array([pa.array(texts, pa.string())])).tolist()
    for code, text in zip(codes, texts, strict=True):
        assert (code < 0) == (not plain(text))
        assert all((code == other) == (plain(text) == plain(t)) for other, t in zip(codes, texts, strict=True))


@settings(max_examples=inputs(20), deadline=None)
@given(ROWS, ROWS)
def test_duplicates_and_conflicts_are_those_of_a_loop(
    train: list[tuple[str, str]], test: list[tuple[str, str]]
) -> None:
    found = ep.check_data(frame(train), frame(test))
    known = [[plain(text) for text, _ in part if plain(text)] for part in (train, test)]
    across = sum(text in known[0] for text in known[1])
    (finding,) = found.of("duplicates_across")
    assert finding.n == across
    assert found.duplicates_across == across / len(test)
    assert (finding.level.value == "error") == (across > 0)  # of so few rows one is more than a hundredth
    within = [sum(n - 1 for n in Counter(texts).values()) for texts in known]
    assert [row.n for row in found.of("duplicates_within")] == within
    labels = defaultdict(set)
    for text, label in train + test:
        labels[plain(text)].add(label)
    in_conflict = sum(len(labels[plain(text)]) > 1 for text, _ in train + test if plain(text))
    (conflict,) = found.of("conflicting_labels")
    assert conflict.n == in_conflict
    most = defaultdict(Counter)
    for text, label in test:
        most[plain(text)][label] += 1
    lost = sum(sum(n.values()) - max(n.values()) for text, n in most.items() if text)
    if lost:
        assert f"right more than {100 * (1 - lost / len(test)):.1f} times in 100" in conflict.sentence


def test_a_duplicate_is_shown_beside_its_training_row() -> None:
    train = pd.DataFrame({"text": [f"message {i}" for i in range(50)], "label": ["a", "b"] * 25})
    test = pd.DataFrame({"text": ["new one", "MESSAGE  7"], "label": ["a", "b"]})
    (finding,) = ep.check_data(train, test).of("duplicates_across")
    assert [(row.name, row.shown) for row in finding.examples] == [("test:1", "MESSAGE  7"), ("train:7", "message 7")]
    assert finding.sentence.startswith("1 of 2 (50.0 %) test texts are training texts too")


def test_a_duplicate_among_thousands_is_told_and_is_no_error() -> None:
    train = pd.DataFrame({"text": [f"message {i}" for i in range(2000)], "label": ["a", "b"] * 1000})
    test = pd.DataFrame({"text": ["message 1", *(f"other {i}" for i in range(1999))], "label": ["a", "b"] * 1000})
    (finding,) = ep.check_data(train, test).of("duplicates_across")
    assert (finding.level.value, finding.n, finding.action) == ("ok", 1, "")


WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "很慢", "打", "不"]), min_size=1, max_size=11)


def units(text: str) -> Counter[str]:
    """The words of a text; Han characters each."""
    return Counter(unit for word in text.split() for unit in (word if word[0] > "z" else [word]))


def near(one: Counter[str], other: Counter[str]) -> bool:
    sizes, apart = (one.total(), other.total()), ((one - other).total(), (other - one).total())
    if apart == (0, 0):
        return sizes[0] >= SAME_WORDS
    # a word changed, or one more in the longer text
    return max(apart) == 1 and max(sizes) >= BUT_ONE and min(sizes) >= (BUT_ONE if min(apart) else SAME_WORDS)


@settings(max_examples=inputs(80), deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=8), st.lists(WORDS, min_size=1, max_size=8))
def test_near_duplicates_are_those_of_every_pair(train: list[list[str]], test: list[list[str]]) -> None:
    texts = [" ".join(words) for words in train + test]
    found, partners = near_pairs(
        tokenise(pa.chunked_array([texts])), len(train), len(texts), np.zeros(len(texts), dtype=bool)
    )
    expected = {
        row: {place for place in range(len(train)) if near(units(texts[place]), units(texts[row]))}
        for row in range(len(train), len(texts))
    }
    assert found.tolist() == [row for row, twins in expected.items() if twins]
    assert all(partner in expected[row] for row, partner in zip(found.tolist(), partners.tolist(), strict=True))


def test_numbers_order_and_one_word_make_near_duplicates_but_short_texts_do_not() -> None:
    train = ["Your parcel 12 of May arrived broken, and nobody answers", "a good film", "The room was very clean"]
    test = ["your parcel 9876 of May arrived broken and nobody ANSWERED!", "a bad film", "very clean the room was..."]
    found = ep.check_data(
        pd.DataFrame({"text": train, "label": ["a", "b", "a"]}), pd.DataFrame({"text": test, "label": ["a", "a", "b"]})
    )
    (finding,) = found.of("near_duplicates")
    assert [row.name for row in finding.examples] == ["test:0", "train:0", "test:2", "train:2"]
    assert finding.level.value == "warning"
    assert ", 1 of them with another label" in finding.sentence


def test_what_is_the_same_text_is_not_counted_as_near_again() -> None:
    rows = pd.DataFrame({"text": ["one two three four five six seven eight nine"], "label": ["a"]})
    found = ep.check_data(rows, rows)
    assert (found.of("duplicates_across")[0].n, found.of("near_duplicates")[0].n) == (1, 0)


def test_words_of_the_package_are_the_units_of_near_duplicates() -> None:
    """The loop above splits at spaces; that is what the package does with such texts, numbers apart."""
    assert words_of("alpha beta 很慢 打 12") == ["alpha", "beta", "很慢", "打"]
