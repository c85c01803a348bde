"""Any model: what its scores lose when a word is left out, within a budget of predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, IntArray, strings
from mlflow_evalplus.core.words import word_spans
from mlflow_evalplus.errors import DataError, EvalPlusError

# Texts, and the row of the data that each is made from → scores, shape (n_texts, n_labels).
Predict = Callable[[Sequence[str], IntArray], FloatArray]
FIRST_BATCH = 32  # tells how long a text takes
MAX_MISSES = 20
LOWEST_SCORE = 1e-6
GIVE = (
    "give a fitted scikit-learn classifier of texts, or a function of texts and rows that returns the scores of each "
    "label"
)
Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Occlusion:
    """What leaving out single words did.

    Attributes
    ----------
    explained : int array, shape (n_explained,)
        The rows for which every word was left out once, in the order in which they were asked for.
    rows, words : int array, shape (n_entries,)
        One entry per explained row and different word in it: the row, and the word's place in `vocabulary`.
    drops : float array, shape (n_entries, n_labels)
        What each label's evidence loses without the word: logarithm of its score, or the score itself where a model
        only says which label it is. A prediction's drop less the label's is the word's push from label to prediction.
    vocabulary : list of str
    n_predictions : int
        Texts that were asked for.
    one_hot : bool
        The model only said which label it is.
    """

    explained: IntArray
    rows: IntArray
    words: IntArray
    drops: FloatArray
    vocabulary: list[str]
    n_predictions: int
    one_hot: bool


def occlude(
    texts: Sequence[str | None],
    order: Iterable[int],
    predict: Predict,
    n_labels: int,
    *,
    max_predictions: int = 20_000,
    max_seconds: float = 60.0,
    batch_size: int = 512,
) -> Occlusion:
    """Leave out each different word of the texts, one at a time, and ask the model again.

    Parameters
    ----------
    texts : sequence of str
        A missing text has no words.
    order : iterable of int
        The rows to explain, the most wanted first; one whose words do not fit into what is left of the budget is
        passed over, and after 20 such rows no further is looked at.
    predict : callable
        Given texts and the rows that they are made from, returns the scores of `n_labels` labels for each; one-hot
        rows where it only knows the label.
    n_labels : int
    max_predictions : int
        Never more texts are asked for; a row takes one, and one for each different word in it.
    max_seconds : float
        No batch is begun that would take longer, as far as the batches before tell.
    batch_size : int
        At most so many texts at once.

    Returns
    -------
    Occlusion

    Raises
    ------
    DataError
        The model fails; its scores have another shape, or are not finite.

    Examples
    --------
    >>> def predict(texts, rows):
    ...     good = np.array(["good" in text for text in texts])
    ...     return np.column_stack([1 - good, good]).astype(float)
    >>> found = occlude(["so good", "bad"], [1, 0], predict, 2)
    >>> [found.vocabulary[word] for word in found.words], found.drops.tolist(), found.n_predictions
    (['bad', 'so', 'good'], [[0.0, 0.0], [0.0, 0.0], [-1.0, 1.0]], 5)
    """
    planned = list(_plan(texts, order, max_predictions))
    scores = _ask(predict, list(_variants(texts, planned)), n_labels, time.monotonic() + max_seconds, batch_size)
    ends = np.cumsum([1 + len(words) for _, words in planned], dtype=np.int64)
    planned = planned[: np.searchsorted(ends, len(scores), side="right")]
    counts = np.array([len(words) for _, words in planned], dtype=np.int64)
    whole = np.concatenate([[0], ends])[: len(planned)]
    without = np.delete(np.arange(counts.sum() + len(planned)), whole)
    one_hot = bool(np.isin(scores[whole], (0, 1)).all())
    evidence = scores if one_hot else np.log(np.clip(scores, LOWEST_SCORE, None))
    explained = np.array([row for row, _ in planned], dtype=np.int64)
    place: dict[str, int] = {}
    held = [place.setdefault(word, len(place)) for _, words in planned for word in words]
    drops = np.repeat(evidence[whole], counts, axis=0) - evidence[without]
    codes = np.array(held, dtype=np.int64)
    return Occlusion(explained, np.repeat(explained, counts), codes, drops, list(place), len(scores), one_hot)


def _plan(
    texts: Sequence[str | None], order: Iterable[int], max_predictions: int
) -> Iterator[tuple[int, Mapping[str, Spans]]]:
    """Yield rows with their words, as many as the budget holds."""
    left, misses = max_predictions, 0
    for row in order:
        words: dict[str, Spans] = {}
        for word, start, end in word_spans(texts[row] or ""):
            words.setdefault(word, []).append((start, end))
        if not words:
            continue
        if len(words) < left:
            left -= 1 + len(words)
            yield row, words
        else:
            misses += 1
        if left < 2 or misses == MAX_MISSES:
            return


def _variants(
    texts: Sequence[str | None], planned: Iterable[tuple[int, Mapping[str, Spans]]]
) -> Iterator[tuple[str, int]]:
    """Yield each text with its row: as it is, then without each of its words."""
    for row, words in planned:
        text = texts[row] or ""
        yield text, row
        for spans in words.values():
            yield without_spans(text, spans), row


def without_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text without these parts; what they kept apart stays apart, and no second space is left.

    Examples
    --------
    >>> without_spans("the app, the app", [(4, 7), (13, 16)]), without_spans("我的app坏了", [(2, 5)])
    ('the, the', '我的 坏了')
    """
    kept, place = "", 0
    for start, end in [*spans, (len(text), len(text))]:
        kept = _joined(kept, text[min(place, start) : start]) if place else text[:start]
        place = max(place, end)
    return kept


def _joined(left: str, right: str) -> str:
    if left[-1:].isspace() and not (right and right[0].isalnum()):
        left = left[:-1]
    elif right[:1].isspace() and not left:
        right = right[1:]
    return f"{left} {right}" if left[-1:].isalnum() and right[:1].isalnum() else left + right


def _ask(
    predict: Predict, asked: Sequence[tuple[str, int]], n_labels: int, deadline: float, batch_size: int
) -> FloatArray:
    """Return the scores of the texts, from the first on; fewer where the time ends."""
    parts: list[FloatArray] = []
    done, begun = 0, time.monotonic()
    size = min(batch_size, FIRST_BATCH)
    while done < len(asked) and size and time.monotonic() < deadline:
        batch = asked[done : done + size]
        rows = np.array([row for _, row in batch], dtype=np.int64)
        try:
            scores = predict([text for text, _ in batch], rows)
        except EvalPlusError:
            raise
        except Exception as error:  # a model may fail in any way
            raise DataError(f"the model failed on {len(batch)} texts: {reason(error)}") from error
        parts.append(_checked(scores, len(batch), n_labels))
        done += len(batch)
        now = time.monotonic()
        size = min(batch_size, int((deadline - now) * done / max(now - begun, 1e-9)))
    return np.concatenate([np.zeros((0, n_labels)), *parts])


def _checked(scores: object, n_texts: int, n_labels: int) -> FloatArray:
    try:
        array = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"predict returned a {type(scores).__name__} that holds no numbers; it must return an array of "
                        f"scores of shape (n_texts, n_labels), here ({n_texts}, {n_labels})") from None  # fmt: skip
    if array.shape != (n_texts, n_labels):
        raise DataError(
            f"predict returned scores of shape {array.shape} for {n_texts} texts and {n_labels} labels; it must return "
            f"an array of shape (n_texts, n_labels), here ({n_texts}, {n_labels})"
        )
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise DataError(f"predict returned scores that are not finite, first {array[row].tolist()}")
    return array


def reason(error: Exception) -> str:
    """Return ``ZeroDivisionError: division by zero``: why a model failed, in one line, without the texts below it."""
    return f"{type(error).__name__}: {_first_line(error)}".removesuffix(": ")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def predict_of(classifier: Any, labels: Sequence[str]) -> Predict:
    """Return a fitted scikit-learn classifier of texts as a function of texts and rows."""

    def predict(texts: Sequence[str], _: IntArray) -> FloatArray:
        try:
            scores = classifier.predict_proba(list(texts))
        except Exception as error:  # a model may fail in any way
            name, said = type(classifier).__name__, _first_line(error)
            raise DataError(f"model {name} cannot read a list of texts: {said}; {GIVE}") from error
        return label_scores(scores, classifier.classes_, labels)

    return predict


def label_scores(matrix: Any, classes: Iterable[Any], labels: Sequence[str]) -> FloatArray:
    """Return the scores of these labels, shape (n_texts, n_labels), 0 for those that are none of the classes.

    Parameters
    ----------
    matrix : array_like, shape (n_texts, n_classes)
    classes : iterable
        What its columns are of, as the model names them: strings, numbers or booleans.
    labels : sequence of str
        As `predictions.read` writes them.

    Examples
    --------
    >>> label_scores([[0.2, 0.7, 0.1]], [0.0, 1.0, 2.0], ["1", "unheard of", "0"]).tolist()
    [[0.7, 0.0, 0.2]]
    """
    scores = np.asarray(matrix, dtype=np.float64)
    known = strings(pa.chunked_array([pa.array(np.asarray(list(classes)).tolist())])).to_pylist()
    place = {label: column for column, label in enumerate(known)}
    nowhere = np.zeros(len(scores))
    return np.column_stack([scores[:, place[label]] if label in place else nowhere for label in labels])
