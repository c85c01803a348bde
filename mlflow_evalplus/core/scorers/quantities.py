"""Numbers as people write them, in English and Chinese: 1,234.5, 3/4, 2.5 million, 1.2e-3, 三万五千, 百分之十五."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from mlflow_evalplus.core.scorers.han_numerals import HAN, han_value
from mlflow_evalplus.core.scorers.units import Unit, unit_at

_TIMES = {
    "hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "k": 3, "mn": 6, "bn": 9,
    "百": 2, "千": 3, "百万": 6, "千万": 7, "亿": 8, "億": 8, "万": 4, "萬": 4, "万亿": 12, "十万": 5, "十亿": 9,
}  # fmt: skip
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_ONES)} | {word: 10 * ten for ten, word in enumerate(_TENS, 2)}
_WORD = "|".join(sorted([*_SMALL, "hundred", "thousand", "million", "billion"], key=len, reverse=True))

_CURRENCY = r"(?:US|HK|NZ|CA|AU|[AC])?\$|¥|€|£|₹|(?:RMB|CNY|USD|EUR|GBP|HKD|JPY)\b|人民币|美元"
_DIGITS = r"""
    (?P<european>\d{1,3}(?:\.\d{3})+,\d{1,9}(?![\d,]))
  | (?P<grouped>(?:\d{1,3}(?:(?:,\d{3})+|(?:[ ']\d{3})+|(?:_\d{3})+)|\d{1,2}(?:,\d{2})+,\d{3}|\d{1,4}(?:,\d{4})+)
      (?![\d,]\d)(?!\d)(?:\.\d+)?)
  | (?P<comma>\d{1,12},\d{1,2}(?![\d,]))
  | (?P<plain>\d{1,60}(?:\.\d{1,60})?|\.\d{1,60})(?!\d)
"""
_SEP = r"\s*(?:×|x|X|\*|·|\\times|\\cdot)\s*"
_NUMBER = re.compile(
    rf"""(?:(?P<latex>\\[dt]?frac\s*\{{\s*(\d{{1,30}})\s*\}}\s*\{{\s*(\d{{1,30}})\s*\}})
      | (?P<mixed>(?P<whole>\d{{1,12}})[ ](?P<part>\d{{1,6}})/(?P<parts>\d{{1,6}})(?![\d/]))
      | (?P<fraction>\d{{1,30}}\s*/\s*\d{{1,30}})(?![\d/])
      | (?:{_DIGITS})
        (?:\s*[eE](?P<exponent>[+-]?\d{{1,3}})(?![\w.])|{_SEP}10\s*(?:\^|\*\*)\s*\{{?\(?(?P<power>[+-]?\d{{1,3}})\)?\}}?)?
        (?P<times>\s?(?:hundred|thousand|million|billion|trillion)\b|(?:k|K|mn|bn)\b|\s?(?:万亿|百万|千万|十万|十亿))?
        (?P<more>\s?[万亿千百萬億](?:[\d.{HAN}]{{0,30}}[{HAN}])?)?
      | (?P<percent_of>(?:百分之)(?:(?P<of_digits>\d{{1,12}}(?:\.\d{{1,12}})?)|(?P<of_han>[{HAN}点]{{1,20}})))
      | (?P<parts_of>(?P<below>[{HAN}\d]{{1,12}})分之(?P<above>[{HAN}\d]{{1,12}}))
      | (?P<han>[{HAN}]{{1,30}}(?:点[{HAN}]{{1,20}})?)
      | (?P<words>\b(?:{_WORD})(?:[ -](?:and\ )?(?:{_WORD}))*)\b
    )(?P<percent>\s?(?:\\?%|‰|percent\b|per\ cent\b|个?百分点))?""",
    re.X | re.I,
)  # fmt: skip
_LEAD = re.compile(
    rf"[\s\"'`*_(\[{{【「《<$\\]*?(?P<sign>(?:[-–](?=\s?[\d.$¥€£])|\+|负|minus\ |negative\ ))?\s*"
    rf"(?P<currency>{_CURRENCY})?\s*(?P<inner>-(?=[\d.]))?",
    re.I,
)
_LONGEST = 400  # characters of a number
_HALF = re.compile(
    r"\s?and\s+a\s+half\b|个?半(?![\w])|个半(?=[月年小])|半(?=[天年月周])", re.I
)  # 14 and a half days, 14天半, 3个半月
_MORE = re.compile(r"\s?[多余来几]")  # 14多天: so many and more
_SHORT = re.compile(r"\s?([mMbB])\b")  # million, billion; behind money only


class Quantity(NamedTuple):
    """A number with its unit, None where none is known; 15 % has the number 15 and the unit ``%``."""

    number: Fraction
    unit: Unit | None


def quantity_at(text: str, place: int = 0) -> tuple[Quantity, int] | None:
    """Return the quantity that begins at a place of a plain text, and where it ends; None where none does.

    Examples
    --------
    >>> quantity_at("$1,234.5 in total")[0].number, quantity_at("三万五千元")[0].number, quantity_at("3/4")[0].number
    (Fraction(2469, 2), Fraction(35000, 1), Fraction(3, 4))
    """
    lead = _LEAD.match(text, place)
    match = _NUMBER.match(text, lead.end() if lead else place)
    if lead is None or match is None:
        return None
    number, end = _value(match), match.end()
    if number is None or _no_number(text, match, money=bool(lead["currency"])):
        return None
    if half := _HALF.match(text, end):
        number, end = number + Fraction(1, 2), half.end()
    if (
        lead["sign"] in ("-", "–", "负")
        or (lead["sign"] or "").strip().lower() in ("minus", "negative")
        or lead["inner"]
    ):
        number = -number
    if match["percent"] or match["percent_of"]:
        sign = match["percent"] or ""
        return Quantity(number / 10 if "‰" in sign else number, unit_at("%")), match.end()
    unit, end = _unit(text, end)
    if not half and unit and (half := _HALF.match(text, end)):
        number, end = number + (Fraction(1, 2) if number >= 0 else -Fraction(1, 2)), half.end()
    if lead["currency"]:
        unit = unit_at(lead["currency"].strip())
        if short := _SHORT.match(text, match.end()):
            return Quantity(number * 10 ** (6 if short[1] in "mM" else 9), unit), short.end()
    return Quantity(number, unit), end


def quantities(text: str) -> Iterator[tuple[Quantity, int, int]]:
    """Yield the quantities of a plain text with where they stand; number words of one word are none."""
    place = 0
    for match in _NUMBER.finditer(text):
        if match.start() < place:
            continue
        start = match.start()
        before = text[max(start - 24, 0) : start]
        if match["words"] and " " not in match["words"] and "-" not in match["words"]:
            continue
        if match["han"] and (re.search(r"[第几多那这每某数]\Z", before) or not _counts(text, match)):
            continue
        lead = re.search(rf"(?<![\w)])(?:-|–|负|minus |negative )?\s?(?:{_CURRENCY})?\s?-?\Z", before, re.I)
        if lead and lead[0]:
            start -= len(lead[0])
        elif re.search(r"[A-Za-z_]\Z", before):
            continue
        found = quantity_at(text, start)
        if found:
            place = found[1]
            yield found[0], start, place


def _value(match: re.Match[str]) -> Fraction | None:
    if match["latex"]:
        return _ratio(match[2], match[3])
    if match["mixed"]:
        part = _ratio(match["part"], match["parts"])
        return None if part is None else int(match["whole"]) + part
    if match["fraction"]:
        return _ratio(*map(str.strip, match["fraction"].split("/")))
    if match["percent_of"]:
        return Fraction(match["of_digits"]) if match["of_digits"] else han_value(match["of_han"])
    if match["parts_of"]:
        above, below = han_value(match["above"]), han_value(match["below"])
        return above / below if above is not None and below else None
    if match["han"]:
        return han_value(match["han"])
    if match["words"]:
        return _of_words(match["words"])
    return _of_digits(match)


def _ratio(above: str, below: str) -> Fraction | None:
    return Fraction(int(above), int(below)) if int(below) else None


def _of_digits(match: re.Match[str]) -> Fraction | None:
    if match["european"]:
        digits = match["european"].replace(".", "").replace(",", ".")
    elif match["comma"]:
        digits = match["comma"].replace(",", ".")
    else:
        digits = re.sub("[,' _]", "", match["grouped"] or match["plain"])
    if len(digits) > _LONGEST:
        return None
    if match["more"]:
        return han_value(digits + match["more"].strip())
    power = int(match["exponent"] or match["power"] or 0) + _TIMES.get((match["times"] or "").strip().lower(), 0)
    return Fraction(digits) * Fraction(10) ** power


def _of_words(words: str) -> Fraction:
    total = part = 0
    for word in re.split("[ -]+", words.lower()):
        if word == "hundred":
            part = max(part, 1) * 100
        elif word in _TIMES:
            total, part = total + max(part, 1) * 10 ** _TIMES[word], 0
        else:
            part += _SMALL.get(word, 0)
    return Fraction(total + part)


def _no_number(text: str, match: re.Match[str], *, money: bool) -> bool:
    """Whether what looks like a number is part of something else: 3D, 2024-05-01, 10-15, 一般."""
    after = text[match.end() : match.end() + 12]
    if match["han"] and not _counts(text, match):
        return True
    if match["words"]:
        return False
    if _MORE.match(after):
        return True
    if re.match(r"[A-Za-z_\d]", after) and match["times"] is None and unit_at(after) is None:
        return not (money and _SHORT.match(after))
    return bool(re.match(r"\s?[-–~—:/]\s?[$¥€£]?\d|\s?(?:to|or|至|到|或)\s?[$¥€£]?\d|\s*[+*^×÷]\s*\S|\.\d", after))


def _counts(text: str, match: re.Match[str]) -> bool:
    """Whether a Chinese numeral stands as a number: at the end, before a mark, or before a unit."""
    after = text[match.end() : match.end() + 8]
    return not after or not (after[0].isalnum()) or unit_at(after) is not None


def _unit(text: str, end: int) -> tuple[Unit | None, int]:
    spaces = len(text[end : end + 1]) - len(text[end : end + 1].lstrip())
    unit = unit_at(text[end + spaces : end + spaces + 24])
    return (unit, end + spaces + unit.length) if unit else (None, end)
