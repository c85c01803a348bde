"""A data frame of models that were fitted on subsets → what is known of each size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core import columns as cols
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.learning import sizes
from mlflow_evalplus.core.learning.sizes import Sizes
from mlflow_evalplus.errors import DataError


def from_accuracies(frame: Any, *, n_train: str, repeat: str | None, accuracy: str, n_test: int | None) -> Sizes:
    """Return the sizes of one row per model, of which the accuracy is known.

    Raises
    ------
    DataError, ColumnNotFound
        `n_test` is missing, or a column does not hold what it must.
    """
    if n_test is None or n_test < 2:
        raise DataError(f"n_test is {n_test}; say how many test rows each value of column {accuracy!r} rests on")
    table = cols.select(frame, [n_train, accuracy, *([repeat] if repeat else [])])
    rows = _whole(table[n_train], n_train)
    values = cols.convert("score.", table[accuracy], accuracy).to_numpy()
    return sizes.of_accuracies(values, rows, _codes(table[repeat]) if repeat else None, n_test)


def from_predictions(frame: Any, columns: Mapping[str, str], repeat: str | None, cluster: str | None) -> Sizes:
    """Return the sizes of one row per model and test example.

    Parameters
    ----------
    frame : data frame
    columns : mapping of str to str
        Of ``n_train``, ``example_id``, ``label`` and ``prediction``.
    repeat, cluster : str or None

    Raises
    ------
    DataError, ColumnNotFound
        A column is missing or does not hold what it must, or models answered different examples.
    """
    asked = [*columns.values(), *(column for column in (repeat, cluster) if column)]
    table = cols.select(frame, asked)
    rows = _whole(table[columns["n_train"]], columns["n_train"])
    label, prediction = (cols.strings(table[columns[name]]) for name in ("label", "prediction"))
    if label.null_count:
        raise DataError(f"{label.null_count} rows have no {columns['label']!r}; fill or remove them")
    right = np.array([a == b for a, b in zip(label.to_pylist(), prediction.to_pylist(), strict=True)])
    example = _codes(table[columns["example_id"]])
    order = _codes(table[repeat]) if repeat else _occurrence(rows, example)
    model, place = np.unique(np.column_stack([rows, order]), axis=0, return_inverse=True)
    place = place.ravel()
    n_examples = int(example.max()) + 1
    _require_grid(place, example, len(model), n_examples, model, columns["example_id"])
    answers = np.zeros((len(model), n_examples), dtype=bool)
    answers[place, example] = right
    codes = None
    if cluster:
        codes = np.zeros(n_examples, dtype=np.int64)
        codes[example] = _codes(cols.convert("cluster", table[cluster], cluster))
    return sizes.of_answers(answers, model[:, 0], model[:, 1].tolist(), codes)


def _whole(values: pa.ChunkedArray, name: str) -> IntArray:
    try:
        numbers: FloatArray = values.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"column {name!r} must hold numbers of training rows, but its type is {values.type}") from None
    if not len(numbers):
        raise DataError("there are no rows; give one for each model, or for each model and test example")
    bad = np.flatnonzero(~((numbers >= 1) & (numbers == np.floor(numbers)) & np.isfinite(numbers)))
    if len(bad):
        raise DataError(
            f"column {name!r} must hold numbers of training rows, 1 or more; row {bad[0]} (from 0) holds "
            f"{numbers[bad[0]]}, {len(bad)} rows in all"
        )
    return numbers.astype(np.int64)


def _codes(values: pa.ChunkedArray) -> IntArray:
    encoded = cols.strings(values).dictionary_encode(null_encoding="encode").combine_chunks()
    column = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return np.asarray(column.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _occurrence(rows: IntArray, example: IntArray) -> IntArray:
    """Return for each row how many rows of its size and example stand before it."""
    import pandas as pd

    before = pd.DataFrame({"rows": rows, "example": example}).groupby(["rows", "example"]).cumcount()
    return np.asarray(before, dtype=np.int64)


def _require_grid(
    place: IntArray, example: IntArray, n_models: int, n_examples: int, model: IntArray, name: str
) -> None:
    answered = np.bincount(place * n_examples + example, minlength=n_models * n_examples).reshape(n_models, n_examples)
    bad = np.flatnonzero((answered != 1).any(axis=1))
    if len(bad):
        twice, missing = (answered[bad[0]] > 1).sum(), (answered[bad[0]] == 0).sum()
        raise DataError(
            f"every model must answer the same examples, each once: of the {n_examples:,} values of {name!r} a model "
            f"of {model[bad[0], 0]:,} training rows lacks {missing:,} and answers {twice:,} more than once "
            f"({len(bad)} of {n_models} models are so)"
        )
