"""An OpenAI-compatible endpoint as a candidate."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlflow_evalplus.asking.budget import OUTPUT_LIMITS, prompt_bound
from mlflow_evalplus.asking.digest import digest_of
from mlflow_evalplus.asking.limits import Limits
from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.asking.replies import LONGEST_MESSAGE, Failure, Reply, failure_of, read_reply, read_stream
from mlflow_evalplus.asking.retries import LONGEST_ASKED_S, PATIENCE, backoff
from mlflow_evalplus.asking.secrets import parted, shown, without
from mlflow_evalplus.asking.standing import Standing
from mlflow_evalplus.core.extra import needed
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import EvalPlusError
from mlflow_evalplus.results.answers import Answer

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NO_KEY = "none"  # a server that asks for no key is sent this one, never a key of another
CONCURRENCY = 8
LONG_SECRET = 8  # one that no answer has by chance
LONGEST_GUESS_S = 1.0  # of a pause after rate limits that do not say how long
EXPECTED_TOKENS = 256  # of an answer without a limit, for tokens per minute


class Endpoint:
    """Any server that speaks OpenAI's chat completions.

    Parameters
    ----------
    name : str
    base_url : str
        With a user and password where the server asks for them; they are shown nowhere.
    model : str
    api_key_env : str
        The environment variable that holds the key; empty where the server asks for none.
    parameters : mapping, optional
        Sent as they are: temperature, max_tokens, seed, …
    stream : bool
        Answers come in pieces, so that the time to the first is known.
    concurrency : int
    requests_per_minute, tokens_per_minute : float, optional
    max_retries : int
        After rate limits, timeouts, failed connections and errors of the server.
    timeout_s : float
        Of one attempt.
    price : Price, optional
    about : mapping of str to str, optional
        What a run shows besides.
    rng : random.Random, optional
        Spreads the retries.
    """

    asks = True

    def __init__(
        self,
        name: str,
        base_url: str,
        model: str,
        *,
        api_key_env: str = "",
        parameters: Mapping[str, Any] | None = None,
        stream: bool = False,
        concurrency: int = CONCURRENCY,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        max_retries: int = 5,
        timeout_s: float = 60.0,
        price: Price | None = None,
        about: Mapping[str, str] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.name, self.model, self.api_key_env, self.stream = name, model, api_key_env, stream
        self.parameters, self.concurrency, self.price = dict(parameters or {}), concurrency, price
        self.max_retries, self.timeout_s = max_retries, timeout_s
        self.base_url, self._secrets = shown(base_url)
        self._address = base_url
        limits = [self.parameters[key] for key in OUTPUT_LIMITS if isinstance(self.parameters.get(key), int)]
        self.max_tokens: int | None = max(limits, default=None)
        told = {"address": self.base_url, "model": model, "parameters": self.parameters}
        self.digest = digest_of({"kind": "endpoint", **told})
        self.about: Mapping[str, str] = {
            "kind": "endpoint", "address": self.base_url, "model": model, "parameters": json.dumps(self.parameters),
            **(about or {}),
        }  # fmt: skip
        self._counts_tokens = bool(tokens_per_minute)
        self._rng = rng or random.Random()
        self._limits = Limits(requests_per_minute, tokens_per_minute, rng=self._rng)
        self._open: AsyncOpenAI | None = None
        self._standing = Standing()

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, {self.base_url!r}, {self.model!r})"

    @property
    def address_is_whole(self) -> bool:
        """Whether `base_url` is the whole address: no user, password or query is left out of it."""
        return self._address.rstrip("/") == self.base_url

    def check(self) -> None:
        """Raise where nothing can be asked: the client is not installed, or the key is not there.

        Raises
        ------
        EvalPlusError
            It says what to do.
        """
        needed("openai", "endpoints")
        key = os.environ.get(self.api_key_env, "").strip() if self.api_key_env else NO_KEY
        if not key:
            raise EvalPlusError(
                f"candidate {self.name!r}: its key is read from the environment variable {self.api_key_env}, "
                "which is not set. Set it, or leave out api_key_env where the server asks for none."
            )
        if not (key.isascii() and key.isprintable()):
            raise EvalPlusError(
                f"candidate {self.name!r}: what stands in {self.api_key_env} is no key: it holds more than one line, "
                "or other than letters, digits and signs. Set it to the key alone."
            )

    async def ask(self, request: Request) -> Answer:
        """Return the answer, or the error that the last attempt ended with.

        Raises
        ------
        EvalPlusError
            The client is not installed, or the key is not in the environment.
        """
        client, tokens, standing = self._client(), self._expected(request), self._standing
        attempts, tries, before = 0, 0, standing.n_answered
        while True:
            if not standing.refuses(attempts):
                await self._limits.turn(tokens, again=attempts > 0)
            if refusal := standing.refuses(attempts):
                return self._error(request, refusal, attempts)
            attempts += 1
            start = time.perf_counter()
            try:
                reply = await asyncio.wait_for(self._call(client, request), self.timeout_s)
            except Exception as error:  # whatever went wrong is this item's error, and no other's
                failure = failure_of(error, self.timeout_s)
            else:
                return self._answer(request, reply, time.perf_counter() - start, tokens, attempts)
            self._limits.settle(tokens, 0)
            standing.failed(failure)
            # A refusal while others are answered is a turn that was not had, and no sign that asking is in vain.
            tries += failure.kind != "rate_limit" or standing.n_answered == before
            before = standing.n_answered
            vain = tries > self.max_retries or attempts > PATIENCE * self.max_retries
            if not failure.again or vain or failure.wait_s > LONGEST_ASKED_S:
                standing.gave_up(failure)
                return self._error(request, failure, attempts)
            await asyncio.sleep(self._wait(failure, attempts))

    async def close(self) -> None:
        """Let go of the connections; the next question opens new ones, also in another event loop."""
        client, self._open, self._standing = self._open, None, Standing()
        self._limits.reset()
        if client:
            await client.close()

    def _client(self) -> AsyncOpenAI:
        if self._open is None:
            self.check()
            from openai import AsyncOpenAI

            key = os.environ[self.api_key_env].strip() if self.api_key_env else NO_KEY
            if self.api_key_env:
                self._secrets |= {key}
            address, query, header = parted(self._address)
            self._open = AsyncOpenAI(
                base_url=address, default_query=query, default_headers=header, api_key=key, max_retries=0,
                timeout=self.timeout_s, organization="", project="", admin_api_key="",  # OpenAI's own stay at home
            )  # fmt: skip
        return self._open

    async def _call(self, client: AsyncOpenAI, request: Request) -> Reply:
        messages: Any = [{"role": message.role, "content": message.content} for message in request.messages]
        create, given = client.chat.completions.create, {"model": self.model, "messages": messages}
        if not self.stream:
            return read_reply(await create(**given, extra_body=self.parameters))
        start, body = time.perf_counter(), {"stream_options": {"include_usage": True}, **self.parameters}
        async with await create(**given, stream=True, extra_body=body) as chunks:
            return await read_stream(chunks, start)

    def _expected(self, request: Request) -> int:
        if not self._counts_tokens:
            return 0
        return prompt_bound(request) // 4 + (self.max_tokens or EXPECTED_TOKENS)

    def _wait(self, failure: Failure, attempts: int) -> float:
        """Return the seconds to wait; where a limit holds, the whole candidate waits."""
        asked, crowded = failure.wait_s > 0, failure.kind == "rate_limit" and self._standing.crowded
        if not asked:
            wait = backoff(attempts - 1, self._rng)
            if crowded and attempts > 1:
                self._limits.pause(min(wait, LONGEST_GUESS_S))
            return wait
        if crowded:
            self._limits.pause(failure.wait_s)
            return 0.0  # its next turn comes after the pause
        return failure.wait_s * self._rng.uniform(1, 1.1)

    def _answer(self, request: Request, reply: Reply, seconds: float, expected: int, attempts: int) -> Answer:
        used = (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)
        self._limits.settle(expected, used or expected)
        self._standing.answered()
        text = without((secret for secret in self._secrets if len(secret) >= LONG_SECRET), reply.text)
        answer = Answer(
            self.name, request.question, request.variant, request.repeat, text, reply.finish,
            prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens,
            cached_tokens=reply.cached_tokens, seconds=seconds, first_token_s=reply.first_token_s, attempts=attempts,
        )  # fmt: skip
        return self.price.charged(answer) if self.price else answer

    def _error(self, request: Request, failure: Failure, attempts: int) -> Answer:
        return Answer(
            self.name, request.question, request.variant, request.repeat, error=failure.kind,
            message=without(self._secrets, failure.message)[:LONGEST_MESSAGE], attempts=attempts,
        )  # fmt: skip
