"""Each class against the rest: however many labels there are, a metric of one class rests on few cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Blocks, Margin

THIS, REST = 0, 1  # along each axis of the cells


@dataclass(frozen=True)
class OneClass(Margin):
    """Every slice once for each class; `clusters` [slices] hold the clusters of all its rows.

    Its cells are those of the axes in which a row's label and answers are the class or not: for (label, prediction)
    both, label only, prediction only, neither. Blocks hold no rows that are neither, which move no metric of the class.
    """

    clusters: FloatArray | None = None

    def n_clusters(self, mask: FloatArray | None = None) -> FloatArray | None:
        """Return the number of clusters as `Margin` does, of all cells also of those that no block holds."""
        return self.clusters if mask is None else super().n_clusters(mask)


def one_against_rest(margin: Margin, axes: Sequence[IntArray], n_classes: int) -> OneClass:
    """Return the counts of every class of every slice; those of a slice stand together, in the order of the classes.

    Parameters
    ----------
    margin : Margin
    axes : sequence of int array, [cells]
        The label of each cell and its answers; a code from `n_classes` on is none of the classes.
    n_classes : int

    Examples
    --------
    >>> whole = Margin((), [()], *[np.array([[5.0, 1.0, 2.0, 7.0]])] * 3)
    >>> one_against_rest(whole, np.unravel_index(np.arange(4), (2, 2)), 2).rows.tolist()
    [[5.0, 1.0, 2.0, 7.0], [7.0, 2.0, 1.0, 5.0]]
    """
    cells, classes, places = _places(axes, n_classes)
    n_slices, n_cells = len(margin.values), 2 ** len(axes)
    target = classes * n_cells + places
    size = n_classes * n_cells

    def summed(counts: FloatArray) -> FloatArray:
        found = np.stack([np.bincount(target, row[cells], size) for row in counts]).reshape(n_slices, n_classes, -1)
        found[..., -1] = np.maximum(counts.sum(axis=1)[:, None] - found[..., :-1].sum(axis=2), 0)
        return np.asarray(found.reshape(-1, n_cells), dtype=np.float64)

    rows, clusters = summed(margin.rows), margin.n_clusters()
    nobody = rows[:, -1] < 0.5  # a rest of weights without rows is rounding
    weights, squares = (summed(counts) for counts in (margin.weights, margin.squares))
    weights[nobody, -1] = squares[nobody, -1] = 0
    return OneClass(
        margin.columns,
        [value for value in margin.values for _ in range(n_classes)],
        rows,
        weights,
        squares,
        None if margin.blocks is None else _blocks(margin.blocks, cells, target, n_classes, n_cells),
        clusters=None if clusters is None else np.repeat(clusters, n_classes),
    )


def _places(axes: Sequence[IntArray], n_classes: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return cell, class and place among the class's cells, for every class that is a cell's label or answer."""
    found = []
    for number, own in enumerate(axes):
        first = (own < n_classes) & np.all([earlier != own for earlier in axes[:number]], axis=0)
        cells = np.flatnonzero(first)
        bits = [np.where(axis[cells] == own[cells], THIS, REST) for axis in axes]
        found.append((cells, own[cells], np.ravel_multi_index(bits, (2,) * len(axes))))
    cells, classes, places = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return cells, classes, places


def _blocks(blocks: Blocks, cells: IntArray, target: IntArray, n_classes: int, n_cells: int) -> Blocks:
    """Return the weights per (slice and class, cluster, cell of the class)."""
    order = np.argsort(cells, kind="stable")
    first, last = (np.searchsorted(cells[order], blocks.cells, side=side) for side in ("left", "right"))
    n_each = last - first
    entry = np.repeat(np.arange(len(blocks.cells)), n_each)
    within = np.arange(len(entry)) - np.repeat(np.cumsum(n_each) - n_each, n_each)
    meant = target[order[np.repeat(first, n_each) + within]]
    cluster = np.repeat(blocks.clusters, np.diff([*blocks.starts, len(blocks.cells)]))[entry]
    slices = blocks.entry_slices[entry] * n_classes + meant // n_cells
    n_clusters = int(blocks.clusters.max(initial=0)) + 1
    key = (slices * n_clusters + cluster) * n_cells + meant % n_cells
    keys, inverse = np.unique(key, return_inverse=True)
    block_of = keys // n_cells
    starts = np.flatnonzero(np.diff(block_of, prepend=-1))
    block = block_of[starts]
    return Blocks(
        starts, block // n_clusters, block % n_clusters, block_of // n_clusters, keys % n_cells,
        np.bincount(inverse, blocks.weights[entry], len(keys)).astype(np.float64),
    )  # fmt: skip
