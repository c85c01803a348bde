"""Keeps texts of a test set out of the training data, however they are dressed up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import IntArray, select, strings
from mlflow_evalplus.core.data.near_duplicates import near_pairs
from mlflow_evalplus.core.tokens import tokenise
from mlflow_evalplus.core.training_data.keys import plain_words, strict_keys, weight_of
from mlflow_evalplus.core.training_data.similar import similar

if TYPE_CHECKING:
    import pandas as pd

SAME_TEXT, SAME_WORDS, NEAR_COPY = names.REFUSALS
LEAST_SAME_LETTERS = 12  # letters' worth: the same ones in another order are the same words in another order


def contaminated(candidates: Sequence[str], test_texts: Sequence[str]) -> list[str]:
    """Return why each candidate may not be trained on; an empty string where it may.

    Parameters
    ----------
    candidates, test_texts : sequence of str

    Returns
    -------
    list of str
        For each candidate one of ``names.REFUSALS``, or nothing:

        - ``same_text``: a test text with the very same letters and digits in a row; case, accents, width, spaces,
          punctuation, symbols, emoji and what nobody sees are not looked at;
        - ``same_words``: the same letters or words in any order (from 12 letters or 4 words on), or all words but
          one (from 8 on); a Han character or kana is a word and counts three letters;
        - ``near_copy``: of the runs of three letters (two Han characters) in either text 60 % are in both; or 40 %,
          and 75 % of the letters. Texts worth fewer than 20 letters are not compared so.

    Examples
    --------
    >>> tests = ["The parcel has arrived, and it lies in a puddle"]
    >>> contaminated(["the PARCEL has arrived — and it lies in a puddle 😀", "it lies in a puddle"], tests)
    ['same_text', '']
    >>> contaminated(["It lies in a puddle and the box has arrived", "The parcel has arived, it is in a puddle"], tests)
    ['same_words', 'near_copy']
    """
    codes, _ = matches(candidates, test_texts)
    return [("", *names.REFUSALS)[code] for code in codes]


def matches(candidates: Sequence[str], references: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Return the place of each candidate's reason in ``names.REFUSALS``, from 1, and its reference; else 0 and −1.

    Examples
    --------
    >>> codes, partners = matches(["Fine!", "late"], ["so so", "fine"])
    >>> codes.tolist(), partners.tolist()
    ([1, 0], [1, -1])
    """
    codes, partners = np.zeros(len(candidates), dtype=np.int64), np.full(len(candidates), -1, dtype=np.int64)
    if not len(references):
        return codes, partners
    keys, known = strict_keys(candidates), strict_keys(references)

    def note(code: int, found: IntArray) -> None:
        new = (codes == 0) & (found >= 0)
        codes[new], partners[new] = code, found[new]

    note(1, _equal(keys, known))
    note(2, _equal([_any_order(key) for key in keys], [_any_order(key) for key in known]))
    left = np.flatnonzero(codes == 0)
    for code, search in ((2, _same_words), (3, None)):
        left = left[codes[left] == 0]
        found = np.full(len(candidates), -1, dtype=np.int64)
        found[left] = (
            search([candidates[row] for row in left], references)
            if search
            else similar([keys[row] for row in left], known)
        )
        note(code, found)
    return codes, partners


def guarded(train: pd.DataFrame, test: pd.DataFrame, *, text: str = "text") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part training rows into those that may be trained on and those whose text is, or nearly is, in the test set.

    Parameters
    ----------
    train, test : pandas.DataFrame
        A missing text is in no test set.
    text : str
        Column, in both.

    Returns
    -------
    kept, refused : pandas.DataFrame
        All rows of `train`, in their order and with their index; `refused` has a column ``evalplus.refused``, which
        says why, as `contaminated` does.

    Raises
    ------
    ColumnNotFound
        One of them has no such column.

    Examples
    --------
    >>> import pandas as pd
    >>> train = pd.DataFrame({"text": ["late again", "Very good!!"], "label": ["bad", "good"]})
    >>> kept, refused = guarded(train, pd.DataFrame({"text": ["very good"]}))
    >>> kept["text"].tolist(), refused["evalplus.refused"].tolist()
    (['late again'], ['same_text'])
    """
    reasons = np.array(contaminated(texts_of(train, text), texts_of(test, text)), dtype=object)
    refused = (reasons != "").astype(bool)
    return train[~refused], train[refused].assign(**{names.REFUSED: reasons[refused]})


def texts_of(frame: pd.DataFrame, column: str) -> list[str]:
    """Return a column as texts; an empty one where it is missing."""
    texts: list[str] = strings(select(frame, [column])[column]).fill_null("").to_pylist()
    return texts


def _equal(keys: Sequence[str], known: Sequence[str]) -> IntArray:
    place = {key: row for row, key in reversed(list(enumerate(known))) if key}
    return np.array([place.get(key, -1) for key in keys], dtype=np.int64)


def _any_order(key: str) -> str:
    return "".join(sorted(key)) if weight_of(key) >= LEAST_SAME_LETTERS else ""


def _same_words(candidates: Sequence[str], references: Sequence[str]) -> IntArray:
    plain = [plain_words(text) for text in (*references, *candidates)]
    tokens = tokenise(pa.chunked_array([pa.array(plain, pa.large_string())]))
    n = len(references)
    rows, partners = near_pairs(tokens, n, len(plain), np.zeros(len(plain), dtype=np.bool_))
    found = np.full(len(candidates), -1, dtype=np.int64)
    found[rows - n] = partners
    return found
