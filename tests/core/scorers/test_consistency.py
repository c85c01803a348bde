"""Consistency of repeats: held against a count of pairs."""

from __future__ import annotations

import math
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.consistency import pass_k, stability
from mlflow_evalplus.results.answers import MISSING_SCORE, Score
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

CHOICE = asked("choice", "B", choices=("Rome", "Paris", "Berlin"))


def test_repeats_agree_by_what_they_answer_whatever_its_form() -> None:
    repeats = [score(CHOICE, text) for text in ("B", "The answer is B.", "I would choose B.", "C")]
    assert stability(CHOICE, repeats) == 0.75
    assert pass_k(repeats) == 0
    wrong = [score(CHOICE, text) for text in ("C", "(C)", "Berlin")]
    assert stability(CHOICE, wrong) == 1  # stable, and wrong
    assert stability(CHOICE, [score(CHOICE, text) for text in ("I don't know", "No idea", "C")]) == 2 / 3


def test_numbers_and_json_agree_by_value() -> None:
    number = asked("numeric", "1200", unit="元")
    assert stability(number, [score(number, text) for text in ("1,200", "1200.0元", "一千二百", "1.2e3")]) == 1
    form = asked("json", '{"a": 1}')
    assert stability(form, [score(form, text) for text in ('{"a": 1}', '{"a":1.0}', '{"a": 2}')]) == 2 / 3


def test_texts_and_rubrics_agree_by_whether_they_pass() -> None:
    text = asked("text", "It takes two weeks.")
    assert stability(text, [score(text, said) for said in ("It takes two weeks", "It takes two weeks!", "No")]) == 2 / 3
    rubric = asked("rubric", rubric="x")
    assert stability(rubric, [score(rubric, "a", verdict=v) for v in (0.6, 0.9, 1.0)]) == 1


def test_own_scorers_without_an_extracted_answer_agree_by_whether_they_pass() -> None:
    own = {"exact": lambda question, text: "two" in text}
    question = asked("exact", "x")
    assert stability(question, [score(question, text, scorers=own) for text in ("two", "two weeks", "one")]) == 2 / 3


def test_repeats_that_did_not_come_are_left_out_and_one_says_nothing() -> None:
    right = score(CHOICE, "B")
    for scores in ([], [right], [MISSING_SCORE, MISSING_SCORE], [right, MISSING_SCORE]):
        assert math.isnan(stability(CHOICE, scores))
        assert math.isnan(pass_k(scores))
    assert stability(CHOICE, [right, MISSING_SCORE, right]) == 1
    assert pass_k([right, MISSING_SCORE, right]) == 1


@settings(max_examples=inputs(100), deadline=None)
@given(st.lists(st.sampled_from("ABC"), min_size=2, max_size=9))
def test_stability_is_the_largest_group_and_pass_k_that_all_are_right(letters: list[str]) -> None:
    scores = [
        Score(float(letter == "B"), letter == "B", "right" if letter == "B" else "wrong", letter) for letter in letters
    ]
    largest = max(len(list(group)) for _, group in groupby(sorted(letters)))
    assert stability(CHOICE, scores) == largest / len(letters)
    assert pass_k(scores) == float(set(letters) == {"B"})
