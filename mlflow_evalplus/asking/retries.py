"""When a call that failed is made again."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz

FIRST_S, LONGEST_S = 0.5, 30.0
LONGEST_ASKED_S = 120.0  # a server that asks for a longer wait is not waited for
PATIENCE = 10  # times as many attempts as retries, while others are answered


def backoff(attempt: int, rng: random.Random) -> float:
    """Return the seconds before the next attempt: they double, half of them at random, so that not all come at once.

    Examples
    --------
    >>> [0.25 * 2**n <= backoff(n, random.Random(n)) <= 0.5 * 2**n for n in range(5)]
    [True, True, True, True, True]
    """
    longest = min(FIRST_S * 2 ** min(attempt, 10), LONGEST_S)
    return float(longest * rng.uniform(0.5, 1))


def asked_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that a server asks to wait, by ``retry-after-ms`` or ``Retry-After``; nan where it does not.

    Examples
    --------
    >>> asked_wait({"retry-after-ms": "250"}), asked_wait({"retry-after": "3"}), asked_wait({})
    (0.25, 3.0, nan)
    """
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    try:
        date = parsedate_tz(headers.get("retry-after", ""))
        return max(mktime_tz(date) - time.time(), 0.0) if date else math.nan
    except (ValueError, OverflowError):  # a date of no calendar
        return math.nan
