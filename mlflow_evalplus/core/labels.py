"""Rows with annotators, or with scores → `LabelQuality`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core import confident_learning
from mlflow_evalplus.core.agreement import Votes, against_others, agreement, cohen_kappa, estimate_of
from mlflow_evalplus.core.ceiling import FROM_ANNOTATORS, FROM_SCORES, SURE_ROWS, ceiling, ceiling_of_scores
from mlflow_evalplus.core.columns import FloatArray, IntArray, convert, encoded, select
from mlflow_evalplus.core.consensus import DawidSkene, dawid_skene, majority, to_adjudicate
from mlflow_evalplus.core.predictions import Predictions, known_labels
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.labels import Disputed, LabelMeasure, LabelQuality

MAX_STORED = 1000  # rows to adjudicate
MAX_PAIRS = 45  # of annotators whose own kappa is given: those of ten
Slices = Mapping[str, tuple[IntArray, list[str]]]


def label_quality(
    frame: Any,
    annotators: Sequence[str],
    *,
    label: str | None = None,
    slices: Sequence[str] = (),
    example_id: str | None = None,
    confidence: float = 0.95,
    max_adjudicate: int = MAX_STORED,
) -> LabelQuality:
    """Return how far annotators agree, what they hold together, and the accuracy that their labels allow.

    Parameters
    ----------
    frame : pandas, Polars, PyArrow, DuckDB … data frame
    annotators : sequence of str
        Two columns or more, each with one annotator's votes; an empty cell is no vote.
    label : str, optional
        Column of the gold answers. Without it the ceiling is that of one annotator's labels.
    slices : sequence of str
        Columns whose values name slices; numbers are cut at their quartiles.
    example_id : str, optional
        Column of what the rows to adjudicate are called; row numbers from 0 by default.
    confidence : float
        Of every interval.
    max_adjudicate : int
        Name at most so many rows to adjudicate.

    Returns
    -------
    LabelQuality

    Raises
    ------
    ColumnNotFound
        A named column is not there.
    DataError
        Fewer than two different annotators, or no vote at all; no rows; a label that is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> votes = pd.DataFrame({"a": ["x", "y", "x", "y"], "b": ["x", "y", "y", "y"], "label": ["x", "y", "y", "x"]})
    >>> found = label_quality(votes, ["a", "b"], label="label")
    >>> print(found.of("all", "percent_agreement")[""])
    0.750 [0.256, 0.963] n=4
    >>> [(row.example_id, row.suggested) for row in found.adjudicate]
    [('2', ''), ('3', 'y')]
    """
    if isinstance(annotators, str) or len(set(annotators)) < 2:
        raise DataError(f"annotators is {annotators!r}; give a list of two or more different columns")
    if isinstance(slices, str):
        raise DataError(f"slices is one text, {slices!r}; give a list of columns: slices=[{slices!r}]")
    table = select(frame, [*annotators, *slices, *(name for name in (label, example_id) if name)])
    if not table.num_rows:
        raise DataError("the data has no rows; no label can be judged")
    votes = {name: convert(f"annotator.{name}", table[name], name) for name in dict.fromkeys(annotators)}
    if all(column.null_count == len(column) for column in votes.values()):
        raise DataError(f"no row has a vote of {list(votes)}; name the columns that hold the annotators' labels")
    codes, known = None, tuple[str, ...]()
    if label:
        gold = convert("label", table[label], label)
        known = known_labels(gold, gold, (), label)  # refuses what is missing or reserved
        codes, _ = vote_codes({label: gold}, known)
        codes = codes[:, 0]
    cut = {name: convert(f"slice.{name}", table[name], name).chunk(0) for name in slices}
    axes = {name: (column.indices.to_numpy(), column.dictionary.to_pylist()) for name, column in cut.items()}
    ids = convert("example_id", table[example_id], example_id) if example_id else None
    return _of_votes(votes, codes, known, axes, ids, confidence, max_adjudicate)


def label_quality_of(predictions: Predictions, *, confidence: float = 0.95) -> LabelQuality | None:
    """Return what the annotators, or without two of them the scores, say of the labels of a run.

    Weights and clusters are not looked at: it is the rows' labels that are measured.

    Parameters
    ----------
    predictions : Predictions
        With votes in two ``annotator.<name>`` columns or more; else with a ``score.<label>`` for each label, out of
        sample.
    confidence : float

    Returns
    -------
    LabelQuality or None
        None where there are neither votes of two annotators nor scores, or only scores and cleanlab is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> votes = {"label": ["x", "y", "x"], "a": ["x", "y", "y"], "b": ["x", "y", None]}
    >>> found = label_quality_of(read(pd.DataFrame(votes), prediction="a", annotators=["a", "b"]))
    >>> print(found.of("all", "percent_agreement")[""])
    1.000 [0.342, 1.000] n=2
    """
    table = predictions.table
    columns = [name for name in table.column_names if name.startswith("annotator.")]
    columns = [name for name in columns if table[name].null_count < len(table)]
    label = predictions.label_codes("label")
    if len(columns) < 2:
        scored = [f"score.{name}" in table.column_names for name in predictions.labels]
        if not all(scored) or len(scored) < 2 or not confident_learning.available():
            return None
        return _of_scores(predictions, label, confidence)
    slices = {name: predictions.codes(f"slice.{name}") for name in predictions.slice_columns}
    votes = {name.removeprefix("annotator."): table[name] for name in columns}
    ids = predictions.with_ids().table["example_id"]
    return _of_votes(votes, label, predictions.labels, slices, ids, confidence, MAX_STORED)


def _of_votes(
    columns: Mapping[str, pa.ChunkedArray], label: IntArray | None, known: tuple[str, ...], slices: Slices,
    ids: pa.ChunkedArray | None, confidence: float, limit: int,
) -> LabelQuality:  # fmt: skip
    matrix, labels = vote_codes(columns, known)
    names = tuple(columns)
    votes = Votes.of(matrix, len(labels))
    truth = dawid_skene(votes) if len(names) > 2 else None
    best, note = ceiling(matrix, label, len(labels), names, confidence)
    rows = _measures(votes, matrix, names, labels, slices, confidence)
    rows += _reliabilities(votes, truth, names, confidence) if truth else []
    found, paired = majority(votes), votes.counts.sum(axis=1) >= 2
    estimated = truth.posterior.argmax(axis=1) if truth else found.code
    overruled = votes.counts[np.arange(len(matrix)), estimated] < votes.counts.max(axis=1)
    queue = to_adjudicate(votes, label)
    suggested = np.where(found.absolute, found.code, estimated)
    return LabelQuality(
        names, len(matrix), (*rows, *_ceiling_row(best)), labels, _confusion(votes, matrix),
        int(found.unanimous.sum()), int((found.absolute & ~found.unanimous).sum()),
        int((paired & ~found.absolute).sum()), int(overruled.sum()) if truth else 0, len(queue),
        _disputed(queue[:limit], ids, suggested, labels), best, FROM_ANNOTATORS, note,
    )  # fmt: skip


def vote_codes(columns: Mapping[str, pa.ChunkedArray], known: tuple[str, ...]) -> tuple[IntArray, tuple[str, ...]]:
    """Return each vote's index in the labels, -1 for none, and the labels: the known ones, then others voted for."""
    votes = [encoded(column).chunk(0) for column in columns.values()]
    others = {value for column in votes for value in column.dictionary.to_pylist()} - set(known)
    labels = (*known, *sorted(others))
    place = {label: index for index, label in enumerate(labels)}
    coded = []
    for column in votes:
        meant = np.array([*(place[value] for value in column.dictionary.to_pylist()), -1], dtype=np.int64)
        coded.append(meant[column.indices.fill_null(len(meant) - 1).to_numpy()])
    return np.column_stack(coded), labels


def _measures(
    votes: Votes, matrix: IntArray, names: tuple[str, ...], labels: tuple[str, ...], slices: Slices, confidence: float
) -> list[LabelMeasure]:
    counts, k = votes.counts, len(labels)
    rows = [LabelMeasure("all", "", name, found) for name, found in agreement(counts, confidence).items()]
    pairs = list(combinations(range(len(names)), 2))
    for one, other in pairs if len(pairs) <= MAX_PAIRS else []:
        kappa = cohen_kappa(matrix[:, one], matrix[:, other], k, confidence)
        rows.append(LabelMeasure("pair", f"{names[one]} / {names[other]}", "cohen_kappa", kappa))
    for code, label in enumerate(labels):
        another = np.where(matrix < 0, -1, matrix != code)
        rows += _part("class", label, against_others(counts, code), another, 2, confidence)
    for column, (codes, values) in slices.items():
        for index, value in enumerate(values):
            chosen = codes == index
            rows += _part("slice", f"{column}={value}", counts[chosen], matrix[chosen], k, confidence)
    return rows


def _part(
    level: str, key: str, counts: FloatArray, matrix: IntArray, n_classes: int, confidence: float
) -> list[LabelMeasure]:
    found = agreement(counts, confidence)
    if matrix.shape[1] == 2:
        found["cohen_kappa"] = cohen_kappa(matrix[:, 0], matrix[:, 1], n_classes, confidence)
    return [LabelMeasure(level, key, name, estimate) for name, estimate in found.items()]


def _reliabilities(votes: Votes, truth: DawidSkene, names: tuple[str, ...], confidence: float) -> list[LabelMeasure]:
    """Return how often each annotator is right, by Dawid and Skene's estimate of the truth."""
    right = truth.posterior[votes.items, votes.codes]
    found = []
    for worker, name in enumerate(names):
        own = right[votes.workers == worker]
        if len(own):
            estimate = estimate_of(float(own.mean()), own - own.mean(), confidence)
            found.append(LabelMeasure("annotator", name, "accuracy", estimate))
    return found


def _ceiling_row(best: Estimate | None) -> list[LabelMeasure]:
    return [LabelMeasure("ceiling", "", "accuracy_ceiling", best)] if best else []


def _confusion(votes: Votes, matrix: IntArray) -> tuple[tuple[int, ...], ...]:
    k = votes.n_classes
    if matrix.shape[1] == 2:
        both = matrix[(matrix >= 0).all(axis=1)]
        cells = np.bincount(both[:, 0] * k + both[:, 1], minlength=k * k).reshape(k, k)
    else:
        cells = (votes.counts.T @ votes.counts - np.diag(votes.counts.sum(axis=0))).astype(np.int64)
    return tuple(tuple(row) for row in cells.tolist())


def _disputed(
    rows: IntArray, ids: pa.ChunkedArray | None, suggested: IntArray, labels: tuple[str, ...]
) -> tuple[Disputed, ...]:
    called = rows.tolist() if ids is None else ids.take(pa.array(rows)).to_pylist()
    meant = (*labels, "")  # code -1 is none
    codes = suggested[rows].tolist()
    return tuple(
        Disputed(str(name), row, meant[code]) for name, row, code in zip(called, rows.tolist(), codes, strict=True)
    )


def _of_scores(predictions: Predictions, label: IntArray, confidence: float) -> LabelQuality:
    scores = np.column_stack([_score(predictions, name) for name in predictions.labels])
    suspects = np.flatnonzero(confident_learning.label_suspects(label, scores))
    behind = (scores[np.arange(len(label)), label] - scores.max(axis=1))[suspects]
    queue = suspects[np.argsort(behind, kind="stable")]
    best = ceiling_of_scores(label, scores, confidence)
    k, meant = scores.shape[1], label.copy()
    meant[suspects] = scores[suspects].argmax(axis=1)
    joint = np.bincount(label * k + meant, minlength=k * k).reshape(k, k).tolist()
    ids = predictions.with_ids().table["example_id"]
    return LabelQuality(
        (), len(label), tuple(_ceiling_row(best)), predictions.labels, tuple(map(tuple, joint)), 0, 0, 0, 0, len(queue),
        _disputed(queue[:MAX_STORED], ids, scores.argmax(axis=1), predictions.labels), best, FROM_SCORES,
        SURE_ROWS if best else "",
    )  # fmt: skip


def _score(predictions: Predictions, name: str) -> FloatArray:
    values = predictions.floats(f"score.{name}")
    assert values is not None
    return values
