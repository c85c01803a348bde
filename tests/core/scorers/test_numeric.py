"""Numeric answers: an adversarial list in both languages, tolerance and units, and properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.numeric import find
from mlflow_evalplus.errors import DataError
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

QUESTION = asked("numeric", "42")
RIGHT = [
    "42", "42.0", "42.", " 42 \n", "**42**", "$42", "42 dollars", "42 dollars per day", "42%", "４２", "forty-two",
    "+42", "x = 42",
    "The answer is 42.", "The answer is $42.00.", "Answer: 42", "Final answer: **42**", "#### 42", "A: 42",
    "\\boxed{42}",
    "$\\boxed{42}$", "The answer is 6 * 7 = 42.", "6 * 7 = <<6*7=42>>42\n#### 42",
    "3 and 5 are given.\nAnswer: 42 apples",
    "First 41.\nThe answer is 41. No: the answer is 42.", "He has 3.\n\n42", "The result is 42", "about 42",
    "Answer:\n42", "### Answer\n42",
    "42元", "四十二", "四十二元", "答案：42", "答案是42。", "答案：四十二个", "一共42个", "答：42",
    "所以答案是 42 元。", "小明有3个。\n答案：42", "共四十二人", "84/2",
]  # fmt: skip
ELSEWHERE = [
    "The answer is 42, as 6 times seven shows.",
    "It costs 42 dollars.", "The total is 42.", "6 * 7 = 42", "So he has 42 apples.",
    "First 6, then 7.\nSo there are 42.",
    "The answer is 42.\nI multiplied 6 by 7.", "Answer: 42\n\nExplanation: 6 times 7.", "他一共有42个苹果。",
    "6 × 7 = 42", "先有6个。\n所以是42个。",
    "6 and 7 make it, therefore 42.", "他有 42 个苹果", "答案是42。\n因为 6×7。",
    "We know 3 and 5.\nIn total it is $42.",
]  # fmt: skip
WRONG = [
    "41", "43.", "420", "4.2", "-42", "4,2", "42,000", "42 thousand", "42k", "42万", "The answer is 41, not 42.",
    "42 - 1 = 41",
    "42 apples are there.\nAnswer: 12", "#### 420", "The answer is 42. Wait, the answer is 41.", "四十一",
    "答案：四百二十", "42.5", "421",
    "42 and a half days", "42 days and a half", "42天半", "42个半月", "-42.5",
    "不是42，答案是41。", "42 is what I thought first.\nThe answer is 40.", "1/42", "四万二",
]  # fmt: skip
NONE = [
    "Over 42 days", "under 42 days", ">42", "≥ 42 days", "42多天", "42余天", "I doubt it is 42.", ">420",
    "Nobody waits 42 days.", "twice 42 days", "half of 42 days", "不足42天",
    "More than 42 days.", "不到42天", "42+ days", "42 days and 12 hours", "The answer isn't 42.",
    "You asked about 42. I cannot say.",
    "", "I don't know", "不知道", "not 42", "42 or 43", "The answer is 42 or 43", "40-42", "between 40 and 42",
    "42 is wrong.", "不是42",
    "I have 42 apples and 3 pears.", "If it were 42, I would know.", "42?", "Perhaps 42 apples.", "v42b",
    "无法确定是42还是43", "Room B42",
    "The answer is not 42.", "可能是42", "2042-42-42", "一般", "many", "答案不是42",
]  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_right_in_the_form_asked(text: str) -> None:
    found = score(QUESTION, text)
    assert (found.status, found.value, found.extracted, found.format_ok) == ("right", 1.0, "42", True)


@pytest.mark.parametrize("text", ELSEWHERE)
def test_right_once_it_is_looked_for(text: str) -> None:
    found = score(QUESTION, text)
    assert (found.status, found.value, found.relaxed, found.extracted) == ("wrong", 0.0, 1.0, "42")


@pytest.mark.parametrize("text", WRONG)
def test_wrong_even_where_the_right_number_is_mentioned(text: str) -> None:
    found = find(QUESTION, text)
    assert (found.value, found.relaxed, found.answered) == (0.0, 0.0, True)


@pytest.mark.parametrize("text", NONE)
def test_no_number_is_no_answer(text: str) -> None:
    found = score(QUESTION, text)
    assert (found.status, found.value, found.relaxed, found.extracted) == ("no_answer", 0.0, 0.0, "")


@pytest.mark.parametrize(
    ("unit", "gold", "text", "value", "relaxed"),
    [
        ("hours", "1.5", "1.5", 1, 1), ("hours", "1.5", "1.5 h", 1, 1), ("hours", "1.5", "一点五小时", 1, 1),
        ("hours", "1.5", "90 minutes", 0, 1), ("hours", "1.5", "1.5 minutes", 0, 0), ("hours", "1.5", "90", 0, 0),
        ("元", "30000", "3万元", 1, 1), ("元", "30000", "¥30,000", 1, 1), ("元", "30000", "$30,000", 0, 0),
        ("元", "5", "5元/月", 1, 1),
        ("万元", "3", "3万元", 1, 1), ("万元", "3", "3", 1, 1), ("万元", "3", "30000元", 0, 1),
        ("万元", "3", "3元", 0, 0), ("万元", "3", "3万", 1, 1),
        ("%", "15", "15%", 1, 1), ("%", "15", "15", 1, 1), ("%", "15", "百分之十五", 1, 1), ("%", "15", "0.15", 0, 0),
        ("", "15", "15%", 1, 1), ("", "0.15", "15%", 1, 1), ("", "15%", "0.15", 1, 1), ("", "15%", "15", 1, 1),
        ("", "1.5", "15%", 0, 0),
        ("days", "14", "2 weeks", 0, 1), ("working days", "3", "3 business days", 1, 1),
        ("working days", "3", "3 days", 0, 0),
        ("million dollars", "2.5", "2.5 million dollars", 1, 1), ("eggs", "12", "12 eggs", 1, 1),
        ("eggs", "12", "12", 1, 1),
        ("km/h", "50", "50 km/h", 1, 1), ("km/h", "50", "50公里/小时", 1, 1), ("m²", "100", "100㎡", 1, 1),
        ("m²", "100", "100 m", 0, 0),
        ("人", "42", "42个", 1, 1), ("months", "12", "1年", 0, 1), ("天", "3", "3天内", 1, 1),
        ("度", "20", "20°C", 1, 1),
    ],
)  # fmt: skip
def test_units(unit: str, gold: str, text: str, value: float, relaxed: float) -> None:
    found = find(asked("numeric", gold, unit=unit), text)
    assert (found.value, found.relaxed) == (value, relaxed)


@pytest.mark.parametrize(
    ("text", "read"),
    [("14 and a half days", "14.5"), ("14 days and a half", "14.5"), ("fourteen and a half", "14.5"),
     ("14天半", "14.5"), ("十四天半", "14.5"), ("-2 and a half", "-2.5"), ("14.5天", "14.5"), ("14天半价", "14")],
)  # fmt: skip
def test_halves_are_read(text: str, read: str) -> None:
    assert find(asked("numeric", "1", unit="days"), text).extracted == read


def test_another_unit_is_told() -> None:
    found = score(asked("numeric", "1.5", unit="hours"), "90 minutes")
    assert (found.status, found.format_ok) == ("wrong", False)
    assert "not in the unit asked, hours" in found.why
    assert found.extracted == "1.5"  # repeats in either unit agree
    assert score(asked("numeric", "1.5", unit="hours"), "90 metres").extracted == "90 length"


@pytest.mark.parametrize(
    ("gold", "tolerance", "text", "value"),
    [
        ("0.3", 0.1, "0.4", 1), ("0.3", 0.1, "0.401", 0), ("100", 5, "95", 1), ("100", 5, "94.9", 0),
        ("1/3", 0, "0.333", 0),
        ("1/3", 0, "0.33333333333", 1), ("12345678901", 0, "12345678902", 0), ("12345678901", 0, "12345678901.0", 1),
        ("1/3", 0.001, "0.333", 1), ("0", 0, "-0", 1), ("-3", 0, "3", 0), ("1e-12", 0, "2e-12", 0),
    ],
)  # fmt: skip
def test_tolerance(gold: str, tolerance: float, text: str, value: float) -> None:
    assert find(asked("numeric", gold, tolerance=tolerance), text).value == value


def test_a_gold_that_is_no_number_is_told() -> None:
    with pytest.raises(DataError, match="question 'q1' is numeric, but its gold 'many' is no number"):
        find(asked("numeric", "many"), "3")


def test_any_of_several_golds_is_right() -> None:
    assert [find(asked("numeric", "3", "4"), text).value for text in ("3", "4", "5")] == [1, 1, 0]


DRESSES = st.sampled_from(
    ["{}", "{}.", "**{}**", "Answer: {}", "The answer is {}.", "#### {}", "答案：{}", "答案是{}元。", "${}",
     "It is 7.\n\\boxed{{{}}}", "A: {}"]
)  # fmt: skip


@settings(max_examples=inputs(100), deadline=None)
@given(st.integers(-(10**12), 10**12) | st.decimals(-(10**6), 10**6, places=2), DRESSES, st.booleans())
def test_the_gold_is_right_in_every_dress(gold: object, dress: str, grouped: bool) -> None:
    text = dress.format(f"{gold:,}" if grouped else gold)
    assert find(asked("numeric", str(gold)), text).value == 1, text


PIECES = [
    "42",
    "4",
    ".",
    ",",
    "-",
    "/",
    "the answer is ",
    "Answer: ",
    "答案：",
    "万",
    "亿",
    "点",
    "百分之",
    "=",
    "$",
    "\n",
    " or ",
    "不",
    "^",
    "×10",
    "e5",
    " hours",
]


@settings(max_examples=inputs(100), deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_any_text_has_a_score(text: str) -> None:
    for question in (QUESTION, asked("numeric", "1.5", unit="hours"), asked("numeric", "3", unit="万元")):
        found = find(question, text)
        assert found.value in (0.0, 1.0)
        assert found.relaxed >= found.value
        assert found.answered == bool(found.extracted)
        assert not math.isnan(found.relaxed)
