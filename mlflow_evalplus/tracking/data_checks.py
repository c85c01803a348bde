"""The training rows held against the test rows of an evaluation, and what that means for its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import column_names
from mlflow_evalplus.core.data.checks import Columns, check_known
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.data_checks import NOT_TRUSTED
from mlflow_evalplus.tracking.fresh_process import brief

NOT_CHECKED = "The training rows were not checked against the test rows: {}"


def with_data_checks(
    evaluation: Evaluation, training: Any, test: Any, columns: Columns, ignore: Sequence[str] = ()
) -> Evaluation:
    """Add the checks, and a note for each error, to an evaluation; the same where there are no training rows.

    Parameters
    ----------
    evaluation : Evaluation
    training, test : data frame or None
        Rows that the model learnt from, and those that it was evaluated on.
    columns : Columns
        Those that a part lacks are not looked at.
    ignore : sequence of str
        Columns that nothing is asked of, such as annotators' votes.
    """
    if training is None:
        return evaluation
    both = set(column_names(training)) & set(column_names(test))
    derived = derived_slices(columns.slices, sorted(both))
    text, label, cluster = (name if name in both else None for name in (columns.text, columns.label, columns.cluster))
    slices = tuple(name for name in columns.slices if name in both and name not in derived)
    known = Columns(text, label, slices, cluster, columns.features)
    try:
        checks = check_known(training, test, known, ignore)
    except Exception as error:  # whatever training data hold, the evaluation is not lost
        why = error if isinstance(error, DataError) else brief(error)
        return replace(evaluation, notes=(*evaluation.notes, NOT_CHECKED.format(why)))
    notes = [f"{NOT_TRUSTED} {finding.sentence} See {names.DATA_PAGE}." for finding in checks.errors]
    return replace(evaluation, data_checks=checks, notes=(*notes, *evaluation.notes))
