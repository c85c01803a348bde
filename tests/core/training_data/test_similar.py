"""The pairs that are found are those of a loop over all pairs."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.training_data import similar as module
from mlflow_evalplus.core.training_data.keys import weight_of
from mlflow_evalplus.core.training_data.similar import ALIKE, LEAST, PARTLY, SAME_LETTERS, similar
from mlflow_evalplus.core.words import WIDE

PIECES = st.sampled_from(["parcel", "late", "again", "the", "refund", "打不开", "很好", "快递", "a", "aaaa", "x1"])
KEYS = st.lists(PIECES, min_size=2, max_size=9).map("".join)


def grams(key: str) -> set[str]:
    wide = [re.match(f"[{WIDE}]", c) is not None for c in key]
    pairs = {key[i : i + 2] for i in range(len(key) - 1) if wide[i] and wide[i + 1]}
    return pairs | {key[i : i + 3] for i in range(len(key) - 2) if not (wide[i] and wide[i + 1])}


def jaccard(a: Counter[str], b: Counter[str]) -> float:
    return sum((a & b).values()) / max(sum((a | b).values()), 1)


def copies(one: str, other: str) -> bool:
    if min(weight_of(one), weight_of(other)) < LEAST:
        return False
    share = jaccard(Counter(grams(one)), Counter(grams(other)))
    return share >= ALIKE or (share >= PARTLY and jaccard(Counter(one), Counter(other)) >= SAME_LETTERS)


@settings(max_examples=30, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=12), st.lists(KEYS, min_size=1, max_size=12), st.sampled_from([1, 3, 500]))
def test_a_copy_is_found_exactly_where_a_loop_finds_one(
    candidates: list[str], references: list[str], block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_TEXTS", block)
        patch.setattr(module, "PAIRS", block)
        found = similar(candidates, references).tolist()
    for key, place in zip(candidates, found, strict=True):
        by_loop = [copies(key, other) for other in references]
        assert (place >= 0) == any(by_loop), (key, references)
        assert place < 0 or by_loop[place]


def test_nothing_is_like_nothing() -> None:
    assert similar([], ["a" * 30]).tolist() == []
    assert similar(["a" * 30, ""], []).tolist() == [-1, -1]
    assert similar(["", "?!"], ["", "?!"]).tolist() == [-1, -1]
