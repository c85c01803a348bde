"""What a scorer finds in a text: the answer in the form asked, else one declared elsewhere, and how right it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """What is in one text.

    Attributes
    ----------
    value, relaxed : float
        0 … 1: of the answer in the form asked, and of the one found in the whole text; nan where nothing can be said.
    extracted : str
        The answer's normal form; empty where there is no answer, or none that two texts could share.
    format_ok : bool or None
        None where no form was asked.
    answered : bool
        An answer is in the text.
    why : str
    """

    value: float
    relaxed: float
    extracted: str = ""
    format_ok: bool | None = None
    answered: bool = True
    why: str = ""


def judged(
    asked: T | None, anywhere: Callable[[], T | None], right: Callable[[T], float], key: Callable[[T], str],
    why: Callable[[T], str] = lambda answer: "",
) -> Found:  # fmt: skip
    """Return what is found, given the answer in the form asked, and how to look for it in the whole text.

    Where the answer came in the form asked, no other is looked for.

    Examples
    --------
    >>> judged(None, lambda: "B", lambda letter: float(letter == "B"), str).relaxed
    1.0
    """
    if asked is not None:
        value = right(asked)
        return Found(value, value, key(asked), format_ok=True, why=why(asked))
    answer = anywhere()
    if answer is None:
        return Found(0.0, 0.0, format_ok=False, answered=False, why="no answer is declared")
    told = why(answer)
    not_asked = "not in the form asked"
    return Found(0.0, right(answer), key(answer), format_ok=False, why=f"{not_asked}; {told}" if told else not_asked)
