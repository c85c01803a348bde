"""Phone numbers, cards and identity numbers: how each is written, and what must hold besides.

Every pattern is anchored at a place where a number begins and is bounded in length, so that a text is read in time
that grows with its length alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlflow_evalplus.core.privacy import checks

LOOK_BACK = 24  # characters before a number that may say what it is
Check = Callable[[str, str], bool]  # of the bare number and of what stands before it


@dataclass(frozen=True)
class Kind:
    """One way in which a number is written.

    Attributes
    ----------
    token : str
        What takes its place.
    first : str
        The characters with which it may begin.
    pattern : re.Pattern
    holds : callable
        What must be true besides.
    """

    token: str
    first: str
    pattern: re.Pattern[str]
    holds: Check


def _kind(token: str, first: str, pattern: str, holds: Check = lambda number, before: True) -> Kind:
    return Kind(token, first, re.compile(pattern + r"(?![0-9]|\.[0-9]{1,2}(?![0-9]))"), holds)


PHONE_WORD = re.compile(
    r"(?:phone|tel|telephone|cell|mobile|mob|whatsapp|viber|signal|call|dial|ring|text|sms|fax|reach|contact|wechat|"
    r"电话|手机|手机号|号码|座机|热线|传真|致电|拨打|打给|打到|联系|微信|短信|"
    r"電話|手機|號碼|座機|熱線|傳真|致電|撥打|打給|聯繫|聯絡|联络|簡訊)"
    r"(?:[ :.#'’]|me|us|my|him|her|at|on|no|number|num|is|it|are|back|please|under|"
    r"号码|号|號碼|號|是|为|為|我|到|请|請){0,6}$",
    re.IGNORECASE,
)
SECURITY_WORD = re.compile(r"(?:ssn|social security|my social)(?:[ :.#]|number|no|is){0,4}$", re.IGNORECASE)
PASSPORT_WORD = re.compile(
    r"(?:passport|护照|護照)(?:[ :.#]|number|num|no|is|号码|号|號碼|號|是|为|為){0,5}$", re.IGNORECASE
)
CHAT_WORD = re.compile(r"(?:qq)(?:[ :.#]|number|no|is|群|号码|号|是|为){0,4}$", re.IGNORECASE)
ORDER_WORD = re.compile(
    r"(?:order|invoice|ticket|case|ref|reference|tracking|parcel|shipment|serial|sku|item|part|model|version|batch|"
    r"订单|单|运单|快递单|工单|流水|编|序列|批|货|型|單|編|貨)"
    r"(?:[ :.#'’-]|number|num|no|nr|id|code|is|s|was|号码|号|號碼|號|是|为|為){0,6}$",
    re.IGNORECASE,
)
CODE = re.compile("[A-Z_#]$")  # a number that follows such a letter at once is a code: ORD13812345678
AFTER_PHONE = re.compile(r"(?:tel|phone|mobile|mob|cell|fax|whatsapp|call|wx|vx|wechat)$", re.IGNORECASE)


def _after(word: re.Pattern[str]) -> Check:
    return lambda number, before: bool(word.search(before))


def _is_phone(number: str, before: str) -> bool:
    """Say that nothing before the number makes it another one: a letter of a code, the word order."""
    return not ORDER_WORD.search(before) and (not CODE.search(before) or bool(AFTER_PHONE.search(before)))


def _is_after_phone(number: str, before: str) -> bool:
    return bool(PHONE_WORD.search(before)) and not ORDER_WORD.search(before)


def _is_chinese(number: str, before: str) -> bool:
    return checks.is_chinese_id(number)


def _is_social_security(number: str, before: str) -> bool:
    return checks.is_social_security(number)


ANY, FROM_1 = "0123456789", "123456789"
EXTENSION = r"(?:[ -]?(?:转|ext\.?|x) ?[0-9]{1,5})?"
# In the groups in which people write it: 15000-200000 is a range of prices.
MOBILE = (
    r"1(?:[3-9](?:[0-9]{9}|[0-9][ .-](?:[0-9]{8}|[0-9]{4}[ .-][0-9]{4}|[0-9]{3}[ .-][0-9]{5})|"
    r"[0-9]{2}[ .-][0-9]{3}[ .-][0-9]{4}|[0-9]{3}[ .-][0-9]{3}[ .-][0-9]{3})|"
    r"[ .-][3-9](?:(?:[ .-][0-9]){9}|[ .-][0-9][ .-][0-9]{4}[ .-][0-9]{4}))"
)
CARD = re.compile("[0-9](?:(?:  ?|[.-])?[0-9]){12,18}")
NO_DATE = r"(?!(?:19|20)[0-9]{2}([ ./-])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12][0-9]|3[01])(?![0-9]))"
KINDS = (
    # resident identity numbers of 18 places, and the old ones of 15
    _kind("[id]", FROM_1, r"[0-9](?:[ .-]?[0-9]){16}[ .-]?[0-9Xx]", _is_chinese),
    _kind("[id]", FROM_1, r"[0-9](?:[ .-]?[0-9]){14}", _is_chinese),
    # Chinese mobiles, with or without the country's code
    _kind("[phone]", "(+018", r"(?:\(?(?:\+|00)?86\)?[ .-]{0,2})?" + MOBILE, _is_phone),
    # international: + or 00
    _kind("[phone]", "(+", r"\(?\+[1-9](?:[ .()/-]{0,2}[0-9]){7,14}" + EXTENSION),
    _kind("[phone]", "0", r"00[1-9][0-9]{0,2}[ .-](?:[ .()/-]{0,2}[0-9]){7,12}", _is_phone),
    # Chinese landlines: area code and 7 or 8 digits; service numbers
    _kind("[phone]", "(0", r"\(?0(?:10|2[0-9]|[3-9][0-9]{2})\)?[ -]{0,2}[2-9][0-9]{2,3}[ -]?[0-9]{4}" + EXTENSION,
          _is_phone),
    _kind("[phone]", "48", r"[48]00[ -][0-9]{3}[ -]?[0-9]{4}", _is_phone),
    _kind("[phone]", "48", r"[48]00[0-9][ -]?[0-9]{3}[ -][0-9]{3}", _is_phone),
    # United States: (415) 555-2671, 415-555-2671, 1 415 555 2671
    _kind("[phone]", "(" + FROM_1,
          r"(?:1[ .-])?(?:\([2-9][0-9]{2}\)[ .-]?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}" + EXTENSION,
          _is_phone),
    # elsewhere: a leading 0 and groups, such as 020 7946 0958 and 06 12 34 56 78
    _kind("[phone]", "(0", r"\(?0[1-9][0-9]{0,3}\)?[ /-][0-9]{3,4}[ -]?[0-9]{3,4}(?:[ -]?[0-9]{2,4})?", _is_phone),
    _kind("[phone]", "0", r"0[1-9](?:[ .-][0-9]{2}){4}", _is_phone),
    _kind("[phone]", "0", r"07[4-9][0-9]{8}", _is_phone),
    # with a word before it
    _kind("[id]", ANY, r"[0-9]{3}-[0-9]{2}-[0-9]{4}", _is_social_security),
    _kind("[id]", ANY, r"[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4}", _after(SECURITY_WORD)),
    _kind("[id]", ANY, r"[0-9]{9}", _after(PASSPORT_WORD)),
    _kind("[id]", FROM_1, r"[0-9]{5,11}", _after(CHAT_WORD)),
    _kind("[phone]", "(" + ANY, NO_DATE + r"\(?[0-9](?:[ .()-]{0,2}[0-9]){6,11}", _is_after_phone),
)  # fmt: skip
OF_FIRST = {first: tuple(kind for kind in KINDS if first in kind.first) for first in "(+" + ANY}
NO_DIGITS = {ord(c): None for c in " .-()/+"}
# Where a number may begin: a digit, a bracket or a plus that no digit stands before.
BEGIN = re.compile(r"(?<![0-9])(?:\(?\+|\()?[0-9]")
DECIMAL = re.compile(r"[0-9]+\.[0-9]+")
FRACTION = re.compile(r"(?<=[0-9]\.)[0-9]{13,}|(?:(?<=^0\.)|(?<=[^0-9]0\.))[0-9]{6,}")  # 1.6363636363636365
LONG_ENOUGH = re.compile("(?:[^0-9]{0,3}[0-9]){5}")


def find_numbers(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield begin, end and token of each number of a person; `text` has its digits folded to ASCII.

    Examples
    --------
    >>> list(find_numbers("ring 415-555-2671, order 10023"))
    [(5, 17, '[phone]')]
    """
    done = 0
    for begin in BEGIN.finditer(text):
        for place in range(max(begin.start(), done), begin.end()):  # a bracket may belong to it, or stand around it
            found = _at(text, place)
            if found:
                done = found[0]
                yield place + (text[place] == "(" and ")" not in text[place:done]), *found
                break


def _at(text: str, place: int) -> tuple[int, str] | None:
    if not LONG_ENOUGH.match(text, place) or FRACTION.match(text, place):
        return None
    end = _card(text, place)
    if end:
        digits = text[place:end].translate(NO_DIGITS)  # one in ten resident numbers has a card's check digit too
        return end, "[id]" if len(digits) == 18 and _is_chinese(digits, "") else "[card]"
    before = text[max(0, place - LOOK_BACK) : place]
    for kind in OF_FIRST[text[place]]:
        found = kind.pattern.match(text, place)
        if found and not DECIMAL.fullmatch(found.group()) and kind.holds(found.group().translate(NO_DIGITS), before):
            return found.end(), kind.token
    return None


def _card(text: str, place: int) -> int:
    """Return where the card's number ends that begins here, the longest; 0 where none begins."""
    found = CARD.match(text, place)
    if not found or not checks.may_be_card(text[place]) or DECIMAL.fullmatch(found.group()):
        return 0
    places = [at for at in range(place, found.end()) if text[at] in ANY]
    digits = "".join(text[at] for at in places)
    for length in range(len(places), 12, -1):
        after = places[length - 1] + 1
        if text[after : after + 1] not in tuple(ANY) and checks.is_card(digits[:length]):
            return after
    return 0
