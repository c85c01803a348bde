"""Words that the log holds and no training text does: how much of each text is news."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.tokens import Tokens, tally

MIN_WORD_ROWS = 3  # a word in fewer rows is taken for a typo or a name
COMMON = 0.01  # of the rows: a word in so many of them counts in full
MIN_SHARE = 0.05  # of the words of a text
MAX_NAMED = 5


@dataclass(frozen=True)
class NewWords:
    """What is new in each text.

    Attributes
    ----------
    scores : float array, one value per text
        Share of its words that are new, 0 to 1, each counted by how common it is; 0 below 5 %.
    leads : int array, one value per text
        The new word, a place in the vocabulary, that counts most in it; -1 without one.
    n_rows : int array, one value per word of the vocabulary
        Rows that hold it; 0 where training texts do.
    """

    scores: FloatArray
    leads: IntArray
    n_rows: IntArray


def new_words(tokens: Tokens, n_rows: IntArray, known: Collection[str]) -> NewWords:
    """Score each text by the new words in it.

    A new word counts by the logarithm of the rows that hold it: not at all in one or two rows (a typo, a name), in
    full from 1 % of the rows of the log on.

    Parameters
    ----------
    tokens : Tokens
        Of different texts.
    n_rows : int array, one value per text
        Rows of the log that hold it.
    known : collection of str
        The words of the training texts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from mlflow_evalplus.core.tokens import tokenise
    >>> texts = ["flexpay is late", "my flexpay", "is it laet", "is it late"]
    >>> found = new_words(tokenise(pa.chunked_array([texts])), np.array([2, 1, 1, 9]), {"is", "it", "late", "my"})
    >>> found.scores.round(2).tolist(), found.n_rows.tolist()
    ([0.33, 0.5, 0.0, 0.0], [3, 0, 0, 0, 0, 1])
    """
    n_words = len(tokens.vocabulary)
    new = np.array([word not in known for word in tokens.vocabulary], dtype=np.bool_)
    inside = new[tokens.codes]
    cells, uses = tally(tokens.rows[inside] * n_words + tokens.codes[inside])
    texts, words = np.divmod(cells, max(n_words, 1))
    holding = np.bincount(words, n_rows[texts], n_words).astype(np.int64)
    full = max(COMMON * n_rows.sum(), MIN_WORD_ROWS)
    often = np.log(np.maximum(holding, 1)) / np.log(full)
    weight = np.where(holding >= MIN_WORD_ROWS, np.minimum(often, 1.0), 0.0)
    length = np.bincount(tokens.rows, minlength=len(n_rows))
    scores = np.bincount(texts, weight[words] * uses, len(n_rows)) / np.maximum(length, 1)
    leads = np.full(len(n_rows), -1)
    counted = weight[words] > 0
    texts, words = texts[counted], words[counted]
    order = np.lexsort((words, holding[words], -weight[words], texts))
    led, first = np.unique(texts[order], return_index=True)
    leads[led] = words[order][first]
    return NewWords(np.where(scores >= MIN_SHARE, scores, 0.0), leads, holding)
