"""The search that looks for words first finds what a search of each pattern in each text finds."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core import pattern_search
from mlflow_evalplus.core.pattern_search import ODD, _plain, search_all, words_of
from mlflow_evalplus.errors import DataError
from tests.generated import inputs

ALPHABET = "abkiISſKİıéÉ退款 .\n"
PIECES = st.sampled_from(
    [
        "a",
        "Kb",
        "i",
        "s",
        "é",
        "退款",
        r"\b",
        "^",
        "$",
        ".",
        r"\d",
        "[ab]",
        "[^a]",
        "ab?",
        "a*",
        "(?=a)",
        "(?!b)",
        r"\.",
        " ",
    ]
)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map("".join), several.map(lambda parts: f"({'|'.join(parts)})"), inner.map("(?:{})+".format),
        inner.map("(?:{})?".format), inner.map("(?:{}){{2,3}}?".format), inner.map("(?-i:{})".format),
    )  # fmt: skip


PATTERNS = st.recursive(PIECES, joined, max_leaves=6)


def compiled(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    return [re.compile(pattern, re.IGNORECASE) for pattern in patterns]


@settings(deadline=None, max_examples=inputs(120))
@given(
    st.lists(PATTERNS, min_size=1, max_size=4),
    st.lists(st.none() | st.text(ALPHABET, max_size=12), max_size=5),
)
@example(["is"], ["ıſ", "İS", "İſ"])
@example(["k退款|s"], ["\u212a退款", "ſ"])
def test_it_finds_what_a_search_of_each_text_finds(patterns: list[str], texts: list[str | None]) -> None:
    expected = [[re.search(p, text or "", re.IGNORECASE) is not None for p in patterns] for text in texts]
    assert search_all(compiled(patterns), texts).tolist() == expected


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"\bcomplain(t|ts|ing)\b|投诉", {"complain", "投诉"}),
        (r"(still (no|not)|nobody)", {"nobody", "still "}),
        ("Refund", {"refund"}),
        ("a{2,}bcd?", {"bc"}),
        ("(?:ab)?c|.", set()),
        ("[ab]", set()),
        ("ÉCLAIR", {"clair"}),
        ("", set()),
    ],
)  # fmt: skip
def test_every_match_holds_one_of_these_words(pattern: str, words: set[str]) -> None:
    assert words_of(re.compile(pattern, re.IGNORECASE)) == words


def test_no_letter_is_lowered_to_one_that_is_looked_for_but_the_odd_ones() -> None:
    for code in range(sys.maxunicode + 1):
        lower = chr(code).lower()
        if lower != chr(code) and not chr(code).isascii():
            assert not _plain(lower[0]) or ODD.match(chr(code)), hex(code)


def test_of_the_letters_that_re_takes_for_ascii_ones_none_is_missing() -> None:
    letters = re.compile("[a-z]", re.IGNORECASE)
    held = [chr(code) for code in range(128, sys.maxunicode + 1) if letters.match(chr(code))]
    assert all(ODD.match(character) for character in held)
    assert len(held) == 4


def test_long_texts_have_the_time_that_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_search, "LEAST_SECONDS", 0.0)
    texts = ["nothing of it here, " * 20_000] * 2
    assert not pattern_search.search_all([re.compile(r"\b\w+\s+\d+", re.IGNORECASE)], texts).any()
    monkeypatch.setattr(pattern_search, "LEAST_SECONDS", 0.1)
    with pytest.raises(DataError, match="took more than"):
        pattern_search.search_all([re.compile(r"(\w+\w+)+$", re.IGNORECASE)], ["a" * 40 + "!"])
