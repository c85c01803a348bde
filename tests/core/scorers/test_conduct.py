"""Conduct: refusals, languages, loops, cuts and lengths; hand-written in both languages."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.conduct import conduct_of, fitting_length, loops, refuses
from mlflow_evalplus.core.scorers.language import in_language, script_of
from mlflow_evalplus.results.answers import Answer
from tests.core.scorers.asked import asked, score
from tests.generated import inputs


@pytest.mark.parametrize(
    "text",
    ["I'm sorry, but I can't help with that.", "I’m sorry, I can’t assist with that request.",
     "I cannot answer this question.",
     "I am unable to provide that information.", "As an AI language model, I cannot give opinions.",
     "As an AI, I don't have access to that.",
     "I must respectfully decline.", "Sorry, I can't do that.", "I won't discuss politics.",
     "I'm not able to comply with this.",
     "抱歉，我无法回答这个问题。", "很抱歉，我不能提供相关信息。", "作为一个人工智能语言模型，我无法发表意见。",
     "对不起，我无法协助您。", "作为AI助手，我不能讨论此事。", "我无法满足您的这个请求。",
     "抱歉，我不便回答。", "非常抱歉，无法为您提供该内容"],
)  # fmt: skip
def test_refusals(text: str) -> None:
    assert refuses(text)
    assert score(asked("rubric", rubric="polite"), text, verdict=0.0).refused


@pytest.mark.parametrize(
    "text",
    ["I'm sorry to hear that. I cannot find your order; please send me its number.",
     "I can't see your balance from here, but you can in the app.",
     "We cannot refund you after 30 days.", "Sorry for the delay! Your parcel arrives tomorrow.",
     "You won't be charged a fee.",
     "The loan cannot be repaid early without a fee.", "I can help you with that.", "No.",
     "Unable to log in? Reset your password.",
     "很抱歉给您带来不便，我们马上为您处理。", "抱歉，没有查到您的订单，请提供订单号。", "您无法提前还款。",
     "超过三十天不能退款。", "我可以帮助您。", "如果无法登录，请重置密码。",
     "Refuse the parcel if it is damaged.", "Customers I spoke to cannot help themselves."],
)  # fmt: skip
def test_what_cannot_be_done_is_no_refusal(text: str) -> None:
    assert not refuses(text)


def test_a_right_answer_is_no_refusal_and_a_refusal_without_an_answer_is_none() -> None:
    text = "I can't help with that here.\nAnswer: 14"
    right = score(asked("numeric", "14"), text)
    assert (right.status, right.refused) == ("right", False)
    refused = score(asked("exact", "14 days"), "I cannot answer this question.")
    assert (refused.status, refused.value, refused.refused) == ("no_answer", 0.0, True)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "It takes two weeks.", True), ("en", "需要两周。", False), ("zh", "需要两周。", True),
        ("zh", "It takes two weeks.", False),
        ("zh", "请在 APP 的 Settings 中点击 Log out。", True), ("en", "Say 您好 to them when they call you.", True),
        ("en", "B", None), ("zh", "B", None),
        ("zh", "14", None), ("zh", '{"answer": "two weeks at least"}', None),
        ("zh", "```python\nprint('two weeks at least')\n```", None),
        ("zh", "HSBC", None), ("zh", "https://example.com/some/long/address", None), ("en", "", None),
        ("fr", "Cela prend deux semaines.", True),
        ("de", "需要两周。", False), ("ja", "二週間かかります。", True), ("zh", "二週間かかります。", False),
        ("ru", "Две недели и ещё", True),
        ("ko", "이 주 걸립니다", True), ("zh-CN", "需要两周。", True), ("zh_TW", "需要兩週。", True),
        ("en-GB", "It takes two weeks.", True),
    ],
)  # fmt: skip
def test_language(language: str, text: str, expected: bool | None) -> None:
    assert in_language(asked("rubric", rubric="x", tags={"language": language}), text) is expected


def test_the_language_expected_is_the_right_answer_s_and_the_choices_words_do_not_count() -> None:
    translate = asked("text", "退款需要两周", text="Say in Chinese: a refund takes two weeks", tags={"language": "en"})
    assert in_language(translate, "退款要两周") is True
    assert in_language(translate, "A refund takes two weeks") is False
    chosen = asked("choice", "A", choices=("a loan for a new car", "a card"), tags={"language": "zh"})
    assert in_language(chosen, "A. a loan for a new car") is None
    assert in_language(asked("rubric", rubric="x", text="多久能退款到账？"), "It takes two weeks.") is False


def test_loops() -> None:
    rng = random.Random(0)
    words = [f"word{number}" for number in range(20)]
    plain = " ".join(rng.choice(words) for _ in range(400))
    assert not loops(plain)
    assert not loops("")
    assert loops(plain + " I can help you." * 6)
    assert loops("好的，我来帮您处理。" * 8)
    assert loops("ha" * 40)
    assert loops(("A sentence of some length that a model repeats without an end. " * 6).strip())
    assert not loops("I see. I see. I see.")  # short
    assert not loops("| --- " * 40)  # a table's rule
    assert not loops("\n".join(f"{n}. Step number {n} is to press button {n * 7 % 13}" for n in range(40)))
    assert not loops("0, " * 100)
    assert not loops("你好" + "，" * 100)


@settings(max_examples=inputs(100), deadline=None)
@given(st.text("ab c。好", min_size=1, max_size=90), st.integers(5, 9), st.text("xyz ,", max_size=40))
def test_what_is_said_five_times_over_at_least_sixty_characters_loops(turn: str, times: int, before: str) -> None:
    said = turn * times
    if len(said) >= 60 and any(character.isalpha() for character in turn):
        assert loops(before + said)


@settings(max_examples=inputs(100), deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=80, unique=True))
def test_what_never_repeats_does_not_loop(numbers: list[int]) -> None:
    assert not loops(" ".join(f"x{number:010d}y" for number in numbers))


def test_fluency_is_the_mean_of_what_can_be_told() -> None:
    question = asked("rubric", rubric="x", text="How long does a refund take?")

    def fluency(text: str, finish: str = "stop") -> float:
        return conduct_of(question, Answer("m", "q1", text=text, finish=finish)).fluency

    assert fluency("It takes two weeks.") == 1
    assert fluency("It takes two weeks.", "length") == fluency("需要两周。") == pytest.approx(4 / 5)
    assert fluency("14") == 1  # no language: a mean of four
    assert fluency("14", "length") == pytest.approx(3 / 4)
    assert fluency("14", "") == 1  # not known why it stopped
    assert fluency("It takes two weeks.", "content_filter") == pytest.approx(4 / 5)
    assert fluency("抱歉，我无法回答这个问题。", "length") == pytest.approx(2 / 5)
    assert fluency("I see. " * 20) == pytest.approx(4 / 5)


def test_length() -> None:
    question = asked("text", "x" * 200)
    assert fitting_length(question, "x" * 800) == 1
    assert fitting_length(question, "x" * 1600) == 0.5
    assert fitting_length(question, " ") == 0
    assert fitting_length(asked("exact", "x"), "x" * 9000) == 1


@settings(max_examples=inputs(100), deadline=None)
@given(st.text())
def test_any_text_has_a_conduct(text: str) -> None:
    for question in (asked("text", "退款"), asked("choice", "A", choices=("x", "y"))):
        assert 0 <= conduct_of(question, Answer("m", "q1", text=text, finish="stop")).fluency <= 1
    assert script_of(text) in ("", "zh", "ja", "ko", "ru", "ar", "hi", "th", "el", "he", "en")
