"""What a selection says, in sentences: which candidate to take, why, what it costs; names of causes and measures."""

from __future__ import annotations

import math

from mlflow_evalplus.render.monitoring_words import counted as counted
from mlflow_evalplus.render.monitoring_words import cut as cut
from mlflow_evalplus.results import Estimate, Gate, Outcome
from mlflow_evalplus.results.answers import Answer, Score
from mlflow_evalplus.results.selection import CandidateResult, FailureRow, Item, Selection

MARKS = {"choose": "✔", "tied": "≈", "none": "✘", "undecided": "?"}
OUTCOMES = {"choose": Outcome.PASS, "tied": Outcome.UNDECIDED, "none": Outcome.FAIL, "undecided": Outcome.UNDECIDED}
# Cause → its name, and how it is told.
CAUSE_WORDS = {
    "call_error": ("no answer", "the call failed after all attempts, or no answer is recorded"),
    "truncation": ("cut off", "the answer reached its limit of tokens"),
    "format": ("format", "the answer is right once it is looked for in the whole text"),
    "unstable": ("unstable", "asked the same once more, it is right"),
    "language": ("language", "its twin in the other language is right"),
    "knowledge": ("knowledge", "with the context given, it is right"),
    "reasoning": ("reasoning", "asked step by step, it is right"),
    "unexplained": ("unexplained", "nothing that could be tried makes it right"),
}
MEASURE_TITLES = {
    "coverage": "answered and scored", "no_answer_rate": "no answer in the text",
    "format_compliance": "in the form asked", "refusal_rate": "refused", "fluency": "fluency",
    "stability": "stability", "pass_k": "right in every repeat", "length": "length, characters",
}  # fmt: skip
NOTHING = "–"
MAX_CELL = 60


def subject(found: Selection) -> CandidateResult:
    """Return the candidate that the figures at the top are of: the chosen one, else the best of the tied, or of all."""
    name = next(iter((*filter(None, (found.decision.chosen,)), *found.decision.tied)), found.candidates[0].name)
    return found[name]


def headline(found: Selection) -> str:
    """Return the decision in a few words, as plain text."""
    return "".join(headline_parts(found))


def headline_parts(found: Selection) -> tuple[str, str, str]:
    """Return the same as the words before the candidate's name, the name, and the words after it."""
    decision, n = found.decision, len(found.candidates)
    n_tied = len(decision.tied)
    if decision.outcome == "choose":
        return "Take ", cut(decision.chosen), ""
    if decision.outcome == "tied" and decision.chosen:
        others = [cut(name, 24) for name in decision.tied if name != decision.chosen]
        return "Take ", cut(decision.chosen), f", tied with {others[0] if n_tied == 2 else f'{n_tied - 1} others'}"
    if decision.outcome == "tied":
        return "", "", f"{counted(n_tied, 'candidate')} are tied"
    if decision.outcome == "none":
        who = {1: "the candidate fails", 2: "both candidates fail"}.get(n, f"all {n} candidates fail")
        return "", "", f"Take none: {who} a requirement"
    who = "the candidate is not shown" if n == 1 else "no candidate is shown"
    return "", "", f"Undecided: {who} to meet the requirements"


def reason(found: Selection) -> str:
    """Return why, as sentences: the decision's reason without what the headline says already."""
    given = found.decision.reason
    for said in (f"Take {found.decision.chosen}", "Take none"):
        given = given.removeprefix(f"{said}: ").removeprefix(f"{said}, ")
    return given[:1].upper() + given[1:]


def costs(found: Selection) -> str:
    """Return what the candidate at the top costs and how long it takes, as a sentence; empty where neither is known."""
    best = subject(found)
    spent, said = best.spending, []
    if not math.isnan(spent.per_1000):
        dearest = max((c for c in found.candidates if _priced_alike(c, best)), key=lambda c: c.spending.per_1000)
        than = f" ({cut(dearest.name)}: {money(dearest.spending.per_1000, '')})" if dearest.name != best.name else ""
        said.append(f"1,000 questions cost {money(spent.per_1000, spent.currency)}{than}")
    latency = spent.latency_ms.get("p95")
    if latency and latency.defined:
        said.append(f"95 % of its answers came within {milliseconds(latency.value)}")
    return f"{cut(best.name)}: {'; '.join(said)}." if said else ""


def _priced_alike(candidate: CandidateResult, other: CandidateResult) -> bool:
    spent = candidate.spending
    return not math.isnan(spent.per_1000) and spent.currency == other.spending.currency


def percent(share: float) -> str:
    """Return a share in whole percent; a dash where it is undefined.

    Examples
    --------
    >>> percent(0.474), percent(float("nan"))
    ('47 %', '–')
    """
    return NOTHING if math.isnan(share) else f"{100 * share:.0f} %"


def money(value: float, currency: str) -> str:
    """Return an amount with its currency; a dash where there is no price.

    Examples
    --------
    >>> money(0.42, "USD"), money(1234.5, ""), money(float("nan"), "USD")
    ('USD 0.42', '1,234', '–')
    """
    if math.isnan(value):
        return NOTHING
    return f"{cut(currency, 12)} {f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.3g}'}".strip()


def milliseconds(value: float) -> str:
    """Return a time in milliseconds, in seconds from ten on.

    Examples
    --------
    >>> milliseconds(842.4), milliseconds(61_300), milliseconds(3.04), milliseconds(float("nan"))
    ('842 ms', '61.3 s', '3.04 ms', '–')
    """
    if math.isnan(value):
        return NOTHING
    return f"{value / 1000:.3g} s" if value >= 10_000 else f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def ranked_causes(candidate: CandidateResult) -> list[FailureRow]:
    """Return the causes over all dimensions and languages, that which costs most points first."""
    return sorted(candidate.causes.overall, key=lambda row: -row.lost)


def lost(candidate: CandidateResult, cause: str) -> float:
    """Return the share of a candidate's lost points that a cause costs."""
    return sum(row.share for row in candidate.causes.overall if row.cause == cause)


def cause_title(cause: str) -> str:
    """Return a cause's name for people.

    Examples
    --------
    >>> cause_title("call_error")
    'no answer'
    """
    return CAUSE_WORDS[cause][0] if cause in CAUSE_WORDS else cut(cause).replace("_", " ")


def gates_that(candidate: CandidateResult, outcome: Outcome) -> list[Gate]:
    """Return the candidate's gates of this outcome."""
    return [gate for gate in candidate.verdict.gates if gate.outcome is outcome]


def weakest(candidate: CandidateResult) -> tuple[str, Estimate] | None:
    """Return the dimension in which a candidate is worst; None where none has a score."""
    known = [(name, score) for name, score in candidate.dimensions.items() if score.defined]
    return min(known, key=lambda pair: pair[1].value, default=None)


def failing(item: Item) -> tuple[Answer, Score]:
    """Return the first repeat that is not passed with its score; the first one where all are."""
    repeats = list(zip(item.answers, item.scores, strict=True))
    return next((repeat for repeat in repeats if not repeat[1].passed), repeats[0])


def place(found: Selection, name: str) -> str:
    """Return how the decision sees a candidate: ``chosen``, ``tied`` or nothing."""
    if name == found.decision.chosen:
        return "chosen"
    return "tied" if name in found.decision.tied and found.decision.outcome == "tied" else ""


def priority(found: Selection) -> str:
    """Return what the utility is made of: ``60 % accuracy, 40 % cost (priority: cost)``."""
    parts = [f"{percent(weight)} {cut(part)}" for part, weight in found.decision.weights.items() if weight]
    return f"{', '.join(parts)} (priority: {cut(found.decision.priority)})"


def asked(found: Selection) -> str:
    """Return what was asked: ``120 questions in 60 independent groups, 5 dimensions``."""
    groups = f" in {found.n_clusters:,} independent groups" if found.n_clusters != found.n else ""
    repeats = f", each {found.repeats:,} times" if found.repeats > 1 else ""
    return f"{counted(found.n, 'question')}{groups}{repeats}, {counted(len(found.n_by_dimension), 'dimension')}"
