"""How much more common each text's words are in the log than in the training texts: what a label of it would teach.

Settles and Craven (2008, doi:10.3115/1613715.1613855) weigh uncertainty by information density, that a label of an
odd text teaches nothing of others; here the density of what is known already is divided out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.tokens import Tokens, tally

SHRUNK = 10  # rows by which a word's two shares are drawn to each other: one row tells nothing of how common it is


@dataclass(frozen=True)
class Known:
    """In how many training texts each word is, and how many there are."""

    n_texts: Mapping[str, int]
    n: int

    @classmethod
    def of(cls, tokens: Tokens, n: int) -> Known:
        """Count the words of `n` training texts."""
        counts = np.bincount(_cells(tokens)[1], minlength=len(tokens.vocabulary))
        return cls(dict(zip(tokens.vocabulary, counts.tolist(), strict=True)), n)


def density_ratio(tokens: Tokens, n_rows: IntArray, known: Known) -> FloatArray:
    """Return for each text how common its words are in the log, over how common they are in the training texts.

    ``Σ idf² p / Σ idf² q`` over the different words of the text, with a word's share p of the rows of the log and q of
    the training texts, both as if ten rows more held it, shared between the two as their sizes are; 1 for a text
    without words.

    Parameters
    ----------
    tokens : Tokens
        Of different texts.
    n_rows : int array, one value per text
        Rows of the log that hold it.
    known : Known

    Examples
    --------
    >>> import pyarrow as pa
    >>> from mlflow_evalplus.core.tokens import tokenise
    >>> texts = ["my flexpay", "my parcel", "!"]
    >>> known = Known({"my": 5, "parcel": 5}, 10)
    >>> density_ratio(tokenise(pa.chunked_array([texts])), np.array([5, 4, 1]), known).round(1).tolist()
    [1.9, 1.0, 1.0]
    """
    texts, words = _cells(tokens)
    n, size = float(n_rows.sum()), len(tokens.vocabulary)
    here = np.bincount(words, n_rows[texts], size)
    there = np.array([known.n_texts.get(word, 0) for word in tokens.vocabulary], dtype=np.float64)
    idf = np.log((n + known.n + 1) / (here + there + 1)) ** 2
    prior = SHRUNK / (n + known.n)
    common, usual = (
        np.bincount(texts, (idf * share)[words], len(n_rows))
        for share in (here / n + prior, there / known.n + prior)
    )  # fmt: skip
    return np.divide(common, usual, out=np.ones(len(n_rows)), where=usual > 0)


def _cells(tokens: Tokens) -> tuple[IntArray, IntArray]:
    """Return text and word of each different word of each text."""
    size = max(len(tokens.vocabulary), 1)
    texts, words = np.divmod(tally(tokens.rows * size + tokens.codes)[0], size)
    return texts, words
