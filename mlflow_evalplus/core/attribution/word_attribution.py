"""The words that push a model towards its errors, beside what they do in rows that it answers rightly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from scipy import sparse

from mlflow_evalplus.core.attribution.linear_text import LinearText, linear_text
from mlflow_evalplus.core.attribution.occlusion import GIVE, Occlusion, Predict, occlude, predict_of
from mlflow_evalplus.core.attribution.pushes import Pushes, strongest_words
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.word_attribution import WordAttribution

EXACT, OCCLUSION = "exact", "occlusion"
MAX_PAIRS = 20
MAX_ROWS = 100_000  # whose features are held in memory; of more, evenly spread ones are explained
SPREAD = (math.sqrt(5) - 1) / 2  # its multiples, less their whole part, are spread evenly: Weyl's sequence
NOT_REPRODUCED = -1  # instead of a prediction's code: rules on top of the model said so, or another model


def words_of(
    predictions: Predictions, model: Any, *, inputs: Any = None, max_predictions: int = 20_000
) -> WordAttribution | None:
    """Return the words that push any model: `attribute_words` with what the model can be read or asked as.

    Parameters
    ----------
    predictions : Predictions
        What the model said.
    model : LinearText, fitted scikit-learn classifier of texts, or callable
        Read where it is linear, else asked; as a function it is a `Predict`.
    inputs : optional
        What a linear model is given, a row each, if it is not the text.
    max_predictions : int
        At most so many texts are asked for; 0 for none.

    Returns
    -------
    WordAttribution or None
        None also where a model would have to be asked and must not be.

    Raises
    ------
    DataError
        The model is none of these, is not fitted, cannot read its inputs, or fails.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> frame = pd.DataFrame({"text": ["great, late", "late"], "label": "neg", "prediction": ["pos", "neg"]})
    >>> def scores(texts, rows):
    ...     return np.array([[0.2, 0.8] if "great" in text else [0.6, 0.4] for text in texts])
    >>> words_of(read(frame, text="text", labels=["neg", "pos"]), scores).rows[0].word
    'great'
    """
    linear = model if isinstance(model, LinearText) else linear_text(model)
    if linear:
        return attribute_words(predictions, linear, inputs=inputs)
    if hasattr(model, "predict_proba"):
        if not hasattr(model, "classes_"):
            raise DataError(f"model is {type(model).__name__} without classes_, so it is not fitted; {GIVE}")
        model = predict_of(model, predictions.labels)
    if not callable(model):
        raise DataError(f"model is {type(model).__name__}; {GIVE}")
    return attribute_words(predictions, model, max_predictions=max_predictions) if max_predictions > 0 else None


def attribute_words(
    predictions: Predictions,
    model: LinearText | Predict,
    *,
    inputs: Any = None,
    max_predictions: int = 20_000,
    max_seconds: float = 60.0,
    batch_size: int = 512,
) -> WordAttribution | None:
    """Return the words that push the model from the label to its wrong prediction, for each class pair.

    Parameters
    ----------
    predictions : Predictions
        What the model said.
    model : LinearText or callable
        A linear model, as `linear_text` reads it: contributions are exact, against the mean of all rows, and cost
        little more than to make the features; errors that it does not make itself are not explained. Or any model as
        ``predict(texts, rows)``, which returns the scores of `predictions.labels`, shape (n_texts, n_labels), one-hot
        where it has none; `rows` says which row of the data each text comes from. Then words are left out one at a
        time.
    inputs : sequence of str, data frame or sparse matrix, optional
        What a linear model is given, a row each, if it is not the text; a sparse matrix holds the features themselves.
    max_predictions : int
        At most so many texts are asked for where words are left out: of the errors, the pairs taking turns, those of
        the highest score first, and of as many right rows of the same labels.
    max_seconds, batch_size
        As for `occlude`.

    Returns
    -------
    WordAttribution or None
        None without texts, without errors between labels that the model knows, and where no word pushes. A linear
        model that is not the one that made the predictions, or only a part of it, may have no words but a count of
        the errors that it does not make.

    Raises
    ------
    DataError
        Inputs and predictions are not of the same number of rows; the model cannot read them, or fails; its scores
        cannot be read.

    Notes
    -----
    A push is a difference of log-odds (of decision values for models without probabilities) between prediction and
    label. Exact contributions are SHAP values under independent features, see `row_contributions`. Leaving words out:
    Li, Monroe and Jurafsky 2016, arXiv:1612.08220. Rows count once each, whatever their weight.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from mlflow_evalplus.core.attribution.linear_text import linear_text
    >>> from mlflow_evalplus.core.predictions import read
    >>> pipeline = make_pipeline(CountVectorizer(), LogisticRegression())
    >>> pipeline = pipeline.fit(["great", "thanks a lot", "broken", "late again"], ["pos", "pos", "neg", "neg"])
    >>> frame = pd.DataFrame({"text": ["great, not", "great, thanks", "late"], "label": ["neg", "pos", "neg"]})
    >>> frame["prediction"] = pipeline.predict(frame["text"])
    >>> words = attribute_words(read(frame, text="text"), linear_text(pipeline))
    >>> [(row.label, row.prediction, row.word, round(row.contribution, 2)) for row in words.rows]
    [('neg', 'pos', 'great', 0.13)]
    """
    has_text = "text" in predictions.table.column_names
    if not has_text and not (isinstance(model, LinearText) and inputs is not None):
        return None
    known = model.labels if isinstance(model, LinearText) else predictions.labels
    run = _run(predictions, known)
    if not run.pairs:
        return None
    if isinstance(model, LinearText):
        found = _exact(run, model, predictions.table["text"].to_pylist() if inputs is None else inputs)
    else:
        left_out = occlude(
            predictions.table["text"].to_pylist(), _order(run), model, len(predictions.labels),
            max_predictions=max_predictions, max_seconds=max_seconds, batch_size=batch_size,
        )  # fmt: skip
        found = _by_occlusion(run, left_out)
    return found if found.rows or found.n_not_reproduced else None


@dataclass(frozen=True)
class _Run:
    """Labels and predictions as codes, and the class pairs whose errors are explained, those with most first."""

    predictions: Predictions
    label: IntArray
    given: IntArray
    pairs: list[tuple[int, int]]

    @property
    def n_errors(self) -> int:
        return int((self.label != self.given).sum())

    def errors(self, pair: tuple[int, int]) -> IntArray:
        return np.flatnonzero((self.label == pair[0]) & (self.given == pair[1]))

    def right(self, label: int) -> IntArray:
        return self.errors((label, label))


def _run(predictions: Predictions, known: Sequence[str]) -> _Run:
    label, given = predictions.label_codes("label"), predictions.label_codes("prediction")
    size = len(predictions.labels) + 1
    errors = np.bincount(label * size + given, minlength=size**2).reshape(size, size)
    np.fill_diagonal(errors, 0)
    unknown = [code for code in range(size) if code == size - 1 or predictions.labels[code] not in known]
    errors[unknown], errors[:, unknown] = 0, 0
    order = np.argsort(-errors, axis=None, kind="stable")[:MAX_PAIRS]
    pairs = [divmod(int(place), size) for place in order if errors.flat[place]]
    return _Run(predictions, label, given, pairs)


def _exact(run: _Run, model: LinearText, inputs: Any) -> WordAttribution:
    n = _length(inputs)
    if n != len(run.label):
        raise DataError(f"the model was given {n} inputs for {len(run.label)} predictions; give one for each")
    rows = np.linspace(0, n - 1, min(n, MAX_ROWS)).round().astype(np.int64)
    features = model.transform(_taken(inputs, rows))
    given = _reproduced(run, model, features, rows)
    part = _Run(run.predictions, run.label[rows], given, run.pairs)
    average = np.asarray(features.mean(axis=0)).ravel()
    right = {label: _mean(features, part.right(label)) - average for label in {label for label, _ in run.pairs}}
    place = {name: index for index, name in enumerate(model.labels)}
    pushes = []
    for pair in run.pairs:
        own, other = (place[run.predictions.labels[code]] for code in pair)
        slopes = model.coefficients[other] - model.coefficients[own]
        errors = part.errors(pair)
        held = features[errors]
        pushes.append(Pushes(
            pair, len(errors), rows[np.repeat(errors, np.diff(held.indptr))], held.indices,
            slopes[held.indices] * held.data, slopes * (_mean(features, errors) - average), slopes * right[pair[0]],
        ))  # fmt: skip
    declared = run.given < len(run.predictions.labels)  # of other answers it is not known which they are
    not_reproduced = ((run.label != run.given) & declared)[rows] & (given == NOT_REPRODUCED)
    return WordAttribution(
        EXACT, sum(of_pair.n_errors for of_pair in pushes), run.n_errors, 0,
        strongest_words(run.predictions, pushes, model.word, model.is_fragment), int(not_reproduced.sum()),
        _unit(model.in_log_odds),
    )  # fmt: skip


def _reproduced(run: _Run, model: LinearText, features: sparse.csr_matrix, rows: IntArray) -> IntArray:
    """Return what these rows were given, `NOT_REPRODUCED` where the model itself says otherwise."""
    labels = run.predictions.labels
    codes = np.array([labels.index(name) if name in labels else NOT_REPRODUCED for name in model.labels])
    return np.where(codes[model.decide(features)] == run.given[rows], run.given[rows], NOT_REPRODUCED)


def _unit(in_log_odds: bool) -> str:
    return "log-odds" if in_log_odds else "decision"


def _mean(features: sparse.csr_matrix, rows: IntArray) -> FloatArray:
    """Return the mean of these rows, nan without any; no row is copied."""
    shares = np.bincount(rows, minlength=features.shape[0]) / (len(rows) or math.nan)
    return np.asarray(features.T @ shares)


def _length(inputs: Any) -> int:
    try:
        return int(inputs.shape[0]) if hasattr(inputs, "shape") else len(inputs)
    except (IndexError, TypeError):
        raise DataError(f"inputs is {type(inputs).__name__}; give a sequence of texts, a data frame or a sparse matrix "
                        "of features, a row for each prediction") from None  # fmt: skip


def _taken(inputs: Any, rows: IntArray) -> Any:
    if len(rows) == _length(inputs):
        return [text or "" for text in inputs] if isinstance(inputs, list) else inputs
    if hasattr(inputs, "iloc"):
        return inputs.iloc[rows]
    return inputs[rows] if hasattr(inputs, "shape") else [inputs[row] or "" for row in rows]


def _by_occlusion(run: _Run, found: Occlusion) -> WordAttribution:
    explained = np.isin(np.arange(len(run.label)), found.explained)
    pushes = []
    for pair in run.pairs:
        values = found.drops[:, pair[1]] - found.drops[:, pair[0]]
        of_label = explained & (run.label == pair[0])
        wrong, right = of_label & (run.given == pair[1]), of_label & (run.given == pair[0])
        means, means_right = (
            np.bincount(found.words[side], values[side], len(found.vocabulary)) / (n or math.nan)
            for side, n in ((rows[found.rows], int(rows.sum())) for rows in (wrong, right))
        )
        held = wrong[found.rows]
        entries = found.rows[held], found.words[held], values[held]
        pushes.append(Pushes(pair, int(wrong.sum()), *entries, means, means_right))
    n_explained = sum(of_pair.n_errors for of_pair in pushes)
    rows = strongest_words(run.predictions, pushes, found.vocabulary.__getitem__, lambda _: False)
    return WordAttribution(
        OCCLUSION, n_explained, run.n_errors, found.n_predictions, rows, unit=_unit(not found.one_hot)
    )


def _order(run: _Run) -> Iterator[int]:
    """Yield the rows to explain: the pairs take turns, and with each error comes a right row of its label."""
    labels = run.predictions.labels
    errors = []
    for pair in run.pairs:
        rows, scores = run.errors(pair), run.predictions.floats(f"score.{labels[pair[1]]}")
        errors.append(rows if scores is None else rows[np.argsort(-scores[rows], kind="stable")])
    right = {}
    for label in {label for label, _ in run.pairs}:
        rows = run.right(label)
        right[label] = iter(rows[np.argsort(np.arange(len(rows)) * SPREAD % 1)].tolist())
    for turn in zip_longest(*(rows.tolist() for rows in errors)):
        for row, (label, _) in zip(turn, run.pairs, strict=True):
            if row is not None:
                yield row
                yield from (beside for beside in [next(right[label], None)] if beside is not None)
