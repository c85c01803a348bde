"""Markdown as MLflow's pages show it: the one form that its compare page sets side by side."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from mlflow_evalplus.render import unseen

MAX_CELL = 160
# MLflow's pages make links of addresses without being asked, some even of what is written as entities: a narrow space
# keeps them apart. Of mentions and of names between colons they make links and pictures; a time is none.
GAP = "\u202f"
_ADDRESS = re.compile(r"(?<=://)(?=\S)|(?<=www)(?=\.)|(?<=@)(?=[-\w\\]+\.)", re.IGNORECASE)
_NAME = re.compile(r":(?=(?!\d\d:\d\d)\S+:)|@")
_SPACES = dict.fromkeys((*unseen.CONTROLS, *unseen.FORMATS, *unseen.SURROGATES), " ")


def escape(text: object, limit: int = MAX_CELL) -> str:
    r"""Return text that Markdown shows as it is: no markup, no HTML, no link, one line, at most `limit` characters.

    Characters that a reader does not see, and those that turn the reading order around, become spaces. An address has a
    narrow space in it, so that it is no link.

    Examples
    --------
    >>> print(escape("<script>"))
    &lt;script&gt;
    >>> escape("see https://example.com")
    'see https://\u202fexample.com'
    """
    line = str(text).translate(_SPACES).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    plain = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", html.escape(line, quote=False))
    return _NAME.sub(lambda found: f"&#{ord(found[0])};", _ADDRESS.sub(GAP, plain))


def code(text: object) -> str:
    """Return a name of ours, such as a digest that a run carries, as code; nothing ends it but its own end.

    Examples
    --------
    >>> print(code("8c1f`![](x)"))
    `8c1f![](x)`
    """
    return f"`{str(text).translate(_SPACES).replace('`', '').strip() or 'none'}`"


def unescape(text: str) -> str:
    """Return what `escape` was given, but for what it cut and for characters that became spaces.

    Examples
    --------
    >>> unescape(escape("a_b <c> & [d]"))
    'a_b <c> & [d]'
    """
    plain = html.unescape(re.sub(r"\\([\\`*_\[\]|~#])", r"\1", text))
    return re.sub(rf"(?<=://){GAP}|(?<=@){GAP}|(?<=www){GAP}", "", plain, flags=re.IGNORECASE)


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
