"""How often the most probable label is right where the model is so sure, and whether they differ by more."""

from __future__ import annotations

import numpy as np
from scipy import sparse, stats

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.counts import Margin
from mlflow_evalplus.core.intervals import ROUNDING, wilson
from mlflow_evalplus.core.scores import BINS, ScoredRows, Sums
from mlflow_evalplus.results import Calibration, CalibrationBin, Estimate

MIN_ROWS = 30
TAIL = 0.975
MIN_CLUSTERS = 20  # below, the clusters do not tell how large the noise is


def calibration(rows: ScoredRows, margin: Margin, confidence: float = 0.95) -> Calibration | None:
    """Return the bins of confidence over all examples with the share of hits in each; None without probabilities.

    Intervals are Wilson's, clustered rows taken as independent; the p-value of the calibration error heeds clusters
    and weights.
    """
    if not rows.complete:
        return None
    sums = rows.calibration(margin)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    n, weights, squares = (_per_bin(sums, entries) for entries in (sums.n, sums.weights, sums.squares))
    with np.errstate(divide="ignore", invalid="ignore"):
        sure, right = (_per_bin(sums, sums.values[name][0]) / weights for name in ("confidence", "right"))
        lower, upper = wilson(np.clip(right, 0, 1), weights**2 / squares, z)
    bins = tuple(
        CalibrationBin(
            i / BINS, (i + 1) / BINS, int(n[i]), float(sure[i]),
            Estimate(float(right[i]), float(lower[i]), float(upper[i]), int(n[i]), bool(n[i] < MIN_ROWS)),
        )
        for i in np.flatnonzero(n).tolist()
    )  # fmt: skip
    noise = _noise(sums)
    alike = Calibration(bins).noise * weights.sum()
    widened = float(np.sqrt(2 * np.diag(noise) / np.pi).sum() / alike) if alike > 0 else 1.0
    return Calibration(bins, _p_value(sums, noise), widened, int(sums.n @ sums.cells["apart"]))


def _per_bin(sums: Sums, entries: FloatArray) -> FloatArray:
    return np.bincount(sums.cells["bin"].astype(np.int64), entries, BINS).astype(np.float64)


def _noise(sums: Sums) -> FloatArray:
    """Return the covariance [bins, bins] of the bins' gaps ``Σ w (right - confidence)`` of a calibrated model.

    Of independent rows ``Σ w² c (1 - c)``; of clusters that of their sums, widened by Student's t on as many clusters
    of equal mass, and no bin's variance less than the former.
    """
    _, c_ww, c_xx = sums.values["confidence"]
    own = np.maximum(_per_bin(sums, c_ww - c_xx), 0)
    if sums.clusters is None:
        return np.diag(own)
    gaps, shape = sums.values["gap"][0], (sums.clusters.max() + 1, BINS)
    of_clusters = sparse.csr_matrix((gaps, (sums.clusters, sums.cells["bin"].astype(np.int64))), shape)
    whole, masses = _per_bin(sums, gaps), np.bincount(sums.clusters, sums.weights)
    n = len(masses)
    few = stats.t.ppf(TAIL, max(masses.sum() ** 2 / (masses**2).sum() - 1, 1)) / stats.norm.ppf(TAIL)
    noise = ((of_clusters.T @ of_clusters).toarray() - np.outer(whole, whole) / n) * few**2 * n / max(n - 1, 1)
    np.fill_diagonal(noise, np.maximum(np.diag(noise), own))
    return np.asarray(noise)


def _p_value(sums: Sums, noise: FloatArray) -> float:
    """Return how probable a calibration error as large is for a calibrated model.

    ``Σ_bins |gap|`` of normal gaps has the mean ``Σ √(2 V / π)`` and the covariances of folded normals,
    ``2 / π (√(1 - ρ²) + ρ asin ρ - 1)`` times both standard deviations; its distribution is taken as the gamma one
    with that mean and variance.
    """
    if sums.clusters is not None and np.unique(sums.clusters).size < MIN_CLUSTERS:
        return float("nan")
    found = float(np.abs(_per_bin(sums, sums.values["gap"][0])).sum())
    spread = np.sqrt(np.diag(noise))
    if spread.sum() <= ROUNDING * sums.weights.sum():
        return float(found <= ROUNDING * sums.weights.sum())
    both = np.outer(spread, spread)
    r = np.clip(np.divide(noise, both, out=np.zeros_like(noise), where=both > 0), -1, 1)
    variance = float((both * 2 / np.pi * (np.sqrt(1 - r**2) + r * np.arcsin(r) - 1)).sum())
    mean = float(np.sqrt(2 / np.pi) * spread.sum())
    return float(stats.gamma.sf(found, mean**2 / variance, scale=variance / mean))
