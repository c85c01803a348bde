"""Whether a returned text is still the one that was handed out, and if not, what happened to it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from mlflow_evalplus.core.collecting.queue_files import shown
from mlflow_evalplus.errors import shorten

# What word processors put in by themselves. The words stay the same, so a label does.
_TYPOGRAPHY = str.maketrans(
    {**dict.fromkeys("“”„‟«»＂", '"'), **dict.fromkeys("‘’‚‛＇", "'"), **dict.fromkeys("‐‑‒–—―", "-"), "…": "..."}
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
MAX_SHOWN = 60


def plain(text: str) -> str:
    r"""Return a text without what spreadsheets change by themselves.

    Ends of lines, spaces, the form of accents, quotes, dashes and dots that word processors put in, and characters that
    nobody sees. Letters, their case, digits and all other punctuation stay.

    Examples
    --------
    >>> plain("“So  late” … \r\n") == plain('"So late" ...')
    True
    """
    composed = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    return " ".join(composed.translate(_TYPOGRAPHY).replace("--", "-").split())


def same_text(returned: str, text: str) -> bool:
    """Whether a returned cell is the queue's text, as it is or as `shown`, so with or without the harmless apostrophe.

    Examples
    --------
    >>> same_text("=1+1 ", "=1+1"), same_text("'=1+1", "=1+1"), same_text("=1+2", "=1+1")
    (True, True, False)
    """
    return plain(returned) in (plain(text), plain(shown(text)))


def what_happened(returned: str, text: str, others: Mapping[str, str]) -> str:
    """Return in words how a returned text differs, and what to do.

    Parameters
    ----------
    returned, text : str
        The file's and the queue's.
    others : mapping of str to str
        Plain text → id of all cases.
    """
    if not returned.strip():
        return "its text is gone; copy the row anew from the queue"
    other = others.get(plain(returned)) or others.get(plain(returned).removeprefix("'"))
    if other:
        return (
            f"its text is that of case {other}: a column was sorted or moved by itself, so that votes stand beside "
            "other texts; fill in the queue anew"
        )
    if _lost_characters(returned, text):
        return (
            "characters of its text were lost when it was saved, so nobody knows what the annotator saw; "
            "open the queue as UTF-8 and fill it in anew"
        )
    pair = f"it is {_short(returned)}, the queue's {_short(text)}"
    return f"its text was edited: {pair}; restore it, or label it as a text of its own"


def _lost_characters(returned: str, text: str) -> bool:
    if plain(returned) == plain("".join(c if c.isascii() else "?" for c in text)):
        return True
    for encoding in ("cp1252", "latin-1", "gb18030"):
        try:
            if plain(text.encode().decode(encoding, errors="ignore")) == plain(returned):
                return True
            if plain(text.encode(encoding, errors="replace").decode(encoding)) == plain(returned):
                return True
        except UnicodeError:
            continue
    return False


def _short(text: str) -> str:
    return shorten([text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"])[1:-1]
