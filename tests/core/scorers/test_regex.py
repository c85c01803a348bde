"""Regular expressions: held against `re`, and bounded in time."""

from __future__ import annotations

import math
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers import regex
from mlflow_evalplus.core.scorers.regex import find
from mlflow_evalplus.errors import DataError
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

PATTERNS = [r"[A-Z]{2}-\d{4}", r"(?i)yes|no", r"\d{3,}", r"第\d+条", r"^a.c$"]


@settings(max_examples=inputs(100), deadline=None)
@given(st.sampled_from(PATTERNS), st.text(st.sampled_from("ABac-0123第条yesno \n")))
def test_it_is_what_re_says(pattern: str, text: str) -> None:
    found = find(asked("regex", pattern), text)
    assert found.value == float(re.fullmatch(pattern, text.strip()) is not None)
    whole = [match for match in re.finditer(pattern, text.strip()) if _stands_alone(match)]
    assert found.relaxed == max(found.value, float(bool(whole)))


def _stands_alone(match: re.Match[str]) -> bool:
    """Whether no Latin letter or digit goes on where the match begins or ends with one."""
    before, inside, after = match.string[: match.start()], match[0], match.string[match.end() :]
    return not (_latin(before[-1:]) and _latin(inside[:1])) and not (_latin(inside[-1:]) and _latin(after[:1]))


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


@pytest.mark.parametrize(("text", "relaxed"), [("编号AB-1234。", 1), ("AB-12345", 0), ("CAB-1234", 0), ("AB-1234s", 0)])
def test_a_part_of_a_longer_word_or_number_is_not_found(text: str, relaxed: float) -> None:
    found = find(asked("regex", r"[A-Z]{2}-\d{4}"), text)
    assert (found.value, found.relaxed) == (0, relaxed)


def test_any_of_several_patterns_and_what_is_taken() -> None:
    found = score(asked("regex", "x+", r"\d+"), "It is 12, I say 34.")
    assert (found.status, found.value, found.relaxed, found.extracted, found.format_ok) == (
        "wrong",
        0.0,
        1.0,
        "34",
        False,
    )
    assert score(asked("regex", "x+"), " ").status == "no_answer"
    assert score(asked("regex", "x+"), "y").status == "wrong"


def test_a_catastrophic_pattern_says_nothing_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "SECONDS", 0.05)
    begun = time.perf_counter()
    found = score(asked("regex", "(a|aa)+$"), "a" * 60 + "b")
    assert time.perf_counter() - begun < 5
    assert found.status == "missing"
    assert math.isnan(found.value)
    assert "simplify" in found.why


def test_a_pattern_that_is_none_is_told() -> None:
    with pytest.raises(DataError, match=r"the pattern '\(' of question 'q1' is no regular expression: missing \)"):
        find(asked("regex", "("), "x")
