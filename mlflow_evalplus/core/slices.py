"""Every slice's metrics, and whether it is worse than the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.counts import Blocks, Counts, Margin, stacked
from mlflow_evalplus.core.intervals import estimate_all, false_discovery
from mlflow_evalplus.core.metrics import Metric
from mlflow_evalplus.core.score_metrics import score_rows
from mlflow_evalplus.core.scores import ScoredRows
from mlflow_evalplus.results import Estimate, SliceResult, Slices

MIN_GAP = 0.02
MAX_Q = 0.05
MIN_ROWS = 30
MAX_BATCH_CELLS = 1_000_000  # slices times outcomes that are estimated at once
MAX_LABELS = 20  # with more, intersections carry no metrics of single classes: they would be many and rest on few rows
ROUNDING = 1e-12  # a smaller gap is none


def slices(
    counts: Counts,
    metrics: Mapping[str, Metric],
    overall: Estimate,
    confidence: float,
    scored: ScoredRows | None = None,
) -> Slices:
    """Hold every slice of every counted margin against the rest of the examples.

    Metrics of the scores are estimated in the slices of single columns only: intersections have few rows.

    A slice is *weak* where its accuracy is at least 2 points below the rest's with q < 0.05
    (Benjamini–Hochberg over all slices), and a weak parent of an intersection does not already explain it,
    that is, the intersection's upper bound lies below the parent's accuracy.
    """
    batches = _batches(counts)
    found = [row for batch in batches for row in _of(counts, batch, metrics, confidence, scored)]
    q_values = false_discovery(np.array([row.p_value for row in found]))
    judged = [
        replace(row, q_value=float(q), weak=bool(q < MAX_Q and row.gap <= -MIN_GAP))
        for row, q in zip(found, q_values, strict=True)
    ]
    folded = _folded(judged)
    folded.sort(key=lambda row: (not row.weak, row.gap if row.gap == row.gap else np.inf, row.name))
    return Slices(tuple(folded), overall)


def _batches(counts: Counts) -> list[list[tuple[str, ...]]]:
    """Return the margins in groups that are small enough to be estimated at once, crossings apart from the others."""
    batches: list[list[tuple[str, ...]]] = []
    size = MAX_BATCH_CELLS
    for columns, margin in counts.margins.items():
        alike = bool(batches) and (len(batches[-1][0]) > 1) == (len(columns) > 1)
        if columns and alike and size + margin.rows.size <= MAX_BATCH_CELLS:
            batches[-1].append(columns)
            size += margin.rows.size
        elif columns:
            batches.append([columns])
            size = margin.rows.size
    return batches


def _of(
    counts: Counts,
    batch: Sequence[tuple[str, ...]],
    metrics: Mapping[str, Metric],
    confidence: float,
    scored: ScoredRows | None,
) -> list[SliceResult]:
    margin = stacked([counts.margins[columns] for columns in batch])
    gaps, p_values = gap_tests(counts, margin)
    if len(batch[0]) > 1 and len(counts.labels) > MAX_LABELS:
        metrics = {name: metric for name, metric in metrics.items() if metric.needs in ((), None)}
    estimates = estimate_all(metrics, counts, margin, confidence)
    if scored and len(batch[0]) == 1:
        of_scores = [row for columns in batch for row in score_rows(scored, counts.margins[columns], confidence)]
        estimates = [{**row, **more} for row, more in zip(estimates, of_scores, strict=True)]
    owners = [columns for columns in batch for _ in counts.margins[columns].values]
    rows = margin.rows.sum(axis=1).astype(np.int64)
    return [
        SliceResult(columns, values, n, found, gap, p_value, math.nan, weak=False, small_support=n < MIN_ROWS)
        for columns, values, n, found, gap, p_value in zip(
            owners, margin.values, rows.tolist(), estimates, gaps.tolist(), p_values.tolist(), strict=True
        )
    ]


def _folded(rows: list[SliceResult]) -> list[SliceResult]:
    weak = {(row.columns, row.values): row for row in rows if row.weak}

    def explained(row: SliceResult) -> bool:
        places = range(len(row.columns))
        subsets = (s for depth in range(1, len(row.columns)) for s in combinations(places, depth))
        parents = ((tuple(row.columns[i] for i in s), tuple(row.values[i] for i in s)) for s in subsets)
        upper = row.metrics["accuracy"].upper
        return any(weak[p].metrics["accuracy"].value <= upper for p in parents if p in weak)

    return [replace(row, weak=row.weak and not explained(row)) for row in rows]


def gap_tests(counts: Counts, margin: Margin) -> tuple[FloatArray, FloatArray]:
    """Return each slice's accuracy less the rest's, and the two-sided p-value of that gap.

    Pooled score test; Fisher's exact test where slice or rest has fewer than 30 unweighted, unclustered
    rows; cluster-robust, with t on G - 1 degrees of freedom, where rows are clustered. nan without a rest.
    """
    right = np.eye(len(counts.labels), len(counts.predictions)).ravel()
    all_weights = counts.overall.weights.sum()
    weights = margin.weights.sum(axis=1)
    rest = all_weights - weights
    hits, all_hits = margin.weights @ right, float(counts.overall.weights[0] @ right)
    alone = rest < 1e-9 * all_weights
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = np.where(alone, np.nan, hits / weights - (all_hits - hits) / rest)
        pooled = all_hits / all_weights
        if margin.blocks is None:
            squares, all_squares = margin.squares.sum(axis=1), counts.overall.squares.sum()
            spread = pooled * (1 - pooled) * (squares / weights**2 + (all_squares - squares) / rest**2)
            p_values = 2 * stats.norm.sf(np.abs(gaps) / np.sqrt(spread))
        else:
            spread, clusters = clustered_spread(counts.overall, margin, right - pooled, weights, rest)
            p_values = 2 * stats.t.sf(np.abs(gaps) / np.sqrt(spread), np.maximum(clusters - 1, 1))
    p_values = np.where(np.isnan(gaps), np.nan, np.where(np.abs(gaps) < ROUNDING, 1.0, p_values))
    if margin.blocks is None and np.array_equal(margin.rows, margin.weights):
        _exact_where_small(p_values, weights, hits, rest, all_hits - hits)
    return gaps, p_values


def clustered_spread(
    overall: Margin, margin: Margin, psi: FloatArray, weights: FloatArray, rest: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the variance of each slice's gap where a cluster may lie in both the slice and the rest.

    A cluster's influence on the gap is ``u / W_slice - (R - u) / W_rest``, with u its residuals' sum in the
    slice and R that over all its rows.
    """
    blocks, all_blocks = _blocks(margin), _blocks(overall)
    inside = blocks.totals(np.broadcast_to(psi, margin.rows.shape))
    everywhere = np.zeros(int(all_blocks.clusters.max()) + 1)
    everywhere[all_blocks.clusters] = all_blocks.totals(psi[None])
    total = everywhere[blocks.clusters]
    here, there = weights[blocks.slices], rest[blocks.slices]
    touching = (inside / here - (total - inside) / there) ** 2 - (total / there) ** 2
    n = len(margin.values)
    clusters = np.bincount(blocks.slices, minlength=n)
    spread = np.bincount(blocks.slices, touching, n) + (everywhere**2).sum() / rest**2
    return spread * clusters / np.maximum(clusters - 1, 1), clusters.astype(np.float64)


def _blocks(margin: Margin) -> Blocks:
    assert margin.blocks is not None
    return margin.blocks


def _exact_where_small(
    p_values: FloatArray, n: FloatArray, hits: FloatArray, rest: FloatArray, rest_hits: FloatArray
) -> None:
    for i in np.flatnonzero((np.minimum(n, rest) < MIN_ROWS) & (rest > 0)):
        table = [[hits[i], n[i] - hits[i]], [rest_hits[i], rest[i] - rest_hits[i]]]
        p_values[i] = stats.fisher_exact(np.array(table, dtype=np.int64)).pvalue
