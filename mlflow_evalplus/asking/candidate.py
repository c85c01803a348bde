"""Who is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.results.answers import Answer


class Candidate(Protocol):
    """Somebody who answers: an endpoint, a model, a pipeline, a file of recorded answers.

    Attributes
    ----------
    name : str
    digest : str
        Of all that decides an answer: address, model, parameters; no key and no price. An answer in the journal counts
        for the same digest only.
    concurrency : int
        Calls at once.
    asks : bool
        False where nothing is called and nothing costs: recorded answers.
    about : mapping of str to str
        What a run shows of it: kind, address, model, parameters; no key.
    """

    name: str
    digest: str
    concurrency: int
    asks: bool
    about: Mapping[str, str]

    async def ask(self, request: Request) -> Answer | None:
        """Return the answer, or one with an `error`; None where a file has no answer for this request."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
