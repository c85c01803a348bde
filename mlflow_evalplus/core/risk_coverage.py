"""Sums over the surest rows, from which accuracy and coverage at every threshold follow, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import ROUNDING
from mlflow_evalplus.core.scores import Sums


@dataclass(frozen=True)
class RiskCoverage:
    """Sums over the rows of each cell of confidence and all above it, the surest first.

    Attributes
    ----------
    cells : int array
    n, weights, hits : float arrays
        Rows, their weights, and those of the right answers.
    hh, hn, nn, nt, tt : float arrays
        Over clusters (rows, where they are independent) of products of H, the weight of the right answers, N, that of
        all answers, and T, that of all rows.
    units : float array
        Clusters with answers; effective rows where weights differ; else infinity.
    clusters : float array or None
    """

    cells: IntArray
    n: FloatArray
    weights: FloatArray
    hits: FloatArray
    hh: FloatArray
    hn: FloatArray
    nn: FloatArray
    nt: FloatArray
    tt: FloatArray
    units: FloatArray
    clusters: FloatArray | None

    def accuracy(self) -> tuple[FloatArray, FloatArray]:
        """Return the accuracy of the answers and the number of independent rows that it is worth."""
        share = self.hits / self.weights
        squares = self.hh - 2 * share * self.hn + share**2 * self.nn
        return share, self._worth(share, squares / self.weights**2, self.n, self.effective)

    def guarded(self) -> tuple[FloatArray, FloatArray]:
        """Return the same for a choice: clustered or weighted rows are worth no more than with one more wrong unit.

        The unit has the mean mass of an answer's own, ``Σ N² / Σ N``, and all of it is wrong. So few errors make rows
        worth little more than the units that they lie in, and no error is worth as much as those.
        """
        share, worth = self.accuracy()
        one = self.nn / self.weights
        whole, right = self.weights + one, self.hits / (self.weights + one)
        squares = self.hh - 2 * right * self.hn + right**2 * self.nn + (right * one) ** 2
        cautious = self._worth(right, squares / whole**2, self.n, self.effective)
        return share, np.where(self.alike, worth, np.minimum(worth, cautious))

    @property
    def effective(self) -> FloatArray:
        """Units of equal mass that the answers are worth: ``(Σ N)² / Σ N²``."""
        return self.weights**2 / self.nn

    @property
    def alike(self) -> np.ndarray:
        """Whether rows are independent and of equal weight."""
        return np.isinf(self.units)

    def at(self, places: Sequence[int]) -> RiskCoverage:
        """Return the curve at some of its cells; the last of them must be its last."""
        return self._each(lambda column: column[list(places)])

    def repeated(self, times: float) -> RiskCoverage:
        """Return the curve of so many times the rows, in as many times the clusters, with the same figures."""
        return replace(self._each(lambda column: column * times), cells=self.cells)

    def _each(self, change: Callable[[FloatArray], FloatArray]) -> RiskCoverage:
        columns = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        changed: dict[str, Any] = {name: change(column) for name, column in columns.items() if column is not None}
        return replace(self, **changed)

    def coverage(self) -> tuple[FloatArray, FloatArray]:
        """Return the share of rows that is answered and the number of independent rows that it is worth."""
        whole = self.weights[-1]
        share = self.weights / whole
        squares = self.nn - 2 * share * self.nt + share**2 * self.tt
        return share, self._worth(share, squares / whole**2, self.n[-1], whole**2 / self.tt)

    def quantile(self, level: float) -> FloatArray:
        """Return the one-sided quantile of each cell: normal; Student's t for clustered or weighted rows."""
        return np.asarray(stats.t.isf(level, np.maximum(self.units - 1, 1)))

    def areas(self) -> tuple[float, float]:
        """Return the area under the risk-coverage curve and that of the oracle; rows of a cell come in any order."""
        answered = self.weights / self.weights[-1]
        wrong = (self.weights - self.hits) / self.weights[-1]
        from_, before = np.concatenate([[0.0], answered[:-1]]), np.concatenate([[0.0], wrong[:-1]])
        more = answered - from_  # 0 where a row weighs nothing beside the others
        slope = np.divide(wrong - before, more, out=np.zeros_like(more), where=more > 0)
        grown = np.log(np.divide(answered, from_, out=np.ones_like(answered), where=from_ > 0))
        area = float((slope * more + (before - slope * from_) * grown).sum())
        error = min(max(float(wrong[-1]), 0.0), 1.0)
        return area, error + (1 - error) * math.log1p(-error) if error < 1 else 1.0

    def _worth(self, share: FloatArray, variance: FloatArray, n: FloatArray, alike: FloatArray) -> FloatArray:
        variance = variance / (1 - 1 / np.maximum(self.units, 2))
        known = variance > ROUNDING
        worth = share * (1 - share) / np.where(known, variance, 1)
        return np.where(known, np.minimum(worth, 3 * n), alike)


def risk_coverage(sums: Sums) -> RiskCoverage:
    """Return the curve of `ScoredRows.confidence`, which are the sums of one slice."""
    cells, place = np.unique(-sums.cells["cell"].astype(np.int64), return_inverse=True)

    def running(entries: FloatArray) -> FloatArray:
        return np.bincount(place, entries, len(cells)).cumsum().astype(np.float64)

    hits, hits_squared, _ = sums.values["right"]
    n, weights, squares = running(sums.n), running(sums.weights), running(sums.squares)
    if sums.clusters is not None:
        (hh, hn, nn, nt, tt), clusters = _clustered(sums, place, len(cells))
        return RiskCoverage(-cells, n, weights, running(hits), hh, hn, nn, nt, tt, clusters, clusters)
    alike = weights**2 / squares
    right = running(hits_squared)
    units, tt = np.where(alike < (1 - 1e-9) * n, alike, np.inf), np.full(len(cells), squares[-1])
    return RiskCoverage(-cells, n, weights, running(hits), right, right, squares, squares, tt, units, None)


def _clustered(sums: Sums, place: IntArray, n_cells: int) -> tuple[FloatArray, FloatArray]:
    """Return the products [5, cells] and the clusters with answers, cell by cell; of a cell only its own change."""
    assert sums.clusters is not None
    clusters, hits = sums.clusters, sums.values["right"][0]
    whole = np.bincount(clusters, sums.weights).astype(np.float64)
    right, answered = np.zeros_like(whole), np.zeros_like(whole)
    order = np.argsort(place, kind="stable")
    changes, entered = np.zeros((5, n_cells)), np.zeros(n_cells)
    for cell, entries in enumerate(np.split(order, np.flatnonzero(np.diff(place[order])) + 1)):
        own = clusters[entries]
        before = _products(right[own], answered[own], whole[own])
        entered[cell] = (answered[own] == 0).sum()
        right[own] += hits[entries]
        answered[own] += sums.weights[entries]
        changes[:, cell] = _products(right[own], answered[own], whole[own]) - before
    products = changes.cumsum(axis=1)
    products[4] = (whole**2).sum()
    return products, entered.cumsum()


def _products(h: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
    return np.array([h @ h, h @ n, n @ n, n @ t, 0.0])
