"""What words push from a label to a wrong prediction, and which of them are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results.word_attribution import WordContribution

MAX_WORDS = 10  # of a class pair
MAX_EXAMPLES = 5
ENOUGH_ERRORS = 5  # of a class pair: with so many a word must stand in two


@dataclass(frozen=True)
class Pushes:
    """What the words of the explained errors of one class pair push from label to prediction.

    `rows`, `words` and `values` have an entry for each error and different word in it; `means` and `means_right` are
    for each word the mean contribution over all `n_errors` of them and over the right rows of the label.
    """

    pair: tuple[int, int]
    n_errors: int
    rows: IntArray
    words: IntArray
    values: FloatArray
    means: FloatArray
    means_right: FloatArray


def strongest_words(
    predictions: Predictions, pushes: Sequence[Pushes], name: Callable[[int], str], is_fragment: Callable[[int], bool]
) -> tuple[WordContribution, ...]:
    """Return the words that push most in each class pair, the pairs with most errors first.

    `name` and `is_fragment` say how a word is written, and whether it is a piece of one.
    """
    ids = predictions.with_ids().table["example_id"]
    labels = predictions.labels
    found = []
    for of_pair in sorted(pushes, key=lambda of_pair: -of_pair.n_errors):
        n_rows = np.bincount(of_pair.words, minlength=len(of_pair.means))
        pushed = np.bincount(of_pair.words, of_pair.values, len(of_pair.means))
        enough = 2 if of_pair.n_errors >= ENOUGH_ERRORS else 1
        # a word that is only rarer among the errors than elsewhere pushes where it is absent: nothing shows it
        words = np.flatnonzero((n_rows >= enough) & (pushed > 0) & (of_pair.means > 0))
        words = words[np.argsort(-of_pair.means[words], kind="stable")]
        for word, shown in _listed(words.tolist(), name, is_fragment):
            held = np.flatnonzero((of_pair.words == word) & (of_pair.values > 0))
            most = held[np.argsort(-of_pair.values[held], kind="stable")[:MAX_EXAMPLES]]
            found.append(WordContribution(
                labels[of_pair.pair[0]], labels[of_pair.pair[1]], shown, int(n_rows[word]),
                float(of_pair.means[word]), float(of_pair.means_right[word]),
                tuple(ids.take(pa.array(of_pair.rows[most])).to_pylist()),
            ))  # fmt: skip
    return tuple(found)


def _listed(
    words: Sequence[int], name: Callable[[int], str], is_fragment: Callable[[int], bool]
) -> Iterator[tuple[int, str]]:
    """Yield the first 10 words with their names; of fragments of the same characters only the first."""
    told: list[tuple[str, bool]] = []
    for word in words:
        shown, fragment = name(word), is_fragment(word)
        bare = shown.strip("…“”")
        if fragment and any(bare in other or (both and other in bare) for other, both in told):
            continue
        told.append((bare, fragment and len(bare) > 1))
        yield word, shown
        if len(told) == MAX_WORDS:
            return
