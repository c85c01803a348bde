"""What a candidate is sent: choices, the form of the answer, in the language of the question."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from mlflow_evalplus.core.questions.prompting import FORMS, as_asked, form_of, language_of
from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
from mlflow_evalplus.core.questions.reading import question_set
from tests.core.questions.sets import sets
from tests.generated import inputs

HAN = re.compile("[\u4e00-\u9fff]")


def question(**row: Any) -> Question:
    return question_set([{"id": "q", "input": "Which?", "type": "exact", "gold": "so", **row}])["q"]


def sent(system: str = "", **row: Any) -> str:
    return as_asked(question(**row), system)[-1].content


def test_each_type_asks_for_its_form() -> None:
    choice = {"type": "choice", "choices": ["rent", "tip"], "gold": "A"}
    assert sent(**choice) == "Which?\n\nA. rent\nB. tip\n\nAnswer with the letter of the right choice only."
    assert sent() == sent(type="regex") == "Which?\n\nGive the shortest answer only, without any explanation."
    number = {"type": "numeric", "gold": 5}
    assert sent(**number) == 'Which?\n\nGive the number last, on a line of its own: "Answer: NUMBER".'
    assert sent(**number, unit="EUR").endswith('"Answer: NUMBER" (in EUR).')
    label = {"type": "label", "choices": ["good", "bad"], "gold": "bad"}
    assert sent(**label) == "Which?\n\nAnswer with one of these labels only: good, bad."
    assert sent(type="json", gold={}) == "Which?\n\nAnswer with JSON only, without any other text."
    schema = sent(type="json", gold=None, schema={"type": "object", "title": "表"})
    assert schema.endswith('It must fit this JSON Schema: {"type": "object", "title": "表"}')
    assert sent(type="text") == sent(type="rubric", rubric="Polite?") == "Which?"


def test_a_chinese_question_asks_in_chinese() -> None:
    asked = {"input": "哪一个？", "tags": {"language": "zh-CN"}}
    choice = {"type": "choice", "choices": ["房租", "小费"], "gold": "A"}
    assert sent(**asked, **choice) == "哪一个？\n\nA. 房租\nB. 小费\n\n只回答正确选项的字母。"
    assert sent(**asked, type="numeric", gold=5, unit="元").endswith("最后单独一行给出数字：“答案：数字”（单位：元）。")
    assert sent(**asked, type="label", choices=["好", "差"], gold="好").endswith("只回答以下标签之一：好、差。")
    assert sent(**asked, type="json", gold=None, schema={}).endswith("不要任何其他文字。须符合以下 JSON Schema：{}")
    assert sent(**asked).endswith("只给出最简短的答案，不要解释。")


@pytest.mark.parametrize(
    ("text", "tag", "language"),
    [
        ("哪一个？", "", "zh"),
        ("Which?", "zh", "zh"),
        ("哪一个？", "en", "en"),
        ("哪一个？", "ja", "en"),
        ("APP 打不开，显示 error 503，怎么办？", "", "zh"),
        ("What does 你好 mean in this message?", "", "en"),
        ("東京の天気はどうですか", "", "en"),
        ("12 + 3 = ?", "", "en"),
        ("Which?", "ZH-Hant", "zh"),
    ],
)
def test_the_tag_tells_the_language_else_the_text(text: str, tag: str, language: str) -> None:
    assert language_of(question(input=text, tags={"language": tag} if tag else {})) == language


def test_the_system_prompt_comes_first_and_only_once() -> None:
    talk = [{"role": "system", "content": "Own."}, {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Which?"}]  # fmt: skip
    alone = as_asked(question(type="text"), "Be brief.")
    assert alone == (Message("system", "Be brief."), Message("user", "Which?"))
    both = as_asked(question(input=None, messages=talk, type="text"), "Be brief.")
    assert [message.role for message in both] == ["system", "user", "assistant", "user"]
    assert both[0].content == "Be brief.\n\nOwn."
    assert as_asked(question(input=None, messages=talk, type="text"))[0].content == "Own."


def test_interventions_put_another_form_and_knowledge_around_it() -> None:
    asked = as_asked(question(), form="Think first.", before="Known: all.")
    assert asked[-1].content == "Known: all.\n\nWhich?\n\nThink first."
    assert as_asked(question(), form="")[-1].content == "Which?"


def test_both_languages_know_the_same_forms_and_keep_to_themselves() -> None:
    assert FORMS["en"].keys() == FORMS["zh"].keys()
    assert not any(HAN.search(form) for form in FORMS["en"].values())
    assert all(HAN.search(form) for form in FORMS["zh"].values())


@settings(max_examples=inputs(60), deadline=None)
@given(sets())
def test_what_is_asked_does_not_depend_on_what_is_right(questions: QuestionSet) -> None:
    for one in questions:
        asked = as_asked(one, "Be brief.")
        assert asked == as_asked(replace(one, gold=(), rubric="", context="", tolerance=0.0, twin=""), "Be brief.")
        assert asked[-1].role == "user"
        assert asked[-1].content.startswith(one.text)
        assert asked[-1].content.endswith(form_of(one))
        assert all(choice in asked[-1].content for choice in one.choices)
        assert [message for message in asked if message.role == "system"] == [asked[0]]
