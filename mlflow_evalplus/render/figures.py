"""What all pictures share: 340 pixels wide, a colour-blind-safe palette, fonts that know Chinese."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from matplotlib import font_manager, rc_context
from matplotlib.figure import Figure

WIDTH = 3.4  # inches at 100 dpi: four of them fit side by side on the compare page
DPI = 100
# Okabe and Ito's colour-blind-safe colours
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8A8A8A"
CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei", "Droid Sans Fallback",
)  # fmt: skip

_logger = logging.getLogger(__name__)


@contextmanager
def canvas(height: float) -> Iterator[Figure]:
    """Yield an empty figure under our fonts; no global state of matplotlib is touched."""
    with rc_context({"font.family": ["DejaVu Sans", *_chinese_font()], "font.size": 7.5, "figure.dpi": DPI}):
        yield Figure(figsize=(WIDTH, height), layout="constrained")


@cache
def _chinese_font() -> tuple[str, ...]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in CHINESE_FONTS if name in installed)[:1]


def displayable(text: str, limit: int = 28) -> str:
    """Return text for a picture: shortened, and without glyphs that no installed font has.

    Where Chinese text meets a machine without a Chinese font this is said once in the log, and each such
    character is shown as ``?`` instead of a box.
    """
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    if short.isascii() or _chinese_font():
        return short.replace("$", r"\$")
    _say_once()
    known = _glyphs()
    return "".join(c if ord(c) in known else "?" for c in short).replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())


@cache
def _say_once() -> None:
    _logger.warning(
        "no font with Chinese characters is installed: pictures show '?' for some; install e.g. fonts-noto-cjk"
    )
