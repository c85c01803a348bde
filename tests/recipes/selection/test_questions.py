"""The questions that ship: what their data card says of them holds, and what is right is scored as right."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mlflow_evalplus.asking.recorded import read_answers
from mlflow_evalplus.core.questions.question import TYPES, Question
from mlflow_evalplus.core.questions.reading import read_questions
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.core.selection.causes import diagnose
from mlflow_evalplus.core.selection.items import item_of
from mlflow_evalplus.core.selection.verdicts import JudgeVerdict, combined
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.selection import CAUSES
from recipes import selection

ROOM = Path(selection.__file__).parent
CARD = (ROOM / "DATA.md").read_text(encoding="utf-8")
QUESTIONS = read_questions(ROOM / "questions.jsonl")
CANDIDATES = ("large", "small", "tuned")
HAN = re.compile("[\u3400-\u9fff]")
# Makers of models, shops and lenders that exist: none of them belongs here.
REAL_NAMES = re.compile(
    "GPT|Claude|Gemini|Qwen|Llama|DeepSeek|Mistral|OpenAI|Anthropic|Alibaba|Amazon|Taobao|PayPal|Klarna|WeChat|Visa\\b|"
    "通义|文心|豆包|支付宝|微信|淘宝|京东|拼多多|花呗|借呗|银联|招商|顺丰",
    re.IGNORECASE,
)


def ids(kind: str) -> list[str]:
    return [question.id for question in QUESTIONS if question.type == kind]


def english() -> list[Question]:
    return [question for question in QUESTIONS if question.language == "en"]


def passed(question: Question, text: str, verdict: float = float("nan")) -> bool:
    return score_answer(question, Answer("somebody", question.id, text=text, finish="stop"), verdict=verdict).passed


def test_there_are_as_many_of_each_dimension_and_type_as_the_card_says() -> None:
    dimensions = {name: int(n) for name, n in re.findall(r"^\| `(\w+)` \| (\d+) \|", CARD, re.MULTILINE)}
    types, counts = re.findall(r"^\| (?:type|questions) \| (.*) \|$", CARD, re.MULTILINE)
    assert Counter(question.dimension for question in QUESTIONS) == dimensions
    assert Counter(question.type for question in QUESTIONS) == dict(
        zip(types.split(" | "), map(int, counts.split(" | ")), strict=True)
    )
    assert set(types.split(" | ")) == set(TYPES)
    assert Counter(question.language for question in QUESTIONS) == {"en": 60, "zh": 60}


def test_every_question_has_a_twin_in_the_other_language_that_asks_the_same() -> None:
    for question in english():
        twin = QUESTIONS[question.twin]
        assert (twin.twin, twin.language) == (question.id, "zh")
        assert (twin.type, twin.dimension, twin.cluster) == (question.type, question.dimension, question.cluster)
        assert {**twin.tags, "language": "en"} == question.tags
        assert len(twin.choices) == len(question.choices)
        assert bool(twin.context) == bool(question.context)
        if question.type in ("choice", "numeric", "regex"):
            assert twin.gold == question.gold
        if question.type == "label":
            assert twin.choices.index(twin.gold[0]) == question.choices.index(question.gold[0])


def test_the_chinese_questions_are_chinese_and_the_english_ones_english() -> None:
    for question in QUESTIONS:
        if question.tags["skill"] != "translation":
            assert bool(HAN.search(question.text)) == (question.language == "zh"), question.id
        assert not question.context or bool(HAN.search(question.context)) == (question.language == "zh"), question.id


def test_every_question_on_policy_has_the_rule_and_asks_for_what_is_in_it() -> None:
    for question in QUESTIONS:
        if question.dimension == "policy":
            assert question.context
            if question.type in ("exact", "numeric"):
                assert question.gold[0] in question.context.replace(",", ""), question.id


def test_the_right_choices_are_spread_over_the_letters() -> None:
    golds = Counter(QUESTIONS[name].gold[0] for name in ids("choice"))
    assert set(golds) == set("ABCD")
    assert max(golds.values()) <= 12


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def falling_interest(debt: int, months: int, rate: Decimal) -> Decimal:
    return sum((rate * (debt - debt // months * month) for month in range(months)), Decimal(0))


def annuity(debt: Decimal, months: int, rate: Decimal) -> Decimal:
    """Find the payment after which nothing is left, by halving."""
    low, high = Decimal(0), debt
    for _ in range(80):
        payment = left = (low + high) / 2
        left = debt
        for _ in range(months):
            left = left * (1 + rate) - payment
        low, high = (payment, high) if left > 0 else (low, payment)
    return cents(payment)


NUMBERS = {
    "P14": Decimal(8000),
    "P15": Decimal(18),
    "N01": Decimal(3600) / 12 + 3600 * Decimal("0.006"),
    "N02": 5000 * Decimal("0.0004") * 45,
    "N03": 1240 * Decimal("0.0005") * (13 - 3),
    "N04": annuity(Decimal(10_000), 12, Decimal("0.01")),
    "N05": cents((899 * Decimal("0.85") - 50) * Decimal("0.96")),
    "N06": Decimal(480) * 180 / (260 + 180 + 160),
    "N07": (6000 - 2 * 1000) * Decimal("1.01"),
    "N08": falling_interest(6000, 6, Decimal("0.009")),
    "N09": Decimal("0.035") * 360,
    "N10": Decimal((487 - 30) // 10 * 2),
}


def test_every_number_is_what_comes_out() -> None:
    assert {name[:3] for name in ids("numeric")} == set(NUMBERS)
    for name in ids("numeric"):
        assert Decimal(QUESTIONS[name].gold[0]) == NUMBERS[name[:3]], name


def working_days_later(day: date, n: int) -> date:
    while n:
        day += timedelta(1)
        n -= day.weekday() < 5
    return day


def test_every_date_is_what_comes_out() -> None:
    thursday = date(2025, 11, 13)
    arrives = working_days_later(working_days_later(thursday, 2), 3).strftime("%A")
    assert QUESTIONS["N12-en"].choices["ABCD".index(QUESTIONS["N12-en"].gold[0])] == arrives
    assert QUESTIONS["N13-en"].gold == ((date(2025, 10, 15) + timedelta(21)).strftime("%m-%d"),)
    months = 10 + 6  # the first instalment in November 2025, the sixth five months later
    assert QUESTIONS["N14-en"].gold == (date(2025 + (months - 1) // 12, (months - 1) % 12 + 1, 8).isoformat(),)
    assert date(2025, 11, 12).strftime("%A") == "Wednesday"
    assert json.loads(QUESTIONS["E05-en"].gold[0])["date"] == (date(2025, 11, 12) + timedelta(2)).isoformat()


def test_the_cheapest_way_to_pay_is_the_cheapest() -> None:
    costs = {"A": 12 * 265, "B": 6 * 515, "C": 3100 * 0.98, "D": 24 * 138}
    assert QUESTIONS["N11-en"].gold == (min(costs, key=lambda way: costs[way]),)


@pytest.mark.parametrize("name", ids("json"))
def test_json_that_is_right_fits_its_schema_and_one_key_more_does_not(name: str) -> None:
    question = QUESTIONS[name]
    for text in question.gold:
        value = json.loads(text)
        jsonschema.validate(value, question.schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**value, "remark": "none"}, question.schema)


FORMS = {  # an example, and neighbours that are wrong
    "E07": ("**** **** **** 4417", ["6000 **** **** 4417", "************4417", "**** **** **** 4471"]),
    "E08": ("LC-251112-0037", ["LC-251112-37", "LC-20251112-0037", "LC-121125-0037"]),
    "E09": ("KM4907", ["AB1231", "K4907M", "km4907", "KM49071"]),
    "E10": ("09:00-12:00/15:30-18:00", ["9:00-12:00/15:30-18:00", "09:00-12:00/03:30-06:00"]),
}
FILED = {
    "E06-en": '{"topic": "safety", "urgent": true, "summary": "Gas stove fitted today smells of gas"}',
    "E06-zh": '{"topic": "safety", "urgent": true, "summary": "新装燃气灶有煤气味"}',
}


def right_texts(question: Question) -> Iterator[str]:
    if question.type == "regex":
        yield FORMS[question.id[:3]][0]
    elif question.id in FILED:
        yield FILED[question.id]
    else:
        yield from question.gold


def wrong_texts(question: Question) -> Iterator[str]:
    """Yield answers that are near the right one and wrong."""
    if question.type == "choice":
        yield from set("ABCD") - set(question.gold)
    elif question.type == "label":
        yield from set(question.choices) - set(question.gold)
    elif question.type == "numeric":
        gold = Decimal(question.gold[0])
        yield from (str(gold + 1), str(gold * 10), str(gold + Decimal(str(question.tolerance)) * 3 + Decimal("0.01")))
    elif question.type == "regex":
        yield from FORMS[question.id[:3]][1]
    elif question.type == "json":
        value = json.loads(next(right_texts(question)))
        yield json.dumps({**value, "remark": "none"}, ensure_ascii=False)
        yield json.dumps({key: part for key, part in value.items() if key != next(iter(value))}, ensure_ascii=False)
        if question.gold:
            yield from (json.dumps({**value, key: "?"}, ensure_ascii=False) for key in value)
        else:
            yield json.dumps({**value, "topic": "delivery"}, ensure_ascii=False)
    else:  # what is right for another question of the type and language
        others = [other for other in QUESTIONS if other.type == question.type and other.language == question.language]
        yield from (other.gold[0] for other in others if not set(other.gold) & set(question.gold))


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q.type != "rubric"], ids=lambda question: question.id)
def test_a_right_answer_is_scored_right_and_a_wrong_one_is_not(question: Question) -> None:
    right = list(right_texts(question))
    wrong = list(wrong_texts(question))
    assert right
    assert len(wrong) >= 2
    assert [text for text in right if not passed(question, text)] == []
    assert [text for text in wrong if passed(question, text)] == []


def test_a_rubric_is_passed_by_what_the_judges_say() -> None:
    for name in ids("rubric"):
        assert passed(QUESTIONS[name], "Some reply.", verdict=0.9)
        assert not passed(QUESTIONS[name], "Some reply.", verdict=0.2)
        assert not passed(QUESTIONS[name], "Some reply.")


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_answered_every_question_twice_as_asked(name: str) -> None:
    answers = read_answers(ROOM / "recorded" / f"{name}.jsonl")
    asked = Counter((answer.question, answer.repeat) for answer in answers if not answer.variant)
    assert asked == {(question.id, repeat): 1 for question in QUESTIONS for repeat in (0, 1)}
    assert {answer.candidate for answer in answers} == {name}
    assert {answer.variant for answer in answers} == {"", "again", "context", "steps"}
    assert {answer.question for answer in answers} <= {question.id for question in QUESTIONS}
    for answer in answers:
        if answer.answered:
            assert answer.prompt_tokens
            assert answer.completion_tokens
            assert 0 < answer.first_token_s < answer.seconds < 30
        if answer.variant == "context":
            assert QUESTIONS[answer.question].context


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_has_calls_that_failed_and_no_more_than_a_few(name: str) -> None:
    errors = [answer for answer in read_answers(ROOM / "recorded" / f"{name}.jsonl") if answer.error]
    assert 1 <= len(errors) <= 3


def lines_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOM / "recorded" / name).read_text(encoding="utf-8").splitlines()]


def test_both_judges_gave_a_verdict_on_every_reply_that_came() -> None:
    lines = lines_of("verdicts.jsonl")
    answered = {
        (name, answer.question, answer.repeat)
        for name in CANDIDATES
        for answer in read_answers(ROOM / "recorded" / f"{name}.jsonl")
        if answer.answered and not answer.variant and QUESTIONS[answer.question].type == "rubric"
    }
    judged = Counter((line["candidate"], line["question"], line["repeat"]) for line in lines)
    assert judged == dict.fromkeys(answered, 2)
    assert Counter(line["judge"] for line in lines) == dict.fromkeys(("reader", "critic"), len(answered))
    assert [line["verdict"] for line in lines].count(None) == 2
    assert all(0 <= line["verdict"] <= 1 for line in lines if line["verdict"] is not None)


def test_every_pair_of_texts_was_compared_in_both_orders() -> None:
    lines = lines_of("preferences.jsonl")
    seen = Counter((line["judge"], line["question"], line["a"], line["b"]) for line in lines)
    assert set(seen.values()) == {1}
    assert seen == {(judge, question, b, a): 1 for judge, question, a, b in seen}
    assert {question for _, question, _, _ in seen} == {*ids("text"), *ids("rubric")}
    assert len(seen) == 2 * 20 * 6
    assert {line["winner"] for line in lines} == {"a", "b", "tie"}


PLANTED = {  # a question with the cause that its recorded answers were written for
    "large": {"N04-en": "call_error", "N08-zh": "truncation", "E03-zh": "format", "U07-en": "unstable",
              "U04-zh": "language", "P10-en": "knowledge", "P13-zh": "knowledge", "N07-en": "reasoning"},
    "tuned": {"P05-zh": "call_error", "E09-en": "unstable", "P08-zh": "language", "P10-zh": "knowledge",
              "N04-en": "reasoning", "N07-zh": "unexplained", "W08-en": "unexplained"},
    "small": {"P04-en": "call_error", "E04-en": "truncation", "P12-en": "format", "U06-en": "format",
              "P01-zh": "unstable", "U09-zh": "language", "P11-zh": "knowledge", "N05-en": "reasoning",
              "N04-zh": "unexplained"},
}  # fmt: skip


def recorded_verdicts() -> dict[tuple[str, str, int], float]:
    return combined(
        JudgeVerdict(
            line["judge"], line["candidate"], line["question"], line["repeat"], verdict_or_nan(line["verdict"])
        )
        for line in lines_of("verdicts.jsonl")
    )


def verdict_or_nan(verdict: float | None) -> float:
    return math.nan if verdict is None else verdict


def test_what_goes_wrong_is_found_to_have_the_cause_that_was_planted() -> None:
    verdicts = recorded_verdicts()
    recorded = {
        name: {(a.question, a.variant, a.repeat): a for a in read_answers(ROOM / "recorded" / f"{name}.jsonl")}
        for name in CANDIDATES
    }
    lacking: list[Question] = []

    def ask(wanted: Mapping[str, Sequence[Request]]) -> dict[str, list[Answer | None]]:
        given = {
            name: [recorded[name].get((r.question, r.variant, r.repeat)) for r in rs] for name, rs in wanted.items()
        }
        lacking.extend(
            QUESTIONS[request.question]
            for name, requests in wanted.items()
            for request, answer in zip(requests, given[name], strict=True)
            if answer is None
        )
        return given

    def score(name: str, question: Question, answer: Answer) -> Score:
        key = (name, question.id, answer.repeat)
        return score_answer(question, answer, verdict=math.nan if answer.variant else verdicts.get(key, math.nan))

    items = {}
    for name in CANDIDATES:
        answers = {q.id: [recorded[name][q.id, "", repeat] for repeat in (0, 1)] for q in QUESTIONS}
        scores = {q.id: [score(name, q, answer) for answer in answers[q.id]] for q in QUESTIONS}
        items[name] = [item_of(q, answers[q.id], scores[q.id], scores[q.twin][0].passed) for q in QUESTIONS]
    causes = diagnose(QUESTIONS, items, ask, score)
    found = {name: {item.question: item.cause for item in causes[name].items} for name in CANDIDATES}
    assert {name: {key: found[name].get(key) for key in planted} for name, planted in PLANTED.items()} == PLANTED
    assert {cause for causes_of in found.values() for cause in causes_of.values()} == set(CAUSES)
    assert {question.type for question in lacking} == {"rubric"}


def test_nothing_that_ships_names_a_real_model_shop_or_lender() -> None:
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in ROOM.rglob("*")
        if path.suffix in (".jsonl", ".yaml", ".md")
    }
    assert len(texts) >= 8
    assert {name: found for name, text in texts.items() if (found := REAL_NAMES.findall(text))} == {}


def test_the_search_for_real_names_finds_a_planted_one() -> None:
    assert REAL_NAMES.findall("像支付宝一样, as with Qwen") == ["支付宝", "Qwen"]
