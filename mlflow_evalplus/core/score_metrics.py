"""Metrics of probabilities, each a value and the influence of every row: log-loss, Brier, calibration error, AUC.

As for the metrics of counts, ``Var(m) = Σ_clusters (Σ_rows w ψ)² / (Σ w)²``; here the influence ψ of a row depends on
its scores, ``ψ = c + b x`` with c and b those of its cell, so sums of x and x² suffice and rows stay where they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Margin
from mlflow_evalplus.core.intervals import ROUNDING, Estimates, effective_rows, quantile, small_sample, wilson
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.scores import BINS, LEAST, MAX_OFF, ScoredRows, Sums, scored_labels
from mlflow_evalplus.results import Estimate

MIN_ROWS = 30
MIN_CLASS_ROWS = 5
MOST = {"log_loss": -math.log(LEAST), "brier": 2.0}


@dataclass(frozen=True)
class _Found:
    """A metric's value, its variance and whether it rests on few rows; every array is [slices].

    `alike` is the number of rows behind it where all are alike, `low` a value without bias that its lower bound is of.
    """

    value: FloatArray
    variance: FloatArray
    small: np.ndarray
    alike: FloatArray | None = None
    low: FloatArray | None = None


def estimate_scores(rows: ScoredRows, margin: Margin, confidence: float = 0.95) -> dict[str, Estimates]:
    """Return every metric of the scores for all slices of a margin, with intervals.

    - ``log_loss``: mean of ``-ln p_label``, 0 … 36; a probability of 0 is taken as 2⁻⁵².
    - ``brier``: mean of ``Σ_i (p_i - [label is i])²``, 0 … 2 (Brier, 1950, doi:10.1175/1520-0493(1950)078).
    - ``top_2_accuracy``: share of rows with at most one score above that of their label; from three labels on.
    - ``ece``: ``Σ_bins n_b / n · |hits_b - confidence_b|`` over ten bins of the highest score, equal in width,
      0 … 1 (Guo et al., 2017, arXiv:1706.04599). Noise never cancels in it: a perfectly calibrated model
      shows ``Calibration.noise``; so the lower bound is that of the bins' gaps less their noise.
    - ``roc_auc[label]``: probability that a row with this label is scored higher for it than a row without,
      ties half, 0 … 1 (DeLong et al., 1988, doi:10.2307/2531595); undefined where either is missing. Student's t on
      the rows of the smaller class. Exact up
      to 100,000 rows, in about 8,000 bins above.

    The first four exist where every label has a score and scores sum to 1.

    Parameters
    ----------
    rows : ScoredRows
    margin : Margin
        Of one slice column, or of all examples.
    confidence : float

    Returns
    -------
    dict of str to Estimates
    """
    found: dict[str, _Found] = {}
    if rows.complete:
        found |= _means(rows.means(margin), margin) | {"ece": _calibration(rows.calibration(margin), margin)}
    for index in (i for i in rows.scored if i < len(rows.labels)):
        sums = rows.ranking(margin, index)
        found[names.class_metric("roc_auc", rows.labels[index])] = _ranking(sums, margin)
    return {name: _interval(name, metric, margin, confidence) for name, metric in found.items()}


def score_rows(rows: ScoredRows, margin: Margin, confidence: float = 0.95) -> list[dict[str, Estimate]]:
    """Return one dict of estimates per slice of the margin."""
    listed = {name: found.each() for name, found in estimate_scores(rows, margin, confidence).items()}
    return [{name: column[place] for name, column in listed.items()} for place in range(len(margin.values))]


def _interval(name: str, found: _Found, margin: Margin, confidence: float) -> Estimates:
    value, var = found.value, np.maximum(found.variance, 0)
    z, n = quantile(margin, confidence), margin.rows.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if name in names.UNBOUNDED:
            units = margin.n_clusters()
            spread = np.exp(np.where(value > 0, z * np.sqrt(var) / value, 0))
            spread = np.where((n if units is None else units) > 1, spread, np.nan)  # one alone shows no spread
            lower, upper = value / spread, np.maximum(np.minimum(value * spread, MOST[name]), value)
        else:
            alike = effective_rows(margin, np.ones(margin.rows.shape[1])) if found.alike is None else found.alike
            unit = np.where(value > 1 - ROUNDING, 1.0, np.where(value < ROUNDING, 0.0, value))
            if found.alike is not None:
                few = stats.t.ppf((1 + confidence) / 2, np.maximum(alike - 1, 1))
                z = np.where(var > ROUNDING, np.maximum(z, few), z)
            effective = np.where(var > ROUNDING, unit * (1 - unit) / var, alike)
            lower, upper = wilson(unit, effective, z)
            if found.low is not None:
                lower = wilson(found.low, effective, z)[0]
    return Estimates(value, lower, upper, n, found.small)


def _variance(sums: Sums, margin: Margin, constant: FloatArray, slope: FloatArray, value: str | None) -> FloatArray:
    """Return the variance per slice where a row of an entry has the influence ``constant + slope · value``."""
    x_w, x_ww, x_xx = sums.values[value] if value else (0.0, 0.0, 0.0)
    if sums.clusters is None:
        squares = sums.per_slice(constant**2 * sums.squares + 2 * constant * slope * x_ww + slope**2 * x_xx)
    else:
        block = sums.slices * (sums.clusters.max() + 1) + sums.clusters
        blocks, place = np.unique(block, return_inverse=True)
        totals = np.bincount(place, constant * sums.weights + slope * x_w)
        owners = blocks // (sums.clusters.max() + 1)
        squares = np.bincount(owners, totals**2, sums.n_slices).astype(np.float64)
    return np.asarray(squares / margin.weights.sum(axis=1) ** 2 * small_sample(margin))


def _means(sums: Sums, margin: Margin) -> dict[str, _Found]:
    found = {}
    total, few = sums.per_slice(sums.weights), margin.rows.sum(axis=1) < MIN_ROWS
    one = np.ones(len(sums.slices))
    for name, (x_w, _, _) in sums.values.items():
        value = sums.per_slice(x_w) / total
        found[name] = _Found(value, _variance(sums, margin, -value[sums.slices], one, name), few)
    return found


def _calibration(sums: Sums, margin: Margin) -> _Found:
    place = sums.slices * BINS + sums.cells["bin"].astype(np.int64)
    gaps = np.bincount(place, sums.values["gap"][0], sums.n_slices * BINS).astype(np.float64)
    whole = sums.per_slice(sums.weights)
    value = np.abs(gaps).reshape(-1, BINS).sum(axis=1) / whole
    variance = _variance(sums, margin, -value[sums.slices], np.sign(gaps)[place], "gap")
    few = margin.rows.sum(axis=1) < MIN_ROWS * BINS
    return _Found(value, variance, few, low=_less_noise(sums, place, gaps) / whole)


def _less_noise(sums: Sums, place: IntArray, gaps: FloatArray) -> FloatArray:
    """Return the sum of each slice's gaps without what noise adds to them: ``√(gap² - variance)`` per bin, or 0."""
    n_bins = sums.n_slices * BINS
    weights, squares, x_ww, x_xx = (
        np.bincount(place, entries, n_bins) for entries in (sums.weights, sums.squares, *sums.values["gap"][1:])
    )
    mean = np.divide(gaps, weights, out=np.zeros(n_bins), where=weights > 0)
    noise = x_xx - 2 * mean * x_ww + mean**2 * squares
    return np.asarray(np.sqrt(np.maximum(gaps**2 - noise, 0)).reshape(-1, BINS).sum(axis=1))


def _ranking(sums: Sums, margin: Margin) -> _Found:
    positive = sums.cells["positive"] > 0
    _, rank = np.unique(sums.cells["score"], return_inverse=True)
    places, key = np.unique(sums.slices * (rank.max() + 1) + rank, return_inverse=True)
    owner = places // (rank.max() + 1)

    def placed(chosen: np.ndarray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the weight at each score, that below it with half of its own, and the slice's whole."""
        here = np.bincount(key, sums.weights * chosen).astype(np.float64)
        whole = np.bincount(owner, here, sums.n_slices).astype(np.float64)
        before = np.cumsum(whole) - whole
        return here, np.cumsum(here) - here / 2 - before[owner], whole

    (hits, hits_below, all_hits), (_, rest_below, all_rest) = placed(positive), placed(~positive)
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead, behind = rest_below / all_rest[owner], 1 - hits_below / all_hits[owner]
        value = np.bincount(owner, hits * ahead, sums.n_slices) / all_hits
        share = np.where(positive, ahead[key], behind[key]) - value[sums.slices]
        own = np.where(positive, all_hits[sums.slices], all_rest[sums.slices])
        each = [_alike(sums, margin, chosen) for chosen in (positive, ~positive)]
        unbiased = [1 / np.sqrt(1 - 1 / np.maximum(alike, 2)) for alike in each]  # DeLong's variances have n - 1
        psi = share / own * sums.per_slice(sums.weights)[sums.slices]
        psi *= np.where(positive, *(correction[sums.slices] for correction in unbiased))
    variance = _variance(sums, margin, psi, np.zeros(len(psi)), None)
    fewer = np.minimum(sums.per_slice(sums.n * positive), sums.per_slice(sums.n * ~positive))
    value = np.where((all_hits > 0) & (all_rest > 0), value, np.nan)
    return _Found(value, variance, fewer < MIN_CLASS_ROWS, np.minimum(*each))


def _alike(sums: Sums, margin: Margin, chosen: np.ndarray) -> FloatArray:
    """Return how many rows (clusters) of equal weight the chosen ones are worth: what a perfect ranking rests on."""
    one = chosen.astype(np.float64)
    share = sums.per_slice(sums.weights * one) / sums.per_slice(sums.weights)
    return np.asarray(share**2 / _variance(sums, margin, one, np.zeros(len(one)), None))


def row_influences(predictions: Predictions) -> dict[str, tuple[float, FloatArray]]:
    """Return each metric of the scores over all rows with the influence of every row, for paired differences.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> frame = pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "a"], "p": [0.8, 0.4], "q": [0.2, 0.6]})
    >>> value, psi = row_influences(read(frame, scores={"a": "p", "b": "q"}))["brier"]
    >>> round(value, 2), psi.round(2).tolist()
    (0.2, [-0.12, 0.12])
    """
    labels, y = predictions.labels, predictions.label_codes("label")
    known, scored = scored_labels(labels, predictions.table.column_names)
    scores = {i: np.asarray(predictions.floats(f"score.{known[i]}")) for i in scored}
    weights = predictions.floats("weight")
    w = np.ones(len(y)) if weights is None else weights
    found: dict[str, tuple[float, FloatArray]] = {}
    matrix = np.column_stack(list(scores.values())) if scores else np.zeros((len(y), 0))
    if set(range(len(labels))) <= set(scored) and np.abs(matrix.sum(axis=1) - 1).max() <= MAX_OFF:
        found |= _row_means(matrix, y, w, len(labels))
    for index, values in scores.items():
        if index < len(labels):
            found[names.class_metric("roc_auc", labels[index])] = _row_ranks(values, y == index, w)
    return found


def _row_means(matrix: FloatArray, y: np.ndarray, w: FloatArray, n_labels: int) -> dict[str, tuple[float, FloatArray]]:
    own, confidence = matrix[np.arange(len(y)), y], matrix.max(axis=1)
    values: Mapping[str, FloatArray] = {
        "log_loss": -np.log(np.maximum(own, LEAST)),
        "brier": (matrix**2).sum(axis=1) - 2 * own + 1,
        **({"top_2_accuracy": ((matrix > own[:, None]).sum(axis=1) < 2) + 0.0} if n_labels > 2 else {}),
    }
    found = {name: (float(np.average(x, weights=w)), x - np.average(x, weights=w)) for name, x in values.items()}
    gap = (own >= confidence) - confidence
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, w * gap, BINS)
    ece = float(np.abs(gaps).sum() / w.sum())
    return {**found, "ece": (ece, np.sign(gaps)[bins] * gap - ece)}


def _row_ranks(score: FloatArray, positive: np.ndarray, w: FloatArray) -> tuple[float, FloatArray]:
    _, place = np.unique(score, return_inverse=True)
    hits, rest = np.bincount(place, w * positive), np.bincount(place, w * ~positive)
    if not hits.sum() or not rest.sum():
        return float("nan"), np.zeros(len(score))
    ahead = (np.cumsum(rest) - rest / 2) / rest.sum()
    behind = 1 - (np.cumsum(hits) - hits / 2) / hits.sum()
    value = float((hits * ahead).sum() / hits.sum())
    share = np.where(positive, ahead[place], behind[place]) - value
    return value, share / np.where(positive, hits.sum(), rest.sum()) * w.sum()
