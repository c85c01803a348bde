"""What is asked of a candidate."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.results.answers import AS_ASKED


@dataclass(frozen=True, slots=True)
class Request:
    """One call to make: a question, as it is or changed, for the `repeat`-th time."""

    question: str
    messages: tuple[Message, ...]
    variant: str = AS_ASKED
    repeat: int = 0
