from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.core.selection.causes import diagnose
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import MISSING_SCORE, Answer, Score
from mlflow_evalplus.results.selection import CAUSES, FailureCause, FailureCauses, Item
from tests.generated import inputs

Reply = str | Answer | None
WRONG, RIGHT, FORM = "wrong", "right", "right, in another form"


def question(name: str = "q", type_: str = "exact", **more: object) -> Question:
    choices = {"choice": ("x",) * 4, "label": ("yes", "no")}.get(type_, ())
    given_: dict[str, object] = {"context": "known", "tags": {"language": "en"}, "choices": choices, **more}
    return Question(name, (Message("user", "What holds?"),), type_, "policy", ("right",), **given_)  # type: ignore[arg-type]


def score(name: str, asked: Question, answer: Answer) -> Score:
    """Read the answers above; `verdict 0.6` is a text's or a rubric's."""
    if answer.text is None or answer.text == "unjudged":
        return MISSING_SCORE
    value = float(answer.text.split()[1]) if answer.text.startswith("verdict") else float(answer.text == RIGHT)
    relaxed = 1.0 if answer.text == FORM else value
    passed = value >= (asked.pass_mark if asked.type in ("text", "rubric") else 1)
    return Score(value, passed, "right" if passed else "wrong", relaxed=relaxed)


def item(asked: Question, *replies: str | Answer) -> Item:
    answers = [reply if isinstance(reply, Answer) else Answer("small", asked.id, text=reply) for reply in replies]
    scores = [score("small", asked, answer) for answer in answers]
    known = [one.value for one in scores if not math.isnan(one.value)]
    return Item(asked.id, tuple(answers), tuple(scores), sum(known) / len(known) if known else math.nan)


class Script:
    """Answers by question and variant, one after the other; whatever is not in it is wrong."""

    def __init__(self, replies: Mapping[tuple[str, str], Sequence[Reply]] | None = None) -> None:
        self.replies, self.batches = dict(replies or {}), list[list[tuple[str, str, int]]]()

    def __call__(self, wanted: Mapping[str, Sequence[Request]]) -> dict[str, list[Answer | None]]:
        self.batches.append([(r.question, r.variant, r.repeat) for own in wanted.values() for r in own])
        return {name: [self.answer(name, request) for request in own] for name, own in wanted.items()}

    def answer(self, name: str, request: Request) -> Answer | None:
        listed = self.replies.get((request.question, request.variant), ())
        place = request.repeat - (request.variant == "again")
        reply = listed[place] if place < len(listed) else WRONG
        if reply is None or isinstance(reply, Answer):
            return reply
        return Answer(name, request.question, request.variant, request.repeat, reply)

    @property
    def asked(self) -> list[tuple[str, str, int]]:
        return [one for batch in self.batches for one in batch]


def found(questions: Sequence[Question], items: Sequence[Item], ask: Callable, **more: int) -> FailureCauses:
    return diagnose(QuestionSet(tuple(questions), ""), {"small": items}, ask, score, **more)["small"]


def cause(asked: Question, replies: Mapping[str, Sequence[Reply]], *first: str | Answer, **more: int) -> FailureCause:
    script = Script({("q", variant): said for variant, said in replies.items()})
    (only,) = found([asked], [item(asked, *(first or (WRONG,)))], script, **more).items
    return only


ALL_HELP: dict[str, Sequence[Reply]] = {"again": [RIGHT] * 8, "context": [RIGHT] * 8, "steps": [RIGHT] * 8}
TIMEOUT = Answer("small", "q", error="timeout", message="after 60 s")


@pytest.mark.parametrize(
    ("first", "replies", "expected", "evidence"),
    [
        (TIMEOUT, ALL_HELP, "call_error", "timeout: after 60 s"),
        (Answer("small", "q", text=FORM, finish="length", completion_tokens=9), ALL_HELP, "truncation",
         "after 9 tokens"),
        (FORM, ALL_HELP, "format", "right once re-extracted"),
        (WRONG, ALL_HELP, "unstable", "right in other repeats, 2 of 2 times"),
        (WRONG, {**ALL_HELP, "again": [WRONG, RIGHT]}, "unstable", "right in other repeats, 1 of 2 times"),
        ("我觉得这里不太清楚", {**ALL_HELP, "again": []}, "language", "another language: zh, not in en"),
        (WRONG, {"context": [RIGHT], "steps": [RIGHT]}, "knowledge", "passes with its context given"),
        (WRONG, {"steps": ["first this\nAnswer: right"]}, "reasoning", "passes when asked step by step"),
        (WRONG, {"context": [FORM]}, "knowledge", "passes with its context given"),
        (WRONG, {}, "unexplained", "nothing that was tried helps"),
    ],
)  # fmt: skip
def test_the_first_cause_that_holds_wins(
    first: str | Answer, replies: Mapping[str, Sequence[Reply]], expected: str, evidence: str
) -> None:
    one = cause(question(), replies, first)
    assert one.cause == expected
    assert evidence in one.evidence


def test_a_twin_that_passes_is_the_language() -> None:
    en, zh = question("en", twin="zh"), question("zh", twin="en", tags={"language": "zh"})
    script = Script({("zh", "context"): [RIGHT]})
    (only,) = found([en, zh], [item(en, RIGHT), item(zh, WRONG)], script).items
    assert (only.question, only.cause, only.evidence) == (
        "zh",
        "language",
        "its twin en passes, 1 of 1 times",
    )
    assert script.asked == [("zh", "again", 1), ("zh", "again", 2)]
    both = found([en, zh], [item(en, WRONG), item(zh, WRONG)], Script({("zh", "context"): [RIGHT]}))
    assert [one.cause for one in both.items] == ["unexplained", "knowledge"]


@pytest.mark.parametrize(
    ("type_", "gold", "text", "expected"),
    [
        ("numeric", "888.49", "10,000 × 1.12 / 12 makes this for each month.\nAnswer: 933.33", "knowledge"),
        ("numeric", "888.49", "I would have to look that up first.", "language"),
        ("numeric", "888.49", "That makes some 933.33 yuan for each month.", "language"),
        ("choice", "B", "The right one is told by the rule on fees.\nAnswer: C", "knowledge"),
        ("exact", "公正台", "The customer relations department", "language"),
    ],
)
def test_a_wrong_number_or_letter_is_not_the_fault_of_the_language_around_it(
    type_: str, gold: str, text: str, expected: str
) -> None:
    """A model that works a Chinese question out in English, and gets it wrong, needs the rule, not another language."""
    choices = ("一", "二", "三") if type_ == "choice" else ()
    asked = Question("q", (Message("user", "是多少？"),), type_, "policy", (gold,), choices, context="规定",
                     tags={"language": "zh"})  # fmt: skip

    def ask(wanted: Mapping[str, Sequence[Request]]) -> dict[str, list[Answer | None]]:
        return {name: [Answer(name, "q", r.variant, r.repeat, gold if r.variant == "context" else text) for r in own]
                for name, own in wanted.items()}  # fmt: skip

    def scored(name: str, asked: Question, answer: Answer) -> Score:
        return score_answer(asked, answer)

    answer = Answer("small", "q", text=text)
    failed = Item("q", (answer,), (score_answer(asked, answer),), 0.0)
    (only,) = diagnose(QuestionSet((asked,), ""), {"small": [failed]}, ask, scored)["small"].items
    assert only.cause == expected


def test_a_twin_that_a_guess_may_pass_is_asked_again() -> None:
    en, zh = question("en", "choice", twin="zh"), question("zh", "choice", twin="en")
    items = [item(en, RIGHT), item(zh, WRONG)]
    lucky = Script({("zh", "context"): [RIGHT, RIGHT]})
    (only,) = found([en, zh], items, lucky).items
    assert only.cause == "knowledge"
    assert ("en", "again", 1) in lucky.asked
    (only,) = found([en, zh], items, Script({("en", "again"): [RIGHT, RIGHT]})).items
    assert (only.cause, only.evidence) == ("language", "its twin en passes, 3 of 3 times (by guessing 2 %)")


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ([RIGHT, RIGHT], "unstable"), ([RIGHT, WRONG, RIGHT, RIGHT], "unstable"),
        ([RIGHT, WRONG, WRONG, WRONG], "unexplained"), ([RIGHT, WRONG, RIGHT, WRONG, RIGHT, RIGHT], "unstable"),
        ([WRONG, WRONG, RIGHT, RIGHT], "unexplained"),
    ],
)  # fmt: skip
def test_a_choice_is_unstable_only_where_it_is_right_beyond_luck(again: list[Reply], expected: str) -> None:
    assert cause(question(type_="choice"), {"again": again}).cause == expected


@pytest.mark.parametrize("variant", ["context", "steps"])
def test_a_choice_that_is_right_once_is_asked_the_same_again(variant: str) -> None:
    name = {"context": "knowledge", "steps": "reasoning"}[variant]
    once = cause(question(type_="choice"), {variant: [RIGHT, WRONG]})
    twice = cause(question(type_="choice"), {variant: [RIGHT, RIGHT]})
    assert (once.cause, twice.cause) == ("unexplained", name)
    assert "2 of 2 times (by guessing 6 %)" in twice.evidence
    assert [answer.repeat for answer in twice.tried if answer.variant == variant] == [0, 1]
    of_two = cause(question(type_="label"), {variant: [RIGHT] * 4})
    assert (of_two.cause, "4 of 4 times (by guessing 6 %)" in of_two.evidence) == (name, True)
    assert cause(question(type_="label"), {variant: [RIGHT] * 3}).cause == "unexplained"


def test_what_cannot_be_asked_is_said_and_counts_for_nothing() -> None:
    nothing = cause(question(context=""), {"again": [None, None], "steps": [TIMEOUT]})
    assert (nothing.cause, nothing.evidence, nothing.tried) == ("unexplained", "nothing could be tried", ())
    assert nothing.untried == (
        "again: no answer is recorded", "twin: there is none", "context: the question has none", "steps: timeout",
    )  # fmt: skip
    once = cause(question(type_="choice"), {"again": [None, None], "context": [RIGHT, None], "steps": [RIGHT, TIMEOUT]})
    assert once.cause == "unexplained"
    assert once.untried[-2:] == ("context: no answer is recorded", "steps: timeout")
    label = cause(question(type_="label"), {"context": [RIGHT, RIGHT, None]})
    assert (label.cause, label.evidence) == (
        "knowledge",
        "passes with its context given, 2 of 2 times (by guessing 25 %)",
    )
    missing = cause(question(twin="other"), {})
    assert missing.untried == ("twin: it was not asked",)


def test_repeats_that_are_there_are_not_asked_again() -> None:
    script = Script()
    asked = question()
    (only,) = found([asked], [item(asked, WRONG, RIGHT, WRONG)], script).items
    assert (only.cause, only.evidence, script.asked) == ("unstable", "right in other repeats, 1 of 2 times", [])
    (only,) = found([asked], [item(asked, WRONG, WRONG)], script).items
    assert only.cause == "unexplained"
    assert [variant for _, variant, _ in script.asked] == ["context", "steps"]
    choice = question(type_="choice")
    recorded = found([choice], [item(choice, WRONG, RIGHT)], Script({("q", "again"): [None, None]})).items[0]
    assert (recorded.cause, recorded.evidence) == (
        "unstable",
        "right in other repeats, 1 of 1 times (by guessing 25 %)",
    )
    assert recorded.untried == ("again: no answer is recorded",)


def test_a_repeat_without_an_answer_is_no_evidence() -> None:
    asked = question()
    (only,) = found([asked], [item(asked, WRONG, TIMEOUT)], Script({("q", "again"): [RIGHT]})).items
    assert (only.cause, only.evidence) == ("unstable", "right in other repeats, 1 of 2 times")


def test_never_again_is_obeyed() -> None:
    one = cause(question(), {"context": [RIGHT]}, again=0)
    assert (one.cause, [answer.variant for answer in one.tried]) == ("knowledge", ["context"])
    with pytest.raises(DataError, match="again"):
        cause(question(), {}, again=-1)


def test_a_text_passes_from_its_mark_on_and_an_unjudged_answer_is_no_failure() -> None:
    rubric = question(type_="rubric", pass_mark=0.7)
    better = cause(rubric, {"context": ["verdict 0.8"]}, "verdict 0.6")
    assert (better.cause, better.lost) == ("knowledge", pytest.approx(0.4))
    unjudged = cause(rubric, {"context": ["unjudged"], "steps": ["verdict 0.7"]}, "verdict 0.6")
    assert (unjudged.cause, unjudged.untried[-1]) == ("reasoning", "context: no judge gave a usable verdict")
    assert found([rubric], [item(rubric, "unjudged")], Script()).items == ()


def test_few_batches_are_asked_for_all_candidates_and_only_what_is_needed() -> None:
    questions = [question(f"q{n}", "choice" if n % 2 else "exact", context="known" * (n % 3 > 0)) for n in range(30)]
    items = [item(q, RIGHT if n > 20 else WRONG) for n, q in enumerate(questions)]
    script = Script({(f"q{n}", "context"): [RIGHT, RIGHT] for n in range(10)})
    causes = diagnose(QuestionSet(tuple(questions), ""), {"a": items, "b": items, "c": items[21:]}, script, score)
    assert len(script.batches) <= 5
    assert causes["a"] == FailureCauses(causes["a"].items, causes["a"].rows, causes["b"].n_calls)
    assert causes["c"] == FailureCauses((), (), 0)
    assert len(script.asked) == causes["a"].n_calls + causes["b"].n_calls
    assert [one.question for one in causes["a"].items] == [f"q{n}" for n in range(21)]
    helped = {one.question for one in causes["a"].items if one.cause == "knowledge"}
    assert helped == {f"q{n}" for n in range(10) if n % 3}
    assert not {("steps", name) for name, variant, _ in script.asked if variant == "steps"} & {
        ("steps", name) for name in helped
    }


def test_where_nothing_failed_nobody_is_asked() -> None:
    script = Script()
    assert found([question()], [item(question(), RIGHT)], script) == FailureCauses((), (), 0)
    assert script.batches == []


def test_answers_that_do_not_fit_the_requests_are_refused() -> None:
    with pytest.raises(DataError, match="'small' was asked 2 questions again and gave 1 answers"):
        found([question()], [item(question(), WRONG)], lambda wanted: {"small": [None]})


kinds = st.tuples(
    st.sampled_from([TIMEOUT, FORM, WRONG, RIGHT, Answer("small", "q", text=WRONG, finish="length")]),
    st.sampled_from(["policy", "numbers"]), st.sampled_from(["en", "zh", ""]), st.sampled_from([0.5, 1.0, 3.0]),
)  # fmt: skip


@settings(max_examples=inputs(40), deadline=None)
@given(st.lists(kinds, min_size=1, max_size=12))
def test_the_shares_of_each_level_sum_to_1_and_the_points_to_those_that_were_lost(drawn: list) -> None:
    questions, items = [], []
    for number, (first, dimension, language, weight) in enumerate(drawn):
        asked = Question(str(number), (Message("user", "?"),), "exact", dimension, ("right",), weight=weight,
                         tags={"language": language} if language else {})  # fmt: skip
        questions.append(asked)
        items.append(item(asked, first))
    causes = found(questions, items, Script())
    lost = sum(q.weight * (1 - (0 if math.isnan(i.value) else i.value)) for q, i in zip(questions, items, strict=True))
    assert sum(one.lost for one in causes.items) == pytest.approx(lost)  # here none is passed in part
    if not causes.items:
        assert causes.rows == ()
        return
    levels = [causes.overall, [r for r in causes.rows if r.dimension and not r.language],
              [r for r in causes.rows if r.language]]  # fmt: skip
    for rows in levels[: 3 if any(q.language for q in questions) else 2]:
        assert sum(row.share for row in rows) == pytest.approx(1)
        assert sum(row.n for row in rows) == len(causes.items)
        assert sorted(name for row in rows for name in row.questions) == sorted(one.question for one in causes.items)
        assert [CAUSES.index(row.cause) for row in rows] == sorted(CAUSES.index(row.cause) for row in rows)
    if not any(q.language for q in questions):
        assert not levels[2]
    assert len({(row.cause, row.dimension, row.language) for row in causes.rows}) == len(causes.rows)
    assert len(causes.frame()) == len(causes.rows)


def test_where_no_points_are_lost_the_shares_are_of_the_questions() -> None:
    """The first of two repeats is an error and the other is right: nothing is lost, and yet it failed."""
    asked = [question("a"), question("b", "choice")]
    causes = found(asked, [item(asked[0], TIMEOUT, RIGHT), item(asked[1], TIMEOUT, RIGHT)], Script())
    assert [(row.cause, row.lost, row.share) for row in causes.overall] == [("call_error", 0.0, 1.0)]
    assert all(
        of in causes.overall[0].action for of in ("which errors", "key", "budget", "recorded answers", "timeout")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("options", "most"), [(2, 0.25), (3, 0.15), (4, 0.25), (5, 0.2)])
def test_who_only_guesses_is_seldom_explained_and_who_is_unsteady_is_found(options: int, most: float) -> None:
    """Print how often a guess looks like each cause, and how often answers that are right at random are unstable."""
    rng, n, shares = np.random.default_rng(options), 1000, {}
    choices = tuple(f"option {number}" for number in range(options))
    questions = [question(f"q{number}", "choice", choices=choices) for number in range(n)]
    for steady in (1 / options, 0.8):

        def ask(wanted: Mapping[str, Sequence[Request]], chance: float = steady) -> dict[str, list[Answer]]:
            drawn = {name: rng.random(len(own)) < chance for name, own in wanted.items()}
            return {
                name: [Answer(name, r.question, r.variant, r.repeat, RIGHT if right else WRONG)
                       for r, right in zip(own, drawn[name], strict=True)]
                for name, own in wanted.items()
            }  # fmt: skip

        causes = found(questions, [item(one, WRONG) for one in questions], ask)
        shares[steady] = {row.cause: row.n / n for row in causes.overall}
        calls = causes.n_calls / n
        told = ", ".join(f"{name} {share:.3f}" for name, share in shares[steady].items())
        print(f"{options} options, right {steady:.2f} of the times: {told}; {calls:.1f} calls")
        assert calls < 10
    assert 1 - shares[1 / options]["unexplained"] < most
    assert shares[0.8]["unstable"] > (0.5 if options == 2 else 0.7)
