"""What the tests of asking share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.results.answers import Answer
from tests.asking.fake_server import FakeServer


def request(text: str, name: str = "", **more: Any) -> Request:
    return Request(name or text, (Message("user", text),), **more)


def requests(texts: Iterable[str]) -> list[Request]:
    return [request(text) for text in texts]


def endpoint(server: FakeServer | str, name: str = "small", **more: Any) -> Endpoint:
    """Return an endpoint of the fake server that waits little between retries."""
    url = server if isinstance(server, str) else server.base_url
    made = Endpoint(name, url, "small-1", **{"max_retries": 3, "timeout_s": 5.0, **more})
    made._rng = Hurried()
    return made


class Hurried:
    """Draws that make every wait a hundredth of what it were."""

    def uniform(self, low: float, high: float) -> float:
        return high if low == 1 else high / 100


def ask(candidate: Any, texts: Sequence[str], **more: Any) -> list[Answer]:
    """Return the candidate's answers to some texts."""
    answers = ask_all([candidate], {candidate.name: requests(texts)}, **more)[candidate.name]
    assert all(answer is not None for answer in answers)
    return answers  # type: ignore[return-value]


def ask_one(candidate: Any, text: str = "q") -> Answer:
    async def once() -> Answer:
        try:
            found = await candidate.ask(request(text))
            assert found is not None
            return found
        finally:
            await candidate.close()

    return asyncio.run(once())
