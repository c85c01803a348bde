"""Numeric answers: the number that a text gives, within a tolerance, in the unit asked."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.scorers.declared import claims, last_line, plain
from mlflow_evalplus.core.scorers.found import Found, judged
from mlflow_evalplus.core.scorers.han_numerals import HAN
from mlflow_evalplus.core.scorers.quantities import Quantity, quantities, quantity_at
from mlflow_evalplus.core.scorers.units import Unit, same, unit_at
from mlflow_evalplus.errors import DataError

_EPSILON = Fraction(1, 10**9)  # relative; not among whole numbers
_ABOUT = re.compile(
    r"[\s:]*(?:(?:about|approximately|approx\.?|around|roughly|exactly|nearly|only|just|also|a total of|~|≈|=)\s*|"
    r"(?:大约|大概|约为|约|共计|一共|总共|共有|共|正好|恰好|是|为)\s*:?\s*)*", re.I,
)  # fmt: skip
_NAMED = re.compile(r"\A[A-Za-z_]\w{0,15}\s*=\s*")
_NO_REST = re.compile(
    r"\d|\n|\b(?:not|wrong|incorrect|or|but|if|isn't)\b|不|错|或|但|以上|以下|[=+*×÷^?<]|/\s*\d", re.I
)
_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|in total|altogether|in all|total|equals|is|are|costs?|takes?)\b|"
    r"=|因此|所以|故|共|等于|总计|合计|为|是|即",
    re.I,
)
_DOUBT = re.compile(
    r"\b(?:not|cannot|can't|don't|doesn't|isn't|unsure|unknown|wrong|incorrect|maybe|perhaps|might|if|whether|unless|"
    r"either|(?:more|less|fewer) than|doubt|nobody|none|twice|double|half|(?:over|under|above|below)(?= [$¥€£]?\d))\b|"
    r"超过|不到|不足|多于|少于|大于|小于|不|错|无法|没有|也许|可能|如果|是否|未知|\?|[<>≤≥]\s*[$¥€£]?\d",
    re.I,
)

_SO = re.compile(r"\b(?:so|therefore|thus|hence)\b|因此|所以|故", re.I)
_SENTENCE = re.compile(r"(?<=[^\d\s])[.!?](?:\s|\Z)|[.](?=\s|\Z)|[。!;\n]")
_EXPLAINED = re.compile(
    r"[\s)*\"']*(?:[.,;:)。](?!\s*(?:or|maybe|perhaps|或|也)\b)|because|since|as\b|in total|per\b|\Z)", re.I
)


def find(question: Question, text: str) -> Found:
    """Return the number that a text gives.

    In the form asked: the text is a number with its unit, or ends with its declaration. In the whole text: the last
    declaration, the one number that the last sentence concludes with, or the only number there is; and a number in
    another unit, converted. Whole numbers are compared exactly, others within a billionth.

    Examples
    --------
    >>> from mlflow_evalplus.core.questions.question import Message
    >>> question = Question("q", (Message("user", "How long?"),), "numeric", "facts", ("1.5",), unit="hours")
    >>> [find(question, text).value for text in ("1.5", "1½ h", "#### 1.5", "一点五小时", "90 minutes")]
    [1.0, 1.0, 1.0, 1.0, 0.0]
    >>> find(question, "90 minutes").why, find(question, "90 minutes").relaxed
    ('reads 90 with another unit (not in the unit asked, hours)', 1.0)
    """
    golds = [_gold(question, gold) for gold in question.gold]
    asked_unit = unit_at(plain(question.unit)) if question.unit else None
    shown = _without_unit(plain(text), question.unit, asked_unit)
    asked = _asked(shown)
    if asked is not None and _other_unit(asked, asked_unit):
        relaxed = max(
            (_right(_converted(asked, asked_unit), gold, question, asked_unit) for gold in golds), default=0.0
        )
        told = f"{_told(asked)} with another unit (not in the unit asked, {question.unit})"
        return Found(0.0, relaxed, _key(asked, asked_unit), format_ok=False, why=told)

    def right(answer: Quantity) -> float:
        if _other_unit(answer, asked_unit):
            answer = _converted(answer, asked_unit)
        return max((_right(answer, gold, question, asked_unit) for gold in golds), default=0.0)

    return judged(asked, lambda: _anywhere(shown), right, lambda answer: _key(answer, asked_unit), _told)


def _without_unit(shown: str, unit: str, asked: Unit | None) -> str:
    """Return a text without the unit asked where that is part of the number (万元) or none that is known."""
    if not unit or (asked and unit[0] not in "百千万亿"):
        return shown
    name = re.escape(plain(unit)) if asked is None else f"{unit[0]}(?:{re.escape(plain(unit[1:]))})?"
    return re.sub(rf"(?<=[\d{HAN}])\s*{name}(?![A-Za-z])", "", shown)


def number_of(text: str) -> Fraction | None:
    """Return the number that a text is, such as a right answer; None where it is none.

    Examples
    --------
    >>> number_of("1,234.5"), number_of("about"), number_of("1e3 km")
    (Fraction(2469, 2), None, Fraction(1000, 1))
    """
    found = _alone(plain(text))
    return found.number if found else None


@lru_cache(maxsize=4096)
def _parsed(gold: str) -> Quantity | None:
    return _alone(plain(gold))


def _gold(question: Question, gold: str) -> Quantity:
    found = _parsed(gold)
    if found is None:
        raise DataError(
            f"question {question.id!r} is numeric, but its gold {gold!r} is no number; write it as 1234.5 or 3/4, and "
            "its unit as `unit`"
        )
    return found


def _asked(shown: str) -> Quantity | None:
    if not shown:
        return None
    if "\n" not in shown and (found := _alone(shown)):
        return found
    declared = claims(shown)
    if declared and declared[-1].last:
        return _claimed(declared[-1].text)
    return _alone(last_line(shown)) if "\n" in shown and not declared else None


def _alone(claim: str) -> Quantity | None:
    """Return the quantity where a claim is nothing but it, with a few words that hold no other number."""
    claim = _NAMED.sub("", claim.strip())
    about = _ABOUT.match(claim)
    found = quantity_at(claim, about.end() if about else 0)
    if found is None:
        return None
    rest = claim[found[1] :]
    return None if len(rest) > 60 or _NO_REST.search(rest) or _more_than_words(rest) else found[0]


def _more_than_words(rest: str) -> bool:
    """Whether another number is in what follows, in words or Chinese numerals."""
    return any(True for _ in quantities(rest))


def _claimed(claim: str) -> Quantity | None:
    """Return the quantity of a declaration: it alone, or what stands behind its last ``=``."""
    for part in (claim, claim.rpartition("=")[2], re.split(r"[.。](?:\s|\Z)", claim, maxsplit=1)[0]):
        if found := _alone(part):
            return found
    return None


def _anywhere(shown: str) -> Quantity | None:
    """Return what is declared last, else what the last sentence concludes with, else the only number of the text."""
    declared = claims(shown)
    if declared:
        return _claimed(declared[-1].text) or _headed(declared[-1].text)
    sentences = [part for part in _SENTENCE.split(shown) if part.strip()]
    if not sentences:
        return None
    last = sentences[-1]
    if "=" in last and (found := _alone(last.rpartition("=")[2])):
        return found
    for part in (_SO.split(last)[-1], last):
        if _CONCLUDES.search(last) and (found := _only(part)):
            return found
    return _only(shown)


def _headed(claim: str) -> Quantity | None:
    """Return the quantity with which a declaration begins that goes on to explain: "42, since …"."""
    about = _ABOUT.match(claim)
    found = quantity_at(claim, about.end() if about else 0)
    return found[0] if found and _EXPLAINED.match(claim[found[1] :]) else None


def _only(text: str) -> Quantity | None:
    """Return the one quantity that a text names, without doubt and without any other digits."""
    if _DOUBT.search(text):
        return None
    named = list(quantities(text))
    left = list(text)
    for _, start, end in named:
        left[start:end] = " " * (end - start)
    different = {quantity for quantity, _, _ in named}
    return different.pop() if len(different) == 1 and not any(map(str.isdigit, left)) else None


def _other_unit(answer: Quantity, asked: Unit | None) -> bool:
    return asked is not None and answer.unit is not None and not same(answer.unit, asked)


def _converted(answer: Quantity, asked: Unit | None) -> Quantity:
    """Return an answer in the unit asked; a number that can be no answer where it measures something else."""
    if asked and answer.unit and answer.unit.measures == asked.measures:
        return Quantity(answer.number * answer.unit.size / asked.size, asked)
    return Quantity(answer.number, answer.unit)


def _right(answer: Quantity, gold: Quantity, question: Question, asked: Unit | None) -> float:
    if _other_unit(answer, asked):
        return 0.0
    readings = {answer.number}
    percent = unit_at("%")
    if asked is None and answer.unit and percent and same(answer.unit, percent) and gold.unit is None:
        readings.add(answer.number / 100)
    elif asked is None and gold.unit and percent and same(gold.unit, percent) and answer.unit is None:
        readings.add(answer.number * 100)
    return float(any(_near(number, gold.number, Fraction(question.tolerance)) for number in readings))


def _near(number: Fraction, gold: Fraction, tolerance: Fraction) -> bool:
    apart = abs(number - gold)
    rounded = 0 if number.denominator == gold.denominator == 1 else abs(gold) * _EPSILON
    return apart <= tolerance * (1 + _EPSILON) + rounded


def _key(answer: Quantity, asked: Unit | None) -> str:
    """Return the number in a form that two ways to write it share; with what it measures, if that is not asked."""
    answer = _converted(answer, asked) if _other_unit(answer, asked) else answer
    number = answer.number
    shown = str(number.numerator) if number.denominator == 1 else f"{float(number):.12g}"
    unit = answer.unit.measures if answer.unit and _other_unit(answer, asked) else ""
    return f"{shown} {unit}".strip()


def _told(answer: Quantity) -> str:
    return f"reads {_key(answer, None)}"[:80]
