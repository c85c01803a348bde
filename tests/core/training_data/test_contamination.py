"""No test text gets in by being dressed up, and no honest one is kept out."""

from __future__ import annotations

from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.core.training_data.contamination import contaminated, guarded, matches
from mlflow_evalplus.core.training_data.keys import strict_key, weight_of
from mlflow_evalplus.errors import ColumnNotFound
from tests.conftest import REAL_DATA
from tests.core.training_data.sneaking import MESSAGES, WAYS, of_words

TEXTS = MESSAGES["text"].tolist()


@pytest.mark.parametrize("way", WAYS)
def test_no_real_message_gets_in_by_any_way(way: str) -> None:
    """All 1,800 messages that ship, English and Chinese, each once in each way."""
    sneak, least, words = WAYS[way]
    rng = Random(way)
    tests = [text for text in TEXTS if weight_of(strict_key(text)) >= least and of_words(text) >= words][::4]
    assert len(tests) > 250
    tried = [sneak(text, rng) for text in tests]
    codes, partners = matches(tried, tests)
    assert [(a, b) for a, b, code in zip(tests, tried, codes, strict=True) if not code] == []
    assert (partners == range(len(tests))).mean() > 0.99


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6, unique=True), st.sampled_from(sorted(WAYS)), st.data())
def test_what_is_refused_does_not_hang_on_the_other_rows(tests: list[str], way: str, data: st.DataObject) -> None:
    rng = Random(data.draw(st.integers(0, 10**6)))
    tried = [WAYS[way][0](text, rng) for text in tests if of_words(text)]
    together = contaminated([*tried, *TEXTS[:20]], tests)
    assert together[: len(tried)] == [contaminated([text], tests)[0] for text in tried]
    assert contaminated(tests, [*tests, *TEXTS[:20]]) == ["same_text"] * len(tests)


def test_a_text_of_no_letters_is_compared_as_it_stands() -> None:
    assert contaminated(["? !", "👍", "?", ""], ["?!", "👍", ""]) == ["same_text", "same_text", "", ""]


@pytest.mark.parametrize(
    ("candidate", "test", "reason"),
    [
        ("bad", "BAD!", "same_text"),
        ("b a d", "bad", "same_text"),
        ("late was my parcel", "my parcel was late", "same_words"),
        ("I wrote to you in May about my card", "I wrote to you in June about my card", "same_words"),
        ("这个应用打不开了怎么办", "那个应用打不开了怎么办", "same_words"),
        ("The cheque scan work at the first go", "The cheqe scan worked at the first go", "near_copy"),
        ("dog", "god", ""),
        ("not good", "good", ""),
        ("The delivery was fast", "The delivery was slow", ""),
        ("不好", "很好", ""),
    ],
)
def test_near_is_what_the_page_says(candidate: str, test: str, reason: str) -> None:
    assert contaminated([candidate], [test]) == [reason]


def test_a_test_text_inside_a_longer_one_is_not_a_copy() -> None:
    test = "My parcel has been in your depot for nine days."
    assert contaminated([f"{test} {TEXTS[0]} {TEXTS[3]}"], [test]) == [""]


def test_distinct_real_messages_are_hardly_ever_refused() -> None:
    """Every message against all the others: of 1,800 that were written to be different, two are alike."""
    halves = TEXTS[::2], TEXTS[1::2]
    refused = [r for one, other in (halves, halves[::-1]) for r in contaminated(one, other)]
    assert sum(map(bool, refused)) <= 0.002 * len(TEXTS)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DATA.exists(), reason="needs the real data sets")
def test_distinct_sentences_of_real_people_are_hardly_ever_refused() -> None:
    sentences = pd.read_csv(REAL_DATA / "dynasent" / "examples.csv")["text"].dropna().drop_duplicates()
    texts = sentences.sample(frac=1, random_state=0).tolist()
    reasons = contaminated(texts[::2], texts[1::2])
    assert 0 < sum(reason in ("same_words", "near_copy") for reason in reasons) <= 0.005 * len(reasons)


def test_a_frame_is_parted_and_loses_no_row() -> None:
    train = pd.DataFrame({"text": ["late", "fine", None, "LATE!"], "n": [1, 2, 3, 4]}, index=[5, 7, 9, 7])
    kept, refused = guarded(train, pd.DataFrame({"text": ["late", None]}))
    assert (kept.index.tolist(), refused.index.tolist()) == ([7, 9], [5, 7])
    assert refused[names.REFUSED].tolist() == ["same_text", "same_text"]
    assert list(kept.columns) == ["text", "n"]
    kept, refused = guarded(train, train.iloc[:0])
    assert (len(kept), len(refused)) == (4, 0)
    with pytest.raises(ColumnNotFound, match="'texts' is not in the data"):
        guarded(train, train, text="texts")
