from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.agreement import Votes, agreement
from mlflow_evalplus.core.online.krippendorff import alpha
from tests.generated import inputs

# The reliability data of Krippendorff (2011), four observers and twelve units; 0 is missing.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
)


def by_coincidences(values: np.ndarray, items: np.ndarray, level: str) -> float:
    """Return alpha as the paper computes it by hand: the matrix of coincidences, and a table of distances."""
    points = np.unique(values[np.bincount(items)[items] > 1])
    together = np.zeros((len(points), len(points)))
    for item in np.unique(items):
        own = values[items == item]
        for i, a in enumerate(own):
            for j, b in enumerate(own):
                if i != j:
                    together[np.searchsorted(points, a), np.searchsorted(points, b)] += 1 / (len(own) - 1)
    n_c = together.sum(axis=1)
    distance = np.zeros_like(together)
    for c in range(len(points)):
        for k in range(c + 1, len(points)):
            step = n_c[c : k + 1].sum() - (n_c[c] + n_c[k]) / 2 if level == "ordinal" else points[k] - points[c]
            distance[c, k] = distance[k, c] = step**2
    observed, expected = (together * distance).sum(), (np.outer(n_c, n_c) * distance).sum() / (n_c.sum() - 1)
    return float(1 - observed / expected) if expected else float("nan")


def published() -> tuple[np.ndarray, np.ndarray]:
    rater, item = np.nonzero(PUBLISHED)
    return PUBLISHED[rater, item].astype(np.float64), item


@pytest.mark.parametrize(("level", "expected"), [("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example_comes_out_as_published(level: str, expected: float) -> None:
    found = alpha(*published(), level)
    assert round(found.value, 3) == expected
    assert found.n == 11  # the last unit has one value
    assert found.lower < found.value < found.upper


def test_the_nominal_one_of_the_same_example_is_that_of_the_annotators() -> None:
    counts = Votes.of(PUBLISHED.T - 1, 5).counts
    assert round(agreement(counts)["krippendorff_alpha"].value, 3) == 0.743


ratings_of_items = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=8)


@settings(max_examples=inputs(60), deadline=None)
@given(ratings_of_items, st.sampled_from(["ordinal", "interval"]))
def test_it_is_what_the_matrix_of_coincidences_gives(given_ratings: list[list[int]], level: str) -> None:
    items = np.repeat(np.arange(len(given_ratings)), [len(own) for own in given_ratings])
    values = np.concatenate(given_ratings).astype(np.float64)
    assert alpha(values, items, level).value == pytest.approx(by_coincidences(values, items, level), nan_ok=True)


def test_with_two_ratings_all_levels_are_one() -> None:
    rng = np.random.default_rng(0)
    items = np.repeat(np.arange(50), 3)
    values = (rng.random(150) < np.repeat(rng.random(50), 3)).astype(np.float64)
    counts = np.column_stack([np.bincount(items, values == v) for v in (0, 1)])
    expected = agreement(counts)["krippendorff_alpha"]
    for level in ("ordinal", "interval", "nominal"):
        found = alpha(values, items, level)
        assert (found.value, found.lower, found.upper) == pytest.approx(
            (expected.value, expected.lower, expected.upper), abs=1e-4
        )


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_the_interval_is_as_wide_as_that_of_resampled_items(level: str) -> None:
    rng = np.random.default_rng(0)
    times = rng.integers(1, 5, 200)
    items = np.repeat(np.arange(200), times)
    values = np.clip(np.round(3 + 1.2 * rng.normal(size=200)[items] + 0.8 * rng.normal(size=len(items))), 1, 5)
    of_item = np.split(values, np.cumsum(times)[:-1])
    drawn = []
    for _ in range(400):
        pick = rng.integers(0, 200, 200)
        drawn.append(
            alpha(np.concatenate([of_item[i] for i in pick]), np.repeat(np.arange(200), times[pick]), level).value
        )
    found = alpha(values, items, level)
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.1)


def test_without_two_ratings_or_two_values_it_is_undefined() -> None:
    for values, items in (([], []), ([1.0, 2.0], [0, 1]), ([3.0, 3.0, 1.0], [0, 0, 1])):
        found = alpha(np.array(values), np.array(items, dtype=np.int64))
        assert not found.defined
        assert np.isnan(found.lower)
