"""Masking, held against sentences written by hand and numbers made with check digits of the test's own."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.privacy.masking import mask
from tests.core.privacy.made import FULL_WIDTH, SENTENCES, everything, others
from tests.core.privacy.written import MASKED, STAYS

MARK = re.compile("«([a-z]+):([^»]*)»")
POSITIVE = [line for line in MASKED.splitlines() if line]
NEGATIVE = [line for line in STAYS.splitlines() if line]


def test_the_list_is_long_enough() -> None:
    assert len(POSITIVE) + len(NEGATIVE) >= 150


@pytest.mark.parametrize("line", POSITIVE)
def test_what_tells_of_a_person_is_masked(line: str) -> None:
    assert mask(MARK.sub(r"\2", line)) == MARK.sub(r"[\1]", line)


@pytest.mark.parametrize("line", NEGATIVE)
def test_other_numbers_stay(line: str) -> None:
    assert mask(line) == line


@settings(max_examples=150)
@example(("id", "650102195103081854"), "{}", False)  # a card's check digit is right too
@given(everything(), st.sampled_from(SENTENCES), st.booleans())
def test_numbers_with_right_check_digits_are_masked(made: tuple[str, str], sentence: str, wide: bool) -> None:
    kind, number = made
    shown = number.translate(FULL_WIDTH) if wide and kind != "email" else number
    assert mask(sentence.format(shown)) == sentence.format(f"[{kind}]")


@settings(max_examples=150)
@given(others(), st.sampled_from(SENTENCES))
def test_numbers_of_no_person_stay(number: str, sentence: str) -> None:
    assert mask(sentence.format(number)) == sentence.format(number)


@settings(max_examples=100)
@given(st.text(alphabet="0123456789@.-+() :/=aZ[]x张电话", max_size=80))
def test_a_masked_text_is_masked_already(text: str) -> None:
    masked = mask(text)
    assert mask(masked) == masked


@pytest.mark.parametrize("wrong", ["4111111111111112", "440308199901101513", "GB83WEST12345698765432", "A123456(4)"])
def test_a_wrong_check_digit_is_no_number_of_a_person(wrong: str) -> None:
    assert mask(f"number {wrong}") == f"number {wrong}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["a", "1", "1 ", "12 ", "4 ", "@", "a@", "a.", "::", "1.", "a:", "key=", "https://", "GB82 ", "(", "+1 ",
             "A123456(", "bearer ", "139-1234-5679 ", "a-", "é@é."],
)  # fmt: skip
def test_a_long_text_takes_time_in_proportion(part: str) -> None:
    text = part * (200_000 // len(part))
    seconds = [_seconds(text[: len(text) // 8]), _seconds(text)]
    assert seconds[1] < 12
    assert seconds[1] < 3 * 8 * max(seconds[0], 0.02)


def _seconds(text: str) -> float:
    begin = time.process_time()
    mask(text)
    return time.process_time() - begin
