"""Exact answers: what is the same text and what is not, in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.exact import find, normal
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

QUESTION = asked("exact", "Eiffel Tower")


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("Eiffel Tower", "the eiffel  tower!"), ("Eiffel Tower", "“Eiffel-Tower”"),
        ("Eiffel Tower", "**Eiffel Tower**"),
        ("Eiffel Tower", "Answer: the Eiffel Tower."),
        ("Eiffel Tower", "It stands in Paris.\nThe answer is Eiffel Tower"),
        ("Eiffel Tower", "It stands in Paris.\n\nEiffel Tower"), ("北京", "北京。"), ("北京", "答案：北京"),
        ("北京", "「北京」"), ("北京", "北 京"),
        ("APP", "ＡＰＰ"), ("A", "a"), ("C++", "C++."), ("don't", "Don’t"), ("3.5", "3.5"), ("?", "?"), ("The", "the"),
        ("no, thanks", "No thanks!"), ("well-known", "well known"), ("a_b", "a-b"), ("#1", "#1."), ("\\frac", "\\frac"),
        ("the answer is no", "The answer is no"),
    ],
)  # fmt: skip
def test_right(gold: str, text: str) -> None:
    found = score(asked("exact", gold), text)
    assert (found.status, found.value, found.format_ok) == ("right", 1.0, True)


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("C", "C++"), ("C", "C#"), ("3.5", "35"), ("-2", "2"), ("北京", "南京"), ("Plan", "Plan A"),
        ("Eiffel Tower", "Tower"),
        ("Eiffel Tower", "Not the Eiffel Tower"), ("Eiffel Tower", "Eiffel Tower and Louvre"), ("$5", "5"),
        ("can", "can't"),
        ("Eiffel Tower", "The answer is Louvre, not Eiffel Tower"), ("1,5", "15"), ("a b", "ab"), ("10:30", "1030"),
    ],
)  # fmt: skip
def test_wrong(gold: str, text: str) -> None:
    found = score(asked("exact", gold), text)
    assert (found.status, found.value, found.relaxed) == ("wrong", 0.0, 0.0)


@pytest.mark.parametrize(
    "text",
    ["It is the Eiffel Tower. It stands in Paris, on the left bank of the Seine, since the world fair of 1889.",
     "Eiffel Tower\n\nIt is the sight of Paris.", "The sight of Paris is the Eiffel Tower.",
     "巴黎的景点是Eiffel Tower。",
     "The answer is Eiffel Tower.\nIt stands in Paris.", "Eiffel Tower\n\nIt stands in Paris.",
     "It's the Eiffel Tower.",
     "You need the Eiffel Tower.", "The sight is the Eiffel Tower.", "The Eiffel Tower is the sight.",
     "Sight: Eiffel Tower", "Eiffel Tower (in Paris)", "It goes to the Eiffel Tower.", "To the Eiffel Tower.",
     "Paris + iron = Eiffel-Tower",
     "Among all there is one that is meant here, which is **Eiffel Tower**, of course, and it stands in Paris."],
)  # fmt: skip
def test_right_once_it_is_looked_for(text: str) -> None:
    found = score(QUESTION, text)
    assert (found.value, found.relaxed, found.format_ok) == (0.0, 1.0, False)


@pytest.mark.parametrize(
    "text",
    ["是北京。", "首都是北京", "首都为北京。", "应给北京", "北京是首都。", "首都：北京", "至少北京", "北京（首都）"],
)
def test_right_once_it_is_looked_for_in_chinese(text: str) -> None:
    found = score(asked("exact", "北京"), text)
    assert (found.value, found.relaxed) == (0.0, 1.0)


@pytest.mark.parametrize(
    "text", ["不是北京。", "北京不是首都。", "首都是北京或南京", "南京，而北京是首都", "北京为何？是南京"]
)
def test_a_mention_is_no_answer_in_chinese(text: str) -> None:
    assert score(asked("exact", "北京"), text).relaxed == 0


@pytest.mark.parametrize(
    "text",
    ["It is the Eiffel Tower? No, the Louvre.", "That is the Eiffel Tower. It is the Louvre.",
     "Louvre, as the tower is the Eiffel Tower", "The answer is the Louvre. The tower is the Eiffel Tower.",
     "The Louvre is older than the Eiffel Tower is", "It cannot be the Eiffel Tower", "Is it the Eiffel Tower?",
     "The museum is the Louvre and the tower is the Eiffel Tower", "The Eiffel Tower is the tower, so the Louvre",
     "Louvre (not Eiffel Tower)", "The next is the Eiffel Tower",
     "Eiffel Tower\n\nThat is wrong. It is the Louvre.", "Some say that it is the Eiffel Tower.",
     "The answer is Louvre.\nIt is not the Eiffel Tower.", "It is not the Eiffel Tower.",
     "**Louvre** or **Eiffel Tower**\nboth are in Paris",
     "Eiffel Tower? No.\nThe answer is Louvre",
     "There are two sights, the Louvre and then the Eiffel Tower, and I would visit both of them."],
)  # fmt: skip
def test_a_mention_is_no_answer(text: str) -> None:
    assert score(QUESTION, text).relaxed == 0


@pytest.mark.parametrize(
    "text", ["", "  \n", "I don't know.", "I don’t know", "不知道", "我不清楚", "I cannot say", "N/A", "unknown"]
)
def test_no_answer(text: str) -> None:
    assert score(QUESTION, text).status == "no_answer"


def test_unknown_may_be_the_right_answer() -> None:
    assert score(asked("exact", "unknown"), "Unknown.").value == 1


@settings(max_examples=inputs(100), deadline=None)
@given(st.text(min_size=1).filter(str.strip), st.sampled_from(["{}", " {} ", "\n{}\n"]))
def test_the_gold_is_right_in_every_dress(gold: str, dress: str) -> None:
    assert find(asked("exact", gold), dress.format(gold)).value == 1


@settings(max_examples=inputs(100), deadline=None)
@given(
    st.from_regex(r"[a-z]{3,9}( [a-z]{3,9}){0,2}", fullmatch=True),
    st.sampled_from(["Answer: {}.", "**{}**", "THE {}", "答案：{}", '"{}"']),
)
def test_words_are_right_in_more_dresses(gold: str, dress: str) -> None:
    assert find(asked("exact", gold), dress.format(gold)).value == 1


@settings(max_examples=inputs(100), deadline=None)
@given(st.text())
def test_any_text_has_a_score(text: str) -> None:
    found = find(QUESTION, text)
    assert 0 <= found.value <= found.relaxed <= 1
    assert normal(normal(text)) is not None
