"""What `collect` is given → which columns to read, the words that are known, the texts that are labelled already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.collecting.case_id import HEX_DIGITS, case_ids
from mlflow_evalplus.core.collecting.density import Known
from mlflow_evalplus.core.collecting.log import Log, LogColumns
from mlflow_evalplus.core.collecting.weak_slices import WORD, WeakSlice, described, named_slices
from mlflow_evalplus.core.columns import column_names, native, require_columns, select, strings
from mlflow_evalplus.core.data.phrases import several
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.core.tokens import Bools, tokenise
from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Evaluation

SCORE = "score."
_ID = re.compile(f"c[0-9a-f]{{{HEX_DIGITS}}}")


def check_arguments(n: int, audit: float, seed: int, lists: Mapping[str, object]) -> None:
    """Check the plain arguments of `collect`; `lists` are those that may not be one text.

    Raises
    ------
    DataError
        One is out of its range.
    """
    for name, value, least in (("n", n, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise DataError(f"{name} is {value!r}; give a whole number, {least} or more")
    if isinstance(audit, (bool, str)) or not 0 <= audit <= 1:
        raise DataError(f"audit is {audit!r}; give the share of the cases that is drawn at random, 0 to 1")
    for name, given in lists.items():
        if isinstance(given, str):
            raise DataError(f"{name} is one text, {given!r}; give a list: {name}=[{given!r}]")


def columns_of(
    frame: Any,
    wanted: Requirements | None,
    columns: LogColumns,
    scores: Mapping[str, str] | None,
    slices: Sequence[str] | None,
) -> LogColumns:
    """Return which column is what: as named, else as the requirements say, where the log has it.

    Raises
    ------
    ColumnNotFound
        A named column is not there.
    """
    known = column_names(frame)
    task = wanted.task if wanted else None
    if slices is None:
        usual = wanted.slices if wanted else ()
        slices = [name for name in usual if name in known or name in derived_slices(usual, known)]
    if scores is None:
        scores = {name.removeprefix(SCORE): name for name in known if str(name).startswith(SCORE)}
    label = columns.label or (task.label if task and task.label in known else None)
    text = columns.text or (task.text_column if task else "text")
    found = replace(columns, text=text, label=label, scores=dict(scores), slices=tuple(dict.fromkeys(slices)))
    given = [name for name in found.slices if name not in derived_slices(found.slices, known)]
    roles = (found.text, found.prediction, found.challenger, found.label, found.time)
    require_columns(frame, [*(name for name in roles if name), *found.scores.values(), *given])
    return found


def weak_columns(
    frame: Any, columns: LogColumns, weak: Evaluation | Sequence[str] | None
) -> tuple[LogColumns, list[WeakSlice] | None, list[str]]:
    """Return the columns with those of the weak slices, these slices, and a note on those that the log cannot show.

    Raises
    ------
    ColumnNotFound
        A slice that is given by its name is of a column that is not there; those of an evaluation are left out.
    """
    if weak is None:
        return columns, None, []
    listed = named_slices(weak)
    mentioned = list(dict.fromkeys(column for one in listed for column in one.columns))
    present = column_names(frame)
    known = {*present, *derived_slices(mentioned, present), WORD}
    if not isinstance(weak, Evaluation):
        require_columns(frame, [column for column in mentioned if column not in known])
    shown = [one for one in listed if set(one.columns) <= known]
    lost = [one for one in listed if one not in shown]
    notes = [f"The log has no columns for the weak slices {described(lost)}: they were not looked for."] if lost else []
    added = [column for one in shown for column in one.columns if column != WORD or WORD in present]
    return replace(columns, slices=tuple(dict.fromkeys([*columns.slices, *added]))), shown, notes


def known_words(training: Any, text: str) -> Known | None:
    """Count the words of the training texts: of a data frame's column `text`, or of a list of texts.

    Raises
    ------
    DataError
        They hold no word, or are neither.

    Examples
    --------
    >>> known_words(["So late", None, "LATE again"], "text")
    Known(n_texts={'so': 1, 'late': 2, 'again': 1}, n=3)
    """
    if training is None:
        return None
    if isinstance(training, str):
        raise DataError("training is one text; give a data frame or a list of texts")
    texts = _training_texts(training, text)
    tokens = tokenise(texts)
    if not tokens.vocabulary:
        raise DataError("the training texts hold no word; give those that the model learnt from, or none")
    return Known.of(tokens, len(texts))


def _training_texts(training: Any, text: str) -> pa.ChunkedArray:
    try:
        native(training)
    except DataError:
        try:
            texts = [value if isinstance(value, str) else None for value in training]
        except TypeError:
            given = type(training).__name__
            raise DataError(f"training is of type {given}; give a data frame or a list of texts") from None
        return pa.chunked_array([pa.array(texts, pa.string())])
    return strings(select(training, [text])[text])


def excluded_texts(log: Log, exclude: Iterable[str] | None) -> Bools:
    """Return which of the log's different texts are among the ids and texts given; missing ones are none.

    Raises
    ------
    DataError
        Something else than texts is given.
    """
    given = [one for one in (() if exclude is None else exclude) if one is not None and one == one]
    wrong = next((one for one in given if not isinstance(one, str)), None)
    if wrong is not None:
        raise DataError(f"exclude holds {wrong!r}; give the texts that are labelled already, or the ids of their cases")
    ids = {one for one in given if _ID.fullmatch(one)}
    ids |= set(case_ids([one for one in given if one not in ids and one.strip()]))
    wanted = np.array(sorted(int(one[1:], 16) for one in ids), dtype=np.uint64)
    return np.isin(log.digests >> np.uint64(64 - 4 * HEX_DIGITS), wanted)


def check_labels(log: Log, declared: Sequence[str], column: str | None) -> None:
    """Check that feedback names declared labels only, where any are declared.

    Raises
    ------
    DataError
        It names another one.
    """
    if log.label is None or not declared:
        return
    used = [log.answers[code] for code in np.unique(log.label[log.label >= 0]).tolist()]
    unknown = [name for name in used if name not in declared]
    if unknown:
        raise DataError(
            f"{column!r} holds labels that are not declared: {shorten(unknown)}; declared are {list(declared)}."
            f"{did_you_mean(unknown[0], declared)}"
        )


def remarks(log: Log, excluded: Bools) -> list[str]:
    """Return notes on rows that were left out, or hold less than others."""
    blank, unanswered = log.n - len(log), int((log.prediction < 0).sum())
    labelled = int(excluded[log.text].sum())
    notes = []
    if blank:
        notes.append(f"{several(blank, 'row')} without a text left out.")
    if unanswered:
        notes.append(f"{several(unanswered, 'row')} without a prediction: wrong wherever feedback has a label.")
    if labelled:
        notes.append(
            f"{several(labelled, 'row')} of {several(int(excluded.sum()), 'text')} left out as labelled already. The "
            "audit estimates the accuracy on the other rows; for the whole log add these with the labels they have."
        )
    return notes
