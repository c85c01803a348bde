"""LLM judges with a rubric, through `mlflow.genai.judges.make_judge`."""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from mlflow_evalplus.asking.digest import digest_of
from mlflow_evalplus.asking.endpoint import NO_KEY
from mlflow_evalplus.asking.secrets import shown, without
from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking.selection.judge_words import (
    GRADE,
    PREFER,
    asked_of,
    expected_of,
    request_of,
    shown_of,
    told_of,
)

OPENAI, KEY = "openai:/", "OPENAI_API_KEY"
PATH = "/chat/completions"
CONCURRENCY = 8
TIMEOUT = "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS"
ENOUGH_ERRORS = 3  # calls in a row that fail: MLflow has tried each of them eleven times
SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$")  # of an environment variable's name
CALL_FAILED = ("Failed to invoke", "Failed to connect", "Request to", f"{KEY} environment variable")


class LlmJudge:
    """One model that judges.

    Parameters
    ----------
    name : str
    model : str
        As MLflow names it, ``openai:/NAME``, ``anthropic:/NAME``, ``gateway:/NAME``; of an endpoint its name there.
    base_url : str
        Of the endpoint, as ``http://localhost:8000/v1``; empty for the provider's own.
    api_key_env : str
        The environment variable that holds the endpoint's key; an endpoint without one is sent none of yours.
    parameters : mapping, optional
        Such as ``{"temperature": 0}``.
    concurrency : int
        Calls at once.
    timeout_s : float
        Of one call. MLflow knows one timeout: the longest of the judges'.
    pairs : bool
        Whether it compares the candidates' answers two by two as well.

    Raises
    ------
    DataError
        The variable is not set, or names the key of a provider that reads its own.
    """

    def __init__(
        self,
        name: str,
        model: str,
        *,
        base_url: str = "",
        api_key_env: str = "",
        parameters: Mapping[str, Any] | None = None,
        concurrency: int = CONCURRENCY,
        timeout_s: float = 60.0,
        pairs: bool = False,
    ) -> None:
        model = model if ":/" in model or not base_url else OPENAI + model
        self.name, self.model, self.concurrency, self.timeout_s = name, model, concurrency, timeout_s
        self.pairs = pairs
        self._parameters, self._key_env = dict(parameters or {}), api_key_env
        trimmed = base_url.rstrip("/")
        self._address = trimmed if not trimmed or trimmed.endswith(PATH) else trimmed + PATH
        if api_key_env and not model.startswith(OPENAI):
            raise DataError(f"judge {name!r}: api_key_env is for {OPENAI}…; MLflow finds the key of {model!r} itself")
        if api_key_env and not os.environ.get(api_key_env):
            raise DataError(f"judge {name!r}: the environment variable {api_key_env} with its key is not set")
        self.address, self._secrets = shown(self._address) if self._address else ("", frozenset())
        told = {"model": model, "address": self.address, "parameters": self._parameters}
        self.digest = digest_of({"kind": "judge", **told, "rules": [GRADE, PREFER]})
        self._errors, self._stopped, self._lock = 0, "", threading.Lock()

    def __repr__(self) -> str:
        return f"LlmJudge({self.name!r}, {self.model!r}, {self.address!r})"

    def judge(self, question: Question, answers: Sequence[Answer]) -> Answer:
        """Return what it says of one answer, or of two in this order: a verdict to `read_told`, or the call's error."""
        request = request_of(question, answers)
        blank = Answer(self.name, request.question, request.variant, request.repeat)
        if self._stopped:
            return replace(blank, error="other", message=self._stopped, attempts=0)
        judge, start = self._chooser if len(answers) == 2 else self._grader, time.perf_counter()
        try:
            said = judge(inputs=asked_of(question), outputs=shown_of(answers), expectations=expected_of(question))
        except Exception as error:  # MLflow lets some answers fail it with a KeyError
            found = self._failed(error, blank)
        else:
            tokens = said.metadata or {}
            found = replace(
                blank, text=told_of(said.value, said.rationale or ""), finish="stop",
                prompt_tokens=tokens.get("mlflow.assessment.judgeInputTokens"),
                completion_tokens=tokens.get("mlflow.assessment.judgeOutputTokens"),
                seconds=time.perf_counter() - start,
            )  # fmt: skip
        self._count(found)
        return found

    @cached_property
    def _grader(self) -> Any:
        return self._made(GRADE, float)

    @cached_property
    def _chooser(self) -> Any:
        return self._made(PREFER, Literal["first", "second", "tie"])

    def _made(self, instructions: str, kind: Any) -> Any:
        from mlflow.genai.judges import make_judge

        headers = None
        if self._key_env or (self._address and self.model.startswith(OPENAI)):
            headers = {"Authorization": f"Bearer {os.environ[self._key_env] if self._key_env else NO_KEY}"}
        return make_judge(
            name="verdict", instructions=instructions, model=self.model, feedback_value_type=kind,
            inference_params=self._parameters or None, base_url=self._address or None, extra_headers=headers,
            generate_rationale_first=True,
        )  # fmt: skip

    def _failed(self, error: Exception, blank: Answer) -> Answer:
        """Return the error of a call; or, where the judge answered what cannot be read, an unusable verdict."""
        first = self._without_key(str(error))
        if not first.startswith(CALL_FAILED):
            return replace(blank, text=told_of(None, f"unusable: {type(error).__name__}: {first}"), finish="stop")
        refused = getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE"
        return replace(blank, error="authentication" if refused else "other", message=first[:300])

    def _without_key(self, text: str) -> str:
        """Return what a server said without the keys in the environment, which some repeat."""
        named = {name: value for name, value in os.environ.items() if SECRET.search(name) and len(value) > 5}
        keys = {*named.values(), os.environ.get(self._key_env, "")}
        return without(self._secrets | keys - {"", NO_KEY}, text)

    def _count(self, found: Answer) -> None:
        with self._lock:
            self._errors = self._errors + 1 if found.error else 0
            if found.error == "authentication" or self._errors >= ENOUGH_ERRORS:
                self._stopped = f"not asked, since the judge failed before: {found.message}"


@contextmanager
def settings_of_mlflow(timeout_s: float) -> Iterator[None]:
    """Set the timeout, and `OPENAI_API_KEY` to a word: MLflow asks for it even where another key is sent.

    What is set already stays; what is set here is taken back.
    """
    given = {KEY: NO_KEY, TIMEOUT: str(max(math.ceil(timeout_s), 1))}
    mine = {name: value for name, value in given.items() if not os.environ.get(name)}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)
