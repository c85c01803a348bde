"""Texts that are near copies of each other, so that one label serves them all.

Two texts are near copies if they have the same 4 words or more in any order, or all but one of 8 or more. That is no
equivalence: A may be near B, and B near C, without A near C. So each text joins the others at one place only: the
words without one (or all of them) that most rows of the log share with it. Whatever is in a group has these words in
common, so each text of it is a near copy of each other, and no chain of them swallows the log.
"""

from __future__ import annotations

import numpy as np

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.data.near_duplicates import near_keys
from mlflow_evalplus.core.tokens import Tokens


def near_copies(tokens: Tokens, n_rows: IntArray) -> IntArray:
    """Return the group of each text, numbered by its first text.

    Parameters
    ----------
    tokens : Tokens
        Of different texts.
    n_rows : int array, one value per text
        Rows of the log that hold it.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from mlflow_evalplus.core.tokens import tokenise
    >>> late = "my parcel of may {} has still not been brought by {}"
    >>> texts = [late.format(1, "you"), "where is it", late.format(2, "anyone"), late.format(3, "them")]
    >>> near_copies(tokenise(pa.chunked_array([texts])), np.ones(4)).tolist()
    [0, 1, 0, 0]
    """
    texts, places = _shared_places(tokens, len(n_rows))
    rows_there = np.bincount(places, n_rows[texts]) if len(texts) else np.zeros(0)
    order = np.lexsort((places, -rows_there[places], texts))
    texts, first = np.unique(texts[order], return_index=True)
    joined = places[order][first]
    firsts = np.full(int(joined.max(initial=-1)) + 1, len(n_rows))
    np.minimum.at(firsts, joined, texts)
    groups = np.arange(len(n_rows))
    groups[texts] = firsts[joined]
    return np.unique(groups, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _shared_places(tokens: Tokens, n: int) -> tuple[IntArray, IntArray]:
    """Return texts and what they share with another one, numbered, one pair an entry."""
    owners, keys = near_keys(tokens, n)
    order = np.argsort(keys)
    owners, keys = owners[order], keys[order]
    new = np.ones(len(keys) + 1, dtype=np.bool_)
    new[1:-1] = keys[1:] != keys[:-1]
    repeated = ~(new[1:] & new[:-1])  # nearly all keys are those of one text
    owners, places = owners[repeated], (np.cumsum(new[:-1]) - 1)[repeated]
    pairs = np.unique(places * n + owners)  # a text has a key twice where a word is in it twice
    places, owners = np.divmod(pairs, max(n, 1))
    places = np.unique(places, return_inverse=True)[1].reshape(-1)
    shared = np.bincount(places, minlength=1)[places] > 1
    return owners[shared], places[shared].astype(np.int64)
