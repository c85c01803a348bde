"""How one text, one sentence about the data, and one word are kept."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlflow_evalplus import names
from mlflow_evalplus.core.privacy.masking import mask
from mlflow_evalplus.core.words import words_of
from mlflow_evalplus.requirements import StoreText

LEFT_OUT = "(left out)"
HASHED = re.compile(r"(?:sha256|hmac):[0-9a-f]{32}")
LEAST_TEXT = 8  # characters of a text that is looked for in notes: a shorter one is a word of any sentence
BEGINNING = 24  # characters of a text by which it is known
LEAST_PART = 4  # characters of a feature that is looked for in what was masked
# What is quoted in a sentence, as Python's repr or our pages write it.
QUOTED = re.compile(r"(?<!\w)'((?:[^'\\]|\\.){0,500})'(?!\w)|(?<!\w)\"((?:[^\"\\]|\\.){0,500})\"(?!\w)|“([^”]{0,500})”")
# The end of a cut text, which may be the beginning of a number or an address.
CUT_OFF = re.compile(r"(?:[\x21-\x7e]+|[0-9０-９][0-9０-９ .()+－-]*)…$")


def hashed(text: str) -> str:
    """Return what tells a text from others and cannot be read: its HMAC-SHA256 under the key, else its SHA-256.

    The key is ``EVALPLUS_TEXT_KEY`` of the environment. Without one whoever guesses a text can check the guess.

    Examples
    --------
    >>> hashed("late again") == hashed("late again"), len(hashed("late again").partition(":")[2])
    (True, 32)
    """
    key, content = os.environ.get(names.TEXT_KEY, "").encode(), text.encode(errors="surrogatepass")
    if key:
        return f"hmac:{hmac.new(key, content, hashlib.sha256).hexdigest()[:32]}"
    return f"sha256:{hashlib.sha256(content).hexdigest()[:32]}"


def are_kept(texts: Iterable[str]) -> bool:
    """Say whether texts can be read: not all of them are empty or hashes.

    Examples
    --------
    >>> are_kept(["late again"]), are_kept(["", ""]), are_kept([hashed("late again")])
    (True, False, False)
    """
    return not all(not text or HASHED.fullmatch(text) for text in texts)


def stored_error(error: BaseException, said: str, mode: StoreText) -> str:
    """Return what is stored of an error that a model raised: it may quote the text that the model failed on.

    Examples
    --------
    >>> stored_error(ValueError("cannot read: call Anna"), "ValueError: cannot read: call Anna", "none")
    'ValueError (what it says is left out, it may repeat a text)'
    """
    if mode == "full":
        return said
    if mode == "masked":
        return mask(said)
    return f"{type(error.__cause__ or error).__name__} (what it says is left out, it may repeat a text)"


@dataclass(frozen=True)
class Keeper:
    """Keeps texts in one way, and what was said about them.

    Attributes
    ----------
    mode : str
        ``masked``, ``hash`` or ``none``; of ``full`` nobody makes one.
    texts : sequence of str
        All texts of the data; the words of what is masked in them are masked elsewhere too.
    known : frozenset of str
        What may be quoted in a sentence: labels, columns, slices.
    """

    mode: StoreText
    texts: Sequence[str] = field(default=(), repr=False)
    known: frozenset[str] = frozenset()

    def text(self, text: str) -> str:
        """Return a text as it is kept; what is a hash already stays."""
        if self.mode == "masked":
            return mask(text)
        return text if HASHED.fullmatch(text) else hashed(text) if self.mode == "hash" and text else ""

    def answer(self, said: str) -> str:
        """Return what a model answered: a label as it is, any other answer may repeat a text."""
        if not said or said in self.known:
            return said
        return mask(said) if self.mode == "masked" else names.OTHER

    def cut(self, text: str) -> str:
        """Return a text that may have been cut, as a page shows it; hashes of parts tell nothing, so they are none."""
        return mask(CUT_OFF.sub("…", text)) if self.mode == "masked" else text if text in self.known else ""

    def prose(self, said: str) -> str:
        """Return a sentence of ours without what it quotes of the data."""
        if self.mode == "masked":
            return self._without_private(QUOTED.sub(lambda found: CUT_OFF.sub("…", found[0]), mask(said)))
        return QUOTED.sub(self._unquoted, said)

    def note(self, said: str) -> str:
        """Return a note, which may repeat what a library said of a text, or of how it begins."""
        if self.mode != "masked" and any(len(text) >= LEAST_TEXT and text[:BEGINNING] in said for text in self.texts):
            return "A note that repeats a text is left out."
        return self.prose(said)

    def word(self, word: str) -> str:
        """Return a word or feature, or `LEFT_OUT`."""
        if self.mode != "masked":
            return LEFT_OUT
        bare = word.strip("…“” ").lower()
        part = len(bare) >= LEAST_PART and bare in self._private_text
        return LEFT_OUT if part or mask(word) != word or self._private & {bare, *words_of(word)} else word

    def renamed(self) -> Callable[[str], str]:
        """Return what names words: a word that is left out gets a number, always the same for the same word."""
        places: dict[str, int] = {}

        def name(word: str) -> str:
            if self.word(word) == word:
                return word
            return f"(left out {places.setdefault(word, len(places) + 1)})"

        return name

    @cached_property
    def _private(self) -> frozenset[str]:
        """The words of what is masked."""
        if self.mode != "masked":
            return frozenset()
        changed = [(text, masked) for text in self.texts if (masked := mask(text)) != text]
        return frozenset(word for text, masked in changed for word in {*words_of(text)} - {*words_of(masked)})

    @cached_property
    def _private_text(self) -> str:
        return "\n".join(self._private)

    def _without_private(self, said: str) -> str:
        if not self._private:
            return said
        return re.sub(r"\w+", lambda found: "…" if self._private & {*words_of(found[0])} else found[0], said)

    def _unquoted(self, found: re.Match[str]) -> str:
        inside = next(group for group in found.groups() if group is not None)
        return found[0] if inside in self.known else f"{found[0][0]}…{found[0][-1]}"
