"""Which words of a text the training texts hardly hold: coverage of knowledge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.tokens import tally, tokenise

MIN_SEEN = 3  # training texts that must hold a word before a model can have learnt it


@dataclass(frozen=True)
class Coverage:
    """The unfamiliar words of every text: those that fewer than three training texts hold.

    Attributes
    ----------
    share : float array, [texts]
        Of a text's different words those that are unfamiliar, 0 … 1; 0 for a text without words.
    rows, codes : int array
        One entry per text and unfamiliar word in it, sorted by row.
    vocabulary : list of str
    """

    share: FloatArray
    rows: IntArray
    codes: IntArray
    vocabulary: list[str]

    def words(self, row: int) -> list[str]:
        """Return the unfamiliar words of one text."""
        first, last = np.searchsorted(self.rows, [row, row + 1])
        return [self.vocabulary[code] for code in self.codes[first:last]]

    def most_frequent(self, chosen: np.ndarray, limit: int) -> list[str]:
        """Return the unfamiliar words that most of the chosen texts hold; `chosen` is a bool array, [texts]."""
        uses = np.bincount(self.codes[chosen[self.rows]], minlength=len(self.vocabulary))
        best = np.argsort(-uses, kind="stable")[:limit]
        return [self.vocabulary[code] for code in best if uses[code]]


def coverage(texts: pa.ChunkedArray, training: pa.ChunkedArray) -> Coverage:
    """Look up the words of `texts` in the `training` texts.

    Examples
    --------
    >>> training = pa.chunked_array([["the parcel is late"] * 3])
    >>> found = coverage(pa.chunked_array([["the drone is late", "late", None]]), training)
    >>> found.share.tolist(), found.words(0)
    ([0.25, 0.0, 0.0], ['drone'])
    """
    n = len(training)
    tokens = tokenise(pa.chunked_array([*training.cast(pa.string()).chunks, *texts.cast(pa.string()).chunks]))
    size = max(len(tokens.vocabulary), 1)
    rows, codes = np.divmod(tally(tokens.rows * size + tokens.codes)[0], size)
    ours = rows >= n
    unfamiliar = np.bincount(codes[~ours], minlength=size) < MIN_SEEN
    rows, codes = rows[ours] - n, codes[ours]
    new = unfamiliar[codes]
    n_words = np.bincount(rows, minlength=len(texts))
    share = np.bincount(rows, new, len(texts)) / np.maximum(n_words, 1)
    return Coverage(share, rows[new], codes[new], tokens.vocabulary)
