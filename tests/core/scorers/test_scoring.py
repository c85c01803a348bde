"""Question and answer → score: the statuses, the judges' verdicts, scorers of one's own."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.questions.question import TYPES
from mlflow_evalplus.core.scorers import overlap
from mlflow_evalplus.core.scorers.scoring import FINDERS, score_answer
from mlflow_evalplus.errors import DataError, EvalPlusError
from mlflow_evalplus.results.answers import CALL_ERRORS, Answer, Score
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

QUESTIONS = {
    "choice": asked("choice", "B", choices=("Rome", "Paris")), "exact": asked("exact", "Paris"),
    "numeric": asked("numeric", "14"),
    "regex": asked("regex", r"\w+"), "json": asked("json", "[1]"), "text": asked("text", "Two weeks."),
    "label": asked("label", "a", choices=("a", "b")), "rubric": asked("rubric", rubric="polite"),
}  # fmt: skip


def test_every_type_has_a_scorer() -> None:
    assert {*FINDERS, "rubric"} == set(TYPES) == set(QUESTIONS)


@pytest.mark.parametrize("error", CALL_ERRORS)
@pytest.mark.parametrize("kind", TYPES)
def test_an_answer_that_did_not_come_is_missing_and_never_zero(kind: str, error: str) -> None:
    found = score_answer(
        QUESTIONS[kind], Answer("m", "q1", error=error), verdict=1.0, scorers={kind: lambda question, text: True}
    )
    assert (found.status, found.passed, found.why) == ("missing", False, error)
    assert math.isnan(found.value)
    assert math.isnan(found.relaxed)
    assert math.isnan(found.fluency)


@pytest.mark.parametrize("kind", TYPES)
def test_an_empty_text_is_no_answer_and_not_missing(kind: str) -> None:
    found = score(QUESTIONS[kind], "", verdict=0.0)
    assert (found.value, found.passed) == (0.0, False)
    assert found.status == ("wrong" if kind in ("rubric", "text") else "no_answer")  # judged where there is a verdict
    assert score(QUESTIONS["text"], "").status == "no_answer"


def test_a_cut_answer_is_scored_as_it_is() -> None:
    found = score_answer(QUESTIONS["numeric"], Answer("m", "q1", text="Answer: 14", finish="length"))
    assert found.status == "right"
    assert found.fluency < 1


def test_what_a_model_thinks_aloud_is_not_its_answer() -> None:
    assert score(QUESTIONS["choice"], "<think>A? The answer is A.</think>\n\nB").value == 1
    assert score(QUESTIONS["choice"], "<think>The answer is B").status == "no_answer"  # cut while it thought
    assert score(QUESTIONS["json"], "<think>\n[2]\n</think>[1]").value == 1
    assert score(QUESTIONS["numeric"], "so it is 13</think>14").value == 1


def test_rubrics_follow_the_verdict_and_miss_without_one() -> None:
    question = asked("rubric", rubric="polite", pass_mark=0.7)
    told = [score(question, "Dear customer", verdict=verdict) for verdict in (1.0, 0.7, 0.5, 0.0, math.nan)]
    assert [found.status for found in told] == ["right", "right", "partial", "wrong", "missing"]
    assert [found.passed for found in told] == [True, True, False, False, False]
    assert told[4].fluency == 1  # the answer came, only the verdict is missing
    for verdict in (1.2, -0.1, math.inf):
        with pytest.raises(DataError, match="the verdict on question 'q1' is"):
            score(question, "x", verdict=verdict)


def test_a_type_that_is_none_is_told() -> None:
    with pytest.raises(DataError, match="question 'q1' is of the type 'number'; types are"):
        score(asked("number", "1"), "1")


@pytest.mark.parametrize("key", ["q1", "facts", "exact"])
def test_own_scorers_by_id_dimension_or_type(key: str) -> None:
    found = score(QUESTIONS["exact"], "anything", scorers={key: lambda question, text: text == "anything"})
    assert (found.value, found.passed, found.status, found.relaxed) == (1.0, True, "right", 1.0)
    assert key in found.why


def test_the_nearest_own_scorer_counts() -> None:
    own = {"exact": lambda q, t: False, "facts": lambda q, t: False, "q1": lambda q, t: True}
    assert score(QUESTIONS["exact"], "x", scorers=own).passed
    assert score(QUESTIONS["exact"], "Paris", scorers={"other": lambda q, t: False}).passed


@pytest.mark.parametrize(
    ("given_", "value", "status"),
    [(True, 1.0, "right"), (False, 0.0, "wrong"), (1, 1.0, "right"), (0.25, 0.25, "partial"),
     (np.float32(0.5), 0.5, "partial"),
     (np.bool_(True), 1.0, "right"), (np.int64(1), 1.0, "right"), (math.nan, math.nan, "missing")],
)  # fmt: skip
def test_what_an_own_scorer_may_return(given_: Any, value: float, status: str) -> None:
    found = score(QUESTIONS["exact"], "x", scorers={"exact": lambda question, text: given_})
    assert found.value == pytest.approx(value, nan_ok=True)
    assert found.status == status
    assert type(found.value) is float


def test_an_own_score_is_kept_and_completed() -> None:
    mine = Score(0.5, passed=True, status="right", extracted="half", why="because")
    found = score(QUESTIONS["exact"], "It takes two weeks.", scorers={"exact": lambda question, text: mine})
    assert (found.value, found.passed, found.extracted, found.why, found.relaxed) == (0.5, True, "half", "because", 0.5)
    assert found.fluency == 1


@pytest.mark.parametrize("given_", [None, "right", 1.5, -0.1, math.inf, [1], Score(2.0, True, "right"), 1j])
def test_what_an_own_scorer_must_not_return(given_: Any) -> None:
    with pytest.raises(DataError, match=r"your scorer for 'exact' returned .* on question 'q1'; return a bool"):
        score(QUESTIONS["exact"], "x", scorers={"exact": lambda question, text: given_})


def test_an_own_scorer_that_fails_says_on_which_question() -> None:
    with pytest.raises(
        DataError, match="your scorer for 'facts' failed on question 'q1': ZeroDivisionError: division by zero"
    ):
        score(QUESTIONS["exact"], "x", scorers={"facts": lambda question, text: 1 / 0})
    with pytest.raises(DataError, match="the scorer for 'exact' is 3; give a function"):
        score(QUESTIONS["exact"], "x", scorers={"exact": 3})  # type: ignore[dict-item]


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    overlap._scorer.cache_clear()
    with pytest.raises(
        EvalPlusError, match=r"questions of the type text need sacrebleu.metrics.*mlflow-evalplus\[selection\]"
    ):
        score(QUESTIONS["text"], "x")


@settings(max_examples=inputs(100), deadline=None)
@given(
    st.sampled_from(TYPES),
    st.text(),
    st.sampled_from(["stop", "length", "content_filter", ""]),
    st.floats(0, 1) | st.just(math.nan),
)
def test_any_answer_has_a_score(kind: str, text: str, finish: str, verdict: float) -> None:
    found = score_answer(QUESTIONS[kind], Answer("m", "q1", text=text, finish=finish), verdict=verdict)
    assert math.isnan(found.value) == (found.status == "missing")
    assert (found.status == "right") == found.passed
    if found.status != "missing":
        assert 0 <= found.value <= found.relaxed <= 1
    assert 0 <= found.fluency <= 1
