"""Multiple choice: the letter that a text gives, in its many dresses; no letter is another thing than a wrong one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from string import ascii_uppercase
from typing import NamedTuple

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import claims, last_line, plain, taken_back
from mlflow_evalplus.core.scorers.exact import normal
from mlflow_evalplus.core.scorers.found import Found, judged
from mlflow_evalplus.core.words import folded

UNDECIDED = ""  # what a text names that names several letters

# A letter at the beginning of what is claimed, with what may stand before it.
_HEAD = re.compile(
    r"""\A[\s"'`*_>(\[{【「《<:.•-]{0,12}
        (?:(?:either|both|probably|likely|clearly|definitely|most\ likely|indeed|simply|just)\ )?
        (?:(?:the\ )?(?:option|choice|letter)|选项|选择|选|第)?[\s"'`*_(\[{【「《<:]{0,12}
        (?P<letter>[A-Za-z])(?![A-Za-z0-9_]|['-][A-Za-z])(?P<rest>.*)""",
    re.X | re.S | re.I,
)
_CLOSED = re.compile(r"(?:选项|项)?[\s\"'`*_)\]}】」》>.,:;。、!…]{0,12}\Z")
_ANOTHER = re.compile(
    r"[\s\"'`*_)\]}】」》>.]{0,12}(?:,|、|/|&|or\b|and\b|and/or\b|或者?|和|与|及|还是|以及)"
    r"[\s\"'`*_(\[{【「《<]{0,12}([A-Za-z])(?![\w'])",
    re.I,
)
# After "A" or "I", which are words too: what shows that a letter is meant.
_AFTER_LETTER = re.compile(
    r"\s*(?:\Z|[)\]}】」》>.,:;。、!\"`*_(\n-]|[^\x00-\x7f]|[A-Z\d]|"
    r"(?:because|since|as|is|was|for|due|given|which|that|based|would|and|or|in)\b)"
)
_PARTED = re.compile(r"\s*[\"'`*_)\]}】」》>.,:;、(–—-]")  # a letter from its choice's text
_ASKED = re.compile(r"[\s\"'`*_)\]}】」》>.]{0,12}(?:\?|吗)")
_DENIED = re.compile(
    r"[\s\"'`*_)\]}】」》>]{0,12}(?:选?项)?(?:(?:is|was|are)(?:n't| not| wrong| incorrect| false)\b|是?不[正对]|是?错)"
)
_ELSE = re.compile(  # "B for new items and C for used ones", "B and maybe C"
    r"\b(?:and|or|but)\s+(?:(?:maybe|perhaps|possibly|probably|also)\s+([A-Z])\b|"
    r"([A-Z])\s+(?:for|if|when|in case|otherwise)\b)"
)
_IF = re.compile(r"[\s\"'*_)\]】」,]{0,12}(?:only|if|unless|when|but|except|in some|in part|仅|只在|如果|的前提)", re.I)

_LETTER = r"[\"'`*(\[【「]{0,6}(?P<letter>[A-Z])(?![A-Za-z0-9_]|['-][A-Za-z])[\"'`*)\]】」]*"
_TAKES = re.compile(
    rf"""(?:
          \bI(?:'d|'ll|'m|\ would|\ will|\ am|\ have)?\ (?:to\ )?
            (?:choose|chose|chosen|pick|picked|select|selected|go\ with|going\ with|vote\ for|answer|say)[ ]
        | \bwe\ (?:must\ |should\ |would\ )?(?:choose|pick|select|go\ with)[ ]
        | \b(?:it|that)(?:'s|\ is|\ must\ be|\ should\ be|\ has\ to\ be)[ ]
        )(?:the\ )?(?:option|choice|letter|answer)?[ ]*{_LETTER}(?=\s*(?:[.,;!:\n]|\Z|because|since|as\b))
      | \b(?:so|therefore|thus|hence),?\ (?:the\ )?(?:option\ |choice\ )?
            {_LETTER.replace("letter", "thus")}(?=\s*(?:[.!\n]|\Z))
      | (?:选择?|应为|应该是|应当是|就是|的是|我(?:认为|觉得)(?:答案)?是|(?<=[,;]是))(?:选项)?\s*:?\s*
            {_LETTER.replace("letter", "zh")}(?![、/或和与及])
    """,
    re.X | re.I,
)
_RIGHT = re.compile(
    rf"""{_LETTER}\s*(?:项|选项)?[ ]*
        (?:(?:is|seems|appears\ to\ be|must\ be|would\ be|looks)[ ]
            (?:therefore\ |clearly\ |definitely\ )?(?:the\ )?(?:most\ |only\ |one\ )?
            (?:correct|right|best|true|accurate|appropriate)\b(?!\s+(?:only|if|when|in\ some|in\ part))
        | is\ my\ (?:final\ )?(?:answer|choice)\b
        | (?:才)?(?:是|为)?(?:最)?(?:正确|对(?![应于比照])|合适|恰当|符合题意))""",
    re.X,
)
_BEGINS = re.compile(
    r"\A[\"'`*_(\[【「]*(?P<letter>[A-Z])[\"'`*_]*(?:[)\].:,、。】」\n]|\s+(?:because|since)\b)(?P<rest>.*)", re.S
)
_BESIDE = re.compile(r"\s+([A-Z])\W*\Z")
_MENTIONED = re.compile(r"\b([A-Z])[):.](?:\s|\Z)")
_LISTED = re.compile(r"^[\s>*•-]{0,12}[(\[【]?([A-Z])[)\].:、】][ \t]*(\S.*)?$", re.M)


class _Choices(NamedTuple):
    letters: str
    texts: dict[str, str]  # normal form -> letter, of those that differ
    literal: dict[str, str]  # as it stands -> letter


@lru_cache(maxsize=4096)
def _choices(texts: tuple[str, ...]) -> _Choices:
    letters = ascii_uppercase[: len(texts)]
    forms = [normal(plain(text)) for text in texts]
    known = {form: letter for form, letter in zip(forms, letters, strict=False) if form and forms.count(form) == 1}
    return _Choices(letters, known, {folded(text): letter for text, letter in zip(texts, letters, strict=False)})


def find(question: Question, text: str) -> Found:
    """Return the letter that a text gives.

    In the form asked: the text is the letter or the choice, or ends with its declaration. In the whole text: the last
    clear declaration. Several letters without a decision are no answer.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "Capital?"),), "choice", "facts", ("B",), ("Rome", "Paris"))
    >>> [find(question, text).extracted for text in ("(b)", "答案：Ｂ", "A cat", "Paris.", "A or B")]
    ['B', 'B', '', 'B', '']
    """
    choices = _choices(question.choices)
    golds = {letter_of(question, gold) for gold in question.gold}
    shown = plain(text)
    asked = _asked(shown, choices)
    return judged(
        asked or None,
        lambda: _anywhere(shown, choices) if asked is None else None,
        lambda letter: float(letter in golds), str, lambda letter: f"answers {letter}",
    )  # fmt: skip


def letter_of(question: Question, gold: str) -> str:
    """Return the letter of a right answer, given as its letter or as its text."""
    choices = _choices(question.choices)
    letter = gold.strip().upper()
    return letter if letter in choices.letters and len(letter) == 1 else choices.texts.get(normal(plain(gold)), letter)


def _asked(shown: str, choices: _Choices) -> str | None:
    """Return the letter in the form asked, `UNDECIDED` where the end names several, None where there is none."""
    if not shown:
        return None
    whole = _alone(shown, choices) if "\n" not in shown or len(shown) < 400 else None
    if whole:
        return whole
    declared = claims(shown)
    if declared and declared[-1].last:
        return _alone(declared[-1].text, choices)
    if "\n" in shown and not declared:
        alone = _alone(last_line(shown), choices)
        listed = {match[1] for match in _LISTED.finditer(shown)}
        return None if _LISTED.match(last_line(shown)) and len(listed) > 1 else alone
    return None


def _alone(claim: str, choices: _Choices) -> str | None:
    """Return the letter where a claim is nothing but it, or but the choice's text, or both."""
    match = _HEAD.match(claim)
    by_text = choices.literal.get(folded(claim.strip(" .。"))) or choices.texts.get(normal(claim))
    letter = match["letter"].upper() if match else ""
    if not match or letter not in choices.letters:
        return by_text
    if _CLOSED.match(match["rest"]):
        return letter
    if by_text and (not _PARTED.match(match["rest"]) or folded(claim.strip(" .。")) in choices.literal):
        return by_text
    if (another := _ANOTHER.match(match["rest"]) or _BESIDE.match(match["rest"])) and another[
        1
    ].upper() in choices.letters.replace(letter, ""):
        return UNDECIDED
    if not _PARTED.match(match["rest"]):
        return None
    named = choices.texts.get(normal(re.sub(r"\A[\s*)]*[-–—]\s", "", match["rest"])))
    return named and (letter if named == letter else UNDECIDED)


def _head(claim: str, choices: _Choices) -> str | None:
    """Return the letter with which a claim begins, or the choice's text that it is."""
    alone = _alone(claim, choices)
    if alone is not None:
        return alone
    match = _HEAD.match(claim)
    if match is None or match["letter"].upper() not in choices.letters or _ASKED.match(match["rest"]):
        return choices.texts.get(normal(re.split(r"[.!?。!?](?:\s|\Z)", claim, maxsplit=1)[0]))
    if match["letter"].islower() and not re.match(r"[\s)\"'*`]*[.,;:)]", match["rest"]):
        return None
    if match["letter"] in "AI" and not _AFTER_LETTER.match(match["rest"]):
        return None
    letter = match["letter"].upper()
    other = _ELSE.search(match["rest"])
    several = other is not None and (other[1] or other[2]) in choices.letters.replace(letter, "")
    return UNDECIDED if several or _DENIED.match(match["rest"]) else letter


def _anywhere(shown: str, choices: _Choices) -> str | None:
    """Return the letter that the last clear declaration gives."""
    said = sorted(_said(shown, choices))
    right = {match["letter"] for match in _RIGHT.finditer(shown) if _holds(match, shown, choices)}
    if said:
        _, letter, firm = said[-1]
        return letter or None if firm or right <= {letter} else None
    if right:
        return right.pop() if len(right) == 1 else None
    return _beginning(shown, choices)


def _said(shown: str, choices: _Choices) -> Iterator[tuple[int, str, bool]]:
    """Yield where a letter is declared or taken, the letter, and whether it is declared."""
    for claim in claims(shown):
        letter = _head(claim.text, choices)
        if letter is not None:
            yield claim.start, letter, True
    for match in _TAKES.finditer(shown):
        letter = match["letter"] or match["thus"] or match["zh"]
        if (
            letter in choices.letters
            and not _ASKED.match(shown[match.end() :])
            and not taken_back(shown, match.start())
            and not _DENIED.match(shown[match.end() :])
        ):
            other = _ANOTHER.match(shown[match.end() :])
            several = other is not None and other[1] in choices.letters.replace(letter, "")
            yield match.start(), UNDECIDED if several else letter, False


def _holds(match: re.Match[str], shown: str, choices: _Choices) -> bool:
    after = shown[match.end() :]
    return (
        match["letter"] in choices.letters
        and not taken_back(shown, match.start())
        and not _ASKED.match(after)
        and not _IF.match(after)
        and not re.search(r"\b[A-Z](?:\s*(?:,|、|/|and|or|和|与|或)\s*)\Z", shown[: match.start()])
    )


def _beginning(shown: str, choices: _Choices) -> str | None:
    """Return the letter, or the choice's text, with which a text begins that goes on to explain."""
    first, _, more = shown.partition("\n")
    listed = {match[1] for match in _LISTED.finditer(shown)}
    if len(listed) > 1 or len({*_MENTIONED.findall(shown)} & {*choices.letters}) > 1:
        return None
    if _alone(first, choices) == UNDECIDED or _alone(shown, choices) == UNDECIDED:
        return None
    match = _BEGINS.match(shown)
    if match and match["letter"] in choices.letters and not _ANOTHER.match(match["rest"]):
        return match["letter"]
    return (_alone(first, choices) or None) if more else None
