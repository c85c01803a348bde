"""What is an edited text, and what a spreadsheet's own doing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.core.adjudicating.texts import plain, same_text, what_happened
from mlflow_evalplus.core.collecting.queue_files import shown
from tests.core.adjudicating.queues import HOSTILE

texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from([text for text in HOSTILE if len(text) < 100]),
    st.text(alphabet="=+-@'\t\r\n a\u200b", max_size=8),
)


@given(texts)
def test_a_text_that_was_handed_out_is_the_same_whatever_a_spreadsheet_does_by_itself(text: str) -> None:
    cell = shown(text)
    returned = [
        text, cell, cell.removeprefix("'"), cell + "  ", "\ufeff" + cell, cell.replace("\n", "\r\n"),
        unicodedata.normalize("NFD", cell), cell.replace('"', "“").replace("'", "’").replace("...", "…"),
    ]  # fmt: skip
    assert all(same_text(one, text) for one in returned)


@given(texts, st.characters(categories=("L", "N")), st.integers(0, 30))
def test_a_letter_more_is_another_text(text: str, letter: str, place: int) -> None:
    assert not same_text(text[:place] + letter + text[place:], text) or plain(text) == plain(text + letter)


@pytest.mark.parametrize(
    ("returned", "text"),
    [("so late!", "so late"), ("So late", "so late"), ("no", "not"), ("=1+2", "=1+1"), ("", "x"), ("1,5", "1.5")],
)
def test_words_case_digits_and_punctuation_count(returned: str, text: str) -> None:
    assert not same_text(returned, text)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("", "its text is gone"),
        ("another case", "its text is that of case c2: a column was sorted"),
        ("caf? ??", "characters of its text were lost"),
        ("café 快递".encode().decode("cp1252", errors="ignore"), "characters of its text were lost"),
        ("café 快点", "its text was edited: it is 'café 快点', the queue's 'café 快递'; restore it"),
    ],
)
def test_what_happened_to_a_text_is_told(returned: str, said: str) -> None:
    assert what_happened(returned, "café 快递", {"another case": "c2"}).startswith(said)


def test_long_texts_are_cut_in_messages() -> None:
    assert len(what_happened("y" * 100_000, "x" * 100_000, {})) < 300
