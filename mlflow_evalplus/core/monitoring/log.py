"""A production log and what it is held against, read once and coded alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core.columns import (
    FloatArray,
    column_names,
    require_columns,
    select,
    strings,
)
from mlflow_evalplus.core.monitoring.bins import cut_at, edges_of
from mlflow_evalplus.core.monitoring.scores import confidence_of
from mlflow_evalplus.core.monitoring.spelling import compare_spelling
from mlflow_evalplus.core.monitoring.windows import Times, in_future, read_times
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.errors import ColumnNotFound, DataError, shorten
from mlflow_evalplus.names import MISSING
from mlflow_evalplus.results import Evaluation

WEIGHT = "weight"  # as the labelling queue and adjudication call it
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "")


@dataclass(frozen=True)
class Columns:
    """Which columns of a log are what; `label` may be in none of its rows, all else that is named must be there."""

    label: str
    prediction: str
    scores: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    text: str | None = None
    cluster: str | None = None
    weight: str | None = None
    audit: str | None = None
    time: str | None = None

    def named(self) -> list[str]:
        """Return the columns that a log must have."""
        single = (self.prediction, self.text, self.cluster, self.weight, self.audit, self.time)
        return [c for c in (*single, *self.scores.values(), *self.slices) if c]


@dataclass(frozen=True)
class LogRows:
    """The rows of the reference, then those of the log; each array has a value per row.

    Attributes
    ----------
    rows : Predictions
        A label that is missing is filled with another one: only those of `known` count.
    n_reference : int
    known : bool array
        Rows whose label is known and estimates how good the model is.
    confidence : float array or None
        Score of the answer; 0 for an answer that is none of the labels, nan where it is missing.
    times : datetime array or None
        Of the log's rows, in UTC.
    notes : tuple of str
        What could not be read, and why.
    scored : bool
        Whether the log has scores, be it that the reference lacks them.
    """

    rows: Predictions
    n_reference: int
    known: Bools
    confidence: FloatArray | None
    times: Times | None
    notes: tuple[str, ...]
    scored: bool = False


def read_log(log: Any, reference: Any, columns: Columns, labels: Sequence[str]) -> LogRows:
    """Return the rows of a log and of its reference, if that is other data.

    What the reference lacks is left out with a note: slice columns, texts, scores. Where it has no column of weights,
    clusters or audit, its rows weigh 1, belong to no group, and all of its labels count. Labels of an audit are
    weighted by the log's column ``weight`` where no other one is named. Blank labels and answers are missing ones. Rows
    of the log whose time is more than a day after now are left out with a note, unless all are.

    Raises
    ------
    ColumnNotFound
        A named column is not in the log, or the prediction or the label is not in the reference.
    DataError
        There are no rows, or a column does not hold what it must.
    """
    derived = derived_slices(columns.slices, column_names(log))
    if derived and not columns.text:
        raise DataError(f"slice {derived[0]!r} comes from the texts; name their column with 'text' (--text)")
    scored = bool(columns.scores)
    own = tuple(c for c in columns.slices if c not in (*derived, columns.label, columns.prediction))
    columns, weighed = _weighed(replace(columns, slices=own), log)
    table, times, left_out = _until_now(_table(log, columns), columns)
    parts = [table]
    notes: list[str] = []
    if reference is not None:
        parts.insert(0, _reference(reference, columns))
        columns, notes = _in_both(columns, parts[0])
        parts[1] = _cut_alike(parts[1], parts[0], columns) if isinstance(reference, Evaluation) else parts[1]
        derived = derived if columns.text else []
    n_reference = parts[0].num_rows if reference is not None else 0
    wanted = dict.fromkeys([columns.label, *replace(columns, time=None).named()])
    whole = {c: found for c in wanted if (found := _joined(parts, c, columns)) is not None}
    whole |= {c: _without_blanks(whole[c]) for c in (columns.label, columns.prediction) if c in whole}
    known = _known(whole, columns, parts)
    spelt = compare_spelling(*_words(whole, columns, known), labels)
    _fill(whole, columns, known, labels)
    rows = read(
        pa.table(whole), label=columns.label, prediction=columns.prediction, labels=labels, text=columns.text,
        slices=[*columns.slices, *derived], cluster=columns.cluster, weight=columns.weight,
    )  # fmt: skip
    confidence, more = confidence_of(whole, columns.scores, rows)
    return LogRows(rows, n_reference, known, confidence, times, (*left_out, *weighed, *notes, *spelt, *more), scored)


def _table(log: Any, columns: Columns) -> pa.Table:
    require_columns(log, columns.named())
    there = column_names(log)
    table = select(log, [c for c in (columns.label, *columns.named()) if c in there])
    if not table.num_rows:
        raise DataError("the log has no rows; nothing can be monitored")
    return table


def _weighed(columns: Columns, log: Any) -> tuple[Columns, list[str]]:
    """Return the columns with the weights of an audit, and what is to be said of them."""
    if columns.audit is None or columns.weight is not None:
        return columns, []
    if WEIGHT in column_names(log):
        return replace(columns, weight=WEIGHT), [f"Labels of the audit are weighted by the column {WEIGHT!r}."]
    return columns, [
        "The audit's labels have no weights: that is right only where each row was as likely to be drawn, as it is not "
        "where one label stands for many near copies."
    ]


def _until_now(table: pa.Table, columns: Columns) -> tuple[pa.Table, Times | None, list[str]]:
    """Return the rows that are not in the future, their times, and a note of those that are left out."""
    if columns.time is None:
        return table, None, []
    times = read_times(table[columns.time], columns.time)
    late = in_future(times)
    if len(late) in (0, len(times)):
        return table, times, []
    kept = np.delete(np.arange(len(times)), late)
    days = [str(day) for day in times[late[:3]].astype("datetime64[D]")]
    note = (
        f"Left out: {len(late):,} of {len(times):,} rows of the log, whose time is in the future (rows "
        f"{shorten(late.tolist(), 5)}, from 0: {shorten(days, 3)}). Correct or remove them."
    )
    return table.take(pa.array(kept)), times[kept], [note]


def _without_blanks(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column whose texts of nothing but spaces are missing."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return values
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, values.type), values)


def _reference(reference: Any, columns: Columns) -> pa.Table:
    """Return the reference under the log's names of columns."""
    if isinstance(reference, Evaluation):
        if reference.predictions is None:
            raise DataError("the rows of the reference are not at hand; load the run with its predictions")
        held = reference.predictions.table
        meant = {"label": columns.label, "prediction": columns.prediction}
        meant |= {f"slice.{c}": c for c in columns.slices} | {f"score.{k}": c for k, c in columns.scores.items()}
        meant |= {k: c for k in ("text", "cluster", "weight") if (c := getattr(columns, k))}
        table = pa.table({own: held[c] for c, own in meant.items() if c in held.column_names})
    else:
        there = column_names(reference)
        for column in (columns.prediction, columns.label):
            if column not in there:
                raise ColumnNotFound(
                    f"column {column!r} is not in the reference; its columns are {shorten(there, 30)}. The reference "
                    "needs answers and labels"
                )
        table = select(reference, [c for c in (columns.label, *columns.named()) if c in there])
    if not table.num_rows:
        raise DataError("the reference has no rows; give the data that the model was accepted on")
    return table


def _in_both(columns: Columns, reference: pa.Table) -> tuple[Columns, list[str]]:
    """Return the columns without those that the reference lacks, and what is left out for it."""
    there, notes = reference.column_names, []
    lacking = [c for c in columns.slices if c not in there]
    if lacking:
        notes.append(f"Not compared, as the reference lacks them: the columns {shorten(lacking, 5)}.")
    if columns.text and columns.text not in there:
        notes.append(f"No new words are looked for: the reference lacks the column {columns.text!r}.")
        columns = replace(columns, text=None)
    scored = {label: c for label, c in columns.scores.items() if c in there}
    if len(scored) < len(columns.scores):
        missing = [c for c in columns.scores.values() if c not in there]
        notes.append(f"Accuracy is not estimated without labels: the reference lacks the scores {shorten(missing, 5)}.")
        scored = {}
    slices = tuple(c for c in columns.slices if c in there)
    return replace(columns, slices=slices, scores=scored), notes


def _cut_alike(log: pa.Table, reference: pa.Table, columns: Columns) -> pa.Table:
    """Return the log with its numbers in the bins that the evaluation made of its own."""
    for column in columns.slices:
        kind = log[column].type
        edges = edges_of([value for value in pc.unique(strings(reference[column])).to_pylist() if value != MISSING])
        if edges and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            log = log.set_column(log.column_names.index(column), column, cut_at(log[column], edges))
    return log


def _joined(parts: Sequence[pa.Table], column: str, columns: Columns) -> pa.ChunkedArray | None:
    """Return a column of all parts; with one type, texts where types differ. A part without it has what that means."""
    found = [part[column] if column in part.column_names else _absent(part, column, columns) for part in parts]
    if all(values is None for values in found):
        return None
    arrays = [pa.nulls(part.num_rows) if v is None else v for part, v in zip(parts, found, strict=True)]
    arrays = [v.cast(v.type.value_type) if pa.types.is_dictionary(v.type) else v for v in arrays]
    kinds = {v.type for v in arrays if not pa.types.is_null(v.type)}
    if len(kinds) > 1:
        numbers = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
        arrays = [v.cast(pa.float64(), safe=False) if numbers else strings(_chunked(v)) for v in arrays]
        kinds = {arrays[0].type}
    kind = next(iter(kinds), pa.string())
    return pa.chunked_array([chunk.cast(kind) for v in arrays for chunk in _chunked(v).chunks], kind)


def _chunked(values: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _absent(part: pa.Table, column: str, columns: Columns) -> pa.Array | None:
    n = part.num_rows
    if column == columns.cluster:
        return pa.array([f"reference row {row}" for row in range(n)])
    if column == columns.weight:
        return pa.array(np.ones(n))
    return pa.array(np.ones(n, dtype=np.bool_)) if column == columns.audit else None


def _known(table: Mapping[str, pa.ChunkedArray], columns: Columns, parts: Sequence[pa.Table]) -> Bools:
    n = sum(part.num_rows for part in parts)
    if columns.label not in table:
        return np.zeros(n, dtype=np.bool_)
    known: Bools = np.asarray(strings(table[columns.label]).is_valid().to_numpy())
    if columns.audit is None:
        return known
    said = pc.utf8_lower(strings(table[columns.audit]).fill_null(""))
    wrong = pc.invert(pc.is_in(said, pa.array([*TRUE, *FALSE])))
    if pc.any(wrong).as_py():
        held = shorten(pc.unique(said.filter(wrong)).to_pylist(), 3)
        raise DataError(f"column {columns.audit!r} must hold truth values, but holds {held}; write true and false")
    return known & np.asarray(pc.is_in(said, pa.array(TRUE)).to_numpy(), dtype=np.bool_)


def _words(table: Mapping[str, pa.ChunkedArray], columns: Columns, known: Bools) -> tuple[list[str], list[str]]:
    """Return the different labels that count, and the different answers to them."""
    if not known.any():
        return [], pc.unique(strings(table[columns.prediction])).drop_null().to_pylist()
    counts = pa.array(known)
    labels, answers = (
        pc.unique(strings(table[c]).filter(counts)).drop_null().to_pylist() for c in (columns.label, columns.prediction)
    )
    return labels, answers


def _fill(table: dict[str, pa.ChunkedArray], columns: Columns, known: Bools, declared: Sequence[str]) -> None:
    """Give unlabelled rows a label that occurs, and rows that count for no estimate of it the weight 1."""
    answers = strings(table[columns.prediction])
    labels = strings(table[columns.label]) if columns.label in table else pa.chunked_array([answers.slice(0, 0)])
    given = labels.drop_null() if len(labels) else labels
    answered = answers.drop_null()
    filler = given[0] if len(given) else answered[0] if len(answered) else pa.scalar("")
    filler = pa.scalar(declared[0]) if declared else filler
    missing = len(answers) - len(labels)  # all, where there is no such column
    whole = pa.chunked_array([pa.nulls(missing, pa.string())]) if missing else labels
    table[columns.label] = whole.fill_null(filler)
    if columns.weight:
        weights = table[columns.weight]
        if pa.types.is_integer(weights.type) or pa.types.is_floating(weights.type):
            table[columns.weight] = pc.if_else(pa.chunked_array([pa.array(known)]), weights.cast(pa.float64()), 1.0)
