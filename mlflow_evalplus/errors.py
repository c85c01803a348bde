"""The errors a user can meet: each says what was given, what exists, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MAX_MESSAGE = 4_000  # characters
MAX_WORD = 200  # characters of a word that a near one is looked for
MAX_KNOWN = 10_000  # words that are looked through
_END = 1_000  # characters that are kept of a message's end, which says what to do
# Control characters but for line ends and tabs, halves of surrogate pairs, and what turns the direction of a text.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class EvalPlusError(ValueError):
    """Base of every error that mlflow-evalplus raises on purpose.

    A message quotes what was given, which may be hostile: control characters are written out, and what is longer than
    4,000 characters is cut in its middle.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(fit(str(message)))


class DataError(EvalPlusError):
    """The rows cannot be evaluated: empty, undecodable, without a label, with an undeclared label, and the like."""


class ColumnNotFound(DataError):
    """A named column is not in the data."""


class RequirementsError(EvalPlusError):
    """requirements.yaml is wrong; the message lists every mistake with its line."""


class ComparisonError(EvalPlusError):
    """Two evaluations cannot be compared, for example because their test sets differ."""


class TrackingError(EvalPlusError):
    """MLflow cannot be reached, or does not hold what was asked for."""


def fit(message: str) -> str:
    r"""Return a message that any terminal can show: without control characters, and not too long.

    Examples
    --------
    >>> fit("no column 'a\x1b[2J'"), len(fit("x" * 10**6))
    ("no column 'a\\x1b[2J'", 4000)
    """
    # what is cut away needs no writing out
    middle = len(message) - 2 * MAX_MESSAGE
    kept = message if middle <= 0 else message[:MAX_MESSAGE] + message[-MAX_MESSAGE:]
    shown = _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), kept)
    left_out = len(shown) - MAX_MESSAGE + max(middle, 0)
    if left_out <= 0:
        return shown
    cut = f" … {left_out:,} characters left out … "
    return shown[: MAX_MESSAGE - _END - len(cut)] + cut + shown[-_END:]


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known word, or an empty string.

    Examples
    --------
    >>> did_you_mean("chanel", ["text", "channel"])
    " Did you mean 'channel'?"
    >>> did_you_mean("zzz", ["text", "channel"])
    ''
    """
    if len(given) > MAX_WORD:
        return ""
    near = [word for word in map(str, islice(known, MAX_KNOWN)) if len(word) <= MAX_WORD]
    nearest = get_close_matches(given, near, n=1, cutoff=0.6)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def shorten(values: Iterable[object], limit: int = 12) -> str:
    """Return a readable list of at most `limit` values, with the rest counted.

    Examples
    --------
    >>> shorten(["a", "b", "c"], limit=2)
    "['a', 'b', … 1 more]"
    """
    items = [repr(value) for value in values]
    more = [f"… {len(items) - limit} more"] if len(items) > limit else []
    return "[" + ", ".join(items[:limit] + more) + "]"
