"""Questions with a planted fault each, in English and Chinese, of all types that need no judge; a guesser guesses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
from tests.asking.fake_server import ALWAYS, Behaviour

MONEY = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
CHOICES = {
    "choice": {"en": ("a fee", "a tip", "a rate", "a fine"), "zh": ("手续费", "小费", "利率", "罚款")},
    "label": {"en": ("negative", "neutral", "positive"), "zh": ("负面", "中性", "正面")},
    "yes or no": {
        "en": ("allowed", "forbidden"),
        "zh": ("允许", "禁止"),
    },  # of two labels, half of the guesses are right
}
TYPES = {"yes or no": "label"}
ASKED = {"en": "Case {}: what is to be said here, please?", "zh": "案例 {}：这里应该怎么回答？"}
STEPS = {"en": "First this, then that.\nAnswer: {}", "zh": "先看这个，再看那个。\n答案：{}"}
# Answers that are right, wrong, right in the wrong form, and wrong in the other language.
SAID = {
    ("choice", "en"): ("B", "C", "I would say the answer is B because nobody has to give it.",
                       "我觉得应该去问一下柜台"),
    ("choice", "zh"): ("B", "C", "应该选择B。", "I would go and ask at the branch about it."),
    ("label", "en"): ("neutral", "positive", "The message is neutral in tone, since nothing is judged.",
                      "这条消息我看不出来什么情绪"),
    ("label", "zh"): ("中性", "正面", "这条消息的标签是：中性，因为没有评价。", "I cannot say how this message feels"),
    ("yes or no", "en"): ("allowed", "forbidden", "To my mind this is allowed, as nothing speaks against it.",
                          "这个问题我还没有想清楚"),
    ("yes or no", "zh"): ("允许", "禁止", "按规定这是允许的，没有什么问题。", "I have not made up my mind about it"),
    ("exact", "en"): ("order number", "customer number", "It is the order number.", "需要提供客户的编号"),
    ("exact", "zh"): ("订单号", "客户号", "是订单号。", "You need the number of the customer"),
    ("numeric", "en"): ("Answer: 14", "Answer: 15", "It takes two weeks, so it is 14 days.", "这个大概需要十五天"),
    ("numeric", "zh"): ("答案：14", "答案：15", "一共需要14天。", "That would take some fifteen days"),
    ("json", "en"): ('{"amount": 14}', '{"amount": 15}', 'Here it is:\n```json\n{"amount": 14}\n```',
                     "好的，结果是：金额为十五"),
    ("json", "zh"): ('{"amount": 14}', '{"amount": 15}', '结果如下：\n```json\n{"amount": 14}\n```',
                     "Sure, the amount is fifteen then"),
    ("regex", "en"): ("AB-1234", "AB1234", "The code is AB-1234.", "编号是一二三四"),
    ("regex", "zh"): ("AB-1234", "AB1234", "编号是AB-1234。", "The code is not known here"),
    ("text", "en"): ("You can return the parcel within thirty days.", "We deliver to all countries on Monday.", "",
                     "包裹在周一送到所有国家"),
    ("text", "zh"): ("您可以在三十天内退回包裹。", "我们周一向所有国家发货。", "",
                     "We deliver to all countries on Monday."),
}  # fmt: skip
GOLD = {"numeric": "14", "regex": r"[A-Z]{2}-\d{4}"}
FAULTS = (
    "retried_429", "retried_500", "retried_timeout", "dead_500", "refused", "hangs", "truncated", "truncated_form",
    "format", "other_language", "twin", "knowledge", "knowledge_twins", "reasoning", "reasoning_context", "unstable",
    "unexplained",
)  # fmt: skip
CAUSE = {
    "dead_500": "call_error", "refused": "call_error", "hangs": "call_error", "truncated": "truncation",
    "truncated_form": "truncation", "format": "format", "other_language": "language", "twin": "language",
    "knowledge": "knowledge", "knowledge_twins": "knowledge", "reasoning": "reasoning",
    "reasoning_context": "reasoning", "unstable": "unstable", "unexplained": "unexplained",
}  # fmt: skip
STEADY = 0.8  # how often an unstable answer is right


class Planted(NamedTuple):
    """The questions, what the server does with each, and the fault of each by its id."""

    questions: QuestionSet
    behaviours: dict[str, Behaviour]
    faults: dict[str, str]


def planted(seed: int = 0, copies: int = 1, *, hang: bool = True) -> Planted:
    """Plant each fault in each type and language, `copies` times; without `hang` nothing takes time.

    Each question has a guesser of its own, so what is guessed does not hang on which call comes first.
    """
    questions, behaviours, faults = [], {}, {}
    for number, (question, fault) in enumerate(_all(copies)):
        rng = np.random.default_rng([seed, number])
        slow = fault in ("hangs", "retried_timeout")
        key = f"{question.id}:" if question.language == "en" else f"{question.id}："
        behaviours[key] = _behaviour(question, "dead_500" if slow and not hang else fault, rng)
        questions.append(question)
        faults[question.id] = fault
    return Planted(QuestionSet(tuple(questions), "planted"), behaviours, faults)


def _all(copies: int) -> Iterator[tuple[Question, str]]:
    number = 0
    for _ in range(copies):
        for type_, language in SAID:
            for fault in FAULTS:
                if fault in ("format", "truncated_form") and not SAID[type_, language][2]:
                    continue
                if fault in ("hangs", "retried_timeout") and type_ not in ("choice", "numeric"):
                    continue
                number += 1
                name, other = f"Q{number:04}-{language}", {"en": "zh", "zh": "en"}[language]
                twin = f"Q{number:04}-{other}" if fault in ("twin", "knowledge_twins") else ""
                yield question_of(name, type_, language, fault, twin), fault
                if twin:
                    yield question_of(twin, type_, other, fault, name), "fine" if fault == "twin" else fault


def question_of(name: str, type_: str, language: str, fault: str, twin: str) -> Question:
    """Return a question of a type; it has a context where the fault is one that a context might mend."""
    known = fault in ("knowledge", "knowledge_twins", "reasoning_context", "unstable", "unexplained", "truncated")
    return Question(
        name, (Message("user", ASKED[language].format(name)),), TYPES.get(type_, type_), type_,
        (GOLD.get(type_, SAID[type_, language][0]),),
        choices=CHOICES.get(type_, {}).get(language, ()),
        schema=MONEY if type_ == "json" else None, unit={"en": "days", "zh": "天"}[language] * (type_ == "numeric"),
        context=f"Rule {name} holds." if known else "", twin=twin, tags={"language": language},
    )  # fmt: skip


def _behaviour(question: Question, fault: str, rng: np.random.Generator) -> Behaviour:
    right, wrong, form, foreign = SAID[question.dimension, question.language]

    def guessed() -> str:
        options = "ABCD" if question.type == "choice" else question.choices
        return str(rng.choice(list(options)))

    told = guessed if question.type in ("choice", "label") else wrong
    pattern = (False, *(rng.random(40) < STEADY).tolist())
    return {
        "fine": Behaviour(right),
        "retried_429": Behaviour(right, "rate_limit", times=1, retry_after="0.05"),
        "retried_500": Behaviour(right, "server", times=1),
        "retried_timeout": Behaviour(right, "timeout", times=1),
        "dead_500": Behaviour(right, "server", times=ALWAYS),
        "refused": Behaviour(right, "refused", times=ALWAYS),
        "hangs": Behaviour(right, "timeout", times=ALWAYS),
        "truncated": Behaviour(right, "truncated", wrong),
        "truncated_form": Behaviour(right, "truncated", form),
        "format": Behaviour(right, "format", form),
        "other_language": Behaviour(right, "language", foreign),
        "twin": Behaviour(right, "language", wrong),
        "knowledge": Behaviour(right, "knowledge", told, context=question.context),
        "knowledge_twins": Behaviour(right, "knowledge", told, context=question.context),
        "reasoning": Behaviour(STEPS[question.language].format(right), "reasoning", told),
        "reasoning_context": Behaviour(STEPS[question.language].format(right), "reasoning", told),
        "unstable": Behaviour(right, "unstable", wrong, pattern=pattern),
        "unexplained": Behaviour(right, "knowledge", told),
    }[fault]
