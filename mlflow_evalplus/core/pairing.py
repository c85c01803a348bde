"""The rows of two evaluations of the same examples, side by side."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.errors import ComparisonError, shorten
from mlflow_evalplus.results import Evaluation


def paired_rows(a: Evaluation, b: Evaluation, shared_only: bool = False) -> tuple[Predictions, Predictions]:
    """Return the rows of both evaluations, paired in A's order, with ids and one set of labels.

    Raises
    ------
    ComparisonError
        The rows are not at hand, the test sets differ, or one example has two labels.
    """
    if a.predictions is None or b.predictions is None:
        raise ComparisonError("a comparison needs the rows of both evaluations; load them with predictions")
    return _same_labels(*align(a.predictions.with_ids(), b.predictions.with_ids(), shared_only))


def align(a: Predictions, b: Predictions, shared_only: bool = False) -> tuple[Predictions, Predictions]:
    """Return both sets of rows in A's order, paired by ``example_id``."""
    ids_a, ids_b = a.table["example_id"].combine_chunks(), b.table["example_id"].combine_chunks()
    if ids_a.equals(ids_b):
        return a, b
    place = pc.index_in(ids_a, value_set=ids_b)
    shared = len(ids_a) - place.null_count
    if not shared or (not shared_only and (place.null_count or shared < len(ids_b))):
        hint = " Compare on the shared ones with shared_only (--shared)." if shared else ""
        raise ComparisonError(
            f"the two evaluations saw different test sets: {shared:,} examples are shared, {place.null_count:,} are "
            f"only in the first, {len(ids_b) - shared:,} only in the second.{hint}"
        )
    keep = pc.is_valid(place)
    return (
        replace(a, table=a.table.filter(keep).combine_chunks()),
        replace(b, table=b.table.take(place.drop_null()).combine_chunks()),
    )


def _same_labels(a: Predictions, b: Predictions) -> tuple[Predictions, Predictions]:
    labels_a, labels_b = (x.table["label"].cast(pa.string()) for x in (a, b))
    differ = pc.indices_nonzero(pc.not_equal(labels_a, labels_b))
    if len(differ):
        ids = a.table["example_id"].take(differ).to_pylist()
        raise ComparisonError(
            f"{len(ids):,} examples have another label in each evaluation, for example {shorten(ids, 3)}; "
            "evaluate both on the same labels"
        )
    union = a.labels + tuple(label for label in b.labels if label not in a.labels)
    return replace(a, labels=union), replace(b, labels=union)
