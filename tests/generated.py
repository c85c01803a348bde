"""How many inputs a test generates: a third of them in the default run, all where `EVALPLUS_THOROUGH` is set (CI)."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("EVALPLUS_THOROUGH"))


def inputs(n: int) -> int:
    """Return so many of `n` inputs as this run has time for."""
    return n if THOROUGH else max(n // 3, min(n, 5))
