"""Labels: an adversarial list in both languages, and properties."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.label import find
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

TONES = asked("label", "negative", choices=("negative", "neutral", "positive", "very_negative"))
TOPICS = asked("label", "退款", choices=("退款", "物流", "售后", "其他"))


@pytest.mark.parametrize(
    "text",
    ["negative", "Negative.", "- negative", "**negative**", "NEGATIVE", "`negative`", "Label: negative",
     "Sentiment: Negative",
     "The answer is negative.",
     "The customer is angry.\nLabel: negative", "The customer is angry.\n\nnegative", "Tone = negative",
     "The answer is positive. No, the answer is negative."],
)  # fmt: skip
def test_right(text: str) -> None:
    found = score(TONES, text)
    assert (found.status, found.value, found.extracted, found.format_ok) == ("right", 1.0, "negative", True)


@pytest.mark.parametrize(
    "text", ["退款", "退款。", "「退款」", "类别：退款", "答案是退款", "标签: 退款", "用户要退货。\n分类：退款"]
)
def test_right_in_chinese(text: str) -> None:
    assert score(TOPICS, text).value == 1


@pytest.mark.parametrize(
    "text",
    ["The tone is negative because he shouts.", "negative\n\nHe shouts at us.",
     "I would classify it as negative, since he shouts.",
     "The sentiment is clearly negative here.", "Label: negative\nReason: he shouts.", "The message is negative.",
     "This is a negative review.", "The text is negative, but not positive.",
     "negative (he shouts)", "It's negative, since he shouts.", "It is negative about us.",
     "It is \"negative\"!", "It has a negative tone.", "I would say negative.", "The customer sounds negative.",
     "negative, because he shouts", "negative — he shouts", "It belongs to the negative category.",
     "This relates to negative."],
)  # fmt: skip
def test_right_once_it_is_looked_for(text: str) -> None:
    found = score(TONES, text)
    assert (found.value, found.relaxed, found.extracted, found.format_ok) == (0.0, 1.0, "negative", False)


@pytest.mark.parametrize(
    "text",
    [
        "这条消息属于退款，因为他要退钱。",
        "这是一条退款。",
        "退款（他要退钱）",
        "不是物流，是退款",
        "应归为退款类。",
        "该问题是退款问题。",
        "表达了退款请求。",
        "应归入退款类别。",
        "退款问题",
    ],
)
def test_right_once_it_is_looked_for_in_chinese(text: str) -> None:
    assert (score(TOPICS, text).value, score(TOPICS, text).relaxed) == (0.0, 1.0)


@pytest.mark.parametrize(
    "text",
    ["positive", "very negative", "very_negative", "Very-negative.", "The answer is positive, not negative.",
     "It is positive. Nothing negative in it.",
     "Label: neutral\nIt would be negative if he shouted.", "The tone is very negative.",
     "It is about positive, rather than about negative."],
)  # fmt: skip
def test_wrong_even_where_the_right_label_is_mentioned(text: str) -> None:
    found = score(TONES, text)
    assert (found.status, found.value, found.relaxed) == ("wrong", 0.0, 0.0)


@pytest.mark.parametrize(
    "text",
    ["", "angry", "negative or neutral", "It is not negative.", "It isn't negative", "The tone is negative or neutral.",
     "It is neither negative nor positive.",
     "There is a negative word in it.", "Is it negative?", "negatively", "I don't know",
     "the labels are negative, neutral, positive",
     "The first half is negative. The second half is positive.",
     "It has nothing to do with a negative mood.", "Label: negative? I cannot tell.",
     "The text is negative about price but positive overall.", "If he shouted, it would be negative.",
     "It is not about negative.", "Is it about negative?", "It shows a negative word."],
)  # fmt: skip
def test_no_answer(text: str) -> None:
    assert score(TONES, text).status == "no_answer"


@pytest.mark.parametrize("text", ["不是退款", "退款或物流", "和退款无关", "不知道", "有一点是退款，但主要属于物流"])
def test_no_answer_in_chinese(text: str) -> None:
    assert score(TOPICS, text).status == "no_answer"


LABELS = st.lists(st.from_regex(r"[a-z]{3,8}(_[a-z]{3,8})?", fullmatch=True), min_size=2, max_size=5, unique=True)


@settings(max_examples=inputs(100), deadline=None)
@given(
    LABELS,
    st.data(),
    st.sampled_from(["{}", "{}.", "**{}**", "Label: {}", "The answer is {}.", "I see.\n\n{}", "答案：{}", "'{}'"]),
)
def test_the_gold_is_right_in_every_dress(labels: list[str], data: st.DataObject, dress: str) -> None:
    gold = data.draw(st.sampled_from(labels))
    question = asked("label", gold, choices=tuple(labels))
    for shown in (gold, gold.upper(), gold.replace("_", " ")):
        assert find(question, dress.format(shown)).value == 1
    other = labels[(labels.index(gold) + 1) % len(labels)]
    assert find(question, dress.format(other)).relaxed == 0


@settings(max_examples=inputs(100), deadline=None)
@given(
    st.text()
    | st.lists(st.sampled_from(["negative", "positive", " is ", "not ", "or ", ": ", "\n", "Label", "."])).map("".join)
)
def test_any_text_has_a_score(text: str) -> None:
    found = find(TONES, text)
    assert 0 <= found.value <= found.relaxed <= 1
    assert found.answered == bool(found.extracted)
