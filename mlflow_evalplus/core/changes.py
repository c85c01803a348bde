"""The rows that a run fixes and breaks against the baseline."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.examples import confidences
from mlflow_evalplus.core.pairing import paired_rows
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.names import OTHER
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.side_by_side import ChangedRow, Changes

MAX_ROWS = 20


def changes(run: Evaluation, baseline: Evaluation, *, limit: int = MAX_ROWS) -> Changes:
    """Return what `run` answers rightly and `baseline` wrongly, and the reverse.

    Parameters
    ----------
    run, baseline : Evaluation
        Of the same examples, with their rows.
    limit : int
        Rows to list of each kind.

    Raises
    ------
    ComparisonError
        The rows are not at hand, the test sets differ, or one example has two labels.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> frame = pd.DataFrame({"label": ["yes", "no"], "old": ["no", "no"], "new": ["yes", "yes"], "text": ["a", "b"]})
    >>> found = changes(evaluate(frame, prediction="new"), evaluate(frame, prediction="old"))
    >>> found.fixed, found.broken, found.broken_rows[0].text
    (1, 1, 'b')
    """
    rows, other = paired_rows(run, baseline)
    label, new, old = rows.label_codes("label"), rows.label_codes("prediction"), other.label_codes("prediction")
    right, before = new == label, old == label
    sure = confidences(rows, new)
    fixed, broken = (_surest(mask, sure) for mask in (right & ~before, before & ~right))
    codes = np.stack([label, new, old])
    return Changes(
        fixed=len(fixed), broken=len(broken),
        fixed_rows=_listed(rows, codes, sure, fixed[:limit]), broken_rows=_listed(rows, codes, sure, broken[:limit]),
    )  # fmt: skip


def _surest(mask: np.ndarray, sure: FloatArray) -> IntArray:
    """Return the places in the mask, the most confident answer first; those without a probability last."""
    places = np.flatnonzero(mask)
    return places[np.argsort(-np.nan_to_num(sure[places], nan=-1.0), kind="stable")]


def _listed(rows: Predictions, codes: IntArray, sure: FloatArray, places: IntArray) -> tuple[ChangedRow, ...]:
    """Return the rows at `places`; only these leave their columns."""
    few = rows.table.take(pa.array(places))
    named = [*rows.labels, OTHER]
    texts = few["text"].to_pylist() if "text" in few.column_names else [None] * len(places)
    slices = [few[f"slice.{column}"].cast(pa.string()).to_pylist() for column in rows.slice_columns]
    ids = few["example_id"].to_pylist()
    found = []
    for i, place in enumerate(places.tolist()):
        label, new, old = (named[code] for code in codes[:, place].tolist())
        values = {column: str(held[i]) for column, held in zip(rows.slice_columns, slices, strict=True)}
        found.append(ChangedRow(str(ids[i]), texts[i], label, new, old, float(sure[place]), values))
    return tuple(found)
