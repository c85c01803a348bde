"""What annotators hold together: the majority, and Dawid and Skene's estimate of the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from mlflow_evalplus.core.agreement import Votes, pairs_agreeing
from mlflow_evalplus.core.columns import FloatArray, IntArray

LEAST = 1e-10  # the probability of a vote that an annotator gave, but for another truth


@dataclass(frozen=True)
class Majority:
    """The most frequent vote of each item; every array is [items].

    Attributes
    ----------
    code : int array
        -1 where labels tie, or there is no vote.
    leading : int array
        The same, but of tied labels the one that was voted for first; -1 without votes.
    tied, unanimous, absolute : bool array
        Several labels have the most votes; two votes or more, all alike; one label has more than half of two votes or
        more.
    """

    code: IntArray
    leading: IntArray
    tied: np.ndarray
    unanimous: np.ndarray
    absolute: np.ndarray


def majority(votes: Votes) -> Majority:
    """Return the majority vote of each item; a tie stays one, and `leading` says who came first in it.

    Examples
    --------
    >>> found = majority(Votes.of(np.array([[0, 0, 1], [2, 1, -1], [1, 1, 1]]), n_classes=3))
    >>> found.code.tolist(), found.leading.tolist(), found.unanimous.tolist()
    ([0, -1, 1], [0, 2, 1], [False, False, True])
    """
    counts = votes.counts
    most, total = counts.max(axis=1), counts.sum(axis=1)
    tied = ((counts == most[:, None]).sum(axis=1) > 1) & (total > 0)
    leads = np.flatnonzero(counts[votes.items, votes.codes] == most[votes.items])
    items, first = np.unique(votes.items[leads], return_index=True)
    leading = np.full(votes.n_items, -1, dtype=np.int64)
    leading[items] = votes.codes[leads][first]
    several = total >= 2
    return Majority(
        np.where(tied, -1, leading), leading, tied, several & (most == total), several & (most > total / 2)
    )  # fmt: skip


def to_adjudicate(votes: Votes, label: IntArray | None = None) -> IntArray:
    """Return the items that need another look, the most disputed first.

    They have two votes or more, and no label has more than half of them, or another label than `label` has. Disputed is
    an item by its pairs of votes that disagree, or its votes against the label, whichever share is greater; of equally
    disputed ones that with more votes comes first.

    Examples
    --------
    >>> votes = Votes.of(np.array([[0, 0, 0], [0, 1, -1], [1, 1, 0], [1, 1, 1]]), n_classes=2)
    >>> to_adjudicate(votes).tolist(), to_adjudicate(votes, np.array([0, 0, 0, 0])).tolist()
    ([1], [3, 1, 2])
    """
    found, counts = majority(votes), votes.counts
    total = counts.sum(axis=1)
    dispute = np.nan_to_num(1 - pairs_agreeing(counts))
    open_items = (total >= 2) & ~found.absolute
    if label is not None:
        against = 1 - counts[np.arange(len(label)), label] / np.maximum(total, 1)
        contradicted = found.absolute & (found.code != label)
        dispute = np.where(contradicted, np.maximum(dispute, against), dispute)
        open_items |= contradicted
    items = np.flatnonzero(open_items)
    return np.asarray(items[np.lexsort((-total[items], -dispute[items]))])


@dataclass(frozen=True)
class DawidSkene:
    """The estimated truth, and how each annotator misses it.

    Attributes
    ----------
    posterior : float array, [items, classes]
        Probability of each label being the true one.
    prior : float array, [classes]
    confusion : float array, [annotators, votes, truths]
        Probability of a vote given the truth.
    n_iterations : int
    """

    posterior: FloatArray
    prior: FloatArray
    confusion: FloatArray
    n_iterations: int


def dawid_skene(votes: Votes, *, max_iterations: int = 100, tolerance: float = 1e-5) -> DawidSkene:
    """Estimate true labels and a confusion matrix of each annotator from their votes, by EM.

    Starts from the shares of the votes, and stops where the log-likelihood per vote grows by less than `tolerance`.
    With two annotators the matrices are not identified: use three or more. Items without votes get the prior.

    Notes
    -----
    Dawid and Skene (1979), doi:10.2307/2346806.

    Examples
    --------
    >>> found = dawid_skene(Votes.of(np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0]]), n_classes=2))
    >>> found.posterior.argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """
    k, n_votes = votes.n_classes, len(votes.items)
    shape = (votes.n_items, votes.n_workers * k)
    given = sparse.csr_array((np.ones(n_votes), (votes.items, votes.workers * k + votes.codes)), shape=shape)
    by_worker = given.T.tocsr()
    used = (by_worker.sum(axis=1) > 0).reshape(-1, k, 1)  # a label that an annotator never uses has no share
    total = votes.counts.sum(axis=1, keepdims=True)
    voted = np.ravel(total > 0)
    posterior = np.divide(votes.counts, total, out=np.full_like(votes.counts, 1 / k), where=total > 0)
    before = -np.inf
    iteration = 0
    while True:
        prior = np.maximum(posterior[voted].mean(axis=0), LEAST)
        confusion = np.maximum((by_worker @ posterior).reshape(-1, k, k), LEAST) * used
        confusion /= np.maximum(confusion.sum(axis=1, keepdims=True), LEAST)
        if iteration == max_iterations:
            break
        joint = given @ np.log(np.maximum(confusion, LEAST)).reshape(-1, k) + np.log(prior)
        highest = joint.max(axis=1, keepdims=True)
        posterior = np.exp(joint - highest)
        evidence = posterior.sum(axis=1, keepdims=True)
        posterior /= evidence
        iteration += 1
        likelihood = float((highest + np.log(evidence))[voted].sum()) / max(n_votes, 1)
        if likelihood - before < tolerance:
            max_iterations = iteration
        before = likelihood
    return DawidSkene(posterior, prior, confusion, iteration)
