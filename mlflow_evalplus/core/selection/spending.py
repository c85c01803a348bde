"""What a candidate's answers cost and how long they took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.measures import COST, answer_mean, percentiles
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.results.selection import Item, Spending


def spending(
    items: Sequence[Item], facts: Facts, currency: str, concurrency: int = 1, confidence: float = 0.95
) -> Spending:
    """Return what the answers to the questions as asked cost and how long they took.

    Latencies are of the answers that came. Money is what all answers cost, of those that never came what was charged
    for them; nan where an answer that came has no price. For 1,000 questions it is the mean of the questions.

    Examples
    --------
    >>> from mlflow_evalplus.core.selection.facts import facts
    >>> from mlflow_evalplus.results.answers import Answer, Score
    >>> asked = Answer("a", "q1", text="42", money=0.002, seconds=0.5, attempts=2)
    >>> item = Item("q1", (asked,), (Score(1.0, True, "right"),), 1.0)
    >>> found = spending([item], facts([item]), "USD")
    >>> found.per_1000, found.n_retries, found.latency_ms["p50"].value
    (2.0, 1, 500.0)
    """
    answers = [answer for item in items for answer in item.answers]
    rates = ~np.isnan(facts.tokens_per_s)
    priced = not any(math.isnan(answer.money) for answer in answers if answer.answered)
    money = [answer.money for answer in answers if not math.isnan(answer.money)]
    per_question = facts[COST][~np.isnan(facts[COST])]
    return Spending(
        n_calls=len(answers), n_errors=sum(not answer.answered for answer in answers),
        n_retries=sum(max(answer.attempts - 1, 0) for answer in answers), errors=_errors(answers),
        prompt_tokens=sum(answer.prompt_tokens or 0 for answer in answers),
        completion_tokens=sum(answer.completion_tokens or 0 for answer in answers),
        money=math.fsum(money) if priced and money else math.nan,
        per_1000=float(per_question.mean()) if priced and len(per_question) else math.nan, currency=currency,
        latency_ms=_percentiles(facts.latency_ms, confidence),
        first_token_ms=_percentiles(facts.first_token_ms, confidence),
        tokens_per_s=answer_mean(facts.tokens_per_s[rates], facts.place[rates], confidence) if rates.any() else None,
        concurrency=concurrency,
    )  # fmt: skip


def _errors(answers: Iterable[Answer]) -> dict[str, int]:
    """Return how many answers never came, by kind, the most frequent first."""
    return dict(Counter(answer.error or "other" for answer in answers if not answer.answered).most_common())


def _percentiles(milliseconds: FloatArray, confidence: float) -> dict[str, Estimate]:
    known = milliseconds[~np.isnan(milliseconds)]
    return percentiles(known, confidence) if len(known) else {}
