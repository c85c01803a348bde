"""The wrapper around cleanlab: whatever the labels, no warning, no output, one shape; and it may be missing."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core import confident_learning
from mlflow_evalplus.core.confident_learning import flagged
from tests.generated import inputs


@settings(max_examples=inputs(150), deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 300), st.integers(2, 5), st.sampled_from(["free", "tied", "certain"]))
def test_any_labels_and_scores_are_judged(seed: int, n: int, k: int, kind: str) -> None:
    """Few rows over several labels, so that some have one row or none; ties and certainties; sums off by rounding."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(rng.permutation(k)[: rng.integers(1, k + 1)], n)
    scores = rng.dirichlet(np.ones(k), n).astype(np.float32).astype(np.float64)
    if kind != "free":
        scores = np.full((n, k), 1 / k) if kind == "tied" else np.eye(k)[rng.integers(0, k, n)]
    found = flagged(labels, scores)
    rows = np.bincount(labels, minlength=k)
    assert found.shape == (n,)
    assert found.dtype == np.bool_
    every = np.arange(n)
    assert not found[scores[every, labels] == scores.max(axis=1)].any()
    assert not found[rows[labels] == 1].any()


def test_flipped_labels_are_found_in_well_under_a_second_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    n, k = 100_000, 3
    truth, wrong = rng.integers(0, k, n), rng.random(n) < 0.05
    logits = rng.normal(size=(n, k)) + 6 * np.eye(k)[truth]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.where(wrong, (truth + 1) % k, truth)
    start = perf_counter()
    found = flagged(labels, scores)
    assert perf_counter() - start < 1
    assert (found & wrong).sum() / wrong.sum() > 0.95
    assert (found & wrong).sum() / found.sum() > 0.95
    assert capfd.readouterr() == ("", "")


def test_it_is_said_whether_cleanlab_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert confident_learning.available()
    monkeypatch.setattr(confident_learning, "find_spec", lambda name: None)
    assert not confident_learning.available()


@pytest.mark.slow
def test_cleanlab_is_imported_only_when_it_is_asked() -> None:
    code = (
        "import sys, mlflow_evalplus.core.labels as module; print('cleanlab' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
