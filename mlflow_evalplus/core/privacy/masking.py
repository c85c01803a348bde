"""E-mail addresses, phone, card and identity numbers → tokens, in English and Chinese texts.

The patterns are our own: Presidio needs a language model for each language, and phonenumbers a country for numbers
without a prefix; neither takes Chinese text without spaces around a number as it comes. Numbers with a check digit
are masked only where it is right, so that order numbers stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlflow_evalplus.core.privacy import checks
from mlflow_evalplus.core.privacy.numbers import PASSPORT_WORD, find_numbers

# Full-width forms and the many dashes and spaces, each to one ASCII character: places in the text stay.
FOLD = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(
    (0x3000, 0xA0, 0x2002, 0x2003, 0x2007, 0x2009, 0x200A, 0x200B, 0x200C, 0x200D, 0x2060, 0x202F, 0xFEFF, 9), 32
)
FOLD |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0x30FC, 0xFE63), ord("-"))
FOLD |= {0x660 + n: 48 + n for n in range(10)} | {0x6F0 + n: 48 + n for n in range(10)}  # Arabic and Persian digits
FOLD |= {0x3002: ord("."), 0xFF61: ord("."), 0xB7: ord("."), 0x2022: ord(".")}
SUSPICIOUS = re.compile(r"[@:=]|[(\[]at[)\]]|[0-9](?:[^0-9]{0,3}[0-9]){4}")
LOCAL = re.compile(r"[A-Za-z0-9À-ɏ](?:[A-Za-z0-9À-ɏ._%+'-]{0,63})$")
DOMAIN = re.compile(
    r"(?:@| @ | ?[(\[]at[)\]] ?)(?:(?:[A-Za-z0-9À-ɏ-]{1,63}\.){1,9}[A-Za-z]{2,24}|"
    r"[\u4e00-\u9fff]{1,20}\.(?:中国|公司|网络|集团|[A-Za-z]{2,24}))"
)
LOGIN = re.compile(r"://([^/\s?#@:]{0,64}:[^/\s?#@]{1,128})@")
SECRET = re.compile(
    r"(?<![A-Za-z])(?:[a-z]{1,16}[_-])?(?:token|apikey|api[_-]?key|key|sig|signature|secret|password|passwd|pwd|auth|"
    r"session|sessionid|sid|jwt|code)=([^&\s#\"'<>\u3000-\u9fff]{4,2048})",
    re.IGNORECASE,
)
LINK = re.compile(r"(?:https?|wss?|ftp)://[^\s\"'<>]{1,2048}", re.IGNORECASE)
BEARER = re.compile(r"(?<![A-Za-z])bearer ([A-Za-z0-9._~+/=-]{16,2048})", re.IGNORECASE)
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9]{4})")
IBAN_REST = re.compile(r"(?:[ -]?[A-Za-z0-9]){11,30}")
FOUR = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])")
SIX = re.compile(r"(?<![0-9A-Za-z:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])")
VERSION = re.compile(r"(?:version|ver|release|build|firmware|版本|固件|v)(?:[ :.]|is|号|是){0,3}$", re.IGNORECASE)
HONG_KONG = re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,2}[0-9]{6}\([0-9A]\)")
PASSPORT = re.compile(r"(?<![A-Za-z0-9])(?=(?:[A-Za-z]?[0-9]){4}|[A-Za-z]{2}[0-9]{4})[A-Za-z0-9]{7,9}(?![A-Za-z0-9])")
Span = tuple[int, int, str]


def mask(text: str) -> str:
    """Return a text with e-mail addresses, phone, card, identity and bank numbers, IP addresses and secrets masked.

    Prices, dates, times, versions and order numbers stay. Names of people and postal addresses are not found.

    Examples
    --------
    >>> mask("我的电话是13812345678谢谢, or anna@example.com; order 20240115 is late")
    '我的电话是[phone]谢谢, or [email]; order 20240115 is late'
    """
    folded = text.translate(FOLD)
    if not SUSPICIOUS.search(folded):
        return text
    parts, done = [], 0
    for begin, end, token in _apart(folded):
        parts += [text[done:begin], token]
        done = end
    return "".join([*parts, text[done:]])


def _apart(text: str) -> list[Span]:
    """Return what was found, in order; where two overlap the one that was looked for first stays."""
    kept: list[Span] = []
    taken = bytearray(len(text))
    for find in (_secrets, _emails, _ibans, _addresses, _cards_of_places, find_numbers):
        for begin, end, token in find(text):
            if not any(taken[begin:end]):
                taken[begin:end] = b"\x01" * (end - begin)
                kept.append((begin, end, token))
    return sorted(kept)


def _secrets(text: str) -> Iterator[Span]:
    if "://" in text:
        for link in LINK.finditer(text):
            for found in (*LOGIN.finditer(link.group()), *SECRET.finditer(link.group())):
                yield link.start() + found.start(1), link.start() + found.end(1), "[secret]"
    for found in BEARER.finditer(text):
        yield *found.span(1), "[secret]"


def _emails(text: str) -> Iterator[Span]:
    for found in DOMAIN.finditer(text):
        local = LOCAL.search(text, max(0, found.start() - 64), found.start())
        if local:
            yield local.start(), found.end(), "[email]"


def _ibans(text: str) -> Iterator[Span]:
    for found in IBAN.finditer(text):
        rest = IBAN_REST.match(text, found.end())
        length = checks.iban_length(found.group()[:2])
        places = [*range(found.start(), found.end())]
        places += [place for place in range(*rest.span()) if text[place].isalnum()] if rest else []
        if not length or len(places) < length:
            continue
        places = places[:length]
        if checks.is_iban("".join(text[place] for place in places)):
            yield places[0], places[-1] + 1, "[iban]"


def _addresses(text: str) -> Iterator[Span]:
    for pattern in (FOUR, SIX):
        for found in pattern.finditer(text):
            before = text[max(0, found.start() - 16) : found.start()]
            if checks.is_address(found.group()) and not VERSION.search(before):
                yield *found.span(), "[ip]"


def _cards_of_places(text: str) -> Iterator[Span]:
    """Yield identity cards of Hong Kong, and what the word passport stands before."""
    for found in HONG_KONG.finditer(text):
        if checks.is_hong_kong_id(found.group().replace("(", "").replace(")", "")):
            yield *found.span(), "[id]"
    for found in PASSPORT.finditer(text):
        if PASSPORT_WORD.search(text[max(0, found.start() - 24) : found.start()]):
            yield *found.span(), "[id]"
