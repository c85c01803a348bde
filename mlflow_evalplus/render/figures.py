"""What all pictures share: 340 pixels wide, a colour-blind-safe palette, fonts that know Chinese."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from pathlib import Path
from unicodedata import east_asian_width

from matplotlib import font_manager, get_cachedir, rc_context
from matplotlib.figure import Figure

WIDTH = 3.4  # inches at 100 dpi: four of them fit side by side on the compare page
DPI = 100
# Okabe and Ito's colour-blind-safe colours
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8A8A8A"
CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei", "Droid Sans Fallback",
)  # fmt: skip

_logger = logging.getLogger(__name__)


@contextmanager
def canvas(height: float) -> Iterator[Figure]:
    """Yield an empty figure under our fonts; no global state of matplotlib is touched."""
    with rc_context({"font.family": ["DejaVu Sans", *_chinese_font()], "font.size": 7.5, "figure.dpi": DPI}):
        yield Figure(figsize=(WIDTH, height), layout="constrained")


def title(drawing: Figure, text: str) -> None:
    """Write a picture's title."""
    drawing.suptitle(text, fontsize=8.5)


def head(drawing: Figure, name: str) -> None:
    """Put a name before a picture's title."""
    title(drawing, f"{displayable(name, 20)}: {drawing.get_suptitle()}")


@cache
def _chinese_font() -> tuple[str, ...]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in CHINESE_FONTS if name in installed)[:1]


def save(drawing: Figure, path: Path) -> None:
    """Write the picture at its own size, whatever the user's matplotlib settings say of saved figures."""
    with rc_context({"savefig.dpi": "figure", "savefig.bbox": None}):
        drawing.savefig(path)


def displayable(text: str, limit: int = 28) -> str:
    """Return text for a picture: shortened, and without glyphs that no installed font has.

    Where Chinese text meets a machine without a Chinese font this is said once in the log, and each such
    character is shown as ``?`` instead of a box.
    """
    short = _cut(" ".join(text.split()), limit)
    unknown = {c for c in short if ord(c) not in _glyphs()}
    if unknown and not _chinese_font():
        _say_once()
    return "".join("?" if c in unknown else c for c in short).replace("$", r"\$")


def width(text: str) -> int:
    """Return the room that a text takes, in Latin letters: a Chinese character is as wide as two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, limit: int) -> str:
    if width(text) <= limit:
        return text
    ends = accumulate(map(width, text))
    return "".join(c for c, end in zip(text, ends, strict=True) if end < limit) + "…"


@cache
def _glyphs() -> frozenset[int]:
    fonts = (font_manager.get_font(font_manager.findfont(name)) for name in ("DejaVu Sans", *_chinese_font()))
    return frozenset().union(*(font.get_charmap() for font in fonts))


@cache
def _say_once() -> None:
    _logger.warning(
        "matplotlib knows no font with Chinese characters: pictures show '?' for some; install e.g. fonts-noto-cjk, "
        "and remove matplotlib's list of fonts in %s",
        get_cachedir(),
    )
