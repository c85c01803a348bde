"""Whether customers have changed: the mix of answers, labels and slice values, against the reference's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.shares import chi_squared, jensen_shannon, merged, psi, unseen_apart
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.results import Shift

Coded = tuple[IntArray, list[str], Bools]
"""A column: the code of each row, what the codes mean, and which rows count."""


def independent(part: IntArray, clusters: IntArray | None, rng: np.random.Generator) -> Bools:
    """Return which rows to test on: all; with clusters one of each cluster and part, drawn at random.

    Examples
    --------
    >>> drawn = independent(np.array([0, 0, 1]), np.array([5, 5, 5]), np.random.default_rng(0))
    >>> int(drawn.sum()), bool(drawn[2])
    (2, True)
    """
    if clusters is None:
        return np.ones(len(part), dtype=np.bool_)
    order = rng.permutation(len(part))
    keys = clusters.astype(np.int64) * (int(part.max(initial=0)) + 2) + part + 1
    chosen = np.zeros(len(part), dtype=np.bool_)
    chosen[order[np.unique(keys[order], return_index=True)[1]]] = True
    return chosen


def tables(
    columns: Mapping[str, Coded], part: IntArray, n_parts: int, drawn: Bools,
    weights: Mapping[str, FloatArray] | None = None,
) -> dict[str, FloatArray]:  # fmt: skip
    """Return the counts of each column's values, [all rows or drawn ones, parts, values]; part -1 is left out.

    A column with `weights` is counted by them: all rows of a part sum to their number, the drawn ones to their
    effective number, ``(Σ w)² / Σ w²``.
    """
    counted = {}
    for name, (codes, values, counts) in columns.items():
        size = len(values)
        keys = part * size + codes
        every = counts & (part >= 0)
        own = None if weights is None else weights.get(name)
        counted[name] = np.stack([
            _counts(keys[chosen], (n_parts, size), None if own is None else own[chosen], effective=effective)
            for chosen, effective in ((every, False), (every & drawn, True))
        ])  # fmt: skip
    return counted


def _counts(keys: IntArray, shape: tuple[int, int], weights: FloatArray | None, *, effective: bool) -> FloatArray:
    n = np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    if weights is None:
        return n
    sums, squares = (np.bincount(keys, w, shape[0] * shape[1]).reshape(shape) for w in (weights, weights**2))
    total = sums.sum(axis=1, keepdims=True)
    worth = (
        total**2 / np.maximum(squares.sum(axis=1, keepdims=True), 1e-300) if effective else n.sum(axis=1, keepdims=True)
    )
    return np.asarray(sums * worth / np.maximum(total, 1e-300))


def shifts(
    counted: Mapping[str, FloatArray], columns: Mapping[str, Coded], window: int, reference: int
) -> tuple[Shift, ...]:
    """Return how far the mix of each column is from the reference's, the largest first.

    `counted` is that of `tables`; `window` and `reference` are parts of it. Values that are too rare for a χ² test are
    taken together, those that the reference lacks apart from the others where chance does not make so many. A column
    that has no row in one of the parts is left out.
    """
    found = [
        shift for name, counts in counted.items()
        if (shift := _shift(name, counts[:, window], counts[:, reference], columns[name][1])) is not None
    ]  # fmt: skip
    q_values = false_discovery(np.array([shift.p_value for shift in found]))
    judged = [replace(shift, q_value=float(q)) for shift, q in zip(found, q_values, strict=True)]
    return tuple(sorted(judged, key=lambda shift: (-shift.psi, shift.column)))


def _shift(name: str, here: FloatArray, there: FloatArray, values: list[str]) -> Shift | None:
    """Compare one column: `here` and `there` are counts of all rows, then of the drawn ones, [2, values]."""
    if not here[0].sum() or not there[0].sum():
        return None
    group = unseen_apart(here[1], there[1], merged(here[1], there[1]))
    size = int(group.max()) + 1
    own, other, tested, tested_other = (
        np.bincount(group, counts, size).astype(np.float64) for counts in (here[0], there[0], here[1], there[1])
    )
    occurs = own + other > 0
    own, other = own[occurs], other[occurs]
    share, share_there = here[0] / here[0].sum(), there[0] / there[0].sum()
    change = share - share_there
    most = int(np.argmax(np.abs(change) + 1e-9 * (change > 0)))  # of two that change alike, what has become more
    return Shift(
        name, psi(other, own), jensen_shannon(other, own), chi_squared(tested, tested_other), float("nan"),
        values[most], float(share[most]), float(share_there[most]), round(here[0].sum()),
    )  # fmt: skip
