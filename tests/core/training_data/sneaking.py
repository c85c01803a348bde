"""Ways to dress up a text so that it looks like another one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pandas as pd

MESSAGES = pd.read_csv(Path(__file__).parents[3] / "recipes" / "sentiment" / "messages.csv")
BETWEEN = [
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\u200b ",
    " — ",
    ", ",
    "! ",
    " 🙂 ",
    " ❤️ ",
    "…",
]
ANYWHERE = [
    *BETWEEN, *".,!?;:'\"()[]{}/\\|@#*_~&%+=<>`^$。，！？、；：“”‘’《》·•—–-",
    "🙂", "👍🏽", "👩‍👩‍👧", "™", "ℹ️", "Ⓜ️", "❤️", "☎︎", "㊗️", "1️⃣", "🇨🇳",
    "🈚", "\u200b", "\u200c", "\u200d", "\u2060", "\u202e", "\u2066", "\ufeff", "\u00ad", "\u180e", "\x00", "\x1e",
    "\u3164", "\u115f", "\u2800", "\u02bc", "\u0301", "\u0308\u0323", "\u20dd", "\U000e0061", "</",
]  # fmt: skip
# Some are one text but for case, width and spaces, others have the same letters and digits, and some only look so.
TWINS = [
    "notm", "no™", "no tm", "NO", "no", "ok m", "ok Ⓜ", "OK Ⓜ️", "ok", "ℹ️ wifi", "i wifi", "wifi", "❤", "❤️", "❤ !", "™",
    "TM", "1️⃣", "1", "㊗", "祝",
]  # fmt: skip
ACCENTED = dict(zip("aeiounczsyAEIOUNCZSY", "áèîöúñçžšýÁÈÎÖÚÑÇŽŠÝ", strict=True))
WORDS = ["parcel", "broken", "wonderful", "late", "never", "the", "of", "service", "refund", "quickly"]


def dressed(text: str, rng: Random, *, whole_words: bool = False) -> str:
    """Change case, width, accents, and put anything that is no letter anywhere; with whole words only between them."""
    out = []
    for character in text:
        chance = rng.random()
        if chance < 0.2:
            character = rng.choice([character.swapcase(), character.upper()])
        elif chance < 0.3 and "!" <= character <= "~":
            character = chr(ord(character) + 0xFEE0)
        elif chance < 0.4:
            character = ACCENTED.get(character, character)
        elif chance < 0.45 and character.isalpha():
            character += rng.choice("\u0301\u0308\u0323")
        elif chance < 0.6 and not whole_words:
            character = rng.choice(["", rng.choice(ANYWHERE)]) if character == " " else character + rng.choice(ANYWHERE)
        elif character == " " and whole_words:
            character = rng.choice(BETWEEN)
        out.append(character)
    return "".join(out)


def parts_of(text: str) -> tuple[list[str], str]:
    """Return the words of a text, of Chinese the characters and Latin words, and what stands between them."""
    if " " in text:
        return text.split(), " "
    parts = re.findall(r"[A-Za-z0-9]+|.", text, re.DOTALL)
    return parts, " " if any(part.isascii() and part.isalnum() for part in parts) else ""


def shuffled(text: str, rng: Random) -> str:
    """Put the words, of Chinese the characters, in any order."""
    words, gap = parts_of(text)
    rng.shuffle(words)
    return gap.join(words)


def one_word(text: str, rng: Random) -> str:
    """Replace, drop or add one word, of Chinese one character."""
    words, gap = parts_of(text)
    place = rng.choice([place for place, word in enumerate(words) if word.isalpha()] or [0])
    new = rng.choice(WORDS if " " in text else list("好不快的送修"))
    words[place : place + rng.randrange(2)] = [] if rng.random() < 0.3 else [new]
    return gap.join(words)


def typing_error(text: str, rng: Random) -> str:
    """Replace, drop, add or turn around one letter."""
    place, new = rng.randrange(len(text) - 1), rng.choice("etaoinshr")
    return rng.choice([
        text[:place] + new + text[place + 1 :], text[:place] + text[place + 1 :], text[:place] + new + text[place:],
        text[:place] + text[place + 1] + text[place] + text[place + 2 :],
    ])  # fmt: skip


def swapped(text: str, rng: Random) -> str:
    """Let two words, of Chinese two characters, change places."""
    words, gap = parts_of(text)
    if len(words) > 1:
        one, other = rng.sample(range(len(words)), 2)
        words[one], words[other] = words[other], words[one]
    return gap.join(words)


def of_words(text: str) -> int:
    """Return how many words a text has that are letters only, of Chinese characters."""
    return sum(part.isalpha() for part in parts_of(text)[0])


def _several(*ways: Callable[[str, Random], str]) -> Callable[[str, Random], str]:
    def done(text: str, rng: Random) -> str:
        for way in ways:
            text = way(text, rng)
        return text

    return done


def _whole(text: str, rng: Random) -> str:
    return dressed(text, rng, whole_words=True)


# A way to sneak a text in, and the least letters' worth and words of a text on which it must not work.
WAYS: dict[str, tuple[Callable[[str, Random], str], int, int]] = {
    "dressed": (dressed, 1, 1),
    "shuffled and dressed": (_several(shuffled, dressed), 12, 1),
    "one word, shuffled, dressed between words": (_several(one_word, shuffled, _whole), 1, 10),
    "one word and dressed": (_several(one_word, dressed), 60, 8),
    "one word, two swapped, dressed": (_several(one_word, swapped, dressed), 90, 8),
    "two typing errors and dressed": (_several(typing_error, typing_error, dressed), 40, 1),
    "two typing errors, two swapped, dressed": (_several(typing_error, typing_error, swapped, dressed), 90, 1),
}
