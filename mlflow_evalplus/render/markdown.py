"""Markdown as MLflow's pages show it: the one form that its compare page sets side by side."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from mlflow_evalplus.render import unseen

MAX_CELL = 160
_SPACES = dict.fromkeys((*unseen.CONTROLS, *unseen.FORMATS, *unseen.SURROGATES), " ")


def escape(text: object, limit: int = MAX_CELL) -> str:
    """Return text that Markdown shows as it is: no markup, no HTML, one line, at most `limit` characters.

    Characters that a reader does not see, and those that turn the reading order around, become spaces.

    Examples
    --------
    >>> print(escape("<script>"))
    &lt;script&gt;
    """
    line = str(text).translate(_SPACES).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", html.escape(line, quote=False))


def unescape(text: str) -> str:
    """Return what `escape` was given, but for what it cut and for characters that became spaces.

    Examples
    --------
    >>> unescape(escape("a_b <c> & [d]"))
    'a_b <c> & [d]'
    """
    return html.unescape(re.sub(r"\\([\\`*_\[\]|~#])", r"\1", text))


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, numbers_from: int = 1, limit: int = MAX_CELL
) -> str:
    """Return a pipe table; headers are trusted, cells are escaped; from column `numbers_from` on right-aligned.

    A cell longer than `limit` characters is cut.

    Examples
    --------
    >>> print(table(["class", "n"], [["neg", 3]]))
    | class | n |
    |:---|---:|
    | neg | 3 |
    """
    rules = [":---" if i < numbers_from else "---:" for i in range(len(headers))]
    lines = [headers, *([escape(cell, limit) for cell in row] for row in rows)]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([text[0], "|" + "|".join(rules) + "|", *text[1:]])
