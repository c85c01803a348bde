"""What an OpenAI-compatible server returned, and what it means when it fails."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterable, Mapping
from typing import Any, NamedTuple

from mlflow_evalplus.asking.retries import asked_wait

LONGEST_MESSAGE = 300
NO_FINISH = "no finish_reason came; leave out 'stream' where the server never sends one"
OUT_OF_MONEY = "insufficient_quota"  # a 429 that no waiting helps


class Reply(NamedTuple):
    """One answer of a server."""

    text: str
    finish: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    first_token_s: float = math.nan


class Failure(NamedTuple):
    """Why a call failed: one of `CALL_ERRORS`, the server's words, and what to do.

    `again` is whether another attempt may help, `wait_s` how long the server asks to wait (nan where it does not say),
    `final` whether every further call of this candidate will fail alike.
    """

    kind: str
    message: str
    again: bool
    wait_s: float = math.nan
    final: bool = False


class NoReplyError(ValueError):
    """The server answered with success, and without an answer."""


def read_reply(completion: Any) -> Reply:
    """Return the answer in a chat completion.

    Raises
    ------
    NoReplyError
        There is none in it: some gateways tell an error this way.
    """
    choices = getattr(completion, "choices", None)
    first = choices[0] if isinstance(choices, list) and choices else None
    message: Any = getattr(first, "message", None)
    if not hasattr(message, "content"):
        told = getattr(completion, "error", None) or (completion if isinstance(completion, str) else "")
        raise NoReplyError(f"the server returned no answer {told}".strip())
    text = text_of(message.content) or text_of(getattr(message, "refusal", None))
    return Reply(text, finish_of(first), *counted(getattr(completion, "usage", None)))


async def read_stream(chunks: AsyncIterable[Any], start: float) -> Reply:
    """Return the answer that comes in pieces since `start`, a time of `time.perf_counter`.

    Raises
    ------
    NoReplyError
        It ended before its end.
    """
    first, texts, finish, usage = math.nan, list[str](), "", None
    async for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices or ():
            finish, delta = finish_of(choice) or finish, choice.delta
            piece = (text_of(delta.content) or text_of(getattr(delta, "refusal", ""))) if delta else ""
            if piece:
                first = first if texts else time.perf_counter() - start
                texts.append(piece)
    if not finish:
        raise NoReplyError(f"the stream ended {'midway' if texts else 'without an answer'}: {NO_FINISH}")
    return Reply("".join(texts), finish, *counted(usage), first)


def finish_of(choice: Any) -> str:
    """Return why an answer ended, where that is said in a word."""
    finish = getattr(choice, "finish_reason", None)
    return finish if isinstance(finish, str) else ""


def text_of(content: Any) -> str:
    """Return the text of a message, whether it is one or a list of parts; half characters are replaced.

    Examples
    --------
    >>> text_of("B"), text_of([{"type": "text", "text": "Par"}, "is", {"type": "image"}]), text_of(None)
    ('B', 'Paris', '')
    """
    if isinstance(content, list):
        content = "".join(map(_part, content))
    elif isinstance(content, Mapping):
        content = _part(content)
    return str(content or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _part(part: Any) -> str:
    if isinstance(part, Mapping):
        part = part.get("text")
    found = part if isinstance(part, str) else getattr(part, "text", "")
    return found if isinstance(found, str) else ""


def counted(usage: Any) -> tuple[int | None, int | None, int | None]:
    """Return the tokens of the prompt, of the completion, and of the prompt's part that was cached."""
    details = getattr(usage, "prompt_tokens_details", None)
    found = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None),
             getattr(details, "cached_tokens", None))  # fmt: skip
    return tuple(value if type(value) is int and value >= 0 else None for value in found)  # type: ignore[return-value]


def failure_of(error: Exception, timeout_s: float) -> Failure:
    """Return what an error of the client means."""
    import openai

    name, package = type(error).__name__.lower(), type(error).__module__.partition(".")[0]
    if isinstance(error, openai.APIStatusError):
        return _of_status(error)
    if isinstance(error, TimeoutError) or "timeout" in name:  # asyncio's own in Python 3.10, and within a stream
        return Failure("timeout", f"no answer within {timeout_s:g} s", again=True)
    if isinstance(error, openai.APIConnectionError) or package.startswith("http"):
        return Failure("connection", _words(error.__cause__ or error), again=True)
    if isinstance(error, UnicodeEncodeError):  # half a character in the question: it cannot be sent
        return Failure("other", _words(error), again=False)
    if isinstance(error, (openai.APIError, NoReplyError, ValueError, AttributeError, LookupError, RecursionError)):
        return Failure("server", _words(error), again=True)  # an answer that is no completion
    return Failure("other", _words(error), again=False)


def _of_status(error: Any) -> Failure:
    status, body = error.status_code, error.body if isinstance(error.body, dict) else {}
    words = f"{status}: {body.get('message') or _said(error)}"
    wait = asked_wait(error.response.headers)
    if status == 401:
        return Failure("authentication", words, again=False, final=True)
    if status == 429:
        final = OUT_OF_MONEY in (body.get("code"), body.get("type"))
        return Failure("rate_limit", words, again=not final, wait_s=wait, final=final)
    if status == 408:
        return Failure("timeout", words, again=True, wait_s=wait)
    if status >= 500 or status in (409, 425):
        return Failure("server", words, again=True, wait_s=wait)
    return Failure("refused_request", words, again=False)


def _said(error: Any) -> str:
    """Return the words of a server that has its own form of an error, on one line."""
    said = error.body if isinstance(error.body, str) else error.response.text
    return " ".join(said.split()) or str(error.message)


def _words(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
