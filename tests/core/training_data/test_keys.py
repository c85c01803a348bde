"""What is left of a text: nothing that dressing it up can change."""

from __future__ import annotations

import unicodedata
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.training_data.keys import plain_words, strict_key, weight_of
from tests.core.training_data.sneaking import dressed

LETTERS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=12)


def held(text: str) -> bool:
    """Whether the key is made of letters, and not the text itself for want of any."""
    return any(unicodedata.category(c)[0] in "LN" for c in strict_key(text))


@settings(max_examples=100, deadline=None)
@given(LETTERS, st.integers(0, 10**6))
def test_no_dress_changes_the_letters_of_any_script(text: str, seed: int) -> None:
    assume(held(text))
    assert strict_key(dressed(text, Random(seed))) == strict_key(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20))
def test_a_key_is_its_own_key_and_holds_letters_or_no_space(text: str) -> None:
    key = strict_key(text)
    assert strict_key(key) == key
    assert not any(c.isspace() for c in key)
    assert plain_words(text).replace(" ", "") == (key if held(text) else "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("ıstanbul", "İSTANBUL"),
        ("٣ الطرود", "3 الطُّرُود"),
        ("don’t", "DONT"),
        ("donʼt", "don't"),
        ("很好！👍", "很 好"),
        ("ＡＰＰ", "app"),
        ("한국어", unicodedata.normalize("NFD", "한국어")),
        ("①②", "12"),
        ("ΟΔΟΣ", "οδος"),
        ("good\u3164\u200b", "good"),
        ("good™ 1️⃣ ㊗️", "good"),
        ("ᾐ", "ἨΙ"),
        ("❤", "❤\ufe0f"),
        ("☎\ufe0e !", "☎\u200d！"),
        ("<", "<\u0338"),
    ],
)
def test_the_same_letters_have_one_key(one: str, other: str) -> None:
    assert strict_key(one) == strict_key(other)


@pytest.mark.parametrize(("one", "other"), [("good", "god"), ("很好", "不好"), ("v1", "v2"), ("🙂", "😡"), ("?", "!")])
def test_other_letters_have_another_key(one: str, other: str) -> None:
    assert strict_key(one) != strict_key(other)


@pytest.mark.parametrize("text", ["\u0301", "\u200b", "\ue000", "\U000e0061"])
def test_a_text_of_nothing_but_marks_or_what_nobody_sees_has_a_key(text: str) -> None:
    assert strict_key(strict_key(text)) == strict_key(text) != ""


def test_a_han_character_weighs_three_letters() -> None:
    assert weight_of("打不开app") == 12
