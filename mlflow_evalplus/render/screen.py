"""A terminal that shows whatever the data hold as text: nothing moves its cursor, names its window or colours it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from mlflow_evalplus.render import unseen
from mlflow_evalplus.render.html import visible

_UNSEEN = re.compile(f"[{re.escape(''.join(map(chr, (*unseen.CONTROLS, *unseen.FORMATS))))}\ud800-\udfff]")


class Screen(Console):
    r"""Rich's console, on which square brackets are no markup and control characters are shown, see `visible`.

    Examples
    --------
    >>> Screen(width=40).print("[red]late\x1b]0;owned")
    [red]late␛]0;owned
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, emoji=False, markup=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of what is printed, their texts made visible."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(plain(segment.text), segment.style)


def plain(text: str) -> str:
    r"""Return text of any length for a terminal: its line breaks stay, and nothing in it is a command.

    Examples
    --------
    >>> plain("one\nred \x1b[31m")
    'one\nred ␛[31m'
    """
    return visible(text, sys.maxsize, newlines=True)


def json_text(content: Any, indent: int | None = None) -> str:
    r"""Return JSON in which every character that a reader does not see is written by its number.

    Examples
    --------
    >>> print(json_text({"中": "\x9b31m"}))
    {"中": "\u009b31m"}
    """
    text = json.dumps(content, ensure_ascii=False, indent=indent, default=str)
    # Line ends of the layout stay; in a string there are none.
    return _UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)
