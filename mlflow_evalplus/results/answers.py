"""What a candidate answered, and what a scorer found of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

AS_ASKED = ""  # the variant that is the question itself
CALL_ERRORS = ("timeout", "rate_limit", "server", "connection", "refused_request", "authentication", "budget", "other")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of one candidate, or the error in its place.

    Attributes
    ----------
    candidate, question : str
        Names.
    variant : str
        How it was asked: empty for the question as it is, else the name of an intervention.
    repeat : int
        From 0.
    text : str or None
        None where there is no answer; then `error` says why.
    finish : str
        ``stop``, ``length`` where it was cut, ``content_filter``, or empty where it is not known.
    error, message : str
        One of `CALL_ERRORS` with the server's words; empty where there is an answer.
    prompt_tokens, completion_tokens, cached_tokens : int or None
        As the server counts them; None where it does not.
    seconds, first_token_s : float
        Of the attempt that answered, without waiting for a turn or a retry; nan where it was not measured.
    attempts : int
        Calls made, the failed ones too.
    money : float
        In the currency of the candidate's price; nan where it has none.
    """

    candidate: str
    question: str
    variant: str = AS_ASKED
    repeat: int = 0
    text: str | None = None
    finish: str = ""
    error: str = ""
    message: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    seconds: float = math.nan
    first_token_s: float = math.nan
    attempts: int = 1
    money: float = math.nan

    @property
    def answered(self) -> bool:
        """Whether there is an answer, be it right or wrong."""
        return self.text is not None


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer found of one answer.

    Attributes
    ----------
    value : float
        0 … 1; nan where nothing can be said: no answer came, or no judge gave a usable verdict.
    passed : bool
        As good as asked: wholly right, or for texts and rubrics at least the question's pass mark.
    status : str
        ``right``, ``partial``, ``wrong``, ``no_answer`` (no answer is in the text) or ``missing`` (value nan).
    extracted : str
        What was taken as the answer.
    format_ok : bool or None
        It came in the form that was asked; None where none was.
    relaxed : float
        The value when the answer is looked for in the whole text, whatever its form; at least `value`.
    fluency : float
        0 … 1: in the question's language, complete, no refusal, no loops; nan where nothing came.
    refused : bool
    why : str
        In a few words.
    """

    value: float
    passed: bool
    status: str
    extracted: str = ""
    format_ok: bool | None = None
    relaxed: float = math.nan
    fluency: float = math.nan
    refused: bool = False
    why: str = ""


MISSING_SCORE = Score(math.nan, passed=False, status="missing")
