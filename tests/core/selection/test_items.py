from __future__ import annotations

import math

import pytest

from mlflow_evalplus.core.questions.question import Message, Question
from mlflow_evalplus.core.selection.items import item_of
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import MISSING_SCORE, Answer, Score

ASKED = Question("q1", (Message("user", "?"),), "exact", "facts", ("yes",))
RIGHT = Score(1.0, passed=True, status="right", extracted="yes", fluency=1.0)
WRONG = Score(0.0, passed=False, status="wrong", extracted="no", fluency=0.5)


def answers(n: int) -> list[Answer]:
    return [Answer("a", "q1", repeat=i, text="yes") for i in range(n)]


def test_the_value_is_the_mean_of_the_repeats_that_have_one() -> None:
    item = item_of(ASKED, answers(4), [RIGHT, WRONG, MISSING_SCORE, RIGHT], None)
    assert item.value == pytest.approx(2 / 3)
    assert item.fluency == pytest.approx(2.5 / 3)
    assert item.stability == pytest.approx(2 / 3)
    assert item.passed


def test_without_any_value_it_is_nan_and_not_0() -> None:
    item = item_of(ASKED, answers(2), [MISSING_SCORE] * 2, None)
    assert [math.isnan(x) for x in (item.value, item.fluency, item.stability)] == [True] * 3


@pytest.mark.parametrize(
    ("score", "twin", "stability"),
    [(RIGHT, True, 1.0), (RIGHT, False, 0.0), (WRONG, False, 1.0), (WRONG, True, 0.0), (RIGHT, None, math.nan),
     (MISSING_SCORE, True, math.nan)],
)  # fmt: skip
def test_asked_once_its_stability_is_whether_it_goes_with_its_twin(
    score: Score, twin: bool | None, stability: float
) -> None:
    assert item_of(ASKED, answers(1), [score], twin).stability == pytest.approx(stability, nan_ok=True)


def test_asked_more_often_its_repeats_count_and_not_its_twin() -> None:
    assert item_of(ASKED, answers(2), [RIGHT, RIGHT], twin_passed=False).stability == 1


@pytest.mark.parametrize("scores", [[], [RIGHT, RIGHT]])
def test_one_score_per_answer(scores: list[Score]) -> None:
    with pytest.raises(DataError, match=r"question 'q1' has 1 answers and \d scores"):
        item_of(ASKED, answers(1), scores, None)
