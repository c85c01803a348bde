"""The open-loop load test, over real HTTP and against a queue whose waiting times are known."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from mlflow_evalplus.asking.budget import Budget
from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.load_test import load_test
from mlflow_evalplus.asking.open_loop import due_times
from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.core.questions.question import Message, Question, QuestionSet
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import DataError, EvalPlusError
from mlflow_evalplus.results.answers import Answer
from tests.asking.fake_server import ALWAYS, Behaviour, FakeServer

QUESTIONS = QuestionSet(
    tuple(Question(f"q{n}", (Message("user", f"Question {n}?"),), "exact", "d", ("x",)) for n in range(5)), ""
)


class Queue:
    """One server: it answers one request after the other and takes `takes(i)` seconds for the i-th."""

    name, digest, concurrency, asks, about = "queue", "0", 1, True, {"kind": "queue"}

    def __init__(self, takes: Callable[[int], float]) -> None:
        self.takes, self.asked, self.closed = takes, list[Request](), False

    async def ask(self, request: Request) -> Answer:
        number = len(self.asked) - 1  # the first is sent before the clock starts
        self.asked.append(request)
        if number < 0:
            self.lock = asyncio.Lock()
            return Answer(self.name, request.question, text="warm")
        async with self.lock:
            await asyncio.sleep(self.takes(number))
        return Answer(self.name, request.question, text="x", completion_tokens=10, seconds=self.takes(number))

    async def close(self) -> None:
        self.closed = True


def waited(due: np.ndarray, takes: Callable[[int], float]) -> np.ndarray:
    """Return the milliseconds from when each request is due until it is answered, by Lindley's recursion."""
    free, found = 0.0, []
    for number, at in enumerate(due):
        free = max(free, at) + takes(number)
        found.append(1000 * (free - at))
    return np.array(found)


def test_a_stall_counts_for_every_request_that_was_due_meanwhile() -> None:
    """A closed loop would see one slow request; half a second at 60 per s is 30 of them."""
    stall: Callable[[int], float] = lambda number: 0.5 if number == 10 else 0.002  # noqa: E731
    candidate = Queue(stall)
    found = load_test(candidate, QUESTIONS, rate=60, seconds=1.2, arrivals="constant")
    expected = waited(due_times(60, seconds=1.2, arrivals="constant"), stall)
    assert (found.n_due, found.n_answered, found.n_dropped, found.errors) == (72, 72, 0, {})
    for name, estimate in found.latency_ms.items():
        assert estimate.value == pytest.approx(np.quantile(expected, int(name[1:]) / 100), abs=100), name
    assert found.latency_ms["p90"].value > 300
    assert found.call_ms["p50"].value == 2.0
    assert found.most_in_flight > 20
    assert [request.question for request in candidate.asked[1:7]] == ["q0", "q1", "q2", "q3", "q4", "q0"]
    assert candidate.closed


@pytest.mark.alone
@pytest.mark.slow
def test_more_than_it_can_do_is_not_kept_up_with() -> None:
    found = load_test(Queue(lambda number: 0.02), QUESTIONS, rate=100, n=100, arrivals="poisson", seed=3)
    assert found.n_answered == 100
    assert found.achieved_per_s == pytest.approx(50, rel=0.2)
    assert found.pace < 0.75
    assert not found.keeps_up
    assert found.total_s > found.send_s
    assert found.tokens_per_s == pytest.approx(1000 / found.total_s)


def test_over_http_a_server_that_keeps_up_does() -> None:
    with FakeServer(latency=0.06) as server:
        small = Endpoint("small", server.base_url, "fake", stream=True)
        found = load_test(small, QUESTIONS, rate=40, seconds=1.5, arrivals="constant", system="Be short.")
        assert len(server.seen) == 61  # one beforehand, uncounted
        assert server.seen[1].body["messages"][0] == {"role": "system", "content": "Be short."}
        asked = [call.at for call in server.seen[1:]]
    assert (found.n_due, found.n_sent, found.n_answered, found.offered_per_s) == (60, 60, 60, 40)
    assert found.keeps_up
    assert found.pace == pytest.approx(1, abs=0.05)  # as `keeps_up` asks
    assert found.achieved_per_s == pytest.approx(40, rel=0.1)
    assert np.median(np.diff(asked)) == pytest.approx(1 / 40, rel=0.3)
    assert 60 <= found.latency_ms["p50"].value < 500
    assert 30 <= found.first_token_ms["p50"].value < found.latency_ms["p50"].value
    assert 60 <= found.call_ms["p50"].value <= found.latency_ms["p50"].value
    assert found.about["model"] == "fake"


def test_errors_are_counted_by_kind_and_retries_are_in_the_latency() -> None:
    behaviours = {
        "Question 0?": Behaviour("x", "server", times=ALWAYS), "Question 1?": Behaviour("x", "refused", times=ALWAYS),
        "Question 2?": Behaviour("x", "rate_limit", times=2, retry_after="0.3"),
    }  # fmt: skip
    given = QuestionSet(QUESTIONS.questions[::-1], "")
    with FakeServer(behaviours) as server:
        small = Endpoint("small", server.base_url, "fake", max_retries=2, timeout_s=5)
        found = load_test(small, given, rate=50, n=10, wait_s=20)
    assert found.errors == {"server": 2, "refused_request": 2}
    assert (found.n_answered, found.n_retries) == (6, 2)
    assert found.latency_ms["p99"].value > 250
    assert not found.keeps_up


def test_what_is_too_much_in_flight_is_dropped_and_the_test_ends_by_itself() -> None:
    start = time.monotonic()
    found = load_test(Queue(lambda number: 3600.0), QUESTIONS, rate=100, n=50, max_in_flight=4, wait_s=0.2)
    assert time.monotonic() - start < 5
    assert (found.n_due, found.n_sent, found.n_dropped, found.n_answered) == (50, 4, 46, 0)
    assert (found.errors, found.most_in_flight) == ({"timeout": 4}, 4)
    assert found.latency_ms == {}
    assert math.isnan(found.pace)
    assert not found.keeps_up


def test_a_candidate_that_raises_costs_its_own_request_only() -> None:
    class Odd(Queue):
        async def ask(self, request: Request) -> Answer:
            if len(self.asked) == 3:
                self.asked.append(request)
                raise RuntimeError("odd")
            return await super().ask(request)

    found = load_test(Odd(lambda number: 0.001), QUESTIONS, rate=200, n=8)
    assert (found.n_answered, found.errors) == (7, {"other": 1})


def test_a_wrong_key_ends_it_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD_KEY", "sk-secret")
    with FakeServer(default=Behaviour("x", "authentication", times=ALWAYS)) as server:
        small = Endpoint("small", server.base_url, "fake", api_key_env="LOAD_KEY")
        with pytest.raises(EvalPlusError, match="'small' cannot be asked: authentication") as caught:
            load_test(small, QUESTIONS, rate=10, n=10)
        assert "sk-secret" not in str(caught.value)
        assert len(server.seen) == 1


def test_what_could_exceed_the_budget_is_not_sent() -> None:
    with FakeServer(default=Behaviour("x")) as server:
        small = Endpoint("small", server.base_url, "fake", parameters={"max_tokens": 100}, price=Price(0.0, 10_000.0))
        budget = Budget(4.0)  # a call costs 1 at most, and 0.01 as it answers with one token
        found = load_test(small, QUESTIONS, rate=200, n=40, budget=budget, currency="USD", max_in_flight=40)
        assert found.n_sent + found.errors.get("budget", 0) == found.n_due == 40
        assert found.money == pytest.approx(0.01 * found.n_answered)
        assert budget.spent == pytest.approx(0.01 * len(server.seen))
        tight = Budget(1.03)
        found = load_test(small, QUESTIONS, rate=100, n=20, budget=tight)
        assert found.errors["budget"] == 20 - found.n_sent > 0
        assert found.n_dropped == 0
        assert tight.spent <= 1.03
        with pytest.raises(EvalPlusError, match="not even one call"):
            load_test(small, QUESTIONS, rate=100, n=20, budget=Budget(0.5))
        with pytest.raises(EvalPlusError, match="needs a price"):
            load_test(Endpoint("small", server.base_url, "fake"), QUESTIONS, rate=9, n=2, budget=Budget(0.5))


def test_it_runs_where_a_loop_runs_already() -> None:
    async def notebook() -> int:
        return load_test(Queue(lambda number: 0.001), QUESTIONS, rate=100, n=5).n_answered

    assert asyncio.run(notebook()) == 5


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"rate": 0, "n": 5}, "rate"), ({"rate": math.inf, "n": 5}, "rate"), ({"rate": 5}, "give either"),
        ({"rate": 5, "n": 5, "seconds": 1}, "give either"), ({"rate": 5, "seconds": -1}, "give either"),
        ({"rate": 5, "n": 5, "max_in_flight": 0}, "max_in_flight"), ({"rate": 1e6, "seconds": 60}, "at most 1,000,000"),
        ({"rate": 5, "n": 5, "arrivals": "poison"}, "Did you mean 'poisson'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(given: dict, match: str) -> None:
    with pytest.raises(DataError, match=match):
        load_test(Queue(lambda number: 0), QUESTIONS, **given)


def test_recorded_answers_and_no_questions_are_refused() -> None:
    recorded = Queue(lambda number: 0)
    recorded.asks = False  # type: ignore[misc]
    with pytest.raises(EvalPlusError, match="nobody to put under load"):
        load_test(recorded, QUESTIONS, rate=1, n=1)
    with pytest.raises(DataError, match="at least one question"):
        load_test(Queue(lambda number: 0), QuestionSet((), ""), rate=1, n=1)


def test_arrivals_are_as_random_as_those_of_independent_users() -> None:
    for given in ({"n": 4000}, {"seconds": 400.0}):
        due = due_times(10, **given, seed=1)  # type: ignore[arg-type]
        assert len(due) == pytest.approx(4000, abs=4 * 64)
        assert stats.kstest(np.diff(due, prepend=0), "expon", args=(0, 0.1)).pvalue > 0.01
        assert (due == due_times(10, **given, seed=1)).all()  # type: ignore[arg-type]
        assert not np.array_equal(due[:9], due_times(10, **given, seed=2)[:9])  # type: ignore[arg-type]
    assert len(due_times(0.001, seconds=1)) == 1  # at least one
