"""What a model returned for one question, whatever its shape → an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.errors import DataError, EvalPlusError, shorten
from mlflow_evalplus.results.answers import Answer

# Where the answer is, in what models return; the first that is there.
ANSWER_KEYS = (
    "answer", "output", "outputs", "prediction", "predictions", "response", "generated_text", "text", "content", "0",
)  # fmt: skip
MAX_MESSAGE = 300


@dataclass(frozen=True)
class Reply:
    """What a model said: its text, and what it tells of how it came to it."""

    text: str
    finish: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def answered(blank: Answer, raw: Any, seconds: float = math.nan) -> Answer:
    """Return an answer with what a model said in it.

    Raises
    ------
    DataError
        There is no answer in what it returned.
    """
    reply = read_reply(raw)
    return replace(
        blank, text=reply.text, finish=reply.finish, seconds=seconds, prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
    )  # fmt: skip


def without_prompt(answer: Answer, prompt: str) -> Answer:
    """Return an answer without the prompt that it begins with.

    Examples
    --------
    >>> without_prompt(Answer("own", "q1", text="May I? Yes."), "May I?").text
    'Yes.'
    """
    text = answer.text or ""
    return replace(answer, text=text[len(prompt) :].lstrip()) if prompt and text.startswith(prompt) else answer


def brief(error: Exception) -> str:
    """Return an error's kind and first line, at most 300 characters."""
    first = next(iter(str(error).splitlines()), "")
    said = str(error) if isinstance(error, EvalPlusError) else f"{type(error).__name__}: {first}"
    return hidden(said)[:MAX_MESSAGE]


def read_reply(raw: Any) -> Reply:
    """Read one answer from what a model returned for one question.

    A text; a chat completion, a list of messages, a response of an agent; a list, a data frame or an array of one of
    these; or a mapping with one of `ANSWER_KEYS`.

    Raises
    ------
    DataError
        There is no answer in it, or there are several.

    Examples
    --------
    >>> read_reply([{"generated_text": "14 days"}]).text
    '14 days'
    >>> read_reply({"choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]})
    Reply(text='yes', finish='stop', prompt_tokens=None, completion_tokens=None)
    """
    if isinstance(raw, str):
        return Reply(raw)
    if hasattr(raw, "to_dict") and hasattr(raw, "columns"):
        return _one([_row(row) for row in raw.to_dict("records")])
    if hasattr(raw, "tolist"):  # an array, a series, one of their numbers
        return read_reply(raw.tolist())
    if hasattr(raw, "model_dump") or hasattr(raw, "to_dict"):
        return read_reply(raw.model_dump() if hasattr(raw, "model_dump") else raw.to_dict())
    if isinstance(raw, Mapping):
        return _mapping({str(key): value for key, value in raw.items()})
    if isinstance(raw, list | tuple):
        said = [entry for entry in raw if isinstance(entry, Mapping) and "role" in entry]
        return read_reply(said[-1]) if said and len(said) == len(raw) else _one(raw)
    if isinstance(raw, int | float) and not (isinstance(raw, float) and math.isnan(raw)):
        return Reply(str(raw))
    raise DataError(f"the model returned {type(raw).__name__}, in which no answer is found; it should return a text")


def _one(found: Sequence[Any]) -> Reply:
    if len(found) != 1:
        raise DataError(f"the model returned {len(found)} answers to one question")
    return read_reply(found[0])


def _row(row: Mapping[Any, Any]) -> Any:
    return next(iter(row.values())) if len(row) == 1 else row


def _mapping(raw: Mapping[str, Any]) -> Reply:
    if isinstance(raw.get("choices"), list) and raw["choices"]:
        return _completion(raw)
    if isinstance(raw.get("messages"), list) and raw["messages"]:
        return read_reply(raw["messages"][-1])
    if isinstance(raw.get("output"), list):
        return Reply("".join(filter(None, map(_parts, raw["output"]))))
    only = next(iter(raw)) if len(raw) == 1 else ""
    key = next((key for key in ANSWER_KEYS if raw.get(key) is not None), only)
    if not key:
        raise DataError(f"the model returned the fields {shorten(raw)}; name the answer's 'answer'")
    return Reply(_parts(raw)) if key == "content" and isinstance(raw[key], list) else read_reply(raw[key])


def _completion(raw: Mapping[str, Any]) -> Reply:
    choice, usage = raw["choices"][0], raw.get("usage") or {}
    said = choice.get("message") or {"content": choice.get("text")}
    if said.get("content") is None:
        raise DataError("the model's chat completion has no content")
    return Reply(
        _parts(said), str(choice.get("finish_reason") or ""), usage.get("prompt_tokens"), usage.get("completion_tokens")
    )


def _parts(message: Mapping[str, Any]) -> str:
    """Return the text of a message, which may come in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) if isinstance(part, Mapping) else str(part) for part in content)
    return str(content or "")
