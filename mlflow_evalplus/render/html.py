"""HTML pages that stand alone: one file, nothing loaded, whatever the data hold is shown as text."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mlflow_evalplus.render import charts, unseen
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import number

TEMPLATES = Path(__file__).with_name("templates")
MAX_TEXT = 1000
MAX_NAME = 80
NOTHING = "–"
LINES = "\t\n"
_SHOWN: dict[int, int | str] = {
    **{code: 0x2421 if code == 0x7F else 0x2400 + code for code in unseen.CONTROLS},
    **{code: f"[U+{code:04X}]" for code in unseen.FORMATS},
    **dict.fromkeys(unseen.SURROGATES, 0xFFFD),
}
_SHOWN_WITH_LINES = {code: shown for code, shown in _SHOWN.items() if chr(code) not in LINES}
_UNSAFE_IN_JSON = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def page(template: str, *, scripts: Sequence[str] = ("enhance.js",), **context: Any) -> str:
    """Return the page that a template of this package makes of the context.

    Every text that a template prints is escaped and made visible, see `visible`; at most 1,000 characters of it are
    shown. Only our own scripts run: the page carries a content security policy with their digest, by which it can
    load nothing either.

    Parameters
    ----------
    template : str
        A file of ``render/templates``; it extends ``base.html.j2``.
    scripts : sequence of str
        Files of ``render/templates`` that the page runs.
    **context
        What the template names; a name that is missing is an error.
    """
    script = "\n".join(_source(name) for name in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _environment().get_template(template).render(script=Markup(script), script_digest=digest, **context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined, finalize=_finalized, keep_trailing_newline=False,
    )  # fmt: skip
    environment.filters |= {
        "embedded": embedded, "interval": interval, "lines": lines, "name": name, "number": number, "parts": parts,
        "percent": percent, "points": points, "thousands": thousands, "visible": visible,
    }  # fmt: skip
    environment.globals |= {
        "axes": charts.axes, "fraction": charts.fraction, "placed": charts.placed,
        "style": Markup(_source("style.css")),
    }  # fmt: skip
    return environment


@cache
def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8").strip()


def _finalized(value: Any) -> Any:
    return visible(value, MAX_TEXT) if type(value) is str else value


def visible(text: object, limit: int = MAX_TEXT, *, newlines: bool = False) -> str:
    r"""Return text in which nothing hides: for a reader, before it is escaped.

    Control characters become their pictures; characters that turn the reading order around, break lines or have no
    width become their number, right-to-left marks too, so that Arabic and Hebrew texts with many of them read worse;
    a lone surrogate becomes �. All else stays as it is, the joiners (U+200C, U+200D) of Persian and of emoji too.

    Parameters
    ----------
    text : object
    limit : int
        Characters, the … of a text that is cut included.
    newlines : bool
        Keep line breaks and tabs.

    Examples
    --------
    >>> visible("null\x00byte, \u202eright to left")
    'null␀byte, [U+202E]right to left'
    >>> visible("a long story", 7)
    'a long…'
    """
    whole = str(text)
    short = whole if len(whole) <= limit else whole[: limit - 1] + "…"
    if newlines:
        short = short.replace("\r\n", "\n")
    return short if short.isprintable() else short.translate(_SHOWN_WITH_LINES if newlines else _SHOWN)


def name(text: object, limit: int = MAX_NAME) -> Markup:
    """Return a label, a slice or a run as an element of its own, so that its direction of writing stays inside.

    Examples
    --------
    >>> print(name("<b>"))
    <bdi>&lt;b&gt;</bdi>
    """
    return Markup("<bdi>{}</bdi>").format(visible(text, limit))


def parts(text: object, limit: int = MAX_NAME) -> Markup:
    """Return the same for a slice, which may break into lines after ``=`` and ``_``.

    Examples
    --------
    >>> print(parts("channel=app"))
    <bdi>channel=<wbr>app</bdi>
    """
    return Markup(re.sub("([=_])", r"\1<wbr>", str(name(text, limit))))


def lines(text: object, limit: int = MAX_TEXT) -> Markup:
    """Return a text with its line breaks, as an element of its own."""
    return Markup('<bdi class="lines">{}</bdi>').format(visible(text, limit, newlines=True))


def embedded(value: Any) -> Markup:
    r"""Return JSON for ``<script type="application/json">``: nothing in it ends the element.

    Raises
    ------
    ValueError
        A number is not finite; JSON has none such.

    Examples
    --------
    >>> print(embedded(["</script>"]))
    ["\u003c/script\u003e"]
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(_UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text))


def percent(share: float, digits: int = 1) -> str:
    """Return a share, 0 … 1, as ``12.3 %`` (with a space that does not break); a dash where it is undefined."""
    return NOTHING if math.isnan(share) else f"{100 * share:.{digits}f}\xa0%"


def points(difference: float) -> str:
    """Return a difference of shares in points, ``-4.2``; a dash where it is undefined."""
    return NOTHING if math.isnan(difference) else f"{100 * difference:+.1f}".replace("-", "−")


def thousands(value: float) -> str:
    """Return a number without decimals, ``12,345``; a dash where it is undefined."""
    return NOTHING if math.isnan(value) else f"{value:,.0f}"
