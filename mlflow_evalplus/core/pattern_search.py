"""Which regular expressions match which texts: like a search of each in each, several times as fast.

Most patterns of keyword rules hold words, one of which every match contains; and most texts hold none of these. So
texts are looked through for the words first, and only those that have one are searched.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from itertools import accumulate
from typing import Any

import numpy as np

from mlflow_evalplus.core.bounded_time import at_most

LEAST_SECONDS = 3.0  # for the searches of a pattern
MAX_WORDS = 200  # of one pattern; beyond that its texts are searched
# What `re` takes for i, k or s whatever the case, and `str.lower` does not
ODD = re.compile("[\u0130\u0131\u017f\u212a]")


def search_all(patterns: Sequence[re.Pattern[str]], texts: Iterable[str | None]) -> np.ndarray:
    """Return which texts hold a match of which pattern; a missing text is empty.

    Parameters
    ----------
    patterns : sequence of re.Pattern
        Compiled with `re.IGNORECASE`.
    texts : iterable of str or None

    Returns
    -------
    bool array, [texts, patterns]

    Examples
    --------
    >>> patterns = [re.compile(pattern, re.IGNORECASE) for pattern in ("refund|money", "^my")]
    >>> search_all(patterns, ["My REFUND, please", None]).tolist()
    [[True, True], [False, False]]
    """
    held = [text or "" for text in texts]
    found = np.zeros((len(patterns), len(held)), dtype=bool)
    lowered = [text.lower() for text in held]
    joined = "\n".join(lowered)
    starts = [0, *accumulate(len(text) + 1 for text in lowered)]
    odd = [row for row, text in enumerate(held) if not text.isascii() and ODD.search(text)]
    n_characters = starts[-1]
    for place, pattern in enumerate(patterns):
        words = words_of(pattern)
        rows: Iterable[int] = range(len(held))
        if words:
            rows = {*odd, *(row for word in words for row in _holding(word, joined, starts))}
        search = pattern.search
        with in_time(f"the pattern {pattern.pattern!r}", len(held), n_characters):
            found[place, [row for row in rows if search(held[row]) is not None]] = True
    return found.T


def in_time(what: str, n_searches: int, n_characters: int) -> AbstractContextManager[None]:
    """Return what stops searches that never end, such as of ``(a+)+$``.

    They have three seconds, a millisecond for each, and a microsecond for each character: a hundred times what an
    ordinary pattern needs.
    """
    seconds = LEAST_SECONDS + n_searches / 1000 + n_characters / 1_000_000
    return at_most(seconds, what, "write it without a repeat within a repeat, such as (a+)+")


def _holding(word: str, joined: str, starts: Sequence[int]) -> Iterator[int]:
    """Yield the texts in which a word begins."""
    at = joined.find(word)
    while at >= 0:
        row = bisect_right(starts, at) - 1
        yield row
        at = joined.find(word, starts[row + 1])


def words_of(pattern: re.Pattern[str]) -> frozenset[str]:
    """Return words of which every match holds one, in lower case; empty where there are none such.

    Examples
    --------
    >>> sorted(words_of(re.compile(r"(take|took) it back|refund(s|ed)?", re.IGNORECASE)))
    [' it back', 'refund']
    """
    try:
        parser = import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
        found = _sequence(parser.parse(pattern.pattern, pattern.flags))
    except Exception:  # another Python may parse otherwise; then every text is searched
        return frozenset()
    return found if len(found) <= MAX_WORDS else frozenset()


def _sequence(parsed: Any) -> frozenset[str]:
    """Return the words of the part of a sequence whose shortest word is longest."""
    run, parts = "", [frozenset[str]()]
    for kind, argument in parsed:
        name = str(kind)
        if name == "LITERAL" and _plain(chr(argument)):
            run += chr(argument).lower()
            continue
        parts += [frozenset({run})] if run else []
        run = ""
        if name == "BRANCH":
            branches = [_sequence(branch) for branch in argument[1]]
            parts += [frozenset().union(*branches)] if all(branches) else []
        elif name in ("SUBPATTERN", "ATOMIC_GROUP") or (name.endswith("_REPEAT") and argument[0] > 0):
            parts.append(_sequence(argument if name == "ATOMIC_GROUP" else argument[-1]))
    parts += [frozenset({run})] if run else []
    return max(parts, key=lambda words: (min(map(len, words), default=0), -len(words)))


def _plain(character: str) -> bool:
    """Say whether a text in lower case holds a character wherever `re` finds it, but for the `ODD` ones."""
    return character.isascii() or character.lower() == character == character.upper()
