"""The errors a user can meet: each says what was given, what exists, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EvalPlusError(ValueError):
    """Base of every error that mlflow-evalplus raises on purpose."""


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


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known word, or an empty string.

    Examples
    --------
    >>> did_you_mean("chanel", ["text", "channel"])
    " Did you mean 'channel'?"
    >>> did_you_mean("zzz", ["text", "channel"])
    ''
    """
    nearest = get_close_matches(given, [str(word) for word in known], n=1, cutoff=0.6)
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
