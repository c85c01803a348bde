"""An endpoint over real HTTP: answers, retries, what fails fast, and what is shown nowhere."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.asking.retries import PATIENCE
from mlflow_evalplus.asking.standing import CROWDED
from mlflow_evalplus.errors import EvalPlusError
from tests.asking.asking import ask, ask_one, endpoint, request, requests
from tests.asking.fake_server import ALWAYS, Behaviour, FakeServer, at_random, tokens, windowed

KEY = "sk-planted-7Jq2"


def test_an_answer_comes_with_its_tokens_time_and_money() -> None:
    price = Price(prompt=10, completion=100, cached=1)
    with FakeServer({"capital": Behaviour("Paris")}, latency=0.05, cached=2) as server:
        answer = ask_one(endpoint(server, price=price, parameters={"temperature": 0, "top_k": 3}), "the capital?")
        body = server.seen[0].body
    assert (answer.candidate, answer.question, answer.text, answer.finish) == ("small", "the capital?", "Paris", "stop")
    used = (tokens("the capital?"), tokens("Paris"), 2)
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == used
    assert answer.money == pytest.approx((2 * 10 + 2 * 1 + 2 * 100) / 1e6)
    assert 0.05 <= answer.seconds < 1
    assert math.isnan(answer.first_token_s)
    assert answer.attempts == 1
    assert body == {"model": "small-1", "messages": [{"role": "user", "content": "the capital?"}], "temperature": 0,
                    "top_k": 3}  # fmt: skip


def test_a_stream_tells_when_its_first_token_came_and_what_it_used() -> None:
    with FakeServer(
        {"tell": Behaviour("a long story 你好"), "cut": Behaviour("", "truncated", "half a")}, latency=0.2
    ) as server:
        told, cut = ask(endpoint(server, stream=True), ["tell", "cut"])
    assert (told.text, told.finish, told.completion_tokens) == (
        "a long story 你好",
        "stop",
        tokens("a long story 你好"),
    )
    assert 0.1 <= told.first_token_s < 0.2 <= told.seconds < 2
    assert (cut.text, cut.finish) == ("half a", "length")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["rate_limit", "server", "disconnect", "empty", "garbage"])
def test_what_may_pass_is_asked_again(fault: str, stream: bool) -> None:
    with FakeServer({"q": Behaviour("Paris", fault, times=2)}) as server:
        answer = ask_one(endpoint(server, stream=stream))
    assert (answer.text, answer.attempts, answer.error) == ("Paris", 3, "")
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("rate_limit", "rate_limit"), ("server", "server"), ("disconnect", "connection"), ("empty", "server"),
     ("garbage", "server")],
)  # fmt: skip
def test_what_does_not_pass_becomes_the_error_of_its_item_alone(fault: str, kind: str) -> None:
    with FakeServer({"bad": Behaviour("Paris", fault, times=ALWAYS)}) as server:
        bad, good = ask(endpoint(server, concurrency=1), ["bad", "good"])
    assert (bad.text, bad.error, bad.attempts) == (None, kind, 4)
    assert bad.message
    assert good.text == "B"


def test_a_server_that_hangs_is_a_timeout() -> None:
    with FakeServer({"bad": Behaviour("Paris", "timeout", times=ALWAYS), "slow": Behaviour("x", "timeout")}) as server:
        start = time.monotonic()
        bad, slow = ask(endpoint(server, timeout_s=0.2, max_retries=1), ["bad", "slow"])
        assert time.monotonic() - start < 2
    assert (bad.error, bad.attempts, bad.message) == ("timeout", 2, "no answer within 0.2 s")
    assert (slow.text, slow.attempts) == ("x", 2)
    assert slow.seconds < 0.2  # of the attempt that answered


def test_nobody_there_is_a_failed_connection() -> None:
    with FakeServer() as server:
        pass
    answer = ask_one(endpoint(server, max_retries=1))
    assert (answer.error, answer.attempts) == ("connection", 2)
    assert answer.message


def test_a_refused_request_is_not_sent_again() -> None:
    with FakeServer({"bad": Behaviour("", "refused")}) as server:
        bad, good = ask(endpoint(server), ["bad", "good"])
    assert (bad.error, bad.attempts, bad.message[:12]) == ("refused_request", 1, "400: planted")
    assert good.text == "B"


def test_a_wrong_path_is_not_asked_again() -> None:
    with FakeServer() as server:
        answer = ask_one(endpoint(server.base_url.replace("/v1", "/v2")))
    assert (answer.error, answer.attempts) == ("refused_request", 1)
    assert answer.message.startswith("404")


@pytest.mark.parametrize(("fault", "kind"), [("authentication", "authentication"), ("quota", "rate_limit")])
def test_a_key_that_is_refused_ends_its_candidate_and_no_other(fault: str, kind: str) -> None:
    texts = [f"question {i}" for i in range(50)]
    with FakeServer(default=Behaviour("", fault)) as refusing, FakeServer() as fine:
        poor, good = endpoint(refusing, "poor", concurrency=2), endpoint(fine, "good")
        answers = ask_all([poor, good], {"poor": requests(texts), "good": requests(texts)})
    assert {answer.error for answer in answers["poor"] if answer} == {kind}
    assert len(refusing.seen) <= 2  # those that were in flight
    assert sum(answer.attempts for answer in answers["poor"] if answer) == len(refusing.seen)
    assert [answer.text for answer in answers["good"] if answer] == ["B"] * 50


def test_an_ended_candidate_is_tried_anew_the_next_time() -> None:
    with FakeServer({"bad": Behaviour("", "authentication")}) as server:
        candidate = endpoint(server)
        assert ask_one(candidate, "bad").error == "authentication"
        assert ask_one(candidate, "good").text == "B"


@pytest.mark.slow
@pytest.mark.parametrize("header", ["0.4", "retry-after-ms: 400", "DATE"])
def test_what_a_server_asks_to_wait_is_waited(header: str) -> None:
    if header == "DATE":  # whole seconds, so between 1 and 2 from now
        header = formatdate(math.ceil(time.time()) + 1, usegmt=True)
    with FakeServer({"q": Behaviour("Paris", "rate_limit", retry_after=header)}) as server:
        candidate = endpoint(server)
        candidate._rng.uniform = lambda low, high: high  # type: ignore[attr-defined, method-assign]
        answer = ask_one(candidate)
        waited = server.seen[1].at - server.seen[0].at
    assert answer.text == "Paris"
    assert 0.4 <= waited < 2.8


def test_a_server_that_asks_for_too_long_is_not_waited_for() -> None:
    with FakeServer({"q": Behaviour("Paris", "rate_limit", retry_after="3600")}) as server:
        answer = ask_one(endpoint(server))
    assert (answer.error, answer.attempts) == ("rate_limit", 1)


def test_a_refusal_by_chance_makes_its_item_wait_and_no_other() -> None:
    texts = [f"question {i}" for i in range(40)]
    hit = {"question 5": Behaviour("B", "rate_limit", retry_after="0.6")}
    with FakeServer(hit, latency=0.01) as server:
        answers = ask(endpoint(server, "hit", concurrency=2), texts)
    refused = next(seen.at for seen in server.seen if seen.status == 429)
    assert max(seen.at for seen in server.seen if seen.question != "question 5") < refused + 0.59
    assert server.asked("question 5")[1].at >= refused + 0.6
    assert {answer.text for answer in answers} == {"B"}


def test_a_server_that_refuses_many_makes_the_whole_candidate_wait_and_no_other() -> None:
    texts = [f"question {i:02}" for i in range(40)]
    hit = {f"question {i:02}": Behaviour("B", "rate_limit", retry_after="0.6") for i in range(CROWDED)}
    with FakeServer(hit, latency=0.01) as server, FakeServer(latency=0.01) as other:
        pair = [endpoint(server, "hit", concurrency=12), endpoint(other, "free", concurrency=2)]
        answers = ask_all(pair, {candidate.name: requests(texts) for candidate in pair})
    times = [seen.at for seen in server.seen]
    refused = max(seen.at for seen in server.seen if seen.status == 429)
    assert len([at for at in times if at > refused + 0.55]) >= 25
    assert not [at for at in times if refused + 0.1 < at < refused + 0.55]
    assert max(seen.at for seen in other.seen) < refused + 0.55
    assert all(answer and answer.text == "B" for answer in answers["hit"] + answers["free"])


@pytest.mark.slow
def test_a_server_that_refuses_one_call_in_ten_at_random_slows_little() -> None:
    """Were each refusal a pause of all, 300 questions would take some thirty pauses of 0.4 s."""
    does = at_random(0.1, retry_after="0.4")
    with FakeServer(does) as server:
        start = time.monotonic()
        answers = ask(Endpoint("small", server.base_url, "m", concurrency=16), [f"q{i}" for i in range(300)])
        seconds = time.monotonic() - start
    assert sum(seen.status == 429 for seen in server.seen) > 20
    assert {answer.error for answer in answers} == {""}
    assert seconds < 6


@pytest.mark.slow
def test_where_others_are_answered_a_refusal_is_no_reason_to_give_up() -> None:
    """It takes 2 in each fifth of a second, of 16 that come: most are refused more often than `max_retries`."""
    does = windowed(2, 0.2, retry_after="0.2")
    with FakeServer(does) as server:
        answers = ask(
            Endpoint("small", server.base_url, "m", concurrency=16, max_retries=2), [f"q{i}" for i in range(32)]
        )
    assert {answer.error for answer in answers} == {""}
    assert max(answer.attempts for answer in answers) > 3


@pytest.mark.slow
def test_a_refusal_that_never_ends_does() -> None:
    """One question is refused for ever, while the others are answered."""
    with FakeServer({"bad": Behaviour("", "rate_limit", times=ALWAYS, retry_after="0.03")}, latency=0.02) as server:
        bad, *others = ask(endpoint(server, concurrency=8, max_retries=1), ["bad", *(f"q{i}" for i in range(400))])
    assert bad.error == "rate_limit"
    assert 4 < bad.attempts <= PATIENCE + 1
    assert {answer.text for answer in others} == {"B"}


@pytest.mark.slow
@pytest.mark.parametrize("header", ["retry-after-ms: 500", ""])
def test_a_server_with_a_real_rate_limit_is_asked_to_the_end(header: str) -> None:
    """It takes 20 in each half second and refuses the others, of 32 that come at once."""
    does = windowed(20, 0.5, retry_after=header)
    with FakeServer(does) as server:
        candidate = Endpoint("small", server.base_url, "m", concurrency=32)
        answers = ask(candidate, [f"q{i}" for i in range(80)])
        calls = len(server.seen)
    assert {answer.error for answer in answers} == {""}
    assert calls > 80
    assert sum(answer.attempts for answer in answers) == calls


def test_a_key_is_sent_and_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server says it back in its error, as some do."""
    monkeypatch.setenv("PLANTED_KEY", f" {KEY}\n")
    caplog.set_level(logging.DEBUG)
    with FakeServer({"bad": Behaviour("", "refused")}) as server:
        candidate = endpoint(server, api_key_env="PLANTED_KEY")
        with Journal(tmp_path / "journal.jsonl") as journal:
            answers = ask(candidate, ["bad", "good"], journal=journal)
        assert [seen.headers["authorization"] for seen in server.seen] == [f"Bearer {KEY}"] * 2
    assert "you sent Bearer ***" in answers[0].message
    shown = [repr(candidate), candidate.digest, str(candidate.about), repr(answers), caplog.text,
             *(path.read_text() for path in tmp_path.rglob("*") if path.is_file())]  # fmt: skip
    assert not [text for text in shown if KEY in text]


def test_no_other_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client takes OpenAI's own from the environment, for whatever address."""
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, KEY)
    with FakeServer() as server:
        assert ask_one(endpoint(server)).text == "B"
        assert KEY not in str(server.seen[0].headers)


def test_a_password_in_the_address_is_used_and_shown_nowhere(tmp_path: Path) -> None:
    with FakeServer({"bad": Behaviour("", "refused")}) as server:
        candidate = endpoint(server.base_url.replace("http://", "http://me:pass-9X@"))
        with Journal(tmp_path / "journal.jsonl") as journal:
            answers = ask(candidate, ["good", "bad"], journal=journal)
        assert server.seen[0].headers["authorization"].startswith("Basic ")
        assert candidate.digest == endpoint(server).digest
    written = (tmp_path / "journal.jsonl").read_text()
    assert "pass-9X" not in repr(candidate) + str(candidate.about) + repr(answers) + written


def test_a_query_and_a_user_alone_are_used_and_shown_nowhere() -> None:
    with FakeServer({"bad": Behaviour("", "refused")}) as server:
        address = server.base_url.replace("http://", "http://token-9X@") + "?sig=planted%2F7Jq2&v=2"
        candidate = endpoint(address)
        answers = ask(candidate, ["good", "bad"])
        seen = server.seen[0]
    assert seen.headers[":path"] == "/v1/chat/completions?sig=planted%2F7Jq2&v=2"
    assert "you sent Basic ***" in answers[1].message
    assert "token-9X" not in repr(candidate) + str(candidate.about) + repr(answers)
    assert not candidate.address_is_whole
    assert endpoint("http://a.example/v1/").address_is_whole


def test_an_answer_that_repeats_the_key_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", KEY)
    with FakeServer(default=Behaviour(f"You sent {KEY}.")) as server:
        for stream in (False, True):
            assert ask_one(endpoint(server, api_key_env="PLANTED_KEY", stream=stream)).text == "You sent ***."


@pytest.mark.parametrize("key", ["sk-planted\n7Jq2", "sk-planted-密"])
def test_what_is_no_key_is_told_and_not_sent(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("PLANTED_KEY", key)
    with FakeServer() as server, pytest.raises(EvalPlusError, match="what stands in PLANTED_KEY is no key") as error:
        ask(endpoint(server, api_key_env="PLANTED_KEY"), ["q"])
    assert "planted" not in str(error.value)
    assert server.seen == []


def test_a_key_that_is_not_set_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with FakeServer() as server:
        pair = [endpoint(server, "fine"), endpoint(server, "poor", api_key_env="NO_SUCH_KEY")]
        with pytest.raises(EvalPlusError, match=r"'poor'.* NO_SUCH_KEY, which is not set"):
            ask_all(pair, {candidate.name: requests("abc") for candidate in pair})
        assert server.seen == []


def test_the_digest_is_of_all_that_decides_an_answer_and_of_nothing_else() -> None:
    def digest(url: str = "http://a/v1", **more: Any) -> str:
        return endpoint(url, **more).digest

    assert digest() == digest("http://a/v1/") == digest(concurrency=3, price=Price(1, 1), api_key_env="K", stream=True)
    others = [digest("http://b/v1"), digest(parameters={"temperature": 1}), digest()]
    assert len(set(others)) == 3


def test_requests_per_minute_are_kept() -> None:
    with FakeServer() as server:
        ask(endpoint(server, requests_per_minute=600), [f"q{i}" for i in range(8)])
        times = [seen.at for seen in server.seen]
    assert times[-1] - times[0] > 0.65


def test_concurrency_is_kept_and_used() -> None:
    with FakeServer(latency=0.02) as server:
        ask(endpoint(server, concurrency=5), [f"q{i}" for i in range(40)])
    assert server.most_at_once == 5


def test_an_endpoint_is_asked_by_itself_in_one_loop_after_another() -> None:
    with FakeServer() as server:
        candidate = endpoint(server)
        for _ in range(3):
            assert ask_one(candidate).text == "B"


def test_a_cancelled_call_leaves_the_candidate_usable() -> None:
    async def cancelled() -> None:
        task = asyncio.ensure_future(candidate.ask(request("slow")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await candidate.close()

    with FakeServer({"slow": Behaviour("x", "timeout", times=ALWAYS)}) as server:
        candidate = endpoint(server)
        asyncio.run(cancelled())
        assert ask_one(candidate).text == "B"


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with pytest.raises(EvalPlusError, match=r"pip install 'mlflow-evalplus\[selection\]'"):
        ask(endpoint("http://127.0.0.1:9/v1"), ["q"])
