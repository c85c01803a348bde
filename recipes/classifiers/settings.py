"""Settings of a training, as they are written in one line."""

from __future__ import annotations

import ast

from mlflow_evalplus.errors import DataError


def read_settings(text: str) -> dict[str, object]:
    """Read ``name=value,name=value``; numbers, True and False become such.

    Raises
    ------
    DataError
        A part has no name or no value, or a name is given twice.

    Examples
    --------
    >>> read_settings("epochs=2, learning_rate=3e-5, class_weights=false")
    {'epochs': 2, 'learning_rate': 3e-05, 'class_weights': False}
    """
    found: dict[str, object] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not name or not value:
            raise DataError(f"setting {part!r}: write name=value, several of them with commas between")
        if name in found:
            raise DataError(f"setting {name!r} is given twice")
        found[name] = _value(value)
    return found


def _value(text: str) -> object:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        number = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return number if isinstance(number, (int, float)) else text
