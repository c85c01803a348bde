"""Majority vote by counting by hand, and Dawid and Skene by a plain loop over votes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.agreement import Votes
from mlflow_evalplus.core.consensus import LEAST, dawid_skene, majority
from tests.conftest import REAL_DATA
from tests.generated import inputs

CROWD = REAL_DATA / "crowd"


def crowd(name: str) -> tuple[Votes, np.ndarray]:
    rows = pd.read_csv(CROWD / name, header=None).iloc[:, :4]
    rows.columns = pd.Index(["worker", "item", "vote", "gold"])
    (workers, _), (items, _) = pd.factorize(rows["worker"]), pd.factorize(rows["item"])
    codes = rows["vote"].to_numpy(np.int64)
    gold = rows.groupby(items)["gold"].first().to_numpy()
    return Votes(items, workers, codes, items.max() + 1, workers.max() + 1, int(max(codes.max(), gold.max())) + 1), gold


def slow_dawid_skene(matrix: np.ndarray, k: int, iterations: int) -> np.ndarray:
    n, m = matrix.shape
    posterior = np.array(
        [[np.mean(row[row >= 0] == c) if (row >= 0).any() else 1 / k for c in range(k)] for row in matrix]
    )
    voted = (matrix >= 0).any(axis=1)
    for _ in range(iterations):
        prior = np.maximum(posterior[voted].mean(axis=0), LEAST)
        errors = np.full((m, k, k), 0.0)
        for i in range(n):
            for w in range(m):
                if matrix[i, w] >= 0:
                    errors[w, matrix[i, w]] += posterior[i]
        used = np.array([[(matrix[:, w] == c).any() for c in range(k)] for w in range(m)])
        errors = np.maximum(errors, LEAST) * used[:, :, None]
        errors /= np.maximum(errors.sum(axis=1, keepdims=True), LEAST)
        for i in range(n):
            likelihood = prior.copy()
            for w in range(m):
                if matrix[i, w] >= 0:
                    likelihood = likelihood * errors[w, matrix[i, w]]
            posterior[i] = likelihood / likelihood.sum()
    return posterior


@settings(max_examples=inputs(40), deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 5), st.integers(2, 4))
def test_majority_is_that_of_a_count_by_hand(seed: int, n: int, m: int, k: int) -> None:
    matrix = np.random.default_rng(seed).integers(-1, k, (n, m))
    found = majority(Votes.of(matrix, k))
    for i, row in enumerate(matrix):
        counted = Counter(row[row >= 0].tolist())
        best = [code for code, times in counted.items() if times == max(counted.values())]
        assert found.leading[i] == (best[0] if best else -1)  # Counter keeps the order of the votes
        assert found.code[i] == (best[0] if len(best) == 1 else -1)
        assert found.tied[i] == (len(best) > 1)
        total = sum(counted.values())
        assert found.unanimous[i] == (total >= 2 and len(counted) == 1)
        assert found.absolute[i] == (total >= 2 and max(counted.values()) > total / 2)


@settings(max_examples=inputs(25), deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 3), st.integers(1, 4))
def test_dawid_skene_is_that_of_a_plain_loop(seed: int, k: int, iterations: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, 25)
    matrix = np.where(rng.random((25, 4)) < 0.25, rng.integers(-1, k, (25, 4)), truth[:, None])
    found = dawid_skene(Votes.of(matrix, k), max_iterations=iterations, tolerance=-np.inf)
    assert found.n_iterations == iterations
    np.testing.assert_allclose(found.posterior, slow_dawid_skene(matrix, k, iterations), atol=1e-7)


def test_dawid_skene_finds_who_is_reliable() -> None:
    """Three of five annotators are wrong half the time: the majority follows them, the estimate does not."""
    rng = np.random.default_rng(1)
    truth, wrong = rng.integers(0, 3, 4000), np.array([0.02, 0.1, 0.5, 0.5, 0.5])
    matrix = np.where(
        rng.random((4000, 5)) < wrong, (truth[:, None] + rng.integers(1, 3, (4000, 5))) % 3, truth[:, None]
    )
    votes = Votes.of(matrix, 3)
    found = dawid_skene(votes)
    diagonals = np.einsum("wkk,k->w", found.confusion, found.prior)
    np.testing.assert_allclose(diagonals, 1 - wrong, atol=0.03)
    assert (found.posterior.argmax(axis=1) == truth).mean() > (majority(votes).leading == truth).mean() + 0.02
    np.testing.assert_allclose(found.posterior.sum(axis=1), 1)


@pytest.mark.skipif(not CROWD.is_dir(), reason=f"the real data are not at {CROWD}")
@pytest.mark.parametrize(("name", "published"), [("CF_amt.csv", 0.857), ("SP.csv", 0.885)])
def test_majority_of_the_crowd_has_the_published_accuracy(name: str, published: float) -> None:
    """By the rule that of tied labels the one voted for first is taken."""
    votes, gold = crowd(name)
    found = majority(votes)
    assert round(float((found.leading == gold).mean()), 3) == published
    assert found.tied.any()
    assert (found.code[found.tied] == -1).all()
