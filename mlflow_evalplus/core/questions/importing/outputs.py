"""A model's output, as EvalScope and Inspect write it → `Answer`."""

from __future__ import annotations

import math
from typing import Any

from mlflow_evalplus.core.questions.importing.prompts import text_of
from mlflow_evalplus.results.answers import Answer

FINISHES = {"stop": "stop", "max_tokens": "length", "model_length": "length", "content_filter": "content_filter"}
MAX_MESSAGE = 500  # characters


def answer_of(candidate: str, repeat: int, output: Any, text: str = "", error: str = "") -> Answer:
    """Return the answer in an output, which holds ``choices``, ``usage`` and ``time``.

    Parameters
    ----------
    candidate : str
    repeat : int
    output : dict or anything else
        Without it `text` is the answer.
    text : str
    error : str
        Why there is none.
    """
    output = output if isinstance(output, dict) else {}
    choice = (output.get("choices") or [{}])[0]
    said = output.get("completion")
    if said is None:
        said = text_of((choice.get("message") or {}).get("content"))
    error = error or str(output.get("error") or "")
    if error or (said is None and not text):
        return Answer(
            candidate, "", repeat=repeat, error="other", message=(error or "no answer in the file")[:MAX_MESSAGE]
        )
    usage = output.get("usage") or {}
    return Answer(
        candidate, "", repeat=repeat, text=text if said is None else said,
        finish=FINISHES.get(choice.get("stop_reason"), ""), prompt_tokens=_prompt_tokens(usage),
        completion_tokens=_count(usage, "output_tokens"), cached_tokens=_count(usage, "input_tokens_cache_read"),
        seconds=_seconds(output, "time"), first_token_s=_seconds(output.get("perf_metrics"), "ttft"),
    )  # fmt: skip


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) else None


def _prompt_tokens(usage: dict[str, Any]) -> int | None:
    """Return all tokens of the prompt: the total has those that were cached, Inspect's ``input_tokens`` has not."""
    total, answered = _count(usage, "total_tokens"), _count(usage, "output_tokens")
    return _count(usage, "input_tokens") if not total or answered is None else total - answered


def _seconds(found: Any, name: str) -> float:
    value = found.get(name) if isinstance(found, dict) else None
    return float(value) if isinstance(value, (int, float)) and value > 0 else math.nan
