"""Agreement against statsmodels and brute force, and the coverage of its intervals."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from mlflow_evalplus.core.agreement import (
    Drawn,
    Votes,
    against_others,
    agreement,
    cohen_kappa,
    pairs_agreeing,
)
from mlflow_evalplus.results import Estimate
from tests.conftest import REAL_DATA
from tests.generated import inputs

VOTES = REAL_DATA / "dynasent"
matrices = st.tuples(st.integers(3, 25), st.integers(2, 5), st.integers(2, 4), st.integers(0, 2**31)).map(
    lambda drawn: np.random.default_rng(drawn[3]).integers(0, drawn[2], drawn[:2])
)


def krippendorff(matrix: np.ndarray) -> float:
    """Alpha from the coincidence matrix, vote by vote."""
    k = int(matrix.max()) + 1
    pairs = np.zeros((k, k))
    for row in matrix:
        votes = row[row >= 0]
        for i, j in combinations(range(len(votes)), 2):
            pairs[votes[i], votes[j]] += 1 / (len(votes) - 1)
            pairs[votes[j], votes[i]] += 1 / (len(votes) - 1)
    n_c = pairs.sum(axis=1)
    n = n_c.sum()
    observed, expected = n - np.trace(pairs), (n**2 - (n_c**2).sum()) / (n - 1)
    return float(1 - observed / expected)


@settings(max_examples=inputs(50), deadline=None)
@given(matrices)
def test_kappas_are_those_of_statsmodels(matrix: np.ndarray) -> None:
    k = int(matrix.max()) + 1
    counts = Votes.of(matrix, k).counts
    if (counts.sum(axis=0) > 0).sum() < 2:
        assert not agreement(counts)["fleiss_kappa"].defined
        return
    found = agreement(counts)["fleiss_kappa"]
    assert found.value == pytest.approx(fleiss_kappa(counts))
    assert found.lower <= found.value <= found.upper
    for code in range(k):
        kappa = agreement(against_others(counts, code))["fleiss_kappa"]
        if kappa.defined:
            share = counts[:, code]
            table = np.column_stack([share, matrix.shape[1] - share])
            assert kappa.value == pytest.approx(fleiss_kappa(table))
    one, other = matrix[:, 0], matrix[:, 1]
    cohen = cohen_kappa(one, other, k)
    if cohen.defined:
        cells = np.bincount(one * k + other, minlength=k * k).reshape(k, k)
        assert cohen.value == pytest.approx(cohens_kappa(cells, return_results=False))


@settings(max_examples=inputs(50), deadline=None)
@given(matrices, st.integers(0, 2**31))
def test_missing_votes_are_left_out(matrix: np.ndarray, seed: int) -> None:
    gaps = np.random.default_rng(seed).random(matrix.shape) < 0.3
    matrix = np.where(gaps, -1, matrix)
    counts = Votes.of(matrix, 4).counts
    rows = [row[row >= 0] for row in matrix if (row >= 0).sum() >= 2]
    found = agreement(counts)
    assert found["percent_agreement"].n == len(rows)
    if not rows:
        assert not found["percent_agreement"].defined
        return
    shares = [np.mean([a == b for a, b in combinations(row, 2)]) for row in rows]
    assert found["percent_agreement"].value == pytest.approx(np.mean(shares))
    assert np.nan_to_num(pairs_agreeing(counts), nan=-1)[counts.sum(axis=1) < 2].tolist() == [-1.0] * (
        len(matrix) - len(rows)
    )
    if len(np.unique(np.concatenate(rows))) > 1:
        assert found["krippendorff_alpha"].value == pytest.approx(krippendorff(matrix))
        shares_of = np.bincount(np.concatenate(rows), minlength=4) / len(np.concatenate(rows))
        chance = (shares_of**2).sum()
        assert found["fleiss_kappa"].value == pytest.approx((np.mean(shares) - chance) / (1 - chance))


def test_full_agreement_has_an_interval_and_one_label_no_kappa() -> None:
    found = agreement(np.array([[2, 0], [0, 2]] * 50))
    assert found["fleiss_kappa"].value == found["fleiss_kappa"].upper == 1
    assert 0.9 < found["fleiss_kappa"].lower < 1
    assert not agreement(np.array([[3, 0]] * 9))["krippendorff_alpha"].defined
    assert not cohen_kappa(np.array([-1, 0]), np.array([0, -1]), 2).defined


def test_intervals_cover_the_truth() -> None:
    """1,000 samples of 150 items: 95 % intervals of κ and α must hold the value of the population 92 to 98 times."""
    rng = np.random.default_rng(3)

    def draw(n: int) -> np.ndarray:
        truth = rng.choice(3, n, p=[0.6, 0.3, 0.1])
        return np.where(rng.random((n, 3)) < 0.2, rng.integers(0, 3, (n, 3)), truth[:, None])

    everyone = draw(400_000)
    whole = agreement(Votes.of(everyone, 3).counts)
    whole["cohen_kappa"] = cohen_kappa(everyone[:, 0], everyone[:, 1], 3)
    held = dict.fromkeys(whole, 0)
    for _ in range(1000):
        sample = draw(150)
        found = agreement(Votes.of(sample, 3).counts)
        found["cohen_kappa"] = cohen_kappa(sample[:, 0], sample[:, 1], 3)
        for name, estimate in found.items():
            held[name] += estimate.lower <= whole[name].value <= estimate.upper
    assert all(920 <= n <= 980 for n in held.values()), held


@settings(max_examples=inputs(30), deadline=None)
@given(matrices, st.integers(0, 2**31))
def test_a_weight_counts_like_so_many_rows(matrix: np.ndarray, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(1, 5, len(matrix))
    drawn, repeated = Drawn(weights=weights / 7), np.repeat(matrix, weights, axis=0)
    found, expected = agreement(Votes.of(matrix, 4).counts, drawn=drawn), agreement(Votes.of(repeated, 4).counts)
    for name in ("percent_agreement", "fleiss_kappa"):
        assert found[name].value == pytest.approx(expected[name].value, nan_ok=True)
        assert found[name].n == len(matrix)
    cohen = cohen_kappa(matrix[:, 0], matrix[:, 1], 4, drawn=drawn)
    assert cohen.value == pytest.approx(cohen_kappa(repeated[:, 0], repeated[:, 1], 4).value, nan_ok=True)


def test_rows_copied_within_their_clusters_tell_no_more() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, 200)
    matrix = np.where(rng.random((200, 3)) < 0.2, rng.integers(0, 3, (200, 3)), truth[:, None])
    clusters = np.repeat(np.arange(200), 20)
    for votes in (matrix, np.repeat(truth[:, None], 3, axis=1)):  # where all agree the interval has its own rule
        once, copies = Votes.of(votes, 3).counts, np.repeat(votes, 20, axis=0)
        found = agreement(Votes.of(copies, 3).counts, drawn=Drawn(clusters=clusters))
        found["cohen_kappa"] = cohen_kappa(copies[:, 0], copies[:, 1], 3, drawn=Drawn(clusters=clusters))
        expected = {**agreement(once), "cohen_kappa": cohen_kappa(votes[:, 0], votes[:, 1], 3)}
        for name, estimate in expected.items():
            assert found[name].lower == pytest.approx(estimate.lower, abs=0.004)
            assert found[name].upper == pytest.approx(estimate.upper, abs=0.004)
    assert agreement(once, drawn=Drawn(clusters=np.arange(200) % 4))["fleiss_kappa"].small_support


@pytest.mark.slow
def test_intervals_of_weighted_and_clustered_rows_cover_the_truth() -> None:
    """1,000 samples of 60 clusters; hard clusters weigh more. 95 % intervals must hold the value 92 to 98 times."""
    rng = np.random.default_rng(5)

    def draw(n: int) -> tuple[np.ndarray, Drawn]:
        hard = rng.random(n) < 0.3
        sizes = rng.integers(1, 8, n)
        clusters, rate = np.repeat(np.arange(n), sizes), np.repeat(np.where(hard, 0.4, 0.1), sizes)
        truth = rng.choice(3, sizes.sum(), p=[0.5, 0.3, 0.2])
        wrong = rng.random((len(truth), 2)) < rate[:, None]
        matrix = np.where(wrong, rng.integers(0, 3, wrong.shape), truth[:, None])
        return matrix, Drawn(np.repeat(np.where(hard, 2.0, 1.0), sizes), clusters)

    def figures(matrix: np.ndarray, drawn: Drawn) -> dict[str, Estimate]:
        found = agreement(Votes.of(matrix, 3).counts, drawn=drawn)
        return {**found, "cohen_kappa": cohen_kappa(matrix[:, 0], matrix[:, 1], 3, drawn=drawn)}

    whole = figures(*draw(100_000))
    held = dict.fromkeys(whole, 0)
    for _ in range(1000):
        for name, estimate in figures(*draw(60)).items():
            held[name] += estimate.lower <= whole[name].value <= estimate.upper
    assert all(920 <= n <= 980 for n in held.values()), held


@pytest.mark.skipif(not VOTES.is_dir(), reason=f"the real data are not at {VOTES}")
def test_the_published_kappas_of_dynasent() -> None:
    votes = pd.read_csv(VOTES / "votes.csv").merge(
        pd.read_csv(VOTES / "examples.csv")[["id", "round", "split"]], on="id"
    )
    published = {(1, "dev"): 0.616, (1, "test"): 0.615, (2, "dev"): 0.681, (2, "test"): 0.667}
    for key, part in votes.groupby(["round", "split"]):
        items, workers, codes = (pd.factorize(part[name])[0] for name in ("id", "annotator", "label"))
        entries = Votes(items, workers, codes, items.max() + 1, workers.max() + 1, 4)
        assert agreement(entries.counts)["fleiss_kappa"].value == pytest.approx(published.pop(key), abs=0.002)
    assert not published
