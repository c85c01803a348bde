"""Money: what a call costs at most, and that a budget is never exceeded."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.asking.budget import Budget, most_money, prompt_bound
from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.asking.prices import OWN_TABLE, Price, own_prices, read_prices
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import EvalPlusError, RequirementsError
from mlflow_evalplus.results.answers import Answer
from tests.asking.asking import ask, endpoint, request, requests
from tests.asking.fake_server import ALWAYS, Behaviour, FakeServer
from tests.generated import inputs

PRICE = Price(prompt=1000, completion=10_000)
LIMIT: dict[str, Any] = {"price": PRICE, "parameters": {"max_tokens": 20}}
TEXTS = [f"question {i}" for i in range(60)]


class Spender:
    """A candidate whose calls cost what is drawn, up to the most that they may."""

    asks, concurrency, name, digest, about = True, 7, "spender", "d", dict[str, str]()
    price, max_tokens = PRICE, 20

    def __init__(self, shares: list[float]) -> None:
        self.shares, self.spent = shares, 0.0

    async def ask(self, request: Request) -> Answer:
        place = int(request.question)
        await asyncio.sleep(0)
        money = self.shares[place] * most_money(self, request)
        self.spent += money
        return Answer(self.name, request.question, text="B", money=money)

    async def close(self) -> None:
        pass


@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=40), part=st.floats(0.01, 1.2))
@settings(max_examples=inputs(100), deadline=None)
def test_a_budget_is_never_exceeded_and_used_as_far_as_it_goes(shares: list[float], part: float) -> None:
    candidate, asked = Spender(shares), [request(str(i)) for i in range(len(shares))]
    most = max(most_money(candidate, one) for one in asked)
    budget = Budget(part * most * len(shares))
    answers = ask_all([candidate], {"spender": asked}, budget=budget)["spender"]
    assert candidate.spent <= budget.amount * (1 + 1e-6)
    assert budget.spent == pytest.approx(candidate.spent)
    refused = [answer for answer in answers if answer and answer.error == "budget"]
    assert all(answer.attempts == 0 for answer in refused)
    if refused:
        assert candidate.spent + most > budget.amount
    if part >= 1:
        assert not refused


def test_over_real_http_the_rest_is_refused_and_said() -> None:
    with FakeServer() as server:
        budget = Budget(1.0)
        answers = ask(endpoint(server, concurrency=5, **LIMIT), TEXTS, budget=budget)
        assert len(server.seen) == sum(answer.answered for answer in answers)
    money = sum(answer.money for answer in answers if answer.answered)
    assert money == pytest.approx(budget.spent)
    assert budget.spent <= 1
    refused = [answer for answer in answers if answer.error]
    assert {answer.error for answer in refused} == {"budget"}
    assert 0 < len(refused) < 60
    assert "of 1 USD are spent" in refused[0].message


def test_a_rerun_counts_what_was_spent_before(tmp_path: Path) -> None:
    with FakeServer() as server:
        spent = []
        for _ in range(3):
            budget = Budget(1.0)
            with Journal(tmp_path / "journal.jsonl") as journal:
                ask(endpoint(server, **LIMIT), TEXTS, budget=budget, journal=journal)
                ask(endpoint(server, **LIMIT), TEXTS, budget=budget, journal=journal)  # counted once
            spent.append(budget.spent)
        assert spent[0] == pytest.approx(spent[1]) == pytest.approx(spent[2])
        assert '"error":"budget"' not in (tmp_path / "journal.jsonl").read_text()


def test_what_a_server_may_have_charged_is_counted() -> None:
    """A call that hangs may be answered and charged; one that is refused is not."""
    faults = {"hangs": Behaviour("", "timeout", times=ALWAYS), "no": Behaviour("", "refused")}
    with FakeServer(faults) as server:
        candidate = endpoint(server, timeout_s=0.2, max_retries=0, **LIMIT)
        budget = Budget(10.0)
        ask(candidate, ["no"], budget=budget)
        assert budget.spent == 0
        ask(candidate, ["hangs"], budget=budget)
        assert budget.spent == pytest.approx(most_money(candidate, request("hangs")))


def test_a_budget_needs_prices_and_limits_before_anything_is_asked() -> None:
    with FakeServer() as server:
        with pytest.raises(EvalPlusError, match="a budget needs a price of 'small'"):
            ask(endpoint(server), TEXTS, budget=Budget(1))
        with pytest.raises(EvalPlusError, match="a budget needs a limit of the answers of 'small'"):
            ask(endpoint(server, price=PRICE), TEXTS, budget=Budget(1))
        assert server.seen == []
        assert ask(endpoint(server, price=Price(0, 0)), ["q"], budget=Budget(1))[0].money == 0


@given(st.text(min_size=1, max_size=200))
@settings(max_examples=inputs(100), deadline=None)
def test_no_tokenizer_of_bytes_finds_more_tokens_than_the_bound(text: str) -> None:
    """The worst is one token for each byte, as byte-level tokenizers fall back to."""
    worst = len(text.encode("utf-8", "replace"))
    asked = request(text.encode("utf-8", "replace").decode())
    assert worst < prompt_bound(asked)


def test_what_tokens_cost() -> None:
    price = Price(prompt=2, completion=8, cached=0.5)
    assert price.of(1_000_000, 0) == 2
    assert price.of(1_000_000, 0, 1_000_000) == 0.5
    assert price.of(10, 0, 50) == pytest.approx(10 * 0.5 / 1e6)  # never more cached than there are
    assert Price(2, 8).of(1_000_000, 0, 1_000_000) == 2
    assert math.isnan(price.of(None, 5))
    assert Price(0, 0).of(None, None) == 0
    assert str(price) == "2 in, 8 out, 0.5 cached USD per million tokens"


def test_a_table_of_prices(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(
        "currency: CNY\ndate: 2026-11-01\nsource: the contract\nmodels:\n  small-1: {prompt: 2, completion: 8}\n"
    )
    found = read_prices(path)["small-1"]
    assert (found.prompt, found.completion, found.currency, found.source) == (2, 8, "CNY", "the contract, 2026-11-01")
    path.write_text("date: x\nsource: y\nmodels:\n  a: {prompt: -1, completion: 8}\n  b: {promt: 1, completion: 2}\n")
    with pytest.raises(RequirementsError) as error:
        read_prices(path)
    assert "line 4: models.a.prompt" in str(error.value)
    assert "line 5: models.b.promt: unknown key; keys are ['prompt', 'completion', 'cached', 'currency']" in str(
        error.value
    )
    path.write_text("date: x\nsource: y\nmodels:\n  a: {prompt: 1, completion: 8, cached: 2}\n")
    with pytest.raises(RequirementsError, match=r"line 4: models\.a\.cached: cached tokens cost no more"):
        read_prices(path)
    with pytest.raises(RequirementsError, match=r"cannot read the prices '.*none\.yaml'"):
        read_prices(tmp_path / "none.yaml")


def test_every_price_that_ships_says_where_it_is_from() -> None:
    assert OWN_TABLE.exists()
    for name, price in own_prices().items():
        assert price.source, name
        assert 0 <= price.prompt <= price.completion, name


def test_a_budget_that_is_met_exactly_is_used_whole() -> None:
    budget = Budget(1.0)
    assert [budget.reserve(0.1) for _ in range(11)] == [True] * 10 + [False]
    for call in range(10):
        budget.settle(call, 0.1, 0.1)
    assert budget.spent == pytest.approx(1)
    assert not budget.reserve(0.01)


def test_half_a_character_is_an_error_of_its_item_alone() -> None:
    with FakeServer() as server:
        bad, good = ask(endpoint(server, tokens_per_minute=1e9, **LIMIT), ["a\ud83d", "q"], budget=Budget(1.0))
    assert (bad.error, bad.attempts, good.text) == ("other", 1, "B")


def test_a_budget_with_many_candidates_is_one() -> None:
    with FakeServer() as server:
        trio = [endpoint(server, name, **{**LIMIT, "parameters": {"max_tokens": 20, "seed": i}})
                for i, name in enumerate("abc")]  # fmt: skip
        budget = Budget(1.0)
        answers = ask_all(trio, {c.name: requests(TEXTS) for c in trio}, budget=budget)
    money = sum(a.money for given in answers.values() for a in given if a and a.answered)
    assert money == pytest.approx(budget.spent)
    assert money <= 1
