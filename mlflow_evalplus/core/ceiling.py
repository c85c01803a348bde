"""The accuracy that a perfect model would reach on labels that are themselves wrong in places."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mlflow_evalplus.core.agreement import ALIKE, Drawn, Votes, estimate_of, undefined
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.consensus import dawid_skene, majority
from mlflow_evalplus.core.intervals import ROUNDING
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
CONSENSUS = "of labels that follow the annotators' majority; errors by Dawid and Skene's estimate"
MAX_P = 0.05
STEP = 1e-4  # of a numerical derivative


def ceiling(
    matrix: IntArray, label: IntArray | None, n_classes: int, names: tuple[str, ...], confidence: float = 0.95,
    drawn: Drawn = ALIKE,
) -> tuple[Estimate | None, str]:  # fmt: skip
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
    drawn : Drawn
        Weights and clusters of the items.

    Returns
    -------
    estimate : Estimate or None
        Its n is the number of items with a vote beside the label, without labels with two. None where it cannot be
        told: one class only, or annotators who agree no better than by chance.
    note : str

    Notes
    -----
    Errors are taken as independent and symmetric: a wrong label is any of the others alike. Then two columns agree
    with probability p, where ``(k p - 1) / (k - 1) = s_one · s_other`` and ``s = 1 - e k / (k - 1)``; three columns
    give each its own s (Dawid and Skene 1979, doi:10.2307/2346806, with one parameter each).

    The errors of a label column that was made from the votes are not independent of theirs. It is taken for one where
    it is what more than half of the annotators voted for on every item that has such a majority, and chance cannot
    explain that: were the label made without the votes, and always right, then the majority would have to be right on
    all these items. Where the probability of that is below 0.05 (all annotators taken as equally reliable), the
    label's errors are those of the votes: with two annotators wherever both err alike, with more by Dawid and Skene's
    posterior.

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
    items = (matrix >= 0).sum(axis=1) >= (2 if label is None else 1)
    matrix, drawn = matrix[items], drawn.of(items)
    if label is None:
        return _defined(_of_one(matrix, n_classes, confidence, drawn), ANY_ANNOTATOR)
    label = label[items]
    own = (matrix == label[:, None]).all(axis=0)
    if own.any():  # the label column is one annotator's: the others are the witnesses
        name, matrix = names[int(own.argmax())], np.delete(matrix, own.argmax(), axis=1)
        if matrix.shape[1] == 1:
            found = ceiling(np.column_stack([label, matrix]), None, n_classes, names, confidence, drawn)[0]
            return (found, ONE_ANNOTATOR.format(name)) if found else (None, "")
    elif _from_votes(matrix, label, n_classes, drawn):
        if matrix.shape[1] == 2:
            return _defined(_adjudicated(matrix, n_classes, confidence, drawn), ADJUDICATED)
        return _of_consensus(matrix, label, n_classes, confidence, drawn), CONSENSUS
    return _defined(_of_witnesses(label, matrix, n_classes, confidence, drawn), INDEPENDENT)


def _defined(estimate: Estimate, note: str) -> tuple[Estimate | None, str]:
    return (estimate, note) if estimate.defined else (None, "")


def _from_votes(matrix: IntArray, label: IntArray, n_classes: int, drawn: Drawn) -> bool:
    """Say whether the label follows the majority on so many items that it must have been made from the votes."""
    votes = Votes.of(matrix, n_classes)
    found = majority(votes)
    if (label != found.code)[found.absolute].any():
        return False
    squared, _ = _between(matrix, n_classes, drawn)
    right = _posterior(votes.counts, squared)[found.absolute, label[found.absolute]]
    alike = drawn.effective(len(label)) / max(len(label), 1)  # copies within a cluster prove nothing more
    return bool(alike * np.log(right).sum() < np.log(MAX_P))


def _posterior(counts: FloatArray, squared: float) -> FloatArray:
    """Return the probability of each label, [items, classes], by annotators who are all alike, with the same s²."""
    k = counts.shape[1]
    error = np.clip((1 - np.sqrt(max(squared, 0.0))) * (k - 1) / k, ROUNDING, (k - 1) / k)
    odds = np.log((1 - error) * (k - 1) / error) * counts
    likelihood = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True))


def _signal(one: IntArray, other: IntArray, n_classes: int, weights: FloatArray) -> tuple[float, FloatArray, float]:
    """Return ``s_one · s_other`` of two columns, its influences [rows], and the weight shared; 0 where there is none.

    The weights are of mean 1.
    """
    both = (one >= 0) & (other >= 0)
    shared = float(weights @ both)
    if not shared:
        return 0.0, np.zeros(len(one)), 0.0
    agree = (one == other) & both
    share = float(weights @ agree) / shared
    psi = (agree - share * both) * (len(one) / shared) * n_classes / (n_classes - 1)
    return (n_classes * share - 1) / (n_classes - 1), psi, shared


def _between(matrix: IntArray, n_classes: int, drawn: Drawn) -> tuple[float, FloatArray]:
    """Return s² of annotators who are all alike, from their pairs, weighted by the rows shared, and its influences."""
    total, squared, psi = 0.0, 0.0, np.zeros(len(matrix))
    for one, other in combinations(matrix.T, 2):
        value, value_psi, shared = _signal(one, other, n_classes, drawn.scaled(len(matrix)))
        total += shared
        squared += shared * value
        psi += shared * value_psi
    return (squared / total, psi / total) if total else (0.0, psi)


def _accuracy(squared: float, squared_psi: FloatArray, n_classes: int, confidence: float, drawn: Drawn) -> Estimate:
    """Return the accuracy that belongs to s², ``((k - 1) s + 1) / k``."""
    if not squared > 0:
        return undefined(len(squared_psi))
    s = np.sqrt(squared)
    share = (n_classes - 1) / n_classes
    value = min(share * s + 1 / n_classes, 1.0)
    return estimate_of(value, share * squared_psi / (2 * s), confidence, drawn=drawn)


def _of_one(matrix: IntArray, n_classes: int, confidence: float, drawn: Drawn) -> Estimate:
    """Return the accuracy of annotators who are all alike."""
    return _accuracy(*_between(matrix, n_classes, drawn), n_classes, confidence, drawn)


def _of_witnesses(label: IntArray, matrix: IntArray, n_classes: int, confidence: float, drawn: Drawn) -> Estimate:
    """Return the label column's accuracy: ``s_l² = Σ s_la s_lb / Σ s_ab`` over the pairs, by the rows they share."""
    weights = drawn.scaled(len(label))
    with_label = [_signal(label, votes, n_classes, weights) for votes in matrix.T]
    above, below = np.zeros(len(label)), np.zeros(len(label))
    top = bottom = 0.0
    for a, b in combinations(range(matrix.shape[1]), 2):
        between, between_psi, shared = _signal(matrix[:, a], matrix[:, b], n_classes, weights)
        (with_a, psi_a, _), (with_b, psi_b, _) = with_label[a], with_label[b]
        top += shared * with_a * with_b
        bottom += shared * between
        above += shared * (with_a * psi_b + with_b * psi_a)
        below += shared * between_psi
    if top <= 0 or bottom <= 0:
        return undefined(len(label))
    squared = top / bottom
    return _accuracy(squared, squared * (above / top - below / bottom), n_classes, confidence, drawn)


def _of_consensus(matrix: IntArray, label: IntArray, n_classes: int, confidence: float, drawn: Drawn) -> Estimate:
    """Return the labels' mean probability; how well the annotators' errors are known is told by equal annotators."""
    votes, rows = Votes.of(matrix, n_classes), np.arange(len(label))
    right = dawid_skene(votes).posterior[rows, label]
    squared, squared_psi = _between(matrix, n_classes, drawn)
    near = [drawn.mean(_posterior(votes.counts, squared + step)[rows, label]) for step in (-STEP, STEP)]
    value = drawn.mean(right)
    psi = right - value + (near[1] - near[0]) / (2 * STEP) * squared_psi
    return estimate_of(value, psi, confidence, drawn=drawn)


def _adjudicated(matrix: IntArray, n_classes: int, confidence: float, drawn: Drawn) -> Estimate:
    """Return 1 - e² / (k - 1): wrong are only the rows where both annotators give the same wrong label."""
    squared, squared_psi = _between(matrix, n_classes, drawn)
    if not squared > 0:
        return undefined(len(matrix))
    share = (n_classes - 1) / n_classes
    s = min(float(np.sqrt(squared)), 1.0)
    error = share * (1 - s)
    psi = 2 * error / (n_classes - 1) * share * squared_psi / (2 * s)
    return estimate_of(1 - error**2 / (n_classes - 1), psi, confidence, drawn=drawn)
