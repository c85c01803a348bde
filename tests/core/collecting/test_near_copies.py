from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.collecting.near_copies import near_copies
from mlflow_evalplus.core.data.near_duplicates import BUT_ONE, SAME_WORDS
from mlflow_evalplus.core.tokens import tokenise

# few words, and a long common beginning, so that they meet
LONG = st.lists(st.sampled_from(["alpha", "beta", "gamma"]), min_size=1, max_size=3).map(
    lambda words: ["one", "two", "two", "three", "four", "five", "six", *words]
)
SHORT = st.lists(st.sampled_from(["alpha", "beta"]), min_size=1, max_size=5)
ROWS = st.lists(
    st.tuples(LONG | SHORT, st.integers(1, 9)), min_size=1, max_size=9, unique_by=lambda row: " ".join(row[0])
)
Place = frozenset


def places(words: list[str]) -> set[Place]:
    """All of the words, and all but one, as far as the text is long enough for them."""
    whole = Counter(words)
    found = {frozenset(whole.items())} if len(words) >= SAME_WORDS else set()
    if len(words) >= BUT_ONE:
        found |= {frozenset((whole - Counter([word])).items()) for word in words}
    return found


def groups_of(texts: list[str], rows: list[int]) -> list[int]:
    return near_copies(tokenise(pa.chunked_array([texts])), np.array(rows)).tolist()


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_each_text_joins_where_most_rows_share_its_words(drawn: list[tuple[list[str], int]]) -> None:
    texts, rows = [" ".join(words) for words, _ in drawn], [n for _, n in drawn]
    held = [places(words) for words, _ in drawn]
    owners = defaultdict(list)
    for text, found in enumerate(held):
        for place in found:
            owners[place].append(text)
    size = {place: sum(rows[text] for text in who) for place, who in owners.items() if len(who) > 1}
    found = groups_of(texts, rows)
    together = defaultdict(list)
    for text, group in enumerate(found):
        together[group].append(text)
    for members in together.values():
        common = set.intersection(*(held[text] for text in members))
        if len(members) > 1:  # near copies each of each: what they have in common is where each has most company
            best = max(size[place] for place in common)
            assert all(best == max(size[place] for place in held[text] if place in size) for text in members)
    for one in range(len(texts)):  # who has no other near copies joins its only one
        others = {other for place in held[one] if place in size for other in owners[place]} - {one}
        if len(others) == 1:
            (other,) = others
            back = {text for place in held[other] if place in size for text in owners[place]} - {other}
            assert (found[one] == found[other]) or back != {one}
    assert list(dict.fromkeys(found)) == list(range(len(together)))


@settings(max_examples=25, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_texts_plays_no_part_where_no_two_places_are_equal(
    drawn: list[tuple[list[str], int]], random: object
) -> None:
    texts, rows = [" ".join(words) for words, _ in drawn], [3**place for place in range(len(drawn))]
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    found = groups_of(texts, rows)
    shuffled = groups_of([texts[place] for place in order], [rows[place] for place in order])
    pairs = {(found[place], group) for place, group in zip(order, shuffled, strict=True)}
    assert len(pairs) == len(set(found)) == len(set(shuffled))


def test_a_chain_of_near_copies_does_not_swallow_the_log() -> None:
    words = [f"w{i}" for i in range(60)]
    texts = [" ".join([*words[i:30], *(f"x{j}" for j in range(i))]) for i in range(30)]  # each is near the next
    sizes = Counter(groups_of(texts, [1] * 30))
    assert max(sizes.values()) == 2


def test_a_template_is_one_case_and_short_texts_are_their_own() -> None:
    texts = [f"dear {name} your parcel of may has not arrived yet" for name in ("ann", "bob", "cat")]
    assert groups_of([*texts, "a good film", "a bad film", "good a film"], [1] * 6) == [0, 0, 0, 1, 2, 3]
