"""A local transformers model as a candidate, asked in batches in a thread."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from mlflow_evalplus.asking.digest import digest_of
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import EvalPlusError
from mlflow_evalplus.results.answers import Answer

LIMIT = 512  # new tokens where the parameters name no limit
Waiting = tuple[Request, "asyncio.Future[Answer]"]


class Pipeline:
    """A ``text-generation`` pipeline of transformers; its code is never taken from the model's files.

    What is asked at once goes through the model as one batch, and each answer of it took the seconds of the batch.

    Parameters
    ----------
    name : str
    model : str
        A folder, or a model's name on the hub.
    revision : str, optional
        Of the model on the hub.
    device : str, optional
        ``cpu``, ``cuda:0``; chosen by transformers by default.
    parameters : mapping, optional
        Of the generation: ``max_new_tokens`` (512 by default), ``do_sample`` (False by default), ``temperature``, …
    concurrency : int
        Size of a batch.
    about : mapping of str to str, optional
        What a run shows besides.
    """

    asks = True

    def __init__(
        self, name: str, model: str, *, revision: str = "", device: str = "",
        parameters: Mapping[str, Any] | None = None, concurrency: int = 1, about: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.model, self.revision, self.device = name, model, revision, device
        self.concurrency = concurrency
        self.parameters = {"max_new_tokens": LIMIT, "do_sample": False, **(parameters or {})}
        told = {"model": model, "revision": revision, "parameters": self.parameters}
        self.digest = digest_of({"kind": "pipeline", **told})
        shown = {"model": model, **({"revision": revision} if revision else {})}
        self.about: Mapping[str, str] = {
            "kind": "pipeline", **shown, "parameters": json.dumps(self.parameters), **(about or {})
        }  # fmt: skip
        self._waiting: list[Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Pipeline({self.name!r}, {self.model!r})"

    async def ask(self, request: Request) -> Answer:
        """Return the answer; the first call loads the model."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._work())
        return await future

    async def close(self) -> None:
        """End what is under way; the model stays loaded."""
        if self._worker:
            self._worker.cancel()
        self._waiting, self._worker = [], None

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self.concurrency], self._waiting[self.concurrency :]
            try:
                answers = await asyncio.to_thread(self._answers, [request for request, _ in batch])
            except Exception as error:  # each that waits is told, whatever it was
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    @cached_property
    def _pipe(self) -> Any:
        try:
            from transformers import pipeline
        except ImportError:
            raise EvalPlusError("pipelines need transformers: pip install 'mlflow-evalplus[transformers]'") from None
        try:
            pipe: Any = pipeline(
                "text-generation", model=self.model, revision=self.revision or None, device=self.device or None,
                trust_remote_code=False,
            )  # fmt: skip
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            first = str(error).strip().partition("\n")[0]
            own = " The model's own code is never run here: choose one that transformers knows."
            raise EvalPlusError(
                f"candidate {self.name!r}: the model {self.model!r} cannot be loaded: {first}"
                f"{own if 'trust_remote_code' in str(error) else ''}"
            ) from None
        tokenizer = pipe.tokenizer
        tokenizer.padding_side = "left"  # what is generated follows the prompt
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token_id = tokenizer.eos_token_id
        return pipe

    def _answers(self, requests: Sequence[Request]) -> list[Answer]:
        pipe = self._pipe
        prompts = [self._prompt(pipe.tokenizer, request) for request in requests]
        start = time.perf_counter()
        made = pipe(prompts, batch_size=len(prompts), return_full_text=False, **self.parameters)
        seconds = time.perf_counter() - start
        return [
            self._answer(pipe.tokenizer, request, prompt, rows[0]["generated_text"], seconds)
            for request, prompt, rows in zip(requests, prompts, made, strict=True)
        ]

    @staticmethod
    def _prompt(tokenizer: Any, request: Request) -> str:
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        if getattr(tokenizer, "chat_template", None):
            return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        return "\n\n".join(message["content"] for message in messages)

    def _answer(self, tokenizer: Any, request: Request, prompt: str, text: str, seconds: float) -> Answer:
        n_prompt, n_made = (len(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in (prompt, text))
        finish = "length" if n_made >= self.parameters["max_new_tokens"] else "stop"
        return Answer(
            self.name, request.question, request.variant, request.repeat, text.strip(), finish,
            prompt_tokens=n_prompt, completion_tokens=n_made, seconds=seconds,
        )  # fmt: skip
