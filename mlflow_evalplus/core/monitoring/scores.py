"""How sure the model is of each answer of a log, by the columns of its scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import PROBABILITY, FloatArray, IntArray
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.errors import DataError


def confidence_of(
    table: Mapping[str, pa.ChunkedArray], scores: Mapping[str, str], rows: Predictions
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Return the score of each row's answer; of two labels, one score is enough."""
    if not scores:
        return None, ()
    held = {label: _numbers(table[column], column) for label, column in scores.items()}
    if len(held) == 1 and len(rows.labels) == 2 and set(held) <= set(rows.labels):
        (label,) = held
        held[next(x for x in rows.labels if x != label)] = 1 - held[label]
    columns_of = np.full((len(rows.labels) + 1, len(rows)), np.nan)
    for place, label in enumerate(rows.labels):
        if label in held:
            columns_of[place] = held[label]
    codes: IntArray = rows.label_codes("prediction")
    found = columns_of[codes, np.arange(len(rows))]
    n_missing = int(np.isnan(found).sum() - (codes == len(rows.labels)).sum())
    found = np.where(codes == len(rows.labels), 0.0, found)
    note = f"{n_missing:,} of {len(rows):,} rows have no score of their answer: the estimated accuracy leaves them out."
    return found, (note,) if n_missing else ()


def _numbers(values: pa.ChunkedArray, source: str) -> FloatArray:
    low, high, what = PROBABILITY
    try:
        found = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"column {source!r} must hold {what}, but its type is {values.type}") from None
    wrong = np.flatnonzero((found < low) | (found > high))
    if len(wrong):
        raise DataError(
            f"column {source!r} must hold {what}; {len(wrong):,} rows do not, the first holds {found[wrong[0]]}"
        )
    return found
