"""Rows of slices in which the model is worse than elsewhere: told by an evaluation, by name, or by the log itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlflow_evalplus.core.collecting.log import Log
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Counts, Margin
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.slices import MAX_Q, MIN_GAP
from mlflow_evalplus.core.tokens import Bools, Tokens
from mlflow_evalplus.core.weakness import weakness
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.estimate import slice_name

MIN_LABELLED = 200  # rows of the log with feedback, fewer tell of no slice
WORD = "word"  # of a discovered slice: texts that hold it


@dataclass(frozen=True)
class WeakSlice:
    """One slice, and by how much the model is worse in it: 0.05 for five points, 1 where nobody measured."""

    columns: tuple[str, ...]
    values: tuple[str, ...]
    gap: float = 1.0

    @property
    def name(self) -> str:
        """``channel=app``."""
        return slice_name(self.columns, self.values)


def named_slices(weak: Evaluation | str | Sequence[str]) -> list[WeakSlice]:
    """Return the weak slices of an evaluation, declared and discovered, or those named.

    Raises
    ------
    DataError
        A name is not of the form ``channel=app``.

    Examples
    --------
    >>> [(one.columns, one.values) for one in named_slices(["channel=app & language=zh"])]
    [(('channel', 'language'), ('app', 'zh'))]
    """
    if isinstance(weak, Evaluation):
        found = [WeakSlice(row.columns, row.values, -row.gap) for row in weak.slices.rows if row.weak]
        discovered = weak.discovery.rows if weak.discovery else ()
        return found + [WeakSlice(row.columns, row.values, -row.gap) for row in discovered]
    return [_parsed(name) for name in ([weak] if isinstance(weak, str) else weak)]


def _parsed(name: str) -> WeakSlice:
    pairs = [part.partition("=") for part in str(name).split(" & ")]
    if not all(column and equals for column, equals, _ in pairs):
        raise DataError(
            f"weak slice {name!r} has no column and value; name it like 'channel=app' or 'channel=app & language=zh'"
        )
    return WeakSlice(tuple(column for column, _, _ in pairs), tuple(value for _, _, value in pairs))


def measured_slices(log: Log, slices: Sequence[str]) -> list[WeakSlice]:
    """Return the slices of single columns that are at least two points worse among the rows with feedback.

    One-sided tests with q below 0.05 (Benjamini and Hochberg) over all slices.
    """
    assert log.label is not None
    known = log.label >= 0
    wrong = log.wrong[known].astype(np.int64)
    everything = _margin((), np.zeros(len(wrong), dtype=np.int64), [()], wrong)
    counts = Counts(("right",), ("right", "wrong"), {(): everything})
    gaps, p_values, found = list[FloatArray](), list[FloatArray](), list[tuple[str, str]]()
    for column in slices:
        codes, values = log.codes(column)
        used, own = np.unique(codes[known], return_inverse=True)
        margin = _margin((column,), own.reshape(-1), [(values[code],) for code in used.tolist()], wrong)
        tested = weakness(counts, margin)
        gaps.append(tested.gaps)
        p_values.append(tested.p_values)
        found += [(column, value) for (value,) in margin.values]
    q_values = false_discovery(np.concatenate([*p_values, np.zeros(0)]))
    judged = zip(found, np.concatenate([*gaps, np.zeros(0)]).tolist(), q_values.tolist(), strict=True)
    return [WeakSlice((column,), (value,), -gap) for (column, value), gap, q in judged if q < MAX_Q and gap <= -MIN_GAP]


def _margin(columns: tuple[str, ...], codes: IntArray, values: list[Any], wrong: IntArray) -> Margin:
    cells = np.bincount(2 * codes + wrong, minlength=2 * len(values)).reshape(-1, 2).astype(np.float64)
    return Margin(columns, values, cells, cells, cells)


def weak_rows(log: Log, tokens: Tokens, weak: Sequence[WeakSlice]) -> tuple[FloatArray, IntArray, list[int]]:
    """Return the widest gap of the weak slices that each row is in, 0 without one; which one; the rows in each."""
    scores, which, sizes = np.zeros(len(log)), np.full(len(log), -1), list[int]()
    for number, one in enumerate(weak):
        inside = np.ones(len(log), dtype=np.bool_)
        for column, value in zip(one.columns, one.values, strict=True):
            inside &= _holds(log, tokens, column, value)
        sizes.append(int(inside.sum()))
        inside &= one.gap > scores
        scores[inside], which[inside] = one.gap, number
    return scores, which, sizes


def _holds(log: Log, tokens: Tokens, column: str, value: str) -> Bools:
    if column in log.slices:
        codes, values = log.codes(column)
        return np.asarray(codes == (values.index(value) if value in values else -1))
    holding = np.zeros(len(log.digests), dtype=np.bool_)
    if value in tokens.vocabulary:
        holding[tokens.rows[tokens.codes == tokens.vocabulary.index(value)]] = True
    return np.asarray(holding[log.text])


def described(weak: Sequence[WeakSlice]) -> str:
    """Return the names of slices for a sentence.

    Examples
    --------
    >>> described([WeakSlice(("channel",), ("app",))])
    "['channel=app']"
    """
    return shorten([one.name for one in weak], 5)
