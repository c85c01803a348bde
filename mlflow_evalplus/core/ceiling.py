"""The accuracy that a perfect model would reach on labels that are themselves wrong in places."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy import stats

from mlflow_evalplus.core.agreement import MIN_ITEMS, Votes, estimate_of, undefined
from mlflow_evalplus.core.anchors import anchor_rows
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.consensus import dawid_skene, majority
from mlflow_evalplus.core.intervals import wilson
from mlflow_evalplus.results import Estimate

FROM_ANNOTATORS = "annotators"
FROM_SCORES = "the model's own probabilities, an estimate"
SURE_ROWS = "of the labels of the rows of which the model is surest; what it is sure of and gets wrong makes it too low"
ANY_ANNOTATOR = "of the labels of one annotator, all taken as equally reliable and as erring independently"
ONE_ANNOTATOR = "of the labels of {}, taken as reliable as the other annotator"
INDEPENDENT = (
    "of labels whose errors, and the annotators', are independent and fall on each other label alike; rows that both "
    "annotators find hard make it too low"
)
ADJUDICATED = "of labels on which both annotators agree, or which an adjudicator settled, who is taken as right"
CONSENSUS = "of labels that follow the annotators wherever they agree; errors by Dawid and Skene's estimate"


def ceiling(
    matrix: IntArray, label: IntArray | None, n_classes: int, names: tuple[str, ...], confidence: float = 0.95
) -> tuple[Estimate | None, str]:
    """Return the share of the labels that is right, and what was assumed of them.

    Parameters
    ----------
    matrix : int array, [items, annotators]
        Codes of the votes, -1 for none; two annotators or more.
    label : int array, [items], optional
        Codes of the label column, none missing. Without it the ceiling is that of one annotator's labels.
    n_classes : int
    names : tuple of str
        Of the annotators.
    confidence : float

    Returns
    -------
    estimate : Estimate or None
        None where it cannot be told: one class only, or annotators who agree no better than by chance.
    note : str

    Notes
    -----
    Errors are taken as independent and symmetric: a wrong label is any of the others alike. Then two columns agree
    with probability p, where ``(k p - 1) / (k - 1) = s_one · s_other`` and ``s = 1 - e k / (k - 1)``; three columns
    give each its own s (Dawid and Skene 1979, doi:10.2307/2346806, with one parameter each). A label column that
    never contradicts annotators who agree was made from their votes, and its errors are not independent of theirs.

    Where some rows are hard for all annotators their errors are not independent: the ceiling of a label column comes
    out too low (0.943 for 0.95 where both err on 4 % of one half and on 20 % of the other), that of one annotator's
    labels too high.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 3, 5000)
    >>> flip = lambda rate: np.where(rng.random(5000) < rate, (truth + rng.integers(1, 3, 5000)) % 3, truth)
    >>> print(ceiling(np.column_stack([flip(0.1), flip(0.1)]), flip(0.05), 3, ("a", "b"))[0])
    0.957 [0.949, 0.963] n=5000
    """
    if n_classes < 2:
        return None, ""
    if label is None:
        return _defined(_of_one(matrix, n_classes, confidence), ANY_ANNOTATOR)
    voted = matrix >= 0
    own = (matrix == label[:, None]).all(axis=0)
    if own.any():  # the label column is one annotator's: the others are the witnesses
        name, matrix = names[int(own.argmax())], np.delete(matrix, own.argmax(), axis=1)
        if matrix.shape[1] == 1:
            found = _of_one(np.column_stack([label, matrix]), n_classes, confidence)
            return _defined(found, ONE_ANNOTATOR.format(name))
    elif _from_votes(Votes.of(matrix, n_classes), label):
        if matrix.shape[1] == 2:
            return _defined(_adjudicated(matrix, n_classes, confidence), ADJUDICATED)
        posterior = dawid_skene(Votes.of(matrix, n_classes)).posterior[np.arange(len(label)), label]
        right = posterior[voted.any(axis=1)]
        return estimate_of(float(right.mean()), right - right.mean(), confidence), CONSENSUS
    return _defined(_of_witnesses(label, matrix, n_classes, confidence), INDEPENDENT)


def _defined(estimate: Estimate, note: str) -> tuple[Estimate | None, str]:
    return (estimate, note) if estimate.defined else (None, "")


def _from_votes(votes: Votes, label: IntArray) -> bool:
    found = majority(votes)
    return bool(found.unanimous.any() and (label == found.code)[found.unanimous].all())


def _signal(one: IntArray, other: IntArray, n_classes: int) -> tuple[float, FloatArray, int]:
    """Return ``s_one · s_other`` of two columns, its influences [rows], and the rows shared; 0 where there are none."""
    both = (one >= 0) & (other >= 0)
    shared = int(both.sum())
    if not shared:
        return 0.0, np.zeros(len(one)), 0
    agree = (one == other) & both
    share = agree.sum() / shared
    psi = (agree - share * both) * (len(one) / shared) * n_classes / (n_classes - 1)
    return float((n_classes * share - 1) / (n_classes - 1)), psi, shared


def _accuracy(squared: float, squared_psi: FloatArray, n_classes: int, confidence: float) -> Estimate:
    """Return the accuracy that belongs to s², ``((k - 1) s + 1) / k``."""
    if not squared > 0:
        return undefined(len(squared_psi))
    s = np.sqrt(squared)
    share = (n_classes - 1) / n_classes
    return estimate_of(min(share * s + 1 / n_classes, 1.0), share * squared_psi / (2 * s), confidence)


def _of_one(matrix: IntArray, n_classes: int, confidence: float) -> Estimate:
    """Return the accuracy of annotators who are all alike, from their pairs, weighted by the rows shared."""
    total, squared, psi = 0, 0.0, np.zeros(len(matrix))
    for one, other in combinations(matrix.T, 2):
        value, value_psi, shared = _signal(one, other, n_classes)
        total += shared
        squared += shared * value
        psi += shared * value_psi
    if not total:
        return undefined(len(matrix))
    return _accuracy(squared / total, psi / total, n_classes, confidence)


def _of_witnesses(label: IntArray, matrix: IntArray, n_classes: int, confidence: float) -> Estimate:
    """Return the label column's accuracy: ``s_l² = Σ s_la s_lb / Σ s_ab`` over the pairs, by the rows they share."""
    with_label = [_signal(label, votes, n_classes) for votes in matrix.T]
    above, below = np.zeros(len(label)), np.zeros(len(label))
    top = bottom = 0.0
    for a, b in combinations(range(matrix.shape[1]), 2):
        between, between_psi, shared = _signal(matrix[:, a], matrix[:, b], n_classes)
        (with_a, psi_a, _), (with_b, psi_b, _) = with_label[a], with_label[b]
        top += shared * with_a * with_b
        bottom += shared * between
        above += shared * (with_a * psi_b + with_b * psi_a)
        below += shared * between_psi
    if top <= 0 or bottom <= 0:
        return undefined(len(label))
    squared = top / bottom
    return _accuracy(squared, squared * (above / top - below / bottom), n_classes, confidence)


def _adjudicated(matrix: IntArray, n_classes: int, confidence: float) -> Estimate:
    """Return 1 - e² / (k - 1): wrong are only the rows where both annotators give the same wrong label."""
    squared, squared_psi, _ = _signal(matrix[:, 0], matrix[:, 1], n_classes)
    if not squared > 0:
        return undefined(len(matrix))
    share = (n_classes - 1) / n_classes
    s = min(float(np.sqrt(squared)), 1.0)
    error = share * (1 - s)
    psi = 2 * error / (n_classes - 1) * share * squared_psi / (2 * s)
    return estimate_of(1 - error**2 / (n_classes - 1), psi, confidence)


def ceiling_of_scores(labels: IntArray, scores: FloatArray, confidence: float = 0.95) -> Estimate | None:
    """Return the share of the labels that is right, as far as a model's probabilities tell.

    One less the error rate of the `anchor_rows`. A model that is sure and wrong makes it too low.

    Parameters
    ----------
    labels : int array, [rows]
    scores : float array, [rows, k]
        Out-of-sample probabilities.
    confidence : float

    Returns
    -------
    Estimate or None
        Its n is the number of anchor rows; None where the model is nowhere sure enough.
    """
    anchors = anchor_rows(labels, scores)
    if not anchors.any():
        return None
    right = scores[anchors].argmax(axis=1) == labels[anchors]
    n = len(right)
    z = float(stats.norm.ppf((1 + confidence) / 2))
    lower, upper = wilson(np.array([right.mean()]), np.array([float(n)]), z)
    return Estimate(float(right.mean()), float(lower[0]), float(upper[0]), n, n < MIN_ITEMS)
