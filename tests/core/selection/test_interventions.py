from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.core.questions.prompting import as_asked
from mlflow_evalplus.core.questions.question import Message, Question
from mlflow_evalplus.core.selection.interventions import asked, final_answer, guess, luck

TYPES = ("choice", "exact", "numeric", "regex", "json", "text", "label", "rubric")


def question(type_: str = "exact", language: str = "en") -> Question:
    text = {"en": "When do you close?", "zh": "你们几点关门？"}[language]
    choices = ("at five", "at six") if type_ in ("choice", "label") else ()
    return Question(
        "q", (Message("system", "You serve."), Message("user", text)), type_, "d", ("six",), choices,
        context="Open from 9 to 6.", tags={"language": language},
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("type_", TYPES)
def test_each_way_to_ask_again_keeps_the_question_and_changes_one_thing(type_: str, language: str) -> None:
    one = question(type_, language)
    plain = as_asked(one, "Be short.")
    again, context, steps = (asked(one, variant, 2, "Be short.") for variant in ("again", "context", "steps"))
    assert again.messages == plain
    assert {request.variant: request.repeat for request in (again, context, steps)} == dict.fromkeys(
        ("again", "context", "steps"), 2
    )
    for request in (context, steps):
        assert request.messages[:-1] == plain[:-1]
        assert one.text in request.messages[-1].content
    known, stepwise = context.messages[-1].content, steps.messages[-1].content
    assert known.endswith(plain[-1].content)  # the same form of the answer is asked for
    assert one.context in known
    assert one.context not in stepwise
    assert ("step by step" in stepwise, "一步一步" in stepwise) == (language == "en", language == "zh")
    assert ("Answer:" in stepwise, "答案：" in stepwise) == (language == "en", language == "zh")
    for part in plain[-1].content.split("\n\n"):
        assert part in stepwise  # nothing is lost of the question, its choices and the form of the answer
    assert len({request.messages for request in (again, context, steps)}) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Twelve months at 20.\nAnswer: 240", "240"), ("**Final answer:** B", "B"), ("The answer: six", "six"),
        ("先算利息。\n答案：240元", "240元"), ("最终答案: 六点", "六点"), ("> Answer: x\n\nAnswer: y", "y"),
        ("Answer:\n```json\n{}\n```", "```json\n{}\n```"), ("I answer: no", "I answer: no"), ("Answer:", "Answer:"),
        ("it is 240", "it is 240"), ('{"answer": 3}', '{"answer": 3}'), ("", ""),
    ],
)  # fmt: skip
def test_of_step_by_step_the_last_line_is_the_answer(text: str, expected: str) -> None:
    assert final_answer(text) == expected


@given(st.text(max_size=60))
def test_the_final_answer_is_a_part_of_the_text_and_never_nothing(text: str) -> None:
    assert final_answer(text) in text
    assert final_answer(text).strip() or not text.strip()


def test_only_choices_and_labels_are_guessed() -> None:
    assert {type_: guess(question(type_)) for type_ in TYPES} == {
        type_: 0.5 if type_ in ("choice", "label") else 0.0 for type_ in TYPES
    }


@given(st.integers(1, 5), st.integers(0, 5), st.sampled_from([0.5, 0.25, 1 / 3, 0.0]))
def test_luck_is_the_share_of_all_ways_to_guess(n: int, right: int, chance: float) -> None:
    right = min(right, n)
    ways = product([True, False], repeat=n)
    expected = sum(chance ** sum(way) * (1 - chance) ** (n - sum(way)) for way in ways if sum(way) >= right)
    assert luck(right, n, chance) == pytest.approx(expected)
