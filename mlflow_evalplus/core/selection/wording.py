"""Names and numbers in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], most: int = 6) -> str:
    """Return names as they stand in a sentence, at most so many, the rest counted.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=1)
    ('a, b, c', 'a and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def questions(n: int) -> str:
    """Return a number of questions.

    Examples
    --------
    >>> questions(1), questions(1200)
    ('1 question', '1,200 questions')
    """
    return f"{n:,} question{'' if n == 1 else 's'}"
