from __future__ import annotations

import math

import numpy as np
import pytest

from mlflow_evalplus.core.latency import percentiles
from mlflow_evalplus.core.selection.facts import facts
from mlflow_evalplus.core.selection.spending import spending
from mlflow_evalplus.results.selection import Spending
from tests.core.selection.worlds import items, questions

NAN = math.nan


def spent(values: object, n: int = 60, **more: object) -> Spending:
    asked = items(questions(n), values, **more)
    return spending(asked, facts(asked), "EUR", 8)


def test_tokens_money_and_time_of_what_was_asked() -> None:
    rng = np.random.default_rng(0)
    seconds = rng.gamma(2, 0.5, 60)
    found = spent(
        np.ones(60), seconds=seconds, first_token_s=seconds / 4, money=np.full(60, 0.002),
        prompt_tokens=np.full(60, 100), completion_tokens=np.full(60, 20), attempts=np.array([1, 3] * 30),
    )  # fmt: skip
    assert (found.n_calls, found.n_errors, found.n_retries, found.errors) == (60, 0, 60, {})
    assert (found.prompt_tokens, found.completion_tokens) == (6000, 1200)
    assert (found.money, found.per_1000) == pytest.approx((0.12, 2.0))
    expected = percentiles(1000 * seconds)
    assert found.latency_ms == {key: expected[f"latency_ms_{key}"] for key in ("p50", "p90", "p95", "p99")}
    assert found.first_token_ms["p50"].value == pytest.approx(found.latency_ms["p50"].value / 4)
    assert found.tokens_per_s is not None
    assert found.tokens_per_s.value == pytest.approx(np.mean(20 / seconds))
    assert found.tokens_per_s.lower < found.tokens_per_s.value < found.tokens_per_s.upper
    assert (found.currency, found.concurrency) == ("EUR", 8)


def test_calls_that_never_came_are_counted_by_kind_and_cost_nothing() -> None:
    found = spent([1.0] * 50 + [NAN] * 10, seconds=np.ones(60), money=np.full(60, 0.001))
    assert (found.n_errors, found.errors) == (10, {"timeout": 10})
    assert (found.money, found.per_1000) == pytest.approx((0.05, 1.0))
    assert found.latency_ms["p50"].n == 50


def test_what_was_not_measured_is_not_there() -> None:
    found = spent(np.ones(60))
    assert (found.latency_ms, found.first_token_ms, found.tokens_per_s) == ({}, {}, None)
    assert math.isnan(found.money)
    assert math.isnan(found.per_1000)


def test_one_answer_without_a_price_leaves_the_sum_unknown() -> None:
    found = spent(np.ones(60), money=np.array([0.001] * 59 + [NAN]))
    assert math.isnan(found.money)
    assert math.isnan(found.per_1000)


def test_answers_to_one_question_are_not_independent() -> None:
    rng = np.random.default_rng(1)
    pace = np.repeat(rng.gamma(4, 0.25, (60, 1)), 5, axis=1)
    five = spent(np.ones((60, 5)), seconds=pace, completion_tokens=np.full((60, 5), 20))
    one = spent(np.ones(60), seconds=pace[:, 0], completion_tokens=np.full(60, 20))
    assert five.tokens_per_s is not None
    assert one.tokens_per_s is not None
    assert five.tokens_per_s.lower == pytest.approx(one.tokens_per_s.lower)
