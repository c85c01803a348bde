"""One question, and a set of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlflow_evalplus.errors import did_you_mean

TYPES = ("choice", "exact", "numeric", "regex", "json", "text", "label", "rubric")


class Message(NamedTuple):
    """One message of a conversation; `role` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question with what a right answer is.

    Attributes
    ----------
    id : str
    messages : tuple of Message
        The conversation, the last message the user's; an ``input`` is one user message.
    type : str
        One of `TYPES`: which scorer reads the answer.
    dimension : str
        The ability it tests.
    gold : tuple of str
        Every answer that is right; empty for a rubric, and for JSON where the schema alone counts.
    choices : tuple of str
        The texts of A, B, C, … of a choice; the labels of a label.
    schema : mapping or None
        JSON Schema of a JSON answer.
    rubric : str
        What a judge is told a good answer is.
    context : str
        The knowledge that answers it; given only when a failed answer is asked again.
    twin : str
        Id of the same question in another language; empty where there is none.
    cluster : str
        Questions of one cluster are not independent: its own where given, else shared with its twin, else its id.
    weight : float
    tags : mapping of str to str
        ``language``, ``question_type``, ``skill``, …
    tolerance : float
        Of a numeric answer, in its own unit.
    unit : str
        Of a numeric answer.
    pass_mark : float
        From which value on a text or a rubric is passed.
    """

    id: str
    messages: tuple[Message, ...]
    type: str
    dimension: str
    gold: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    rubric: str = ""
    context: str = ""
    twin: str = ""
    cluster: str = ""
    weight: float = 1.0
    tags: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.0
    unit: str = ""
    pass_mark: float = 0.5

    @property
    def language(self) -> str:
        """The tag ``language``, such as ``en`` or ``zh``; empty where there is none."""
        return self.tags.get("language", "")

    @property
    def text(self) -> str:
        """What the user asks: the last message."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions in order, ids distinct, twins known to each other.

    Attributes
    ----------
    questions : tuple of Question
    digest : str
        Twelve hexadecimal digits of all that the questions hold, whatever the order of the file.
    source : str
        Where they are from.
    """

    questions: tuple[Question, ...]
    digest: str
    source: str = ""
    _at: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_at", {question.id: at for at, question in enumerate(self.questions)})

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __getitem__(self, name: str) -> Question:
        if name not in self._at:
            raise KeyError(f"there is no question {name!r}.{did_you_mean(name, self._at)}")
        return self.questions[self._at[name]]

    def __contains__(self, name: object) -> bool:
        return name in self._at

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions, in the order of their first question."""
        return tuple(dict.fromkeys(question.dimension for question in self.questions))
