"""Scoring grows with the length of a text and no faster: no text of a model's, however odd, holds everything up."""

from __future__ import annotations

import pytest

from tests.benchmarks.timing import medians
from tests.core.scorers.asked import score
from tests.core.scorers.test_scoring import QUESTIONS

pytestmark = pytest.mark.benchmark
LONG = [
    " ", "(", "1", "1,", "1 ", ",111", "A ", "B, ", "the answer is ", "Answer: A\n", "\n", "答案是", "一", "选A", "**",
    "{", "[1,",
    "I cannot ", "```\n", "<think>", "1/", "A is ", "\\boxed{", "-", "ab", "亿", "1.", '{"a":', "it is ", "a@",
    "one hundred ",
]  # fmt: skip


@pytest.mark.parametrize("piece", LONG)
def test_four_times_the_text_takes_about_four_times_as_long(piece: str) -> None:
    def all_types(characters: int) -> None:
        for question in QUESTIONS.values():
            score(question, "1" + piece * (characters // len(piece)))

    short, long = medians([lambda: all_types(10_000), lambda: all_types(40_000)], 3)
    print(
        f"{piece!r:20} 10,000 characters {1000 * short:6.1f} ms, 40,000 {1000 * long:6.1f} ms, ratio {long / short:.1f}"
    )
    assert long < 8 * max(short, 0.01)
