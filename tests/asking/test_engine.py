"""All candidates at once: order, journal, what goes wrong within, a running loop, Ctrl-C."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlflow_evalplus.asking.engine import Interrupted, ask_all
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.asking.recorded import Recorded, write_answers
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import EvalPlusError
from mlflow_evalplus.results.answers import Answer
from tests.asking.asking import ask, endpoint, request, requests
from tests.asking.fake_server import Behaviour, FakeServer

TEXTS = [f"question {i}" for i in range(30)]


class Echo:
    """A candidate of one's own: answers with the text, and fails as it is told."""

    asks = True
    about: Mapping[str, str] = {}

    def __init__(self, name: str = "echo", concurrency: int = 4, **failing: Exception) -> None:
        self.name, self.digest, self.concurrency, self.failing = name, name, concurrency, failing
        self.asked: list[Request] = []
        self.at_once, self.most, self.closed = 0, 0, 0

    async def ask(self, request: Request) -> Answer | None:
        self.asked.append(request)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0.001 * (hash(request.question) % 5))
        self.at_once -= 1
        if error := self.failing.get(request.question):
            raise error
        return Answer(self.name, request.question, request.variant, request.repeat, request.messages[-1].content)

    async def close(self) -> None:
        self.closed += 1


def test_answers_come_in_the_order_of_the_requests_by_candidate() -> None:
    pair, told = [Echo("a"), Echo("b", concurrency=1)], list[Answer]()
    answers = ask_all(pair, {"a": requests(TEXTS), "b": requests(TEXTS[::-1])}, on_answer=told.append)
    assert [answer.text for answer in answers["a"] if answer] == TEXTS
    assert [answer.text for answer in answers["b"] if answer] == TEXTS[::-1]
    assert len(told) == 60
    assert [(candidate.most, candidate.closed) for candidate in pair] == [(4, 1), (1, 1)]


def test_a_candidate_that_fails_loses_its_answer_alone() -> None:
    bad, *others = ask(Echo(bad=RuntimeError("out of memory")), ["bad", *TEXTS])
    assert (bad.error, bad.message) == ("other", "RuntimeError: out of memory")
    assert [answer.text for answer in others] == TEXTS


def test_what_a_person_has_to_mend_is_raised() -> None:
    candidate = Echo(bad=EvalPlusError("install it"))
    with pytest.raises(EvalPlusError, match="install it"):
        ask(candidate, ["bad", *TEXTS])
    assert candidate.closed == 1


def test_who_cannot_be_asked_is_told_before_anybody_is() -> None:
    fine, poor = Echo("fine"), Echo("poor")

    def check() -> None:
        raise EvalPlusError("no key")

    poor.check = check  # type: ignore[attr-defined]
    with pytest.raises(EvalPlusError, match="no key"):
        ask_all([fine, poor], {"fine": requests(TEXTS), "poor": requests(TEXTS)})
    assert fine.asked == []
    assert len(ask_all([fine, poor], {"fine": requests(TEXTS), "poor": []})["fine"]) == 30


def test_names_are_distinct_and_known() -> None:
    with pytest.raises(EvalPlusError, match="give each its own"):
        ask_all([Echo("a"), Echo("a")], {})
    with pytest.raises(EvalPlusError, match=r"nobody is called 'b'; candidates are \['a'\]"):
        ask_all([Echo("a")], {"b": []})
    assert ask_all([Echo("a")], {"a": []}) == {"a": []}


def test_it_works_where_a_loop_runs_already() -> None:
    """As in a notebook; an error is raised there as well."""

    async def notebook() -> list[Answer]:
        with pytest.raises(EvalPlusError, match="install it"):
            ask(Echo(bad=EvalPlusError("install it")), ["bad"])
        return ask(Echo(), TEXTS)

    assert [answer.text for answer in asyncio.run(notebook())] == TEXTS


def test_what_is_journaled_is_not_asked_again(tmp_path: Path) -> None:
    path, first, second = tmp_path / "journal.jsonl", Echo(), Echo()
    with Journal(path) as journal:
        ask(first, TEXTS[:20], journal=journal)
        answers = ask(second, TEXTS, journal=journal)
    assert [answer.text for answer in answers] == TEXTS
    assert [asked.question for asked in second.asked] == TEXTS[20:]
    third = Echo()
    with Journal(path) as journal:
        assert ask(third, TEXTS, journal=journal) == answers
    assert third.asked == []


def test_errors_are_asked_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        assert ask(Echo(bad=RuntimeError("no")), ["bad", "good"], journal=journal)[0].error == "other"
        again = Echo()
        assert ask(again, ["bad", "good"], journal=journal)[0].text == "bad"
    assert [asked.question for asked in again.asked] == ["bad"]


def test_repeats_and_variants_never_share_an_answer(tmp_path: Path) -> None:
    """The server is right every second time only: what it said first must not be said for the others."""
    asked = [request("q", variant=variant, repeat=repeat) for variant in ("", "again") for repeat in range(4)]
    unstable = {"q": Behaviour("right", "unstable", "wrong", pattern=(True, False))}
    with FakeServer(unstable) as server, Journal(tmp_path / "journal.jsonl") as journal:
        candidate = endpoint(server, concurrency=1)
        first = ask_all([candidate], {"small": asked}, journal=journal)["small"]
        assert [answer.text for answer in first if answer] == ["right", "wrong"] * 4
        assert ask_all([candidate], {"small": asked}, journal=journal)["small"] == first
        assert len(server.seen) == 8


def test_without_calls_the_journal_and_the_files_answer_alone(tmp_path: Path) -> None:
    write_answers(tmp_path / "old.jsonl", [Answer("old", "q1", text="B")])
    texts = ["q1", "q2"]
    with Journal(tmp_path / "journal.jsonl") as journal:
        ask(Echo(), ["q1"], journal=journal)
        silent = Echo()
        pair = [silent, Recorded("old", tmp_path / "old.jsonl")]
        answers = ask_all(pair, {"echo": requests(texts), "old": requests(texts)}, journal=journal, call=False)
    assert silent.asked == []
    assert {name: [answer and answer.text for answer in given] for name, given in answers.items()} == {
        "echo": ["q1", None], "old": ["B", None]
    }  # fmt: skip
    assert ask_all([silent], {"echo": requests(texts)}, call=False) == {"echo": [None, None]}


def test_a_price_that_is_taken_away_is_not_taken_from_the_journal(tmp_path: Path) -> None:
    """It was in the currency of that day; a run in another one showed it as its own."""
    with FakeServer() as server, Journal(tmp_path / "j.jsonl") as journal:
        assert ask(endpoint(server, price=Price(1, 1)), ["q"], journal=journal)[0].money > 0
        assert math.isnan(ask(endpoint(server), ["q"], journal=journal)[0].money)
        assert len(server.seen) == 1


def test_a_new_price_holds_for_what_is_journaled(tmp_path: Path) -> None:
    with FakeServer() as server, Journal(tmp_path / "journal.jsonl") as journal:
        cheap = ask(endpoint(server, price=Price(1, 1)), ["q"], journal=journal)[0]
        dear = ask(endpoint(server, "other name", price=Price(3, 3)), ["q"], journal=journal)[0]
        assert len(server.seen) == 1
    assert dear.money == pytest.approx(3 * cheap.money)
    assert dear.candidate == "other name"


@pytest.mark.parametrize("notebook", [False, True])
def test_ctrl_c_keeps_what_came(tmp_path: Path, notebook: bool) -> None:
    hanging = {"question 20": Behaviour("", "timeout")}

    def asked() -> None:
        with FakeServer(hanging) as server, Journal(tmp_path / "journal.jsonl") as journal:
            candidate = endpoint(server, concurrency=1, timeout_s=30)
            threading.Thread(target=interrupt, args=(server,), daemon=True).start()
            with pytest.raises(Interrupted) as interrupted:
                ask(candidate, TEXTS, journal=journal)
            came = interrupted.value.answers["small"]
            assert [answer is not None for answer in came] == [True] * 20 + [False] * 10
            assert journal.n_answers == 20

    def interrupt(server: FakeServer) -> None:
        while not server.asked("question 20"):
            time.sleep(0.02)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    async def within() -> None:
        asked()

    if notebook:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(within())
        loop.close()
    else:
        asked()
