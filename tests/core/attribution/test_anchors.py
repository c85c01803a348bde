"""Anchor rows against simulated labels whose error rate is known."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_evalplus.core.attribution.anchors import MIN_CONFIDENCE, MIN_ROWS, anchor_rows

K = 3


def simulated(n: int, noise: float, skill: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, some of them wrong at random, and calibrated probabilities of the true ones."""
    logits = skill * rng.normal(size=(n, K))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random(n)[:, None] > scores.cumsum(axis=1)).sum(axis=1)
    flipped = (truth + rng.integers(1, K, n)) % K
    return np.where(rng.random(n) < noise, flipped, truth), scores


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("skill", [4.0, 8.0])
def test_their_error_rate_is_that_of_the_labels(noise: float, skill: float) -> None:
    """A few sure mistakes of the model's own are in it, so it may be a little higher, on average over 20 data sets."""
    rng, rates = np.random.default_rng(int(100 * noise + skill)), []
    for _ in range(20):
        labels, scores = simulated(4000, noise, skill, rng)
        anchors = anchor_rows(labels, scores)
        rates.append((scores[anchors].argmax(axis=1) != labels[anchors]).mean())
    assert noise - 0.005 < np.mean(rates) < noise + 0.015


def test_where_the_error_rate_still_falls_the_surest_rows_are_taken() -> None:
    labels, scores = simulated(6000, 0.0, 8.0, np.random.default_rng(0))
    over = np.exp(3 * np.log(scores))  # overconfident, so that the third of which it is surest has mistakes of its own
    anchors = anchor_rows(labels, over / over.sum(axis=1, keepdims=True))
    right, noisy = (anchor_rows(*simulated(6000, noise, 8.0, np.random.default_rng(0))) for noise in (0.0, 0.2))
    assert anchors.sum() <= right.sum()
    assert noisy.sum() == 2000


def test_a_model_that_is_nowhere_sure_has_none_and_few_rows_have_none() -> None:
    rng = np.random.default_rng(1)
    labels, scores = simulated(3000, 0.0, 0.5, rng)
    assert np.sort(scores.max(axis=1))[-100:].mean() < MIN_CONFIDENCE
    assert not anchor_rows(labels, scores).any()
    labels, scores = simulated(3 * MIN_ROWS - 6, 0.0, 8.0, rng)
    assert not anchor_rows(labels, scores).any()


def test_each_prediction_has_its_share() -> None:
    rng = np.random.default_rng(2)
    labels, scores = simulated(3000, 0.1, 8.0, rng)
    scores[:, 0] += 1e-9
    anchors, best = anchor_rows(labels, scores), scores.argmax(axis=1)
    for code in range(K):
        own = best == code
        assert anchors[own].mean() == pytest.approx(1 / 3, abs=1e-3)
        assert scores[anchors & own, code].min() >= scores[~anchors & own, code].max()
