"""What servers return that is no completion, or one of an odd form: over real HTTP, whole and in a stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlflow_evalplus.asking.budget import Budget
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.results.answers import Answer
from tests.asking.asking import ask, endpoint
from tests.asking.fake_server import Behaviour, FakeServer

MIDWAY, NOTHING = "the stream ended midway: no finish_reason came", "the stream ended without an answer"


def answer_to(status: int, kind: str, content: bytes, **more: Any) -> Answer:
    with FakeServer(default=Behaviour("", raw=(status, kind, content))) as server:
        return ask(endpoint(server, max_retries=1, **more), ["q"])[0]


def whole(finish: Any = "stop", **message: Any) -> bytes:
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]
    return json.dumps({"id": "x", "choices": choices}).encode()


def stream(*chunks: Any, end: bytes = b"data: [DONE]\n\n") -> bytes:
    lines = (chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode() for chunk in chunks)
    return b"".join(b"data: " + line + b"\n\n" for line in lines) + end


def piece(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


TOOL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "no"}]}


@pytest.mark.parametrize(
    ("content", "text", "finish"),
    [(whole(content=None), "", "stop"), (whole("tool_calls", content=None, tool_calls=[TOOL]), "", "tool_calls"),
     (whole(content=None, refusal="I cannot."), "I cannot.", "stop"),
     (whole("length", content="", reasoning_content="hm"), "", "length"),
     (whole(content=[THINKING, {"type": "text", "text": "Pa"}, "ris"]), "Paris", "stop"),
     (whole(content={"type": "text", "text": "Paris"}), "Paris", "stop"), (whole(content=42), "42", "stop"),
     (whole(3, content="Paris"), "Paris", ""), (whole(None, content="Paris"), "Paris", ""),
     (whole(content="a\ud83d\x00b"), "a\ufffd\x00b", "stop")],
)  # fmt: skip
def test_an_answer_of_an_odd_form_is_read(tmp_path: Path, content: bytes, text: str, finish: str) -> None:
    with FakeServer(default=Behaviour("", raw=(200, "application/json", content))) as server:
        with Journal(tmp_path / "journal.jsonl") as journal:
            answer = ask(endpoint(server), ["q"], journal=journal)[0]
        with Journal(tmp_path / "journal.jsonl") as journal:  # what was written can be read
            assert ask(endpoint(server), ["q"], journal=journal) == [answer]
        assert len(server.seen) == 1
    assert (answer.text, answer.finish, answer.error) == (text, finish, "")


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"5", b"[1, 2]", b'"Paris"', b'{"choices": {"a": 1}}', b'{"choices": "abc"}', b'{"choices": [null]}',
     b'{"choices": [{"message": "Paris"}]}', b'{"choices": [{"message": {"content": "Par', b"[" * 100_000,
     b'{"choices": [{"message": {"content": "\xff"}}]}'],
)  # fmt: skip
def test_what_is_no_completion_is_asked_again_and_an_error(content: bytes) -> None:
    answer = answer_to(200, "application/json", content)
    assert (answer.text, answer.error, answer.attempts) == (None, "server", 2)
    assert answer.message


@pytest.mark.parametrize(
    ("content", "text", "finish"),
    [(stream(piece(content="Pa"), piece(content="ris"), piece("stop")), "Paris", "stop"),
     (stream(piece(content=[{"type": "text", "text": "Paris"}]), piece("stop"), end=b""), "Paris", "stop"),
     (stream(piece(refusal="I can"), piece(refusal="not."), piece("stop")), "I cannot.", "stop"),
     (stream(piece(reasoning_content="hm"), piece("length")), "", "length"),
     (stream({"choices": None}, {"choices": [{"index": 0, "delta": None}]}, piece("stop", content="B")), "B", "stop")],
)  # fmt: skip
def test_a_stream_of_an_odd_form_is_read(content: bytes, text: str, finish: str) -> None:
    answer = answer_to(200, "text/event-stream", content, stream=True)
    assert (answer.text, answer.finish, answer.error) == (text, finish, "")


@pytest.mark.parametrize(
    ("content", "told"),
    [(stream(piece(content="Pa"), end=b""), MIDWAY), (stream(piece(content="Pa")), MIDWAY), (stream(end=b""), NOTHING),
     (stream(piece(content="Pa"), {"error": {"message": "overloaded", "code": 529}}), "overloaded"),
     (stream(piece(content="Pa"), b'{"choices": [{"del'), ""), (stream([1, 2], piece("stop")), ""), (stream(5), ""),
     (whole(content="Paris"), NOTHING)],
)  # fmt: skip
def test_half_a_stream_is_no_answer(content: bytes, told: str) -> None:
    answer = answer_to(200, "text/event-stream", content, stream=True)
    assert (answer.text, answer.error, answer.attempts) == (None, "server", 2)
    assert answer.message.startswith(told)


@pytest.mark.parametrize(
    ("body", "told"),
    [({"error": {"message": "no such model"}}, "no such model"), ({"error": "no such model"}, "no such model"),
     ({"detail": [{"msg": "hot"}]}, '{"detail": [{"msg": "hot"}]}'), ([{"error": "x"}], '[{"error": "x"}]'),
     ({"error": {"message": 5}}, "5")],
)  # fmt: skip
def test_the_words_of_a_refusal_are_told_whatever_their_form(body: Any, told: str) -> None:
    answer = answer_to(422, "application/json", json.dumps(body).encode())
    assert (answer.error, answer.attempts, answer.message) == ("refused_request", 1, f"422: {told}")


def test_a_page_of_a_gateway_is_told_on_one_line_and_cut() -> None:
    answer = answer_to(403, "text/html", b"<html>\n<b>no</b>\n" + b"x" * 9000)
    assert answer.message.startswith("403: <html> <b>no</b> xxx")
    assert len(answer.message) == 300


@pytest.mark.parametrize("counts", ["none", {"prompt_tokens": True, "completion_tokens": -50}, {"prompt_tokens": 1.5}])
def test_tokens_that_are_no_count_are_not_known_and_never_money_back(counts: Any) -> None:
    body = {**json.loads(whole(content="B")), "usage": counts}
    with FakeServer(default=Behaviour("", raw=(200, "application/json", json.dumps(body).encode()))) as server:
        budget = Budget(1.0)
        candidate = endpoint(server, price=Price(10, 1000), parameters={"max_tokens": 20})
        answers = ask(candidate, ["q1", "q2"], budget=budget)
    assert {(answer.prompt_tokens, answer.completion_tokens) for answer in answers} == {(None, None)}
    assert budget.spent >= 2 * 20 * 1000 / 1e6  # the whole reserve, as what it cost is not known
