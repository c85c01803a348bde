"""The ceiling against simulated labels whose error rate is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlflow_evalplus.core import ceiling as module
from mlflow_evalplus.core.agreement import Drawn, Votes
from mlflow_evalplus.core.ceiling import ceiling
from mlflow_evalplus.core.consensus import majority

N = 5000


def flipped(truth: np.ndarray, rate: float, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the truth with exactly this share of its rows given another label."""
    wrong = rng.permutation(len(truth)) < round(rate * len(truth))
    return np.where(wrong, (truth + rng.integers(1, k, len(truth))) % k, truth)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("rates", [(0.03, 0.03), (0.05, 0.1), (0.1, 0.1)])
def test_5_percent_flipped_labels_lower_the_ceiling_to_95_percent(k: int, rates: tuple[float, float]) -> None:
    rng = np.random.default_rng(k)
    truth = rng.choice(k, N, p=np.arange(k, 0, -1) / np.arange(k + 1).sum())
    annotators = np.column_stack([flipped(truth, rate, k, rng) for rate in rates])
    found, note = ceiling(annotators, flipped(truth, 0.05, k, rng), k, ("a", "b"))
    assert found is not None
    assert found.value == pytest.approx(0.95, abs=0.01)
    assert found.lower < 0.95 < found.upper
    assert found.upper - found.lower < 0.03
    assert note == module.INDEPENDENT


def test_a_model_trained_on_flipped_labels_does_not_beat_the_ceiling() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, N)
    inputs = np.eye(3)[truth] * 6 + rng.normal(size=(N, 3))
    label = flipped(truth, 0.05, 3, rng)
    annotators = np.column_stack([flipped(truth, 0.06, 3, rng) for _ in range(2)])
    model = LogisticRegression().fit(inputs[: N // 2], label[: N // 2])
    assert model.score(inputs[: N // 2], truth[: N // 2]) > 0.99
    test = slice(N // 2, None)
    found, _ = ceiling(annotators[test], label[test], 3, ("a", "b"))
    assert found is not None
    assert model.score(inputs[test], label[test]) <= found.upper


def test_intervals_cover_the_error_rate() -> None:
    """600 samples of 400 rows with missing votes: 95 % intervals must hold the true rate 92 times in 100 or more."""
    rng = np.random.default_rng(11)
    held = {"witnesses": 0, "one": 0}
    for _ in range(600):
        truth = rng.integers(0, 3, 400)
        noisy = np.where(
            rng.random((400, 3)) < 0.1, (truth[:, None] + rng.integers(1, 3, (400, 3))) % 3, truth[:, None]
        )
        gaps = np.where(rng.random((400, 2)) < 0.1, -1, noisy[:, 1:])
        with_label, _ = ceiling(gaps, noisy[:, 0], 3, ("a", "b"))
        alone, _ = ceiling(gaps, None, 3, ("a", "b"))
        assert with_label is not None
        assert alone is not None
        held["witnesses"] += with_label.lower <= 0.9 <= with_label.upper
        held["one"] += alone.lower <= 0.9 <= alone.upper
    assert all(552 <= n <= 594 for n in held.values()), held


def test_rows_that_are_hard_for_both_bias_it_as_the_docstring_says() -> None:
    rng = np.random.default_rng(9)
    truth = rng.integers(0, 3, 40_000)
    rate = np.repeat([0.04, 0.2], 20_000)[:, None]
    wrong = rng.random((40_000, 2)) < rate
    votes = np.where(wrong, (truth[:, None] + rng.integers(1, 3, (40_000, 2))) % 3, truth[:, None])
    found, _ = ceiling(votes, flipped(truth, 0.05, 3, rng), 3, ("a", "b"))
    assert found is not None
    assert 0.935 < found.value < 0.947
    alone, _ = ceiling(votes, None, 3, ("a", "b"))
    assert alone is not None
    assert 0.882 < alone.value < 0.89  # their labels are right in 0.88


@pytest.mark.parametrize("k", [2, 4])
def test_without_a_label_column_it_is_one_annotators(k: int) -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, k, N)
    two = np.column_stack([flipped(truth, 0.08, k, rng) for _ in range(2)])
    found, note = ceiling(two, None, k, ("a", "b"))
    assert found is not None
    assert found.value == pytest.approx(0.92, abs=0.01)
    assert note == module.ANY_ANNOTATOR
    share = (two[:, 0] == two[:, 1]).mean()
    e = 1 - found.value  # what the closed form has to solve
    assert 2 * e * (1 - e) + e**2 * (k - 2) / (k - 1) == pytest.approx(1 - share)


def test_a_label_column_that_is_an_annotator_is_judged_by_the_others() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, N)
    votes = np.column_stack([flipped(truth, rate, 3, rng) for rate in (0.12, 0.05, 0.05)])
    found, note = ceiling(votes, votes[:, 0], 3, ("a", "b", "c"))
    assert found is not None
    assert found.value == pytest.approx(0.88, abs=0.01)
    assert note == module.INDEPENDENT
    alike = np.column_stack([flipped(truth, 0.07, 3, rng) for _ in range(2)])
    found, note = ceiling(alike, alike[:, 1], 3, ("a", "b"))
    assert found is not None
    assert found.value == pytest.approx(0.93, abs=0.01)
    assert note == module.ONE_ANNOTATOR.format("b")


def test_labels_that_annotators_agreed_on_or_adjudicated_err_only_where_both_do() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 20_000)
    votes = np.column_stack([flipped(truth, 0.2, 2, rng) for _ in range(2)])
    label = np.where(votes[:, 0] == votes[:, 1], votes[:, 0], truth)
    found, note = ceiling(votes, label, 2, ("a", "b"))
    assert found is not None
    assert found.value == pytest.approx((label == truth).mean(), abs=0.005)
    assert note == module.ADJUDICATED
    five = np.column_stack([flipped(truth, 0.25, 2, rng) for _ in range(5)])
    voted = (five.sum(axis=1) > 2).astype(np.int64)
    found, note = ceiling(five, voted, 2, tuple("abcde"))
    assert found is not None
    assert found.value == pytest.approx((voted == truth).mean(), abs=0.01)
    assert note == module.CONSENSUS


def test_an_annotator_of_few_rows_is_not_taken_for_the_label_column() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 3, N)
    votes = np.column_stack([flipped(truth, 0.05, 3, rng) for _ in range(3)])
    label = flipped(truth, 0.05, 3, rng)
    votes[3:, 2], votes[:3, 2] = -1, label[:3]
    found, note = ceiling(votes, label, 3, ("a", "b", "c"))
    assert found is not None
    assert found.value == pytest.approx(0.95, abs=0.01)
    assert note == module.INDEPENDENT


@pytest.mark.parametrize("n", [60, 400])
def test_labels_made_without_the_votes_are_not_taken_for_theirs(n: int) -> None:
    """Five annotators wrong in 30 %: few rows are unanimous, and labels wrong in 10 % may agree with them all."""
    rng, held, made_without = np.random.default_rng(12), 0, 0
    for _ in range(300):
        truth = rng.integers(0, 2, n)
        votes = truth[:, None] ^ (rng.random((n, 5)) < 0.3)
        found, note = ceiling(votes, truth ^ (rng.random(n) < 0.1), 2, tuple("abcde"))
        made_without += note in (module.INDEPENDENT, "")
        held += found is None or found.lower <= 0.9 <= found.upper
    assert made_without == 300
    assert 276 <= held <= 298


@pytest.mark.parametrize("n", [60, 400])
def test_labels_made_from_the_votes_are_found_out(n: int) -> None:
    rng, held, from_votes, right = np.random.default_rng(13), 0, 0, 0.8369  # of five, three or more, at 0.7 each
    for _ in range(300):
        truth = rng.integers(0, 2, n)
        votes = truth[:, None] ^ (rng.random((n, 5)) < 0.3)
        found, note = ceiling(votes, majority(Votes.of(votes, 2)).code, 2, tuple("abcde"))
        assert found is not None
        from_votes += note == module.CONSENSUS
        held += found.lower <= right <= found.upper
    assert from_votes == 300
    assert 270 <= held <= 298


def test_copies_within_clusters_are_no_proof_that_labels_were_made_from_the_votes() -> None:
    truth = np.arange(40) % 2
    votes = np.repeat(truth[:, None], 3, axis=1)
    votes[np.arange(6), np.arange(6) % 3] ^= 1  # the majority is right by chance on all 40 rows, not on 800
    copies = np.repeat(votes, 20, axis=0)
    clusters = np.repeat(np.arange(40), 20)
    assert ceiling(votes, truth, 2, tuple("abc"))[1] == module.INDEPENDENT
    assert ceiling(copies, np.repeat(truth, 20), 2, tuple("abc"))[1] == module.CONSENSUS
    found = ceiling(copies, np.repeat(truth, 20), 2, tuple("abc"), drawn=Drawn(clusters=clusters))
    assert found[1] == module.INDEPENDENT


def test_labels_of_an_expert_are_not_taken_for_the_majoritys() -> None:
    """They agree with annotators who are unanimous, but overrule a majority."""
    rng = np.random.default_rng(14)
    truth = rng.integers(0, 3, N)
    votes = np.column_stack([flipped(truth, 0.1, 3, rng) for _ in range(5)])
    unanimous = (votes == votes[:, :1]).all(axis=1)
    label = np.where(unanimous, votes[:, 0], truth)
    found, note = ceiling(votes, label, 3, tuple("abcde"))
    assert found is not None
    assert found.value > 0.999
    assert note == module.INDEPENDENT


def drawn_votes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Drawn]:
    """Return 150 clusters' labels, wrong in 2 % or, where they weigh 5, in 20 %, and two annotators wrong in 8 %."""
    sizes = rng.integers(1, 6, 150)
    weights = np.repeat(rng.choice([1.0, 5.0], 150), sizes)
    truth = rng.integers(0, 3, sizes.sum())
    rates = np.column_stack([np.where(weights > 1, 0.2, 0.02), *[np.full(len(truth), 0.08)] * 2])
    wrong = rng.random(rates.shape) < rates
    columns = np.where(wrong, (truth[:, None] + rng.integers(1, 3, wrong.shape)) % 3, truth[:, None])
    return columns[:, 0], columns[:, 1:], Drawn(weights, np.repeat(np.arange(150), sizes))


def test_intervals_of_weighted_and_clustered_rows_cover_the_error_rate() -> None:
    rng, held, right = np.random.default_rng(15), 0, 1 - (0.02 + 5 * 0.2) / 6
    for _ in range(400):
        label, votes, drawn = drawn_votes(rng)
        found, _ = ceiling(votes, label, 3, ("a", "b"), drawn=drawn)
        assert found is not None
        held += found.lower <= right <= found.upper
    assert 368 <= held <= 396


@pytest.mark.parametrize("kind", ["witnesses", "one", "adjudicated", "consensus"])
def test_rows_copied_within_their_clusters_tell_no_more(kind: str) -> None:
    rng = np.random.default_rng(16)
    truth = rng.integers(0, 2, 300)
    votes = np.column_stack([flipped(truth, 0.25, 2, rng) for _ in range(5 if kind == "consensus" else 2)])
    label = {
        "witnesses": flipped(truth, 0.1, 2, rng), "one": None,
        "adjudicated": np.where(votes[:, 0] == votes[:, 1], votes[:, 0], truth),
        "consensus": majority(Votes.of(votes, 2)).leading,
    }[kind]  # fmt: skip
    expected, note = ceiling(votes, label, 2, tuple("abcde"))
    copied = None if label is None else np.repeat(label, 20)
    clusters = np.repeat(np.arange(300), 20)
    found, same = ceiling(np.repeat(votes, 20, axis=0), copied, 2, tuple("abcde"), drawn=Drawn(clusters=clusters))
    assert found is not None
    assert expected is not None
    assert same == note
    assert found.value == pytest.approx(expected.value, abs=1e-3)
    assert found.lower == pytest.approx(expected.lower, abs=0.004)
    assert found.upper == pytest.approx(expected.upper, abs=0.004)


def test_it_rests_on_rows_with_votes_only() -> None:
    votes = np.full((5000, 2), -1)
    votes[:10] = np.arange(10)[:, None] % 2
    found, _ = ceiling(votes, None, 2, ("a", "b"))
    assert found is not None
    assert found.n == 10
    assert found.lower < 0.9


def test_a_ceiling_at_1_keeps_an_interval() -> None:
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 2, 300)
    for _ in range(40):
        votes = np.column_stack([flipped(truth, 0.2, 2, rng) for _ in range(2)])
        found, _ = ceiling(votes, truth, 2, ("a", "b"))
        assert found is not None
        assert found.lower < found.value <= found.upper <= 1
        if found.value == 1:
            assert 0.8 < found.lower < 0.99
            return
    raise AssertionError("no ceiling came out at 1")


def test_where_it_cannot_be_told() -> None:
    one_label = np.zeros((20, 2), dtype=np.int64)
    assert ceiling(one_label, None, 1, ("a", "b")) == (None, "")
    opposed = np.column_stack([np.arange(20) % 2, (np.arange(20) + 1) % 2])
    assert ceiling(opposed, None, 2, ("a", "b")) == (None, "")
    never_both = np.where(np.arange(40).reshape(20, 2) % 2, -1, 0)
    assert ceiling(never_both, None, 2, ("a", "b")) == (None, "")
    agreed, _ = ceiling(np.repeat([[0, 0], [1, 1]], 50, axis=0), None, 2, ("a", "b"))
    assert agreed is not None
    assert agreed.value == agreed.upper == 1
    assert agreed.lower < 0.99
