from __future__ import annotations

import hashlib
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.core.collecting.case_id import case_ids

TEXTS = st.sampled_from(
    ["so late", "SO  Late", "ｓｏ　ｌａｔｅ", " so late\n", "solate", "很慢", "很 慢", "😀", "<b>", "\x00"]
)


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


@given(st.lists(TEXTS, max_size=12))
def test_an_id_is_the_digest_of_the_text_without_case_spaces_and_width(texts: list[str]) -> None:
    expected = ["c" + hashlib.sha256(plain(text).encode()).hexdigest()[:12] for text in texts]
    assert case_ids(texts) == expected


def test_a_long_text_and_none_have_ids_too() -> None:
    assert case_ids([]) == []
    assert case_ids(["half \ud83d"]) == case_ids(["half ?"])
    assert case_ids(["a" * 100_000]) == ["c" + hashlib.sha256(b"a" * 100_000).hexdigest()[:12]]
