"""An OpenAI-compatible endpoint as an MLflow model: this file is the model's code, `model_config` its configuration.

A registered endpoint carries a copy of it and runs where mlflow-evalplus is not installed: it needs mlflow and openai.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import mlflow.models
import pandas as pd
from mlflow.pyfunc import PythonModel

NO_KEY = "none"  # a server that asks for no key is sent this one


class EndpointModel(PythonModel):  # type: ignore[misc]  # mlflow is untyped
    """Answers each row by one call.

    A row has ``text``, what a user asks, or ``messages``, a conversation of ``{"role": …, "content": …}``. The
    configuration holds ``base_url``, ``model``, ``parameters``, ``system`` (put before a conversation that has no
    system message), ``api_key_env`` (the name of the environment variable with the key), ``timeout_s``,
    ``max_retries``, ``concurrency``.
    """

    def load_context(self, context: Any) -> None:
        """Take the configuration; the key is looked for when the first row is asked."""
        self.config: Mapping[str, Any] = dict(context.model_config or {})

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[str]:
        """Return one answer per row; a call that fails is raised, as nothing may stand in for an answer."""
        asked = {**(self.config.get("parameters") or {}), **(params or {})}
        with ThreadPoolExecutor(max(int(self.config.get("concurrency") or 1), 1)) as threads:
            return list(
                threads.map(lambda messages: self._answer(messages, asked), list(self._conversations(model_input)))
            )

    @cached_property
    def _client(self) -> Any:
        from openai import OpenAI

        return OpenAI(
            base_url=self.config["base_url"], api_key=self._key() or NO_KEY, organization="", project="",
            timeout=float(self.config.get("timeout_s") or 60), max_retries=int(self.config.get("max_retries") or 0),
        )  # fmt: skip

    def _key(self) -> str:
        name = self.config.get("api_key_env") or ""
        if name and not os.environ.get(name, "").strip():
            raise ValueError(f"the endpoint's key is read from the environment variable {name}, which is not set")
        return os.environ[name].strip() if name else ""

    def _answer(self, messages: list[dict[str, str]], asked: Mapping[str, Any]) -> str:
        create, key = self._client.chat.completions.create, self._key()
        try:
            made = create(model=self.config["model"], messages=messages, extra_body=dict(asked))
        except Exception as error:  # some servers repeat the key in what they say
            said = str(error).replace(key, "***") if key else str(error)
            raise RuntimeError(f"the endpoint {self.config['base_url']} failed: {said}") from None
        return made.choices[0].message.content or ""

    def _conversations(self, rows: Any) -> Iterator[list[dict[str, str]]]:
        for number, row in enumerate(rows.to_dict("records"), start=1):
            given, text = row.get("messages"), row.get("text")
            if given is None or isinstance(given, float) or not len(given):  # a frame may have both columns
                if not isinstance(text, str) or not text.strip():
                    raise ValueError(f"row {number} has neither a 'text' nor 'messages'")
                given = [{"role": "user", "content": text}]
            messages = [{"role": str(said["role"]), "content": str(said["content"])} for said in given]
            system = self.config.get("system") or ""
            if system and messages[0]["role"] != "system":
                messages.insert(0, {"role": "system", "content": system})
            yield messages


mlflow.models.set_model(EndpointModel())
