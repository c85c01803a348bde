"""Four candidates on a bilingual question set, made by hand: a good dear one, a cheap one, a weak one, a broken one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf, nan, sqrt
from statistics import fmean

import numpy as np

from mlflow_evalplus.core.pareto import on_front
from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
from mlflow_evalplus.core.selection.failure_rows import failure_rows
from mlflow_evalplus.results import Difference, Estimate, Gate, Outcome, Verdict
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.selection import (
    CandidateResult,
    FailureCause,
    FailureCauses,
    FailureRow,
    Item,
    Judging,
    PairDifference,
    Ranked,
    Selection,
    SelectionDecision,
    Spending,
    TagScore,
)

NAMES = ("atlas-large", "atlas-mini", "borealis-7b", "keyword-bot")
DIMENSIONS = ("policy", "calculation", "extraction", "routing", "writing")
WEIGHTS = dict(zip(DIMENSIONS, (0.3, 0.2, 0.2, 0.2, 0.1), strict=True))
# How often each candidate is right, by dimension; Chinese costs the third one another 15 points.
RIGHT = dict(
    zip(NAMES, ((.97, .96, .97, .97, .98), (.90, .88, .95, .95, .88), (.78, .62, .81, .88, .72),
                (.45, .15, .40, .71, .10)), strict=True)
)  # fmt: skip
PRICES = dict(zip(NAMES, (3.84, 0.42, 0.07, 0.004), strict=True))
LATENCY = dict(zip(NAMES, (2310.0, 840.0, 610.0, 3.0), strict=True))
TEXTS = {
    ("policy", "en"): ("How many days after delivery may order {n} be returned?", "30 days", "14 days"),
    ("policy", "zh"): ("订单 {n} 签收后几天内可以退货?", "30 天", "14 天"),
    ("calculation", "en"): ("A loan of {n},000 at 6 % a year, simple interest: what is owed after one year?",
                            "{n},000 × 1.06", "{n},600"),
    ("calculation", "zh"): ("贷款 {n},000 元,年利率 6 %,单利,一年后应还多少元?", "{n},000 × 1.06", "{n},600 元"),
    ("extraction", "en"): ("Return the order number and the city as JSON: “Order A{n}, please send it to Leeds.”",
                           '{{"order": "A{n}", "city": "Leeds"}}', "The order is A{n} and the city is Leeds."),
    ("extraction", "zh"): ("用 JSON 返回订单号和城市:「订单 A{n},请寄到苏州。」", '{{"order": "A{n}", "city": "苏州"}}',
                           "订单号是 A{n},城市是苏州。"),
    ("routing", "en"): ("My card was charged twice for invoice {n}. Which team takes this?", "billing", "technical"),
    ("routing", "zh"): ("发票 {n} 被重复扣款,应该转给哪个团队?", "billing", "technical"),
    ("writing", "en"): ("Apologise in two sentences for the late parcel {n}.",
                        "An apology that names the parcel and the new date.", "We are sorry."),
    ("writing", "zh"): ("用两句话为包裹 {n} 的延误道歉。", "一段提到包裹和新日期的道歉。", "对不起。"),
}  # fmt: skip


@cache
def questions(n: int = 120) -> QuestionSet:
    """Return so many questions, each with its twin in the other language."""
    found = []
    for place in range(n // 2):
        dimension = DIMENSIONS[place % len(DIMENSIONS)]
        for language, other in (("en", "zh"), ("zh", "en")):
            text, gold, _ = (part.format(n=100 + place) for part in TEXTS[dimension, language])
            found.append(
                Question(
                    f"q{place:03}-{language}", (Message("user", text),), "exact", dimension, (gold,),
                    context="Returns are accepted for 30 days." if dimension == "policy" else "",
                    twin=f"q{place:03}-{other}", cluster=f"q{place:03}",
                    tags={"language": language, "skill": "multi-step" if place % 3 else "single-step"},
                )
            )  # fmt: skip
    return QuestionSet(tuple(found), "0123456789ab", "customer-service.jsonl")


def estimate(values: list[float]) -> Estimate:
    n, mean = len(values), fmean(values) if values else nan
    half = 1.96 * sqrt(max(mean * (1 - mean), 0.01) / n) if values else nan
    return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0), n)


def item(question: Question, name: str, right: bool, cause: str) -> Item:
    wrong = TEXTS[question.dimension, question.language][2].format(n=100 + int(question.id[1:4]))
    if cause == "call_error":
        answer = Answer(name, question.id, error="timeout", message="no answer within 30 s", attempts=4)
        return Item(question.id, (answer,), (Score(nan, passed=False, status="missing"),), nan, nan, nan)
    said = question.gold[0] if right else wrong
    answer = Answer(name, question.id, text=said, finish="stop", prompt_tokens=60, completion_tokens=20, seconds=0.8)
    score = Score(
        float(right), right, "right" if right else "wrong", extracted=said[:40], format_ok=cause != "format",
        relaxed=float(right or cause == "format"), fluency=0.98, why="" if right else "not the gold answer",
    )  # fmt: skip
    return Item(question.id, (answer,), (score,), score.value, 0.98, 1.0)


def failure(question: Question, name: str, cause: str) -> FailureCause:
    variant = {"knowledge": "context", "reasoning": "steps"}.get(cause, "again")
    again = Answer(name, question.id, variant, text=question.gold[0], finish="stop")
    tried = (again,) if cause in ("knowledge", "reasoning", "unstable") else ()
    evidence = {
        "language": f"its twin {question.twin} passes", "knowledge": "passes with the context given",
        "reasoning": "passes when asked step by step", "format": "right once it is looked for in the whole text",
    }.get(cause, "three attempts failed" if cause == "call_error" else "seen in the answer")  # fmt: skip
    return FailureCause(question.id, cause, 1.0, evidence, tried, () if question.context else ("context",))


def causes_for(question: Question, name: str, rng: np.random.Generator) -> str:
    likely = {"policy": "knowledge", "calculation": "reasoning", "extraction": "format"}.get(question.dimension)
    if name == "keyword-bot":
        likely = "unexplained"
    if name == "borealis-7b" and question.language == "zh":
        likely = "language"
    if likely and rng.random() < 0.75:
        return likely
    return str(rng.choice(["unstable", "unexplained", "call_error", "truncation"], p=[0.4, 0.4, 0.1, 0.1]))


def tags_of(values: dict[str, float], asked: dict[str, Question]) -> tuple[TagScore, ...]:
    found = []
    for tag in ("language", "skill"):
        for value in sorted({q.tags[tag] for q in asked.values()}):
            inside = [v for key, v in values.items() if asked[key].tags[tag] == value]
            outside = [v for key, v in values.items() if asked[key].tags[tag] != value]
            gap = fmean(inside) - fmean(outside)
            found.append(TagScore(tag, value, estimate(inside), gap, 0.01, 0.02 if gap < -0.1 else 0.4, gap < -0.1))
    return tuple(found)


def spending(name: str, n: int, errors: int) -> Spending:
    p = LATENCY[name]
    around = {f"p{q}": Estimate(p * by, 0.9 * p * by, 1.2 * p * by, n)
              for q, by in ((50, 0.55), (90, 0.9), (95, 1.0), (99, 1.6))}  # fmt: skip
    first = {key: replace(e, value=e.value / 4, lower=e.lower / 4, upper=e.upper / 4) for key, e in around.items()}
    known = name != "keyword-bot"
    return Spending(n, errors, 3 * errors, {"timeout": errors} if errors else {}, 60 * n, 20 * n,
                    PRICES[name] * n / 1000, PRICES[name], "USD", around, first if known else {},
                    Estimate(62.0, 58.0, 66.0, n) if known else None, 16)  # fmt: skip


def gates(name: str, score: Estimate, policy: Estimate) -> Verdict:
    def held(lower: float, upper: float, asked: float) -> Outcome:
        if lower >= asked:
            return Outcome.PASS
        return Outcome.FAIL if upper < asked else Outcome.UNDECIDED

    asked = (("score at least 0.75", score, 0.75), ("score of policy at least 0.6", policy, 0.6))
    found = [Gate(text, held(e.lower, e.upper, bound), f"{text}: {e}", e) for text, e, bound in asked]
    p95 = Estimate(LATENCY[name], 0.9 * LATENCY[name], 1.2 * LATENCY[name], 120)
    found.append(Gate("latency_ms_p95 at most 4000", Outcome.PASS, f"latency_ms_p95 at most 4000: {p95}", p95))
    outcomes = {gate.outcome for gate in found}
    whole = next((o for o in (Outcome.FAIL, Outcome.UNDECIDED) if o in outcomes), Outcome.PASS)
    return Verdict(whole, tuple(found))


def candidate(name: str, asked: QuestionSet, seed: int) -> CandidateResult:
    """Return one candidate with its items, scores, tags, causes and gates, all of them from the same answers."""
    rng = np.random.default_rng(seed)
    by_id = {question.id: question for question in asked}
    items, causes = [], []
    for question in asked:
        chance = RIGHT[name][DIMENSIONS.index(question.dimension)]
        chance -= 0.15 * (name == "borealis-7b" and question.language == "zh")
        right = bool(rng.random() < chance)
        cause = "" if right else causes_for(question, name, rng)
        items.append(item(question, name, right, cause))
        if cause:
            causes.append(failure(question, name, cause))
    values = {found.question: found.value for found in items if found.value == found.value}
    dimensions = {d: estimate([v for key, v in values.items() if by_id[key].dimension == d]) for d in DIMENSIONS}
    mean = sum(WEIGHTS[d] * dimensions[d].value for d in DIMENSIONS)
    score = replace(estimate(list(values.values())), value=mean)
    n_errors = sum(np.isnan(found.value) for found in items)
    parts = {"accuracy": mean, "fluency": 0.98, "stability": 0.9, "cost": 0.2 if name == NAMES[0] else 0.8}
    measures = {
        "coverage": estimate([1.0] * len(values) + [0.0] * n_errors), "stability": estimate([1.0] * 60),
        "format_compliance": estimate([1.0] * 110 + [0.0] * 10), "length": Estimate(212.0, 190.0, 236.0, 120),
    }  # fmt: skip
    return CandidateResult(
        name, {"kind": "openai", "model": name, "temperature": "0"}, tuple(items), score, dimensions,
        tags_of(values, by_id), measures, 0.6 * mean + 0.4 * parts["cost"], parts, spending(name, len(items), n_errors),
        FailureCauses(tuple(causes), failure_rows(asked, causes), 3 * len(causes)),
        gates(name, score, dimensions["policy"]),
    )  # fmt: skip


def pair(a: CandidateResult, b: CandidateResult) -> PairDifference:
    def apart(value: float, half: float) -> Difference:
        return Difference(value, value - half, value + half, 0.0004 if abs(value) > half else 0.31, 118)

    by_dimension = {d: apart(a.dimensions[d].value - b.dimensions[d].value, 0.11) for d in DIMENSIONS}
    utility = apart(a.utility - b.utility, 0.05)
    needed, score = None if utility.p_value < 0.05 else 740, apart(a.score.value - b.score.value, 0.06)
    return PairDifference(a.name, b.name, score, utility, min(3 * utility.p_value, 1.0), by_dimension, needed)


@cache
def selection(n: int = 120) -> Selection:
    """Return the four candidates: atlas-mini is chosen, atlas-large is as good and dearer, two fail a gate."""
    asked = questions(n)
    found = [candidate(name, asked, seed) for seed, name in enumerate(NAMES)]
    ranked = tuple(sorted(found, key=lambda c: -c.utility))
    pairs = tuple(pair(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :])
    flags = on_front([c.score.value for c in ranked], [c.spending.per_1000 for c in ranked])
    front = tuple(c.name for c, flag in zip(ranked, flags, strict=True) if flag)
    decision = SelectionDecision(
        "choose", "atlas-mini", ("atlas-mini",), front, None, "cost",
        {"accuracy": 0.6, "cost": 0.4}, "Take atlas-mini: it clears every gate and has the highest utility (cost "
        f"first), {ranked[0].utility:.3f}, told apart from the other that clears them.",
    )  # fmt: skip
    return Selection(
        asked.source, asked.digest, len(asked), len(asked) // 2,
        {d: sum(q.dimension == d for q in asked) for d in DIMENSIONS}, WEIGHTS, 1, ranked, pairs, ranking(), judging(),
        decision, 0.95, ("8 questions have no twin: their stability is not known.",),
    )  # fmt: skip


def ranking() -> tuple[Ranked, ...]:
    strengths = zip(NAMES, (0.9, 0.6, -0.2, -1.3), (88, 80, 51, 12), strict=True)
    return tuple(
        Ranked(name, Estimate(s, s - 0.3, s + 0.3, 120), wins, 100.0 - wins, 8.0) for name, s, wins in strengths
    )


def judging() -> Judging:
    return Judging(("judge-a", "judge-b"), Estimate(0.71, 0.62, 0.79, 48), 288, 7, 0.12)


def tied() -> Selection:
    """Return the same where two cannot be told apart, the first one taken as the cheapest."""
    gap = Difference(-0.012, -0.045, 0.021, 0.47, 118)
    pairs = tuple(
        replace(p, utility=gap, p_holm=1.0, n_needed=740) if {p.a, p.b} == {"atlas-mini", "atlas-large"} else p
        for p in selection().pairs
    )
    found = tuple(sorted((replace(c, utility=0.891) if c.name == "atlas-large" else c for c in selection().candidates),
                         key=lambda c: -c.utility))  # fmt: skip
    reason = (
        "Take atlas-mini, the cheapest of 2 that clear every gate and cannot be told apart (cost first); about 740 "
        "questions in all would tell them apart at the present difference."
    )
    both = ("atlas-large", "atlas-mini")
    decision = replace(selection().decision, outcome="tied", tied=both, n_needed=740, reason=reason)
    return replace(selection(), candidates=found, pairs=pairs, decision=decision)


def undecided(outcome: str = "undecided") -> Selection:
    """Return the same where no candidate may be taken: ``none`` fails, ``undecided`` leaves gates open."""
    verdict = Outcome.FAIL if outcome == "none" else Outcome.UNDECIDED
    gate = Gate("score at least 0.97", verdict, "score at least 0.97: the interval is elsewhere", estimate([0.9] * 50),
                None if outcome == "none" else 2400)  # fmt: skip
    blocked = tuple(replace(c, verdict=Verdict(verdict, (gate,))) for c in selection().candidates)
    reason = (
        "Take none: every candidate fails a gate; atlas-mini, score at least 0.97." if outcome == "none"
        else "No candidate is cleared yet: atlas-mini, score at least 0.97."
    )  # fmt: skip
    needed = None if outcome == "none" else 2400
    decision = replace(selection().decision, outcome=outcome, chosen="", tied=(), reason=reason, n_needed=needed)
    return replace(selection(), candidates=blocked, decision=decision)


def least() -> Selection:
    """Return one candidate of which nearly nothing is known: no price, no time, no tag, no failure, no gate."""
    unknown = Estimate(nan, nan, nan, 0)
    lone = CandidateResult(
        "only", {}, (), unknown, {"policy": unknown}, (), {}, nan, {},
        Spending(0, 0, 0, {}, 0, 0, nan, nan, "", {}, {}, None, 1), FailureCauses((), ()),
        Verdict(Outcome.UNDECIDED, ()),
    )  # fmt: skip
    decision = SelectionDecision("undecided", "", (), (), None, "accuracy", {"accuracy": 1.0}, "Nothing was answered.")
    return Selection("", "", 0, 0, {"policy": 0}, {"policy": 1.0}, 1, (lone,), (), (), None, decision, 0.95)


def spoilt(text: str) -> tuple[Selection, QuestionSet]:
    """Return two candidates and two questions in which every name and text is this one, and numbers are undefined."""
    asked = tuple(
        Question(key, (Message("system", text), Message("user", text)), "exact", text, (text,), context=text,
                 rubric=text, tags={"language": text, text: text})
        for key in (text, f"{text}2")
    )  # fmt: skip
    undefined = Estimate(nan, nan, nan, 0)
    known = Estimate(0.5, 0.2, 0.8, 2)
    answer = Answer(text, text, text=text, error="", message=text)
    wrong = Answer(text, text, error=text, message=text)
    score = Score(0.0, passed=False, status="wrong", extracted=text, why=text)
    items = (Item(text, (answer,), (score,), 0.0), Item(f"{text}2", (wrong,), (score,), nan))
    causes = tuple(FailureCause(q.id, "knowledge", 1.0, text, (answer, wrong), (text,)) for q in asked)
    rows = tuple(FailureRow("knowledge", d, lang, 2, 2.0, 1.0, text, (text,)) for d, lang in (("", ""), (text, text)))
    gate = Gate(text, Outcome.FAIL, text, undefined, 100, where=text)
    money = Spending(2, 1, 3, {text: 1}, 10, 10, nan, inf, text, {"p95": undefined}, {}, None, 1)
    first = CandidateResult(
        text, {text: text}, items, known, {text: known}, (TagScore(text, text, known, nan, nan, nan, True),),
        {"coverage": undefined}, nan, {"accuracy": nan}, money, FailureCauses(causes, rows, 4),
        Verdict(Outcome.FAIL, (gate,), (text,)),
    )  # fmt: skip
    second = replace(first, name=f"{text}2", verdict=Verdict(Outcome.PASS, (replace(gate, outcome=Outcome.PASS),)))
    gap = Difference(nan, nan, nan, nan, 0)
    pairs = (PairDifference(text, f"{text}2", gap, gap, nan, {text: gap}, 100),)
    ranked = (Ranked(text, known, 1, 0, 0), Ranked(f"{text}2", undefined, 0, 1, 0))
    decision = SelectionDecision("choose", f"{text}2", (f"{text}2",), (text,), 10, text, {text: 1.0}, text)
    found = Selection(
        text, text, 2, 2, {text: 2}, {text: 1.0}, 1, (second, first), pairs, ranked,
        Judging((text,), undefined, 2, 1, nan), decision, 0.95, (text,),
    )  # fmt: skip
    return found, QuestionSet(asked, text, text)
