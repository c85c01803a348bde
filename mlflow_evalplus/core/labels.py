"""Rows with annotators, or with scores → `LabelQuality`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core.agreement import ALIKE, Drawn, Votes, against_others, agreement, cohen_kappa, estimate_of
from mlflow_evalplus.core.attribution.label_errors import label_errors, score_matrix
from mlflow_evalplus.core.ceiling import FROM_ANNOTATORS, FROM_SCORES, SURE_ROWS, ceiling
from mlflow_evalplus.core.columns import FloatArray, IntArray, convert, encoded, select, values_of
from mlflow_evalplus.core.confident_learning import available
from mlflow_evalplus.core.consensus import DawidSkene, dawid_skene, majority, to_adjudicate
from mlflow_evalplus.core.predictions import Predictions, known_labels
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.labels import Disputed, LabelMeasure, LabelQuality

MAX_STORED = 1000  # rows to adjudicate
MAX_PAIRS = 45  # of annotators whose own kappa is given: those of ten
MAX_APART = 20  # labels that only one annotator knows, of one who knows no other; more count as one
Slices = Mapping[str, tuple[IntArray, list[str]]]


def label_quality(
    frame: Any,
    annotators: Sequence[str],
    *,
    label: str | None = None,
    slices: Sequence[str] = (),
    example_id: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
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
    weight : str, optional
        Column of how much each row counts, above 0, in agreement, ceiling and the annotators' accuracies. Counts of
        rows, and Dawid and Skene's estimate, take all rows alike.
    cluster : str, optional
        Column of what rows belong together by, such as a customer; intervals are over clusters then.
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
        Fewer than two different annotators, or no vote at all; no rows; a label, weight or cluster that is missing.

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
    table = select(frame, [*annotators, *slices, *(name for name in (label, example_id, weight, cluster) if name)])
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
    drawn = Drawn(
        convert("weight", table[weight], weight).to_numpy() if weight else None,
        convert("cluster", table[cluster], cluster).chunk(0).indices.to_numpy() if cluster else None,
    )
    return _of_votes(votes, codes, known, axes, ids, confidence, max_adjudicate, drawn)


def label_quality_of(predictions: Predictions, *, confidence: float = 0.95) -> LabelQuality | None:
    """Return what the annotators, or without two of them the scores, say of the labels of a run.

    Rows count by their weights, and intervals are over clusters, where the run has them, as those of its metrics.

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
    names = predictions.annotators
    if len(names) < 2:
        scores = score_matrix(predictions)
        return None if scores is None or not available() else _of_scores(predictions, scores, confidence)
    label = predictions.label_codes("label")
    slices = {name: predictions.codes(f"slice.{name}") for name in predictions.slice_columns}
    votes = {name: predictions.table[f"annotator.{name}"] for name in names}
    ids = predictions.with_ids().table["example_id"]
    clusters = predictions.codes("cluster")[0] if "cluster" in predictions.table.column_names else None
    drawn = Drawn(predictions.floats("weight"), clusters)
    return _of_votes(votes, label, predictions.labels, slices, ids, confidence, MAX_STORED, drawn)


def _of_votes(
    columns: Mapping[str, pa.ChunkedArray], label: IntArray | None, known: tuple[str, ...], slices: Slices,
    ids: pa.ChunkedArray | None, confidence: float, limit: int, drawn: Drawn = ALIKE,
) -> LabelQuality:  # fmt: skip
    columns, warning = checked_votes(columns, known)
    matrix, labels = vote_codes(columns, known)
    names = tuple(columns)
    votes = Votes.of(matrix, len(labels))
    truth = dawid_skene(votes) if len(names) > 2 else None
    best, note = ceiling(matrix, label, len(labels), names, confidence, drawn)
    rows = _measures(votes, matrix, names, labels, slices, confidence, drawn)
    rows += _reliabilities(votes, truth, names, confidence, drawn) if truth else []
    found, paired = majority(votes), votes.counts.sum(axis=1) >= 2
    estimated = truth.posterior.argmax(axis=1) if truth else found.code
    overruled = votes.counts[np.arange(len(matrix)), estimated] < votes.counts.max(axis=1)
    queue = to_adjudicate(votes, label)
    suggested = np.where(found.absolute, found.code, estimated)
    return LabelQuality(
        names, len(matrix), (*rows, *_ceiling_row(best)), labels, _confusion(votes, matrix),
        int(found.unanimous.sum()), int((found.absolute & ~found.unanimous).sum()),
        int((paired & ~found.absolute).sum()), int(overruled.sum()) if truth else 0, len(queue),
        _disputed(queue[:limit], ids, suggested, labels), best, FROM_ANNOTATORS, note, warning,
    )  # fmt: skip


def checked_votes(
    columns: Mapping[str, pa.ChunkedArray], known: tuple[str, ...]
) -> tuple[dict[str, pa.ChunkedArray], str]:
    """Return the votes, and what is odd about their labels, in words.

    Many labels of an annotator who gives none that another column holds, such as ids, become one.
    """
    votes = {name: encoded(column) for name, column in columns.items()}
    held = {name: values_of(column) for name, column in votes.items()}
    apart = []
    for name, own in held.items():
        others = set(known).union(*(labels for other, labels in held.items() if other != name))
        if own and own.isdisjoint(others):
            apart.append(name)
            if len(own) > MAX_APART:
                votes[name] = pc.if_else(pc.is_null(columns[name]), None, f"(any of {name})")
    if apart:
        some = shorten(sorted(set().union(*(held[name] for name in apart))), 3)
        them = ", ".join(map(repr, apart))
        return votes, f"The labels of {them} are in no other column: {some}. Name columns of labels, spelled alike."
    if known and set(known).isdisjoint(set().union(*held.values())):
        return votes, f"No annotator gave a label of the label column: {shorten(list(known), 3)}. Spell them alike."
    return votes, ""


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
    votes: Votes, matrix: IntArray, names: tuple[str, ...], labels: tuple[str, ...], slices: Slices,
    confidence: float, drawn: Drawn,
) -> list[LabelMeasure]:  # fmt: skip
    counts, k = votes.counts, len(labels)
    rows = [LabelMeasure("all", "", name, found) for name, found in agreement(counts, confidence, drawn).items()]
    pairs = list(combinations(range(len(names)), 2))
    for one, other in pairs if len(pairs) <= MAX_PAIRS else []:
        kappa = cohen_kappa(matrix[:, one], matrix[:, other], k, confidence, drawn)
        rows.append(LabelMeasure("pair", f"{names[one]} / {names[other]}", "cohen_kappa", kappa))
    for code, label in enumerate(labels):
        another = np.where(matrix < 0, -1, matrix != code)
        rows += _part("class", label, against_others(counts, code), another, 2, confidence, drawn)
    for column, (codes, values) in slices.items():
        for index, value in enumerate(values):
            chosen = codes == index
            rows += _part("slice", f"{column}={value}", counts[chosen], matrix[chosen], k, confidence, drawn.of(chosen))
    return rows


def _part(
    level: str, key: str, counts: FloatArray, matrix: IntArray, n_classes: int, confidence: float, drawn: Drawn
) -> list[LabelMeasure]:
    found = agreement(counts, confidence, drawn)
    if matrix.shape[1] == 2:
        found["cohen_kappa"] = cohen_kappa(matrix[:, 0], matrix[:, 1], n_classes, confidence, drawn)
    return [LabelMeasure(level, key, name, estimate) for name, estimate in found.items()]


def _reliabilities(
    votes: Votes, truth: DawidSkene, names: tuple[str, ...], confidence: float, drawn: Drawn
) -> list[LabelMeasure]:
    """Return how often each annotator is right, by Dawid and Skene's estimate of the truth."""
    right = truth.posterior[votes.items, votes.codes]
    found = []
    for worker, name in enumerate(names):
        given = votes.workers == worker
        if given.any():
            own, items = right[given], drawn.of(votes.items[given])
            estimate = estimate_of(items.mean(own), own - items.mean(own), confidence, drawn=items)
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


def _of_scores(predictions: Predictions, scores: FloatArray, confidence: float) -> LabelQuality:
    found, label = label_errors(predictions, scores, confidence), predictions.label_codes("label")
    suspects = np.flatnonzero(found.suspects) if found else np.zeros(0, dtype=np.int64)
    behind = (scores[np.arange(len(label)), label] - scores.max(axis=1))[suspects]
    queue = suspects[np.argsort(behind, kind="stable")]
    best = None
    if found:
        wrong = found.effect.gain
        best = Estimate(1 - wrong.value, 1 - wrong.upper, 1 - wrong.lower, found.n_anchors, wrong.small_support)
    k, meant = scores.shape[1], label.copy()
    meant[suspects] = scores[suspects].argmax(axis=1)
    joint = np.bincount(label * k + meant, minlength=k * k).reshape(k, k).tolist()
    ids = predictions.with_ids().table["example_id"]
    return LabelQuality(
        (), len(label), tuple(_ceiling_row(best)), predictions.labels, tuple(map(tuple, joint)), 0, 0, 0, 0, len(queue),
        _disputed(queue[:MAX_STORED], ids, scores.argmax(axis=1), predictions.labels), best, FROM_SCORES,
        SURE_ROWS if best else "",
    )  # fmt: skip
