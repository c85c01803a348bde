"""What may be secret in an address and in what a server says, and how it is left out."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

from mlflow_evalplus.errors import DataError

HIDDEN = "***"
SHORTEST = 6  # characters of a query's value that may be a key; a version such as 2 is none
_SECRET_NAME = r"(?:key|token|secret|passw|pwd|sig|credential)"
# Every repeat is bounded until what is looked for has begun: else an error of 40,000 digits takes minutes.
_LOGIN = re.compile(r"(?<=://)(?:[^/\s'\"]{0,2000}@|[^/\s'\":@]{0,200}:(?!\d{1,5}(?:[/?#]|$))[^\s'\"@]{0,500}@)")
_NAMED = re.compile(rf"(?i)((?<![\w.-])[\w.-]{{0,60}}?{_SECRET_NAME}[\w.-]{{0,60}}(?:\s?=\s?['\"]|=))[^&;\s'\"<>)]+")
_QUOTED = re.compile(
    r"(?i)(['\"](?:[\w.-]{0,60}?(?:token|secret|passw\w{0,6}|pwd|credentials?)|[\w.-]{1,60}?key)\\?['\"]\s?:\s?\\?['\"])"
    r"[^'\"\\]+"
)
# Said without quotes a word is a secret only where there is a digit in it: "api_key: is not set" holds none.
_SAID = re.compile(
    r"(?i)((?:(?<![\w-])[\w-]{0,40}?(?:(?:api|access|auth|private|session)[-_ ]?(?:key|token)|passw(?:or)?d|secret|"
    r"cookie)(?: provided)?\s?:|(?<![\w-])--[\w-]{0,40}?(?:key|token|secret|password))\s?)"
    r"(?=[^\s'\"]{0,200}\d)[^\s'\",]{6,}"
)
_HEADER = re.compile(
    r"(?i)(authorization['\"]?\s?[:=]\s?['\"]?(?:(?:bearer|basic|token|apikey) )?)[^\s'\"]+"
    r"|(?<=\bbearer )[\w.~+/=-]{8,}"
)
_SECRET_VARIABLE = re.compile(r"(?i)(?:password|passwd|_pass|_pwd|token|secret|key)(?:_?\d{1,3})?$")
NO_ADDRESS = (
    "is no address: https://HOST:PORT/v1, where a user and a password before HOST are written with %2F, %3F, %23 and "
    "%40 for / ? # and @"
)


def shown(address: str) -> tuple[str, frozenset[str]]:
    """Return an address without what may be secret in it, a user, a password, a query, and these parts; empty as it is.

    Raises
    ------
    DataError
        It cannot be told what is secret in it; it is not repeated.

    Examples
    --------
    >>> shown("https://llm.example.com:8443/v1?key=abc-1234")
    ('https://llm.example.com:8443/v1', frozenset({'abc-1234'}))
    >>> sorted(shown("https://me:secret@llm.example.com/v1")[1])
    ['bWU6c2VjcmV0', 'secret']
    """
    if not address:
        return "", frozenset()
    if wrong := mistake_in(address):
        raise DataError(f"the endpoint {wrong}")
    parts = urlsplit(address)
    user, password = parts.username or "", parts.password or ""
    found = {password or user, *(value for _, value in parse_qsl(parts.query) if len(value) >= SHORTEST)}
    if user:
        found |= {_basic(parts)}
    found |= {unquote(part) for part in found}
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/"), frozenset(found - {""})


def parted(address: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return an address alone, the query, which belongs behind every path, and its user and password as a header.

    In the address they would be in the log of each call.

    Examples
    --------
    >>> parted("https://me:secret@llm.example.com/v1?api-version=2")
    ('https://llm.example.com/v1', {'api-version': '2'}, {'Authorization': 'Basic bWU6c2VjcmV0'})
    """
    parts = urlsplit(address)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    header = {"Authorization": f"Basic {_basic(parts)}"} if parts.username else {}
    return bare, dict(parse_qsl(parts.query)), header


def _basic(parts: SplitResult) -> str:
    return b64encode(f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()).decode()


def mistake_in(address: str) -> str:
    """Return what is wrong with an address, without a word of it; nothing where it is one.

    Examples
    --------
    >>> mistake_in("https://me:pass/word@llm.example.com/v1")[:13], mistake_in("https://llm.example.com/v1")
    ('is no address', '')
    """
    try:
        parts = urlsplit(address)
        whole = bool(parts.hostname and parts.port != 0)  # a port that is none is an error
    except ValueError:
        return NO_ADDRESS
    # A password with a slash in it ends the host too early: the rest of it looks like a path.
    torn = "@" not in parts.netloc and "@" in f"{parts.path.split('/v1')[0]}{parts.query}{parts.fragment}"
    return "" if whole and not torn and parts.scheme in ("http", "https") else NO_ADDRESS


def without(secrets: Iterable[str], text: str) -> str:
    """Return a text with secrets left out, the longest first.

    Examples
    --------
    >>> without({"abc", "abcdef"}, "you sent abcdef")
    'you sent ***'
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def hidden(text: str) -> str:
    """Return what a server, a library or a model said, without what may be secret in it.

    That is: users and passwords in addresses; values that are called a key, a token, a secret, a password, a signature
    or a credential, as in addresses, JSON, headers and options; authorization headers; and the values of environment
    variables that are called so.

    Examples
    --------
    >>> hidden("cannot reach postgresql://me:secret@db/x?sslmode=require&password=secret")
    'cannot reach postgresql://db/x?sslmode=require&password=***'
    """
    known = {v for k, v in os.environ.items() if len(v) >= SHORTEST and _SECRET_VARIABLE.search(k)}
    known |= {quote(value, safe="") for value in known}
    text = _LOGIN.sub("", without(known, text))
    for pattern in (_NAMED, _QUOTED, _SAID):
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return _HEADER.sub(lambda found: f"{found[1] or ''}{HIDDEN}", text)
