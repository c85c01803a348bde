"""The words of a text: those between spaces, and pairs of characters where there are no spaces."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import IntArray

# Han characters with 々 and 〇, Hiragana, Katakana; written as the inside of a character class.
WIDE = "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WIDE += "\U00020000-\U000323af"
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f"  # combining: accents, Hebrew points, Arabic vowels
_LETTERS = rf"[^\W_{WIDE}]+"
_TOKEN = re.compile(rf"([{WIDE}]+)|({_LETTERS}(?:(?:'|[{MARKS}]+){_LETTERS})*[{MARKS}]*)")


def folded(text: str) -> str:
    """Return a text without what tells no two texts apart: case, width and uneven spaces.

    Examples
    --------
    >>> folded("Ｌate  again ") == folded("late again"), folded("late!") == folded("late")
    (True, False)
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def words_of(text: str) -> list[str]:
    """Return the words of a text in order, in lower case and half width; numbers are none.

    Han characters and kana, which no spaces part, are read in overlapping pairs, as Lucene's CJKAnalyzer does.

    Parameters
    ----------
    text : str
        In any language; those that join words otherwise, such as Thai, yield long ones.

    Returns
    -------
    list of str
        With repetitions.

    Examples
    --------
    >>> words_of("Don’t call me 24/7, I don't WANT it")
    ["don't", 'call', 'me', 'i', "don't", 'want', 'it']
    >>> words_of("ＡＰＰ打不开 2次")
    ['app', '打不', '不开', '次']
    """
    words: list[str] = []
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    for run, word in _TOKEN.findall(plain):
        if run:
            words += [run[i : i + 2] for i in range(max(len(run) - 1, 1))]
        elif not word.isnumeric():
            words.append(word)
    return words


def word_spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words that `words_of` finds, each with where it stands in the text as it was given.

    Examples
    --------
    >>> list(word_spans("ＡＰＰ打不开"))
    [('app', 0, 3), ('打不', 3, 5), ('不开', 4, 6)]
    """
    plain, starts, ends = _folded(text)
    for match in _TOKEN.finditer(plain):
        start, end = match.span()
        if match[1]:
            wide = [(place, min(place + 2, end)) for place in range(start, max(end - 1, start + 1))]
            yield from ((plain[first:last], starts[first], ends[last - 1]) for first, last in wide)
        elif not match[2].isnumeric():
            yield match[2], starts[start], ends[end - 1]


def _folded(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Return the text as `words_of` reads it, and where each of its characters starts and ends in the text given."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    if len(plain) == len(text) and unicodedata.is_normalized("NFKC", text):
        return plain, range(len(text)), range(1, len(text) + 1)
    firsts = [place for place, character in enumerate(text) if not place or not _joins(character)]
    pieces, starts, ends = [], [], []
    for start, end in zip(firsts, [*firsts[1:], len(text)], strict=True):
        pieces.append(unicodedata.normalize("NFKC", text[start:end]).casefold().replace("’", "'"))
        starts += [start] * len(pieces[-1])
        ends += [end] * len(pieces[-1])
    return "".join(pieces), starts, ends


@cache
def _joins(character: str) -> bool:
    """Whether it makes one character of itself and the one before: accents, and vowels of conjoining Hangul."""
    first = unicodedata.normalize("NFKC", character)[0]
    return unicodedata.combining(first) > 0 or "\u1161" <= first <= "\u11ff"


def word_entries(
    texts: pa.ChunkedArray, *, min_rows: int, max_words: int = 300
) -> tuple[IntArray, IntArray, list[str]]:
    """Return which texts hold which of the frequent words.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray
        A missing text holds no word.
    min_rows : int
        A word that fewer texts hold is left out; so is one that more than half of all rows hold.
    max_words : int
        At most so many words, those that most texts hold; of equally frequent ones the first by code point.

    Returns
    -------
    rows, words : ndarray, shape (n_entries,)
        One entry per text and different word in it, sorted by row, then by word: the row, from 0, and the word's
        place in `vocabulary`.
    vocabulary : list of str
        The most frequent first.

    Examples
    --------
    >>> texts = pa.chunked_array([["late again", "late", None, "so late!", "fine", "fine, fine", "?", "ok"]])
    >>> rows, words, vocabulary = word_entries(texts, min_rows=2)
    >>> rows.tolist(), words.tolist(), vocabulary
    ([0, 1, 3, 4, 5], [0, 0, 0, 1, 1], ['late', 'fine'])
    """
    different = [set(words_of(text)) if text else set() for text in texts.to_pylist()]
    n_rows = Counter(chain.from_iterable(different))
    kept = (word for word, n in n_rows.items() if min_rows <= n <= len(texts) / 2)
    vocabulary = sorted(kept, key=lambda word: (-n_rows[word], word))[:max_words]
    place = {word: index for index, word in enumerate(vocabulary)}
    entries = [sorted(place[word] for word in words if word in place) for words in different]
    rows = np.repeat(np.arange(len(entries)), np.array([len(words) for words in entries], dtype=np.int64))
    return rows, np.fromiter(chain.from_iterable(entries), dtype=np.int64), vocabulary
