"""Chinese numerals: 三万五千, 二〇二四, 两万五, 1.2亿, 三点五."""

from __future__ import annotations

import re
from fractions import Fraction

_DIGIT = {character: value for value, group in enumerate(
    ("零〇", "一壹幺", "二贰两兩", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
) for character in group}  # fmt: skip
_SMALL = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
HAN = "".join([*_DIGIT, *_SMALL, *_LARGE])  # written as the inside of a character class
_TOKEN = re.compile(r"\d+(?:\.\d+)?|.")


def han_value(text: str) -> Fraction | None:
    """Return the value of a Chinese numeral, digits among it or not; None where it is none.

    Examples
    --------
    >>> [str(han_value(numeral)) for numeral in ("三万五千", "两万五", "1.2亿", "二〇二四", "三点五", "十")]
    ['35000', '25000', '120000000', '2024', '7/2', '10']
    """
    before, point, after = text.partition("点")
    if point:
        whole = han_value(before)
        tail = _digits(after)
        return None if whole is None or not tail else whole + Fraction(int(tail), 10 ** len(tail))
    if (digits := _digits(text)) and len(text) > 1:
        return Fraction(int(digits))
    return _placed(_TOKEN.findall(text))


def _digits(text: str) -> str:
    """Return what is read digit by digit, such as 二〇二四, in digits."""
    return "".join(str(_DIGIT[c]) for c in text) if all(c in _DIGIT for c in text) else ""


def _placed(tokens: list[str]) -> Fraction | None:
    """Return the value of a numeral with places: 十, 百, 千 within a section, 万 and 亿 over what is before."""
    total = section = Fraction(0)
    number: Fraction | None = None
    place = 1  # of the last unit, for 两万五: 5 is in thousands
    for token in tokens:
        if token[0].isascii():
            if number is not None or not token[0].isdigit():
                return None
            number = Fraction(token)
        elif token in _DIGIT:
            if number not in (None, 0):
                return None
            number, place = Fraction(_DIGIT[token]), 1 if token in "零〇" else place
        elif token in _SMALL:
            place = _SMALL[token]
            section, number = section + (1 if number is None else number) * place, None
        elif token in _LARGE:
            place = _LARGE[token]
            section += number or 0
            if not section and not total:
                return None
            if place == 10**8 or not section:
                total, section = (total + section) * place, Fraction(0)
            else:
                total, section = total + section * place, Fraction(0)
            number = None
        else:
            return None
    short = number is not None and place > 10 and number < 10 and len(tokens) > 1 and tokens[-2] in {**_SMALL, **_LARGE}
    return total + section + (number or 0) * (place // 10 if short else 1)
