"""What is left of a text when all that does not change what it says is taken away."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from mlflow_evalplus.core.words import WIDE

LETTERS_OF_WIDE = 3  # a Han character or kana says about as much as three letters
# Pictures that Unicode would write as letters or digits, ™ as "tm": a customer means a picture.
_PICTURES = re.compile("[\u2122\u2139\u24c2\u3297\u3299\U0001f200-\U0001f2ff]|[0-9#*]\ufe0f?\u20e3")
_UNSEEN_LETTERS = "\u115f\u1160\u3164\uffa0"  # Hangul fillers are letters to Unicode, and blank on the screen
_IOTA_BELOW = "\u0345"  # a mark in ᾐ, the letter iota in its capitals
_MODIFIERS = ("\u02b0", "\u02ff")  # the letters ʼ and ʻ, which stand where an apostrophe does
_APOSTROPHES = "'’‘`´＇\u02bc\u02bb"
_WIDE = re.compile(f"[{WIDE}]")


class _Letters(dict[int, str]):
    """Code point → its letters in lower case, made when they are first asked for; `gap` for all that is none."""

    def __init__(self, gap: str) -> None:
        super().__init__()
        self.gap = gap

    def __missing__(self, point: int) -> str:
        character = chr(point)
        kind = unicodedata.category(character)
        if kind == "Nd":
            plain = str(unicodedata.decimal(character))
        elif _is_letter(character, kind):
            # by way of the capitals: ı, İ and ſ have the same ones as i and s
            folded = unicodedata.normalize("NFKD", character.upper().casefold())
            plain = "".join(c for c in folded if _is_letter(c, unicodedata.category(c)))
            plain = f"{self.gap}{plain}{self.gap}" if _WIDE.match(plain) else plain
        else:
            plain = "" if kind in ("Mn", "Mc", "Me", "Cf") or character in _APOSTROPHES + _UNSEEN_LETTERS else self.gap
        self[point] = plain
        return plain


def _is_letter(character: str, kind: str) -> bool:
    modifies = _MODIFIERS[0] <= character <= _MODIFIERS[1]
    return character == _IOTA_BELOW or (kind[0] in "LN" and not modifies and character not in _UNSEEN_LETTERS)


_JOINED, _PARTED = _Letters(""), _Letters(" ")


def strict_key(text: str) -> str:
    """Return only the letters and digits of a text, in lower case, half width and without accents.

    Where there are none, as in ``?!``, it is the text without spaces and marks; with them, where nothing else is left.
    Marks that tell words apart in some languages (the vowels of Hindi, the voicing of kana) go with the accents.

    Examples
    --------
    >>> strict_key("Ｄon’t  CALL me, café! 😀 ３™"), strict_key("?! 🙂")
    ('dontcallmecafe3', '?!🙂')
    """
    decomposed = unicodedata.normalize("NFKD", _PICTURES.sub("", text))
    key = unicodedata.normalize("NFC", decomposed.translate(_JOINED))
    if key:
        return key
    folded = unicodedata.normalize("NFKD", text).casefold()
    seen = ("".join(c for c in folded if unicodedata.category(c)[0] not in unseen) for unseen in ("ZCM", "ZC"))
    return next(filter(None, seen), "".join(text.split()))


def plain_words(text: str) -> str:
    """Return the letters and digits of a text as `strict_key` does, but with spaces wherever something parts them.

    A Han character or kana is a word.

    Examples
    --------
    >>> plain_words("Ｄon’t  CALL me,café!"), plain_words("app打不开")
    ('dont  call me cafe ', 'app 打  不  开 ')
    """
    decomposed = unicodedata.normalize("NFKD", _PICTURES.sub(" ", text))
    return unicodedata.normalize("NFC", decomposed.translate(_PARTED))


def weight_of(key: str) -> int:
    """Return how many letters a key is worth; a Han character or kana counts three.

    Examples
    --------
    >>> weight_of("app打不开")
    12
    """
    return len(key) + (LETTERS_OF_WIDE - 1) * len(_WIDE.findall(key))


def strict_keys(texts: Iterable[str]) -> list[str]:
    """Return the `strict_key` of every text."""
    return [strict_key(text) for text in texts]
