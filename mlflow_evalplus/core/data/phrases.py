"""Numbers and values of the data in a sentence."""

from __future__ import annotations

from mlflow_evalplus.results.data_checks import Level

MAX_QUOTED = 40  # characters of a value inside a sentence


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text.

    Examples
    --------
    >>> cut("a long story", 7)
    'a long…'
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(value: object) -> str:
    r"""Return a value of the data for a sentence: in quotes, cut, with what nobody sees made visible.

    Examples
    --------
    >>> print(quoted("a\x00b"))
    'a\x00b'
    """
    return repr(cut("(missing)" if value is None else str(value), MAX_QUOTED))


def share(n: int, total: int) -> str:
    """Return how many of how many, ``36 of 360 (10.0 %)``; as many digits as tell it from none.

    Examples
    --------
    >>> share(36, 360), share(1, 100_000)
    ('36 of 360 (10.0 %)', '1 of 100,000 (0.001 %)')
    """
    percent = 100 * n / total if total else 0.0
    digits = 1 if percent >= 0.1 or not n else 3
    return f"{n:,} of {total:,} ({percent:.{digits}f} %)"


def several(n: int, one: str, more: str = "") -> str:
    """Return a number with its noun, in the plural where it has one.

    Examples
    --------
    >>> several(1, "row"), several(2, "class", "classes")
    ('1 row', '2 classes')
    """
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def graded(effect: float, warning: float, error: float = float("inf")) -> Level:
    """Return the level of an effect by the least that is a warning, and an error.

    Examples
    --------
    >>> graded(0.02, 0.001, 0.01).value, graded(0.0, 0.001).value
    ('error', 'ok')
    """
    return Level.ERROR if effect >= error else Level.WARNING if effect >= warning else Level.OK
