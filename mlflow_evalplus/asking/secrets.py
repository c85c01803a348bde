"""What may be secret in an address and in what a server says, and how it is left out."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from mlflow_evalplus.errors import DataError

HIDDEN = "***"
SHORTEST = 6  # characters of a query's value that may be a key; a version such as 2 is none
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
