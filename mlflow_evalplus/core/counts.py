"""Rows → `Counts`, in one pass: all that every metric, interval and test needs to know of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.errors import ColumnNotFound, did_you_mean

# A cube is counted once and summed along its axes, as long as it is not much larger than the rows.
MAX_CUBE_CELLS = 2_000_000


@dataclass(frozen=True)
class Blocks:
    """Weights per (slice, cluster, cell): what a cluster-robust variance needs beyond the cells.

    Attributes
    ----------
    starts : int array
        First entry of each (slice, cluster) block.
    slices, clusters : int array, one value per block
        Whose block it is.
    entry_slices, cells, weights : arrays, one value per entry
        The slice again, the outcome cell, and the sum of the rows' weights there.
    """

    starts: IntArray
    slices: IntArray
    clusters: IntArray
    entry_slices: IntArray
    cells: IntArray
    weights: FloatArray

    def totals(self, influence: FloatArray) -> FloatArray:
        """Return ``Σ_rows weight · influence`` per block; influence is [slices, cells]."""
        per_entry = self.weights * influence[self.entry_slices, self.cells]
        return np.asarray(np.add.reduceat(per_entry, self.starts), dtype=np.float64)


@dataclass(frozen=True)
class Margin:
    """Counts of the outcome cells for each value of some slice columns (none: all examples).

    Attributes
    ----------
    columns : tuple of str
    values : list of tuple of str
        The values that occur, one tuple per slice.
    rows : float array, [slices, cells]
        Number of examples.
    weights, squares : float array, [slices, cells]
        Sum of weights and of their squares; equal to `rows` without weights.
    blocks : Blocks or None
        Only where rows are clustered.
    """

    columns: tuple[str, ...]
    values: list[tuple[str, ...]]
    rows: FloatArray
    weights: FloatArray
    squares: FloatArray
    blocks: Blocks | None = None

    @property
    def shares(self) -> FloatArray:
        """Cell shares, [slices, cells]; each slice sums to 1."""
        return np.asarray(self.weights / self.weights.sum(axis=1, keepdims=True))

    def n_clusters(self, mask: FloatArray | None = None) -> FloatArray | None:
        """Return the number of clusters with rows in the cells of `mask`, per slice; None for independent rows."""
        if self.blocks is None:
            return None
        inside = np.ones(len(self.blocks.cells)) if mask is None else mask[self.blocks.cells]
        touched = np.add.reduceat(inside, self.blocks.starts) > 0
        return np.bincount(self.blocks.slices[touched], minlength=len(self.values)).astype(np.float64)

    def sum_of_squares(self, influence: FloatArray) -> FloatArray:
        """Return ``Σ_clusters (Σ_rows weight · influence)²`` per slice, each row its own cluster if unclustered.

        Parameters
        ----------
        influence : float array, [slices, cells]
            A value for every cell; it is the same for all rows of a cell.
        """
        if self.blocks is None:
            return np.asarray((self.squares * influence**2).sum(axis=1))
        totals = self.blocks.totals(influence)
        return np.bincount(self.blocks.slices, totals**2, len(self.values)).astype(np.float64)


def stacked(margins: Sequence[Margin]) -> Margin:
    """Return the slices of several margins as one, so that they are estimated at once."""
    firsts = np.cumsum([0, *(len(margin.values) for margin in margins)])
    blocks = [margin.blocks for margin in margins if margin.blocks is not None]
    return Margin(
        ("stacked",),
        [value for margin in margins for value in margin.values],
        np.concatenate([margin.rows for margin in margins]),
        np.concatenate([margin.weights for margin in margins]),
        np.concatenate([margin.squares for margin in margins]),
        _stacked_blocks(blocks, firsts) if blocks else None,
    )


def _stacked_blocks(blocks: Sequence[Blocks], firsts: IntArray) -> Blocks:
    entries = np.cumsum([0, *(len(block.cells) for block in blocks)])
    return Blocks(
        np.concatenate([block.starts + first for block, first in zip(blocks, entries, strict=False)]),
        np.concatenate([block.slices + first for block, first in zip(blocks, firsts, strict=False)]),
        np.concatenate([block.clusters for block in blocks]),
        np.concatenate([block.entry_slices + first for block, first in zip(blocks, firsts, strict=False)]),
        np.concatenate([block.cells for block in blocks]),
        np.concatenate([block.weights for block in blocks]),
    )


@dataclass(frozen=True)
class Counts:
    """The margins of one set of rows; ``margins[()]`` is all of them.

    Attributes
    ----------
    labels, predictions : tuple of str
        Names of the confusion matrix's rows and columns; ``(other)`` is the last column where needed.
    margins : dict
        Slice columns → `Margin`.
    """

    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    margins: dict[tuple[str, ...], Margin]

    @property
    def overall(self) -> Margin:
        """All examples, as one slice."""
        return self.margins[()]

    def digest(self) -> str:
        """Twelve hexadecimal digits of the labels' counts in each slice of one column, whatever the order of the rows.

        Where rows have neither ids nor texts: different for different test sets of any size, equal for equal ones.
        """
        content = [
            [columns, sorted(zip(margin.values, self.matrices(margin.rows).sum(axis=2).tolist(), strict=True))]
            for columns, margin in sorted(self.margins.items())
            if len(columns) <= 1
        ]
        return hashlib.sha256(json.dumps([self.labels, content]).encode()).hexdigest()[:12]

    def matrices(self, cells: FloatArray) -> FloatArray:
        """Return cells [slices, cells] as [slices, labels, predictions]."""
        return cells.reshape(-1, len(self.labels), len(self.predictions))


def count(predictions: Predictions, by: Sequence[str] | None = None, *, intersections: int = 2) -> Counts:
    """Count (label, prediction) over all rows, each slice column and their intersections.

    Parameters
    ----------
    predictions : Predictions
    by : sequence of str, optional
        Slice columns; all of them by default.
    intersections : int
        Depth of the crossings: 1 counts single columns only, 2 all pairs …

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> frame = pd.DataFrame({"label": list("abb"), "prediction": list("aba"), "channel": ["app", "app", "web"]})
    >>> counts = count(read(frame, slices=["channel"]))
    >>> counts.matrices(counts.overall.rows).tolist()
    [[[1.0, 0.0], [1.0, 1.0]]]
    >>> counts.margins["channel",].values
    [('app',), ('web',)]
    """
    return count_margins(predictions, crossings(predictions.slice_columns if by is None else by, intersections))


def crossings(columns: Sequence[str], depth: int) -> list[tuple[str, ...]]:
    """Return all sets of up to `depth` columns, the empty one (all examples) first.

    Examples
    --------
    >>> crossings(["channel", "language"], 2)
    [(), ('channel',), ('language',), ('channel', 'language')]
    """
    return [chosen for size in range(depth + 1) for chosen in combinations(columns, size)]


def count_margins(predictions: Predictions, margins: Sequence[tuple[str, ...]]) -> Counts:
    """Count (label, prediction) over the values of each set of slice columns."""
    labels = predictions.labels
    answered = predictions.label_codes("prediction")
    other = (names.OTHER,) if (answered == len(labels)).any() else ()
    width = len(labels) + len(other)
    cells = predictions.label_codes("label") * width + answered
    return Counts(labels, labels + other, count_cells(predictions, cells, len(labels) * width, margins))


def count_cells(
    predictions: Predictions, cells: IntArray, n_cells: int, margins: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], Margin]:
    """Count any outcome cells (0 … `n_cells` - 1, one per row) over the values of each set of slice columns.

    Raises
    ------
    ColumnNotFound
        A column is not among the slice columns.
    """
    columns = list(dict.fromkeys(column for margin in margins for column in margin))
    for column in columns:
        if column not in predictions.slice_columns:
            raise ColumnNotFound(f"slice column {column!r} is not among {list(predictions.slice_columns)}."
                                 + did_you_mean(column, predictions.slice_columns))  # fmt: skip
    axes = [predictions.codes(f"slice.{column}") for column in columns]
    tallies = [_Tally(axes, cells, n_cells, power) for power in predictions.masses()]
    counted = {}
    for wanted in margins:
        chosen = tuple(columns.index(column) for column in wanted)
        margin = _margin(chosen, axes, columns, tallies)
        if "cluster" in predictions.table.column_names:
            margin = replace(margin, blocks=_blocks(margin, chosen, axes, cells, predictions))
        counted[wanted] = margin
    return counted


Axis = tuple[IntArray, list[str]]


def _margin(chosen: tuple[int, ...], axes: Sequence[Axis], columns: Sequence[str], tallies: Sequence[_Tally]) -> Margin:
    sums = [tally(chosen) for tally in tallies]
    occurs = np.flatnonzero(sums[0].sum(axis=1))
    places = np.unravel_index(occurs, [len(axes[i][1]) for i in chosen]) if chosen else ()
    values = [[axes[i][1][place] for place in where] for i, where in zip(chosen, places, strict=True)]
    rows, weights, squares = (sums[i][occurs] for i in (0, len(sums) // 2, -1))
    return Margin(tuple(columns[i] for i in chosen), list(zip(*values, strict=True)) or [()], rows, weights, squares)


class _Tally:
    """Sums of weights over any of the axes: from one cube where that is small, else from the rows."""

    def __init__(self, axes: Sequence[Axis], cells: IntArray, n_cells: int, weights: FloatArray | None) -> None:
        self.axes, self.cells, self.n_cells, self.weights = axes, cells, n_cells, weights
        self.sizes = [len(values) for _, values in axes]
        small = math.prod(self.sizes) * n_cells <= MAX_CUBE_CELLS
        self.cube = self._count(range(len(axes))) if small else None

    def __call__(self, chosen: tuple[int, ...]) -> FloatArray:
        """Return [slices, cells], every combination of values, also those without rows."""
        if self.cube is None:
            sums = self._count(chosen)
        else:
            sums = self.cube.sum(axis=tuple(i for i in range(len(self.axes)) if i not in chosen))
        return sums.reshape(-1, self.n_cells)

    def _count(self, chosen: Sequence[int]) -> FloatArray:
        sizes = [*(self.sizes[i] for i in chosen), self.n_cells]
        narrow = math.prod(sizes) < 2**31  # half the memory, and faster
        key: np.ndarray[Any, Any] = np.zeros(len(self.cells), dtype=np.int32 if narrow else np.int64)
        for codes, size in zip([*(self.axes[i][0] for i in chosen), self.cells], sizes, strict=True):
            key *= size
            key += codes.astype(key.dtype, copy=False)
        return np.bincount(key, self.weights, math.prod(sizes)).astype(np.float64).reshape(sizes)


def _blocks(
    margin: Margin, chosen: tuple[int, ...], axes: Sequence[Axis], cells: IntArray, predictions: Predictions
) -> Blocks:
    clusters, cluster_names = predictions.codes("cluster")
    n_cells = margin.rows.shape[1]
    if chosen:
        sizes = [len(axes[i][1]) for i in chosen]
        key = np.ravel_multi_index([axes[i][0] for i in chosen], sizes)
        occurring = np.unique(key)
        slices = np.searchsorted(occurring, key)
    else:
        slices = np.zeros(len(cells), dtype=np.int64)
    combined = (slices * len(cluster_names) + clusters) * n_cells + cells
    entries, inverse = np.unique(combined, return_inverse=True)
    weights = np.bincount(inverse, predictions.masses()[:2][-1]).astype(np.float64)
    block_of_entry = entries // n_cells
    starts = np.flatnonzero(np.diff(block_of_entry, prepend=-1))
    block = block_of_entry[starts]
    return Blocks(
        starts, block // len(cluster_names), block % len(cluster_names), block_of_entry // len(cluster_names),
        entries % n_cells, weights,
    )  # fmt: skip
