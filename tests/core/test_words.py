"""Words: hand-written cases, and entries held against a loop over all pairs."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.core.words import word_entries, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's LATE, isn’t it?", ["it's", "late", "isn't", "it"]),
        ("'quoted' rock 'n' roll", ["quoted", "rock", "n", "roll"]),
        ("10/10 in 24h, 3rd time 2024", ["in", "24h", "3rd", "time"]),
        ("snake_case well-known", ["snake", "case", "well", "known"]),
        ("Straße CAFÉ cafe\u0301", ["strasse", "café", "café"]),
        ("打不开", ["打不", "不开"]),
        ("好。", ["好"]),
        ("打不开，不开心", ["打不", "不开", "不开", "开心"]),  # no pair across a comma
        ("我的iPhone坏了", ["我的", "iphone", "坏了"]),
        ("ＡＰＰ １２３ ｶｰﾄﾞ", ["app", "カー", "ード"]),
        ("二〇二四年", ["二〇", "〇二", "二四", "四年"]),
        ("人人・日々", ["人人", "日々"]),
        ("카드가 와요", ["카드가", "와요"]),
        ("𠮷野家", ["𠮷野", "野家"]),
        ("👍 … !?", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words_of(text) == expected


@given(st.text())
def test_any_text_has_words_without_spaces_or_bare_numbers(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not any(character.isspace() for character in word)
        assert not word.isdecimal()
    assert words_of(text) == words_of(unicodedata.normalize("NFKC", text))


@given(
    st.lists(
        st.none() | st.lists(st.sampled_from(["a", "b", "c", "B", "不好", "好"]), max_size=4).map(" ".join), max_size=9
    ),
    st.integers(1, 4),
    st.integers(0, 5),
)
def test_entries_are_all_pairs_of_a_row_and_a_frequent_word_in_it(
    texts: list[str | None], min_rows: int, max_words: int
) -> None:
    rows, words, vocabulary = word_entries(
        pa.chunked_array([pa.array(texts, pa.string())]), min_rows=min_rows, max_words=max_words
    )
    holders = {w: {i for i, text in enumerate(texts) if w in (text or "").lower().split()} for w in "abc"}
    holders |= {w: {i for i, text in enumerate(texts) if w in (text or "").split()} for w in ("不好", "好")}
    frequent = [w for w, held in holders.items() if min_rows <= len(held) and 2 * len(held) <= len(texts)]
    assert vocabulary == sorted(frequent, key=lambda w: (-len(holders[w]), w))[:max_words]
    expected = [(i, j) for i in range(len(texts)) for j, w in enumerate(vocabulary) if i in holders[w]]
    assert list(zip(rows.tolist(), words.tolist(), strict=True)) == expected
    assert (rows.dtype, words.dtype) == ("int64", "int64")
