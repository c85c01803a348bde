"""JSON from outside: read as `json.loads` does, and not nested more deeply than what is done with it can bear."""

from __future__ import annotations

import json
from typing import Any

from mlflow_evalplus.limits import DEPTH


def loads(text: str | bytes, **hooks: Any) -> Any:
    """Return what a JSON text says.

    Parameters
    ----------
    text : str or bytes
    **hooks
        As `json.loads` takes them.

    Raises
    ------
    ValueError
        It is no JSON, or is nested too deeply.

    Examples
    --------
    >>> loads('{"id": 1}')
    {'id': 1}
    >>> loads("[" * 200 + "]" * 200)
    Traceback (most recent call last):
    ValueError: is nested too deeply, more than 100 levels
    """
    try:
        found = json.loads(text, **hooks)
    except RecursionError:
        raise _too_deep(DEPTH.value) from None
    opened = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if opened > 1 and opened > (deepest := DEPTH.value) and _is_deeper(found, deepest):
        raise _too_deep(deepest)
    return found


def _too_deep(deepest: int) -> ValueError:
    return ValueError(f"is nested too deeply, more than {deepest:,} levels")


def _is_deeper(value: Any, levels: int) -> bool:
    here = [value]
    for _ in range(levels + 1):
        here = [part for outer in here if isinstance(outer, (dict, list)) for part in _parts(outer)]
        if not here:
            return False
    return True


def _parts(outer: Any) -> list[Any]:
    inner = outer.values() if isinstance(outer, dict) else outer
    return [part for part in inner if isinstance(part, (dict, list))]
