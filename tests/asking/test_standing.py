"""When a refusal is a limit and when it is chance, and when a server is gone: by count, and over real HTTP."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.asking.replies import Failure
from mlflow_evalplus.asking.standing import ENOUGH, GONE, UNTIL_LAST, Standing
from tests.asking.asking import ask, endpoint
from tests.asking.fake_server import ALWAYS, Behaviour, FakeServer

REFUSED = Failure("rate_limit", "429", again=True)
TEXTS = [f"question {i}" for i in range(200)]
TOLD = f"failed {ENOUGH} times in a row; not asked any more"


def shares_crowded(share: float, n: int = 20_000) -> float:
    """Return for which part of the calls a limit is taken to hold, where so many are refused at random."""
    rng, standing, crowded = random.Random(1), Standing(), 0
    for _ in range(n):
        if rng.random() < share:
            standing.failed(REFUSED)
        else:
            standing.answered()
        crowded += standing.crowded
    return crowded / n


def test_one_refusal_in_ten_is_chance_and_every_second_a_limit() -> None:
    assert shares_crowded(0.1) < 0.03
    assert shares_crowded(0.05) == 0
    assert shares_crowded(0.5) > 0.99


def test_a_limit_holds_until_few_of_the_last_calls_were_refused() -> None:
    """A server that takes 40 a second answers 40 in a row between its refusals."""
    standing = Standing()
    for _ in range(10):
        standing.failed(REFUSED)
    for _ in range(UNTIL_LAST - 10):
        standing.answered()
        assert standing.crowded
    standing.answered()
    assert not standing.crowded


@pytest.mark.parametrize("kind", GONE)
def test_an_answer_between_keeps_it_asked(kind: str) -> None:
    standing, failure = Standing(), Failure(kind, "gone", again=True)
    for _ in range(5):
        for _ in range(ENOUGH - 1):
            standing.gave_up(failure)
        standing.answered()
    assert standing.gone is None
    for _ in range(ENOUGH):
        standing.gave_up(failure)
    assert standing.gone
    assert standing.gone.message == f"gone; {TOLD}"


def test_refusals_never_end_it() -> None:
    standing = Standing()
    for kind in ("rate_limit", "refused_request") * 50:
        standing.gave_up(Failure(kind, "no", again=False))
    assert standing.gone is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "kind"), [("server", "server"), ("disconnect", "connection"), ("timeout", "timeout"), ("empty", "server")]
)
def test_a_server_that_is_gone_is_not_asked_for_each_item(tmp_path: Path, fault: str, kind: str) -> None:
    with FakeServer(default=Behaviour("", fault, times=ALWAYS)) as server:
        candidate = endpoint(server, concurrency=4, max_retries=2, timeout_s=0.3)
        with Journal(tmp_path / "journal.jsonl") as journal:
            answers = ask(candidate, TEXTS, journal=journal)
        calls = len(server.seen)
    assert 3 * ENOUGH <= calls <= 3 * (ENOUGH + 4)
    assert sum(answer.attempts for answer in answers) == calls
    assert {answer.error for answer in answers} == {kind}
    ended = [answer for answer in answers if answer.attempts == 0]
    assert len(ended) >= len(TEXTS) - ENOUGH - 4
    assert all(answer.message.endswith(TOLD) for answer in ended)
    assert (tmp_path / "journal.jsonl").read_text().count("\n") == len(TEXTS) - len(ended)  # those that were asked


def test_a_rerun_asks_them(tmp_path: Path) -> None:
    with FakeServer(default=Behaviour("", "server", times=ALWAYS)) as server:
        candidate = endpoint(server, concurrency=4, max_retries=0)
        with Journal(tmp_path / "journal.jsonl") as journal:
            assert not [answer for answer in ask(candidate, TEXTS, journal=journal) if answer.answered]
        assert len(server.seen) < 20
        server.default = Behaviour("B")
        with Journal(tmp_path / "journal.jsonl") as journal:
            assert {answer.text for answer in ask(candidate, TEXTS, journal=journal)} == {"B"}


def test_a_candidate_is_tried_anew_in_the_same_run() -> None:
    with FakeServer(default=Behaviour("", "server", times=ALWAYS)) as server:
        candidate = endpoint(server, max_retries=0)
        assert {answer.error for answer in ask(candidate, TEXTS)} == {"server"}
        server.default = Behaviour("B")
        assert {answer.text for answer in ask(candidate, TEXTS)} == {"B"}


def test_nobody_waits_for_a_turn_that_is_not_asked_any_more() -> None:
    with FakeServer() as server:
        pass
    start = time.monotonic()
    answers = ask(endpoint(server, max_retries=0, requests_per_minute=1200), TEXTS)
    assert time.monotonic() - start < 4  # 200 turns would take 10 s
    assert {answer.error for answer in answers} == {"connection"}


@pytest.mark.slow
def test_what_was_asked_before_goes_on_with_its_retries() -> None:
    """At the end of a set the few that hang are the last in flight: that they fail in a row says nothing of others."""
    waits = {TEXTS[0]: Behaviour("B", "timeout", times=1)}
    with FakeServer(waits, default=Behaviour("", "server", times=ALWAYS)) as server:
        first, *others = ask(endpoint(server, concurrency=20, max_retries=1, timeout_s=2.0), TEXTS[:20])
    assert (first.text, first.attempts) == ("B", 2)
    assert {answer.error for answer in others} == {"server"}
