"""Multiple choice: an adversarial list in both languages, and properties over generated dresses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.scorers.choice import find, letter_of
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

CITIES = ("Rome", "Paris", "Berlin", "A good question")
CITIES_ZH = ("罗马", "巴黎", "柏林", "以上都是")
QUESTION = asked("choice", "B", choices=CITIES)
QUESTION_ZH = asked("choice", "B", choices=CITIES_ZH)

RIGHT = [  # in the form asked
    "Ans: B", "Correct: B", "Answer B", "Answer - B", "<answer>B</answer>", "<answer>\nB\n</answer>", "Letter: B",
    "B", "b", "(B)", "（Ｂ）", "B.", "B)", "[B]", "**B**", "`B`", "Ｂ", " B \n", '"B"', "“B”", "__B__", "*B*", "B。",
    "Answer: B", "answer: b", "**Answer:** B", "**Answer: B**", "Answer: (B).", "The answer is B.", "The answer is (B)",
    "The correct answer is option B.", "Final answer: B", "The best answer is: B", "The right choice is B!", "Option B",
    "Choice: B", "The answer is **B. Paris**", "B. Paris", "(B) Paris", "B: Paris", "B - Paris", "B, Paris.", "Paris",
    "paris.", "The answer is Paris.", "$\\boxed{B}$", "\\boxed{\\text{B}}", "The answer is $\\boxed{\\text{B}}$.",
    "Rome is in Italy, Berlin in Germany.\nAnswer: B", "Rome is in Italy.\n\nB",
    "The answer is A. No, the answer is B.",
    "A. Rome\nB. Paris\nC. Berlin\nD. A good question\n\nAnswer: B", "A. Rome\nB. Paris\nC. Berlin\n\nB",
    "It is not Rome, which is in Italy, so the answer is B.", "### Answer\nB", "## Final answer\n\n**B**", "Answer:\nB",
    "#### (B)", "Not A. The answer is B", "The answer to the question is B.", "The answer should be B.",
]  # fmt: skip
RIGHT_ZH = [
    "答案（B）", "B选项", "B项。", "答案 B",
    "B", "Ｂ", "（B）", "答案：B", "答案:B", "答案是B。", "答案为：B", "**答案：B**", "正确答案是 B", "正确答案：（B）",
    "答案：B. 巴黎",
    "选B", "选项B", "B、巴黎", "B．巴黎", "巴黎", "答案是巴黎。", "最终答案：Ｂ", "因此答案是B。", "不难看出，答案是B",
    "不难看出答案是B",
    "罗马在意大利。\n答案：B", "A. 罗马\nB. 巴黎\nC. 柏林\nD. 以上都是\n\n答案：B", "答案应该是B", "正确选项是B",
    "【答案】B", "答案：【B】",
]  # fmt: skip
ELSEWHERE = [  # right, but only once it is looked for in the whole text
    "B is my answer.", "I am not sure, but I would say B.", "I'd say (B).", "A, C and D are wrong, so I pick B.",
    "B. Because it lies on the Seine.", "B\n\nParis lies on the Seine.", "B) Paris\n\nIt lies on the Seine.",
    "The answer is B because it lies on the Seine.", "**Answer: B**\n\nIt lies on the Seine.", "I would choose B.",
    "I'd go with B.", "I'll pick option B because it is in France.", "So it must be B.", "Therefore, B.",
    "I choose (B), since.",
    "Option B is correct.", "B is the correct answer.", "B is correct, the others are not.", "I select B.", "It's B.",
    "A is wrong, C is wrong, and B is correct.", "The answer is B, not C.", "The answer is A. Wait, I choose B.",
    "I first thought that A is right. The answer is B: it is in France.", "Paris\n\nIt lies on the Seine.",
    "The answer is B.\nOption A is correct only if you ask in Italy.", "The answer is B. Is A correct? No.",
]  # fmt: skip
ELSEWHERE_ZH = [
    "A、C、D都不对，所以选B", "最符合的是B", "不是A，是B", "B对", "综上，选B", "这道题选 B 。",
    "我选B，因为它在法国。", "应该选择B选项。", "排除A，选B。", "B正确。", "B选项正确，其余都错。", "选项B是正确的。",
    "故选B。", "本题选B，因为巴黎在法国。",
    "答案：B。因为巴黎在法国。", "答案是B，因为巴黎在法国。\n罗马在意大利。", "A不正确，B正确。", "应该是B。",
]  # fmt: skip
WRONG = [  # another letter is given
    "Many would pick B, but C is right.", "Most people choose B. The answer is C.",
    "Why not B? It is too small. Answer: C",
    "A", "(C)", "Answer: C", "The answer is C, not B.", "The answer is B. Wait, no: the answer is C.", "Rome",
    "C. It is not B, though B is tempting.", "I choose C. B is wrong.", "Option C is correct; B is incorrect.",
    "B is tempting.\nAnswer: A", "A good question", "The answer is A because B is no capital.", "C\n\nB is wrong.",
    "If the answer is B, you have not read it. The answer is C.", "You might think the answer is B, but it's C.",
    "Is the answer B? No, the answer is C.", "Some say that B is correct? The answer is D.",
]  # fmt: skip
WRONG_ZH = [
    "答案：C",
    "选C，不选B。",
    "B不正确，C正确。",
    "排除B，选A",
    "如果答案是B就错了，答案是C。",
    "C",
    "罗马",
    "有人认为答案是B，其实答案是A。",
]
NONE = [  # no decision, or no answer at all
    "The worst option is B.", "The answer B is wrong", "Answer: B and maybe C",
    "The answer is B for new items and C for used ones.",
    "Answer: B C", "I was told the answer is B. I disagree.", "I choose B. C is right.", "Choose B if new, C if used.",
    "B? No.",
    "A: Rome is too far. B: Paris is too near.", "B: Paris is too far. C: Berlin is too near.", "A, B and C are wrong.",
    "", " ", "I think so.", "A capital is a city.", "I think it is a city in France.", "It depends.", "A or B", "A, B",
    "A and B", "Either A or B.", "The answer is A or B.", "Answer: A/B", "The answer is not B.", "It isn't B.", "E",
    "Z",
    "I don't think the answer is B.", "Is it B?", "The answer is B?", "B is not correct.", "B is incorrect.", "Bonjour",
    "B2",
    "The answer is a matter of taste.", "Answer: A good idea would be to look at a map", "I don't know.", "B-flat",
    "I'm B's",
    "A. Rome\nB. Paris", "The choices are:\nA. Rome\nB. Paris\nC. Berlin", "A is correct. B is correct.", "B. Rome",
    "A is true and B is true", "Paris or Rome", "I cannot tell whether B is correct.", "If it is B, it is in France.",
    "Plan B failed. What a pity.", "Vitamin B is healthy, they say.", "Let us rule out B.", "Answer: none of them",
    "**C** not B", "A. Paris",
]  # fmt: skip
NONE_ZH = [
    "不知道",
    "A或B",
    "A和B",
    "答案是A还是B？",
    "答案是B吗？",
    "答案B是错的",
    "选B是错的",
    "最差的选项是B",
    "不选B",
    "答案不是B",
    "B不正确",
    "B是错的",
    "是否选B？",
    "无法判断",
    "甲",
    "答案：A、B",
    "选A或B",
]


@pytest.mark.parametrize("text", RIGHT)
def test_right_in_the_form_asked(text: str) -> None:
    assert _told(text) == ("right", 1.0, 1.0, "B", True)


@pytest.mark.parametrize("text", RIGHT_ZH)
def test_right_in_the_form_asked_in_chinese(text: str) -> None:
    assert _told(text, QUESTION_ZH) == ("right", 1.0, 1.0, "B", True)


@pytest.mark.parametrize("text", ELSEWHERE)
def test_right_once_it_is_looked_for(text: str) -> None:
    assert _told(text) == ("wrong", 0.0, 1.0, "B", False)


@pytest.mark.parametrize("text", ELSEWHERE_ZH)
def test_right_once_it_is_looked_for_in_chinese(text: str) -> None:
    assert _told(text, QUESTION_ZH) == ("wrong", 0.0, 1.0, "B", False)


@pytest.mark.parametrize("text", WRONG)
def test_wrong_even_where_the_right_letter_is_mentioned(text: str) -> None:
    found = find(QUESTION, text)
    assert (found.value, found.relaxed, found.answered) == (0.0, 0.0, True)


@pytest.mark.parametrize("text", WRONG_ZH)
def test_wrong_even_where_the_right_letter_is_mentioned_in_chinese(text: str) -> None:
    found = find(QUESTION_ZH, text)
    assert (found.value, found.relaxed, found.answered) == (0.0, 0.0, True)


@pytest.mark.parametrize("text", NONE)
def test_no_answer_is_not_a_wrong_one(text: str) -> None:
    assert _told(text) == ("no_answer", 0.0, 0.0, "", False)


@pytest.mark.parametrize("text", NONE_ZH)
def test_no_answer_is_not_a_wrong_one_in_chinese(text: str) -> None:
    assert _told(text, QUESTION_ZH) == ("no_answer", 0.0, 0.0, "", False)


def _told(text: str, question=QUESTION) -> tuple[str, float, float, str, bool | None]:  # type: ignore[no-untyped-def]
    found = score(question, text)
    return found.status, found.value, found.relaxed, found.extracted, found.format_ok


def test_i_is_a_letter_among_nine_choices_and_a_word_elsewhere() -> None:
    many = asked("choice", "I", choices=tuple(f"choice number {n}" for n in range(9)))
    assert find(many, "I").value == 1
    assert find(many, "Answer: I.").value == 1
    assert not find(many, "I think so").answered
    assert not find(many, "Answer: I think it is hard").answered


def test_choices_that_are_letters_or_numbers() -> None:
    vitamins = asked("choice", "B", choices=("C", "A", "K"))
    assert find(vitamins, "B").value == 1  # the letter, not the text
    sums = asked("choice", "C", choices=("3", "-3", "4.5"))
    assert [find(sums, text).extracted for text in ("4.5", "3", "-3", "C. 4.5", "A. 4.5", "45")] == [
        "C",
        "A",
        "B",
        "C",
        "",
        "",
    ]


def test_a_gold_may_be_the_text_of_a_choice_and_several_may_be_right() -> None:
    assert letter_of(asked("choice", "Paris", choices=CITIES), "Paris") == "B"
    both = asked("choice", "A", "C", choices=CITIES)
    assert [find(both, text).value for text in "ABC"] == [1, 0, 1]


DRESSES = st.sampled_from(
    ["{}", "({})", "{}.", "**{}**", "Answer: {}", "answer is {}", "答案：{}", "答案是（{}）。",
     "Therefore, the answer is {}.",
     "\\boxed{{{}}}", "Let me see.\n\n{}", "The answer is Z.\nThe answer is {}", "### Answer\n{}"]
)  # fmt: skip


@settings(max_examples=inputs(100), deadline=None)
@given(
    st.lists(st.text("abcdefgh xyz", min_size=4, max_size=12), min_size=2, max_size=8,
    unique_by=lambda text: text.strip()),
    st.data(), DRESSES, st.booleans(),
)  # fmt: skip
def test_the_gold_is_right_in_every_dress(choices: list[str], data: st.DataObject, dress: str, lower: bool) -> None:
    letter = data.draw(st.sampled_from("ABCDEFGH"[: len(choices)]))
    question = asked("choice", letter, choices=tuple(choices))
    shown = dress.format(letter.lower() if lower else letter)
    assert find(question, shown).value == 1
    other = "ABCDEFGH"[("ABCDEFGH".index(letter) + 1) % len(choices)]
    assert find(question, dress.format(other)).relaxed == 0


PIECES = [
    "A",
    "B",
    "the answer is ",
    "Answer: ",
    "答案",
    "：",
    "选",
    "不",
    "not ",
    "or ",
    "\n",
    "**",
    "(",
    ")",
    ".",
    "Paris",
    "Rome",
    " is correct",
    "?",
    " ",
    "正确",
    "I ",
]


@settings(max_examples=inputs(100), deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_any_text_has_a_score(text: str) -> None:
    for question in (QUESTION, QUESTION_ZH):
        found = find(question, text)
        assert found.value in (0.0, 1.0)
        assert found.relaxed >= found.value
        assert found.extracted in ("", *"ABCD")
        assert found.answered == bool(found.extracted)
