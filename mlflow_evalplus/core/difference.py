"""Where the difference of two models comes from: an exact split over class pairs and over slices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.comparison import overall_differences
from mlflow_evalplus.core.counts import Blocks, Margin
from mlflow_evalplus.core.examples import confidences
from mlflow_evalplus.core.intervals import quantile
from mlflow_evalplus.core.mean_gradient import mean_gradient
from mlflow_evalplus.core.paired import difference_bounds
from mlflow_evalplus.core.pairing import paired_rows
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.names import OTHER
from mlflow_evalplus.results import Difference, Evaluation
from mlflow_evalplus.results.difference import DifferencePart, DifferenceSplit

CLASS_PAIR, SLICE = "class_pair", "slice"
MAX_EXAMPLES = 20
GAINS = np.array([0.0, 1.0, -1.0])  # of the three cells of a part: nothing, a right answer more, one less


def split_difference(
    a: Evaluation, b: Evaluation, *, names: tuple[str, str] = ("A", "B"), shared_only: bool = False
) -> DifferenceSplit:
    """Split the difference of two models on the same examples over class pairs and over the values of each slice.

    Parameters
    ----------
    a, b : Evaluation
        Differences are A less B: B is the baseline.
    names : tuple of str
        How to call them.
    shared_only : bool
        Split on the examples that both have, where the test sets differ.

    Returns
    -------
    DifferenceSplit
        Contributions in the unit of the metric, of both signs; they sum to the difference.

    Raises
    ------
    ComparisonError
        The rows are not at hand, the test sets differ, or one example has two labels.

    Notes
    -----
    Along the straight line from B's cell shares to A's, ``p(t) = p_B + t (p_A - p_B)``, a metric m with gradient g
    changes by ``Δm = ḡ · (p_A - p_B)`` with ``ḡ = ∫ g(p(t)) dt``: the Aumann–Shapley value (*Values of Non-Atomic
    Games*, 1974). So an example with label y contributes ``ḡ(y, A's answer) - ḡ(y, B's answer)``, a slice the sum of
    its examples, and a class pair i → j ``(ḡ_ij - ḡ_ii) (p_A,ij - p_B,ij)``. For accuracy these are the slice's share
    of the rows times its own paired difference, and the share of the errors i → j that is gone.

    A class that no example has enters macro F1, as a 0, as soon as one model answers it once. That step is no matter
    of gradients: it belongs to the examples with that answer in equal parts, and to several such classes in equal
    parts.

    The intervals are those of `compare_evaluations`, for a part of all examples.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> frame = pd.DataFrame({"label": list("aabb") * 10, "old": list("abab") * 10, "new": list("aabb") * 10})
    >>> frame["channel"] = ["app", "app", "app", "web"] * 10
    >>> new, old = (evaluate(frame, prediction=column, slices=["channel"]) for column in ("new", "old"))
    >>> [(part.name, part.accuracy.value, part.fixed) for part in split_difference(new, old).parts]
    [('a → b', 0.25, 10), ('b → a', 0.25, 10), ('channel=app', 0.5, 20), ('channel=web', 0.0, 0)]
    """
    rows, other = paired_rows(a, b, shared_only)
    pair = _pair(rows, other)
    chosen = {name: metrics.OVERALL[name] for name in ("accuracy", "f1_macro")}
    f1 = mean_gradient(chosen["f1_macro"], *pair.shares())
    groups = [_class_pairs(pair, f1), *(_slices(pair, f1, column) for column in rows.slice_columns)]
    fixed, broken = (pair.order[mask[pair.order]] for mask in (pair.fixed, pair.broken))
    return DifferenceSplit(
        a=names[0], b=names[1], n=len(rows), total=overall_differences(rows, other, chosen, a.confidence),
        fixed=len(fixed), broken=len(broken), fixed_examples=pair.ids(fixed), broken_examples=pair.ids(broken),
        parts=tuple(part for group in groups for part in _parts(pair, group, a.confidence)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    """The paired rows: label and both answers as codes, weights, and the rows by A's confidence."""

    rows: Predictions
    y: IntArray
    a: IntArray
    b: IntArray
    order: IntArray
    weights: FloatArray | None

    @cached_property
    def fixed(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.asarray((self.a == self.y) & (self.b != self.y))

    @cached_property
    def broken(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.asarray((self.a != self.y) & (self.b == self.y))

    @cached_property
    def w(self) -> FloatArray:
        return np.ones(len(self.y)) if self.weights is None else self.weights

    def shares(self) -> tuple[FloatArray, FloatArray]:
        k = len(self.rows.labels)
        a, b = (
            np.bincount(self.y * (k + 1) + answer, self.w, k * (k + 1)).reshape(k, k + 1) / self.w.sum()
            for answer in (self.a, self.b)
        )
        return a, b

    def ids(self, rows: IntArray) -> tuple[str, ...]:
        return tuple(self.rows.table["example_id"].take(pa.array(rows[:MAX_EXAMPLES])).to_pylist())


def _pair(rows: Predictions, other: Predictions) -> _Pair:
    answers = rows.label_codes("prediction")
    confidence = np.nan_to_num(confidences(rows, answers), nan=-1.0)
    return _Pair(
        rows, rows.label_codes("label"), answers, other.label_codes("prediction"),
        np.argsort(-confidence, kind="stable"), rows.floats("weight"),
    )  # fmt: skip


@dataclass(frozen=True)
class _Group:
    """Parts whose contributions sum to the difference, and the rows that make them.

    `home` is the label or the slice of every row, and `homes` that of every part. Entry for entry, row `row` changes
    part `part` by `gain` right answers and by `f1`.
    """

    level: str
    column: str
    names: list[str]
    home: IntArray
    homes: IntArray
    part: IntArray
    row: IntArray
    gain: IntArray
    f1: FloatArray


def _class_pairs(pair: _Pair, f1: FloatArray) -> _Group:
    """Return the pairs of a label and another answer that occurs more often in one of the two."""
    changed = pair.order[(pair.a != pair.b)[pair.order]]
    gone, come = (changed[(answer != pair.y)[changed]] for answer in (pair.b, pair.a))
    row = np.concatenate([gone, come])
    gain = np.repeat([1, -1], [len(gone), len(come)])
    answer, y = np.concatenate([pair.b[gone], pair.a[come]]), pair.y[row]
    answers = [*pair.rows.labels, OTHER]
    pairs, part = np.unique(y * len(answers) + answer, return_inverse=True)
    homes, wrong = np.divmod(pairs, len(answers))
    named = [f"{answers[i]} → {answers[j]}" for i, j in zip(homes.tolist(), wrong.tolist(), strict=True)]
    return _Group(CLASS_PAIR, CLASS_PAIR, named, pair.y, homes, part, row, gain, -gain * (f1[y, answer] - f1[y, y]))


def _slices(pair: _Pair, f1: FloatArray, column: str) -> _Group:
    codes, values = pair.rows.codes(f"slice.{column}")
    row = pair.order[(pair.a != pair.b)[pair.order]]
    present, home = np.unique(codes, return_inverse=True)
    y, a, b = pair.y[row], pair.a[row], pair.b[row]
    named = [f"{column}={values[code]}" for code in present.tolist()]
    gain = (a == y).astype(np.int64) - (b == y)
    return _Group(SLICE, column, named, home, np.arange(len(named)), home[row], row, gain, f1[y, a] - f1[y, b])


def _parts(pair: _Pair, group: _Group, confidence: float) -> list[DifferencePart]:
    """Return the parts of one group, the largest contribution to accuracy first."""
    size = len(group.names)
    n = np.bincount(group.home, minlength=size)[group.homes]
    f1 = np.bincount(group.part, group.f1 * pair.w[group.row], size) / pair.w.sum()
    order = np.argsort(group.part, kind="stable")
    bounds = pairwise(np.searchsorted(group.part[order], np.arange(size + 1)).tolist())
    found = []
    for place, ((first, last), accuracy) in enumerate(zip(bounds, _accuracy(pair, group, confidence), strict=True)):
        rows = group.row[order[first:last]]
        fixed, broken = (rows[mask[rows]] for mask in (pair.fixed, pair.broken))
        found.append(DifferencePart(
            group.level, group.column, group.names[place], int(n[place]), accuracy, float(f1[place]), len(fixed),
            len(broken), pair.ids(fixed), pair.ids(broken),
        ))  # fmt: skip
    return sorted(found, key=lambda part: (-abs(part.accuracy.value), part.name))


def _accuracy(pair: _Pair, group: _Group, confidence: float) -> list[Difference]:
    if not group.names:
        return []
    margin = _margin(pair, group)
    value = margin.shares @ GAINS
    lower, upper, p_value = difference_bounds(
        margin, GAINS - value[:, None], value, quantile(margin, confidence), np.ones(3)
    )
    n = len(pair.y)
    rows = zip(value.tolist(), lower.tolist(), upper.tolist(), p_value.tolist(), strict=True)
    return [Difference(*row, n) for row in rows]


@dataclass(frozen=True)
class _Margin(Margin):
    """All examples, once per part, in the three cells of `GAINS`; `clusters` [parts] hold a part's own examples."""

    clusters: FloatArray | None = None

    def n_clusters(self, mask: FloatArray | None = None) -> FloatArray | None:
        return None if self.blocks is None else self.clusters


def _margin(pair: _Pair, group: _Group) -> _Margin:
    size = len(group.names)
    cells = group.part * 3 + group.gain % 3
    sums = []
    for mass in (np.ones(len(pair.y)), pair.w, pair.w**2):
        counted = np.bincount(cells, mass[group.row], size * 3).astype(np.float64).reshape(size, 3)
        counted[:, 0] = mass.sum() - counted[:, 1:].sum(axis=1)
        sums.append(counted)
    blocks = clusters = None
    if "cluster" in pair.rows.table.column_names:
        codes, known = pair.rows.codes("cluster")
        held = np.unique(group.home * len(known) + codes) // len(known)
        clusters = np.bincount(held)[group.homes].astype(np.float64)
        blocks = _blocks(pair, group, codes.astype(np.int64), len(known))
    rows, weights, squares = sums
    names: list[tuple[str, ...]] = [(name,) for name in group.names]
    return _Margin((group.column,), names, rows, weights, squares, blocks, clusters)


def _blocks(pair: _Pair, group: _Group, clusters: IntArray, n_clusters: int) -> Blocks:
    """Return the weights per part, cluster and cell.

    The clusters in which a part changes nothing add but their squared weights: together they are one whose weight is
    the root of the sum of these.
    """
    size, width = len(group.names), n_clusters + 1
    totals = np.bincount(clusters, pair.w, width)
    moves = group.gain != 0
    row = group.row[moves]
    entries, which = np.unique(
        (group.part[moves] * width + clusters[row]) * 3 + group.gain[moves] % 3, return_inverse=True
    )
    weights = np.bincount(which, pair.w[row], len(entries)).astype(np.float64)
    touched, block = np.unique(entries // 3, return_inverse=True)
    own = totals[touched % width]
    left = np.maximum((totals**2).sum() - np.bincount(touched // width, own**2, size), 0)
    keys = np.concatenate([entries, touched * 3, (np.arange(size) * width + n_clusters) * 3])
    weights = np.concatenate([weights, own - np.bincount(block, weights, len(touched)), np.sqrt(left)])
    order = np.argsort(keys)
    keys, weights = keys[order], weights[order]
    starts = np.flatnonzero(np.diff(keys // 3, prepend=-1))
    part, cluster = np.divmod(keys[starts] // 3, width)
    return Blocks(starts, part, cluster, keys // (3 * width), keys % 3, weights)
