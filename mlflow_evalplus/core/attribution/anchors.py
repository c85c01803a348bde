"""How many labels are wrong, by the rows of which a model is surest: anchor points."""

from __future__ import annotations

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray

SHARES = (1 / 3, 1 / 10, 1 / 30)  # of the rows of each prediction
MIN_ROWS = 30
MIN_CONFIDENCE = 0.9  # their mean: a model that is less sure even there cannot judge labels
MAX_P = 0.05


def anchor_rows(labels: IntArray, scores: FloatArray) -> np.ndarray:
    """Return the rows in which what disagrees with the model is the label, as a rule.

    Where labels are wrong at random, the error rate stops falling as the model gets surer; what is left is the share
    of wrong labels. So these are the third, tenth or thirtieth of each prediction's rows of which the model is surest,
    the largest share within which those still surer are not answered better.

    Parameters
    ----------
    labels : int array, [rows]
        Codes 0 … k - 1.
    scores : float array, [rows, k]
        Probabilities of a model that has not seen these rows.

    Returns
    -------
    bool array, [rows]
        None where the model is nowhere surer than 0.9 on average, or where it would be fewer than 30 rows: so too where
        all probabilities are 0 or 1, which tell no surer row from others.

    Notes
    -----
    Liu and Tao (2016), doi:10.1109/TPAMI.2015.2456899. Their error rate bounds that of the labels from above, as far as
    labels are wrong wherever texts are alike: it holds the model's own sure mistakes too, but not the labels that are
    wrong more often where texts are hard.

    Examples
    --------
    >>> scores = np.column_stack([np.linspace(0.5, 1, 600), np.linspace(0.5, 0, 600)])
    >>> anchors = anchor_rows((np.arange(600) % 20 == 0).astype(int), scores)
    >>> int(anchors.sum()), bool(anchors[-200:].all())
    (200, True)
    """
    best, sure, wrong = scores.argmax(axis=1), scores.max(axis=1), scores.argmax(axis=1) != labels
    chosen = np.zeros(len(labels), dtype=np.bool_)
    for share in SHARES:
        rows = _surest(best, sure, share)
        if rows.sum() < MIN_ROWS:
            break
        if sure[rows].mean() < MIN_CONFIDENCE:
            continue
        if chosen.any() and not _better(wrong[rows], wrong[chosen & ~rows]):
            break
        chosen = rows
    return chosen


def _surest(best: IntArray, sure: FloatArray, share: float) -> np.ndarray:
    """Return the rows of each prediction that are surer than all others of it; where the cut is a tie, those above."""
    chosen = np.zeros(len(best), dtype=np.bool_)
    for code in np.unique(best):
        own = np.flatnonzero(best == code)
        ordered = np.sort(sure[own])[::-1]
        n = round(len(own) * share)
        if n:
            tied = n < len(own) and ordered[n] == ordered[n - 1]
            chosen[own] = sure[own] > ordered[n] if tied else sure[own] >= ordered[n - 1]
    return chosen


def _better(wrong: np.ndarray, others: np.ndarray) -> bool:
    """Say whether the first rows are surely answered better than the others."""
    table = [[wrong.sum(), len(wrong) - wrong.sum()], [others.sum(), len(others) - others.sum()]]
    return bool(stats.fisher_exact(np.array(table), alternative="less").pvalue < MAX_P)
