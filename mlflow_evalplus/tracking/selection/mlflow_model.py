"""An MLflow model as a candidate: loaded once, asked in a thread, its output read whatever its shape."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlflow_evalplus.asking.digest import digest_of
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import DataError, TrackingError, shorten
from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking.selection.model_replies import answered, brief, without_prompt

if TYPE_CHECKING:
    from mlflow_evalplus.asking.specs import Spec

TEXT_COLUMNS = ("text", "question", "prompt", "input", "inputs", "query")  # of several text columns the first of these
REPEATS = "mlflow.transformers"  # a text generation's answer begins with the prompt
RESPONSES = "agent/v1/responses"  # the task by which a ResponsesAgent is known


def maker(spec: Spec) -> MlflowModel:
    """Return the candidate of a ``model:`` entry of candidates.yaml."""
    return MlflowModel(
        spec.name, str(spec.model), concurrency=spec.concurrency or 1, parameters=dict(spec.parameters or {})
    )


class MlflowModel:
    """A model under any URI that MLflow loads: a pyfunc, a chat model, an agent, a transformers pipeline.

    Parameters
    ----------
    name : str
    uri : str
        ``models:/support-bot@champion``, ``runs:/…/model``, a folder.
    concurrency : int
        Threads that ask it at once; one unless it is known to bear more.
    parameters : mapping, optional
        Passed as ``params`` of ``predict``.
    column : str
        The text column of a model without a signature.

    Raises
    ------
    TrackingError
        There is no such model.
    DataError
        Its signature asks for more than a question.
    """

    asks = True

    def __init__(
        self,
        name: str,
        uri: str,
        *,
        concurrency: int = 1,
        parameters: Mapping[str, Any] | None = None,
        column: str = "text",
    ) -> None:
        self.name, self.uri, self.concurrency = name, uri, concurrency
        self._parameters = dict(parameters or {})
        info = _info(name, uri)
        self._repeats = info.flavors["python_function"].get("loader_module") == REPEATS
        self._inputs = input_form(name, info.signature, _task(info), column)
        told = {"model": str(info.model_uuid or uri), "parameters": self._parameters}
        self.digest = digest_of({"kind": "model", **told})
        self.about: Mapping[str, str] = {"kind": "model", "model": uri} | {
            key: str(value) for key, value in self._parameters.items()
        }
        self._lock, self._failed = threading.Lock(), ""

    def __repr__(self) -> str:
        return f"MlflowModel({self.name!r}, {self.uri!r})"

    async def ask(self, request: Request) -> Answer:
        """Return the model's answer, or one with an error; the first call loads the model."""
        return await asyncio.to_thread(self._answer, request)

    async def close(self) -> None:
        """Nothing is held open."""

    @cached_property
    def _model(self) -> Any:
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(self.uri, suppress_warnings=True)

    def _loaded(self) -> Any:
        """Return the model, loaded once; a model that could not be loaded is not tried again."""
        with self._lock:
            if self._failed:
                raise DataError(self._failed)
            try:
                return self._model
            except Exception as error:
                self._failed = f"the model could not be loaded: {brief(error)}"
                raise DataError(self._failed) from error

    def _answer(self, request: Request) -> Answer:
        blank = Answer(self.name, request.question, request.variant, request.repeat)
        try:
            predict, given = self._loaded().predict, self._inputs(request.messages)
            start = time.perf_counter()
            raw = predict(given, params=self._parameters) if self._parameters else predict(given)
            seconds = time.perf_counter() - start
            answer = answered(blank, raw, seconds)
            return without_prompt(answer, flat(request.messages)) if self._repeats else answer
        except Exception as error:  # a model may fail in any way; the others of its answers are not lost
            return replace(blank, error="other", message=brief(error))


def _info(name: str, uri: str) -> Any:
    import mlflow.models

    try:
        return mlflow.models.get_model_info(uri)
    except Exception as error:  # every store fails in its own way
        raise TrackingError(
            f"candidate {name!r}: there is no MLflow model {uri!r} ({brief(error)}). Give a URI that "
            "mlflow.pyfunc.load_model takes, such as models:/NAME/VERSION, models:/NAME@ALIAS or a folder"
        ) from error


def _task(info: Any) -> str:
    return str((getattr(info, "metadata", None) or {}).get("task", ""))


Form = Callable[[Sequence[Message]], Any]


def input_form(name: str, signature: Any, task: str = "", column: str = "text") -> Form:
    """Return how a conversation becomes what a model of this signature takes.

    Raises
    ------
    DataError
        The signature asks for columns that a question does not have.
    """
    import pandas as pd

    schema = signature.inputs if signature else None
    if schema is None or schema.is_tensor_spec():
        return lambda messages: pd.DataFrame({column: [flat(messages)]})
    if not schema.has_input_names():
        return lambda messages: [flat(messages)]
    names = schema.input_names()
    conversation = "messages" if "messages" in names else "input" if task == RESPONSES else ""
    if conversation:
        return lambda messages: {conversation: [message._asdict() for message in messages]}
    wanted = schema.required_input_names() or names
    if len(wanted) > 1 and not schema.required_input_names():
        wanted = [known for known in TEXT_COLUMNS if known in names][:1]
    if len(wanted) != 1:
        raise DataError(
            f"candidate {name!r}: the model asks for the columns {shorten(wanted or names)}; a question gives one text "
            "or a column 'messages'. Wrap it in a pyfunc model that takes one of these"
        )
    return lambda messages: pd.DataFrame({wanted[0]: [flat(messages)]})


def flat(messages: Sequence[Message]) -> str:
    r"""Return a conversation as one text; the speakers are named where the user speaks more than once.

    Examples
    --------
    >>> flat([Message("system", "Be brief."), Message("user", "May I return it?")])
    'Be brief.\n\nMay I return it?'
    >>> flat([Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", "Bye")])
    'user: Hi\n\nassistant: Hello!\n\nuser: Bye'
    """
    several = sum(message.role != "system" for message in messages) > 1
    named = (f"{m.role}: {m.content}" if several and m.role != "system" else m.content for m in messages)
    return "\n\n".join(named)
