"""Slices that a text itself yields: how long it is, whether it asks, shouts or negates; in English and in Chinese.

The rules look at the form of a text and know no grammar; where the form does not tell, the value is "no".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus import names
from mlflow_evalplus.core import text_rules as rules
from mlflow_evalplus.core.columns import IntArray, encoded, strings
from mlflow_evalplus.errors import ColumnNotFound, did_you_mean

BLOCK_ROWS = 20_000  # at a time, so that long texts do not fill the memory
YES_NO = ("no", "yes")
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]

# A Han character, a kana or a Hangul syllable stands for three letters: an English word has 4 to 5 letters, and its
# Chinese translation 1.5 characters. 40 letters are some nine English words, 100 a sentence or two, 250 a paragraph.
LETTERS_OF_WIDE = 3
LENGTH_BOUNDS = (40, 100, 250)
LENGTHS = ("up to 40", "41 to 100", "101 to 250", "above 250")

SHOUT_LETTERS = 8
SHOUT_SHARE = 0.7
MIXED_LATIN = 4  # letters
SCRIPTS = (*rules.SCRIPTS, "other", "none", "mixed")


@dataclass(frozen=True)
class TextSlice:
    """One slice that texts yield.

    Attributes
    ----------
    values : tuple of str
        All that it can say of a text.
    codes : callable
        Texts, none of them null → the place in `values` of each.
    """

    values: tuple[str, ...]
    codes: Callable[[pa.ChunkedArray], IntArray]


def derived_slices(slices: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the slices that no column of the data holds and that texts yield."""
    return [name for name in slices if name in TEXT_SLICES and name not in columns]


def text_slice(texts: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return one slice that texts yield, as the data contract holds it.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray
        A missing text is in the slice ``(missing)``.
    name : str
        One of `TEXT_SLICES`:

        - ``text_length``: by letters and digits, of which a Han character, kana or Hangul syllable counts three;
        - ``text_question``: a question mark; a clause that ends in 吗, or a short one in 呢; a sentence that opens like
          an English question (*where is*, *can I*), or whose last clause holds a Chinese question word;
        - ``text_exclamation``: an exclamation mark, half or full width, or an emoji of one;
        - ``text_negation``: an English negator (*not*, *n't*, *no*, *never*, *without*, *hardly* …) or a Chinese one
          (不 没 无 未 勿 别 并非 …), but not where a word or a question contains and does not mean it (*not only*,
          不错, 特别, 能不能); prefixes (*unhappy*) and other languages are not looked at;
        - ``text_emoji``: an emoji, or an emoticon such as ``:-)``;
        - ``text_capitals``: 70 % of at least 8 letters are capitals; Chinese characters are letters, but no capitals;
        - ``text_url``: ``http://…``, ``www.…`` or a bare domain, but no e-mail address;
        - ``text_script``: the script of most letters, weighed as in ``text_length``; ``ja`` where a word of kana
          occurs; ``mixed`` where East Asian and Latin letters, at least 4, each have more than a third.

        All but length, exclamation and URL look at the text less its URLs.

    Returns
    -------
    pyarrow.ChunkedArray
        Dictionary-encoded, in one chunk, with the values that occur, sorted.

    Raises
    ------
    ColumnNotFound
        There is no such slice; the nearest name is suggested.

    Examples
    --------
    >>> texts = pa.chunked_array([["Why did it not arrive", "挺不错的，谢谢！", None]])
    >>> [text_slice(texts, name).to_pylist() for name in ("text_question", "text_negation")]
    [['yes', 'no', '(missing)'], ['yes', 'no', '(missing)']]
    """
    if name not in TEXT_SLICES:
        raise ColumnNotFound(f"texts yield no slice {name!r}, only {list(TEXT_SLICES)}."
                             + did_you_mean(name, TEXT_SLICES))  # fmt: skip
    texts = strings(texts)
    known = TEXT_SLICES[name]
    codes = np.where(texts.is_null().to_numpy(), len(known.values), known.codes(texts.fill_null("")))
    return encoded(
        pa.chunked_array([pa.array([*known.values, None], pa.string()).take(pa.array(codes))]), names.MISSING
    )


def _length(texts: pa.ChunkedArray) -> IntArray:
    wide, others = _tally(texts, (rules.WIDE, rules.LETTER_OR_DIGIT))
    codes: IntArray = np.searchsorted(LENGTH_BOUNDS, LETTERS_OF_WIDE * wide + others)
    return codes


def _question(texts: pa.ChunkedArray) -> IntArray:
    texts = _without_urls(texts)
    return _yes(_matches(texts, rules.QUESTION) | _among(texts, rules.QUESTION_WORD, _asks_in_chinese))


def _asks_in_chinese(texts: pa.ChunkedArray) -> BoolArray:
    return _matches(pc.replace_substring_regex(texts, rules.NO_QUESTION, " "), rules.QUESTION_WORD)


def _exclamation(texts: pa.ChunkedArray) -> IntArray:
    return _yes(_matches(texts, rules.EXCLAMATION))


def _negation(texts: pa.ChunkedArray) -> IntArray:
    texts = _without_urls(texts)
    english = pc.replace_substring_regex(texts, rules.NO_ENGLISH_NEGATION, " ")
    return _yes(_matches(english, rules.ENGLISH_NEGATION) | _among(texts, rules.CHINESE_NEGATION, _negates_in_chinese))


def _negates_in_chinese(texts: pa.ChunkedArray) -> BoolArray:
    marked = pc.replace_substring_regex(texts, rules.SURE_CHINESE_NEGATION, rules.NEGATION_MARK)
    plain = pc.replace_substring_regex(marked, rules.NO_CHINESE_NEGATION, " ")
    return _matches(plain, rules.CHINESE_NEGATION) & ~_matches(texts, rules.KANA_WORD)


def _emoji(texts: pa.ChunkedArray) -> IntArray:
    texts = _without_urls(texts)
    return _yes(_matches(texts, rules.EMOJI) | _matches(texts, rules.EMOTICON))


def _capitals(texts: pa.ChunkedArray) -> IntArray:
    return _yes(_among(_without_urls(texts), rf"(?:\p{{Lu}}\P{{Lu}}*){{{int(SHOUT_SHARE * SHOUT_LETTERS)}}}", _shouts))


def _shouts(texts: pa.ChunkedArray) -> BoolArray:
    capitals, others = _tally(texts, (r"\p{Lu}", r"\p{L}"))
    letters = capitals + others
    shouted: BoolArray = (letters >= SHOUT_LETTERS) & (capitals >= SHOUT_SHARE * letters)
    return shouted


def _url(texts: pa.ChunkedArray) -> IntArray:
    return _yes(_matches(texts, rules.URL))


def _script(texts: pa.ChunkedArray) -> IntArray:
    texts = _without_urls(texts)
    tally = dict(zip(SCRIPTS, _tally(texts, (*rules.SCRIPTS.values(), r"\p{L}")), strict=False))
    japanese = _matches(texts, rules.KANA_WORD)
    tally["ja"] += np.where(japanese, tally["zh"], 0)
    tally["zh"] *= ~japanese
    for wide in ("zh", "ja", "ko"):
        tally[wide] *= LETTERS_OF_WIDE
    latin, east_asian = tally["latin"], tally["zh"] + tally["ja"] + tally["ko"]
    most = np.stack(list(tally.values()))
    codes = np.where(most.any(axis=0), most.argmax(axis=0), SCRIPTS.index("none"))
    mixed = (latin >= MIXED_LATIN) & (3 * np.minimum(latin, east_asian) > latin + east_asian)
    mixed &= np.maximum(latin, east_asian) >= most.max(axis=0)
    return np.where(mixed, SCRIPTS.index("mixed"), codes)


TEXT_SLICES = {
    "text_length": TextSlice(LENGTHS, _length),
    "text_question": TextSlice(YES_NO, _question),
    "text_exclamation": TextSlice(YES_NO, _exclamation),
    "text_negation": TextSlice(YES_NO, _negation),
    "text_emoji": TextSlice(YES_NO, _emoji),
    "text_capitals": TextSlice(YES_NO, _capitals),
    "text_url": TextSlice(YES_NO, _url),
    "text_script": TextSlice(SCRIPTS, _script),
}


def _matches(texts: pa.ChunkedArray, pattern: str) -> BoolArray:
    return np.asarray(pc.match_substring_regex(texts, pattern).to_numpy(), dtype=np.bool_)


def _among(texts: pa.ChunkedArray, pattern: str, judge: Callable[[pa.ChunkedArray], BoolArray]) -> BoolArray:
    """Judge only the texts that hold `pattern`, which are few; no other can be meant."""
    found = _matches(texts, pattern)
    likely = np.flatnonzero(found)
    found[likely] = judge(texts.take(pa.array(likely)))
    return found


def _yes(found: BoolArray) -> IntArray:
    return found.astype(np.int64)


def _without_urls(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(texts, rules.URL, r"\1 \2")


def _tally(texts: pa.ChunkedArray, classes: Sequence[str]) -> IntArray:
    """Return how many characters of each text, in columns, are of each class; the first that fits counts."""
    starts = range(0, max(len(texts), 1), BLOCK_ROWS)
    return np.hstack([_tally_block(texts.slice(start, BLOCK_ROWS), classes) for start in starts])


def _tally_block(texts: pa.ChunkedArray, classes: Sequence[str]) -> IntArray:
    joined = pc.binary_join(pa.LargeListArray.from_arrays([0, len(texts)], texts.combine_chunks()), "")
    octets = np.frombuffer(joined[0].as_buffer(), np.uint8)
    points = np.frombuffer(octets[octets >= 0x80].tobytes().decode().encode("utf-32-le"), np.uint32)  # past ASCII
    class_of = _classes_of(np.append(np.arange(0x100, dtype=np.uint32), points), classes)
    found = class_of[octets]
    found[octets >= 0x80] = len(classes)
    found[octets >= 0xC0] = class_of[points]  # the first octet stands for the character
    ends = np.cumsum(pc.binary_length(texts).to_numpy(), dtype=np.int64)
    places = (np.flatnonzero(found == place) for place in range(len(classes)))
    return np.stack([np.diff(np.searchsorted(where, ends), prepend=0) for where in places])


def _classes_of(points: np.ndarray[Any, np.dtype[np.uint32]], classes: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return code point → place of the first class that it fits, for the code points that occur."""
    occurs = np.zeros(int(points.max()) + 1, bool)
    occurs[points] = True
    different = np.flatnonzero(occurs)
    characters = pa.chunked_array([pa.array(map(chr, different), pa.string())])
    class_of = np.full(len(occurs), len(classes), np.uint8)
    for place in reversed(range(len(classes))):
        class_of[different[_matches(characters, classes[place])]] = place
    return class_of
