"""A server that speaks the chat completions of OpenAI over real HTTP, with faults planted by question.

In a thread, for tests::

    with FakeServer({"capital of France": Behaviour("Paris", fault="rate_limit", times=2)}) as server:
        server.base_url, server.seen, server.asked("capital of France")

In a process of its own, for benchmarks: ``python -m tests.asking.fake_server --latency 0.1`` prints its address;
``GET /counts`` returns how often each text was asked; ``--refuse 0.1`` refuses calls at random, ``--limit 40`` those
beyond so many in a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.request import urlopen

FAULTS = (
    "rate_limit", "quota", "server", "timeout", "disconnect", "refused", "authentication", "garbage", "empty",
    "truncated", "format", "language", "knowledge", "reasoning", "unstable",
)  # fmt: skip
STEPS = re.compile(r"step[- ]by[- ]step|逐步|一步一步|分步", re.IGNORECASE)
STATUS = {"rate_limit": 429, "quota": 429, "server": 500, "refused": 400, "authentication": 401}
ALWAYS = 10**9


@dataclass(frozen=True)
class Behaviour:
    """What the server answers to one question.

    Attributes
    ----------
    right : str
        What it says where no fault is in its way.
    fault : str
        One of `FAULTS`. ``rate_limit``, ``server``, ``timeout`` (it hangs), ``disconnect``, ``garbage`` (a web page)
        and ``empty`` (no choices) hit the first `times` calls; ``refused``, ``authentication`` and ``quota`` (a 429
        that no waiting helps) every call. ``truncated`` says `wrong` with finish_reason length; ``format`` and
        ``language`` say `wrong`, always; ``knowledge`` says `wrong` unless `context` is in the messages; ``reasoning``
        unless it is asked step by step; ``unstable`` where `pattern` says False.
    wrong : str or function
        What it says instead; a function is called each time, as for a guesser.
    times : int
    retry_after : str
        The header of a 429, or a whole other one (``retry-after-ms: 50``); left out where empty.
    context : str
    pattern : tuple of bool
        Right or not, by call of this question, over and over.
    raw : tuple of int, str, bytes, or None
        The whole of what is returned: the status, the kind of content, the content.
    """

    right: str
    fault: str = ""
    wrong: str | Callable[[], str] = "I do not know."
    times: int = 1
    retry_after: str = "0.05"
    context: str = ""
    pattern: tuple[bool, ...] = (False, True)
    raw: tuple[int, str, bytes] | None = None

    def __post_init__(self) -> None:
        assert not self.fault or self.fault in FAULTS, self.fault

    def text(self, words: str, call: int) -> str:
        """Return what is said to the `call`-th call, from 0, of a conversation with these words."""
        good = {
            **dict.fromkeys(("truncated", "format", "language"), False),
            "knowledge": bool(self.context) and self.context in words,
            "reasoning": bool(STEPS.search(words)),
            "unstable": self.pattern[call % len(self.pattern)],
        }.get(self.fault, True)
        if good:
            return self.right
        return self.wrong() if callable(self.wrong) else self.wrong


Does = Callable[[dict[str, Any]], Behaviour]


class Seen(NamedTuple):
    """One call as the server saw it; `question` is the key of the behaviour, `status` 0 where it hung up."""

    question: str
    body: dict[str, Any]
    headers: dict[str, str]
    status: int
    at: float

    @property
    def words(self) -> str:
        return words_of(self.body)


def words_of(body: Mapping[str, Any]) -> str:
    return "\n".join(str(message.get("content")) for message in body.get("messages", ()))


@dataclass
class FakeServer:
    """The server in a thread of its own, on a free port of loopback.

    Attributes
    ----------
    behaviours : mapping of str to Behaviour, or function
        By a part of the question's text (the longest that fits counts); or a function of the request's body.
    default : Behaviour
        For every other question.
    latency : float
        Seconds before every answer; a stream's first token comes after half of it.
    cached : int
        Tokens of each prompt that are said to be cached.
    seen : list of Seen
        Every call, in the order in which they came in.
    most_at_once : int
        Calls in flight together, at most.
    """

    behaviours: Mapping[str, Behaviour] | Does = field(default_factory=dict)
    default: Behaviour = Behaviour("B")
    latency: float = 0.0
    cached: int = 0
    keep: bool = True
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0
    base_url: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    _now: int = 0
    _calls: Counter[str] = field(default_factory=Counter)
    _found: dict[str, str] = field(default_factory=dict)
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    def asked(self, question: str) -> list[Seen]:
        """Return the calls of one question."""
        return [call for call in self.seen if call.question == question]

    def __enter__(self) -> FakeServer:
        self._loop, ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self.serve(ready.set))
        self._loop.close()

    async def serve(self, ready: Callable[[], object]) -> None:
        """Serve until told to stop."""
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024, limit=2**24)
        self.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready()
        await self._stop.wait()
        server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            while head := await self._head(reader):
                line, headers = head
                content = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._serve(line, headers, content, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return None
        pairs = (line.partition(":") for line in lines[1:] if line)
        return lines[0], {key.strip().lower(): value.strip() for key, _, value in pairs}

    async def _serve(self, line: str, headers: dict[str, str], content: bytes, writer: asyncio.StreamWriter) -> None:
        path = line.split(" ")[1].partition("?")[0]
        headers[":path"] = line.split(" ")[1]
        if path.startswith("/counts"):
            await _send(writer, 200, self.counts)
        elif path.endswith("/models"):
            await _send(writer, 200, {"object": "list", "data": [{"id": "fake", "object": "model"}]})
        elif path != "/v1/chat/completions":
            await _send(writer, 404, {"error": {"message": f"no such path: {path}"}})
        else:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            try:
                await self._complete(json.loads(content), headers, writer)
            finally:
                self._now -= 1

    async def _complete(self, body: dict[str, Any], headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        words = words_of(body)
        key, does = self._behaviour(body, words)
        call = self._calls[key]
        self._calls[key] += 1
        struck = does.fault in ("refused", "authentication", "quota") or call < does.times
        status = STATUS.get(does.fault, 0 if does.fault in ("timeout", "disconnect") else 200) if struck else 200
        self.counts[words] += 1
        if self.keep:
            self.seen.append(Seen(key, body, headers, status, time.monotonic()))
        if does.raw:
            await _send(writer, does.raw[0], does.raw[2], {"Content-Type": does.raw[1]})
            return
        if does.fault == "timeout" and struck:
            await asyncio.sleep(3600)
        if status == 0:
            writer.transport.abort()
            raise ConnectionError
        if status != 200:
            name, _, value = does.retry_after.rpartition(": ")
            extra = {name or "Retry-After": value} if does.fault == "rate_limit" and value else {}
            code = "insufficient_quota" if does.fault == "quota" else does.fault
            told = f"planted: {does.fault}; you sent {headers.get('authorization')}"
            await _send(writer, status, {"error": {"message": told, "code": code}}, extra)
            return
        if does.fault == "garbage" and struck:
            await _send(writer, 200, "<html>Bad gateway</html>", {"Content-Type": "text/html"})
            return
        if does.fault == "empty" and struck:
            await _send(writer, 200, {"error": {"message": "upstream is gone"}})
            return
        text = does.text(words, call)
        finish = "length" if does.fault == "truncated" else "stop"
        usage = {
            "prompt_tokens": tokens(words), "completion_tokens": tokens(text),
            "total_tokens": tokens(words) + tokens(text), "prompt_tokens_details": {"cached_tokens": self.cached},
        }  # fmt: skip
        shape = {"id": f"fake-{call}", "created": 1, "model": body.get("model", "fake")}
        if body.get("stream"):
            await self._stream(writer, shape, text, finish, usage if body.get("stream_options") else None)
            return
        await asyncio.sleep(self.latency)
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": finish}]
        await _send(writer, 200, {**shape, "object": "chat.completion", "choices": choices, "usage": usage})

    async def _stream(
        self, writer: asyncio.StreamWriter, shape: dict[str, Any], text: str, finish: str, usage: dict[str, Any] | None
    ) -> None:
        await asyncio.sleep(self.latency / 2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        half = len(text) // 2

        def chunk(choices: list[dict[str, Any]], **more: Any) -> None:
            whole = {**shape, "object": "chat.completion.chunk", "choices": choices, **more}
            data = b"data: " + json.dumps(whole).encode() + b"\n\n"
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        chunk([{"index": 0, "delta": {"content": text[:half]}, "finish_reason": None}])
        await writer.drain()
        await asyncio.sleep(self.latency / 2)
        chunk([{"index": 0, "delta": {"content": text[half:]}, "finish_reason": None}])
        chunk([{"index": 0, "delta": {}, "finish_reason": finish}])
        if usage:
            chunk([], usage=usage)
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()

    def _behaviour(self, body: dict[str, Any], words: str) -> tuple[str, Behaviour]:
        if callable(self.behaviours):
            return words, self.behaviours(body)
        if words not in self._found:
            self._found[words] = max((key for key in self.behaviours if key in words), key=len, default=words)
        return self._found[words], self.behaviours.get(self._found[words], self.default)


def tokens(text: str) -> int:
    """Return how many tokens the server counts in a text."""
    return len(text) // 4 + 1


async def _send(
    writer: asyncio.StreamWriter, status: int, content: Any, headers: Mapping[str, str] | None = None
) -> None:
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    data = text if isinstance(text, bytes) else text.encode()
    whole = {"Content-Type": "application/json", "Content-Length": len(data), **(headers or {})}
    head = f"HTTP/1.1 {status} -\r\n{''.join(f'{key}: {value}{chr(13)}{chr(10)}' for key, value in whole.items())}\r\n"
    writer.write(head.encode() + data)
    await writer.drain()


def at_random(share: float, answer: str = "B", retry_after: str = "1", seed: int = 3) -> Does:
    """Return what a server does that refuses this share of the calls at random."""
    rng, refused = random.Random(seed), Behaviour("", "rate_limit", times=ALWAYS, retry_after=retry_after)
    return lambda body: refused if rng.random() < share else Behaviour(answer)


def windowed(n: int, seconds: float = 1.0, answer: str = "B", retry_after: str = "1") -> Does:
    """Return what a server with a real limit does: it takes so many in each window, and refuses the others."""
    window = {"began": 0.0, "n": 0.0}
    taken, refused = Behaviour(answer), Behaviour("", "rate_limit", times=ALWAYS, retry_after=retry_after)

    def does(body: dict[str, Any]) -> Behaviour:
        now = time.monotonic()
        if now - window["began"] >= seconds:
            window.update(began=now, n=0)
        window["n"] += 1
        return taken if window["n"] <= n else refused

    return does


@contextlib.contextmanager
def server_process(latency: float, answer: str = "B", **more: float) -> Iterator[str]:
    """Run the server in a process of its own, with `refuse` or `limit` as the module says; yield its base URL."""
    command = [sys.executable, "-m", "tests.asking.fake_server", "--latency", str(latency), "--answer", answer,
               *(part for name, value in more.items() for part in (f"--{name}", str(value)))]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def counts(base_url: str) -> dict[str, int]:
    """Return how often each text was asked of a server in a process."""
    with urlopen(base_url.removesuffix("/v1") + "/counts", timeout=10) as response:
        found: dict[str, int] = json.load(response)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--answer", default="B")
    parser.add_argument("--refuse", type=float, default=0, help="share of the calls that are refused at random")
    parser.add_argument("--limit", type=int, default=0, help="calls that are taken in each second")
    given = parser.parse_args()
    refusing = windowed(given.limit, answer=given.answer) if given.limit else at_random(given.refuse, given.answer)
    server = FakeServer(
        refusing if given.limit or given.refuse else {}, Behaviour(given.answer), given.latency, keep=False
    )
    asyncio.run(server.serve(lambda: print(server.base_url, flush=True)))
