from __future__ import annotations

import numpy as np
import pytest

from mlflow_evalplus.core.learning.sizes import of_accuracies, of_answers
from tests.core.learning.curves import World


def test_errors_and_their_covariance_over_test_rows_are_those_of_the_mean_answers() -> None:
    right = np.random.default_rng(0).random((5, 400)) < 0.7
    found = of_answers(right, np.array([50, 50, 100, 100, 200]), None, None)
    means = np.array([1 - right[:2].mean(axis=0), 1 - right[2:4].mean(axis=0), 1 - right[4]])
    assert found.n.tolist() == [50, 100, 200]
    assert found.fits.tolist() == [2, 2, 1]
    np.testing.assert_allclose(found.error, means.mean(axis=1))
    np.testing.assert_allclose(found.test, np.cov(means) / 400)
    assert not found.clustered


def test_rows_of_one_cluster_count_as_one_draw() -> None:
    """Each row three times over, as one cluster: no more is known than from the rows themselves."""
    right = np.random.default_rng(1).random((4, 200)) < 0.7
    n = np.array([50, 100, 200, 400])
    thrice = of_answers(np.repeat(right, 3, axis=1), n, None, np.repeat(np.arange(200), 3))
    np.testing.assert_allclose(thrice.test, of_answers(right, n, None, None).test)
    assert (thrice.units, thrice.n_test, thrice.clustered) == (200, 600, True)


def test_the_variance_over_training_sets_is_that_of_sets_that_share_no_rows() -> None:
    error = np.array([0.30, 0.34, 0.20, 0.26, 0.1])
    found = of_accuracies(1 - error, np.array([100, 100, 200, 200, 400]), [0, 1, 0, 1, 0], 1000)
    expected = (np.var([0.30, 0.34], ddof=1) / 0.75 + np.var([0.20, 0.26], ddof=1) / 0.5) / 2
    assert found.variance == pytest.approx(expected)
    assert found.freedom == 2


def test_without_a_second_model_of_any_size_the_variance_is_undefined() -> None:
    found = of_accuracies(np.array([0.5, 0.6, 0.7]), np.array([10, 20, 40]), None, 100)
    assert np.isnan(found.variance)
    assert found.freedom == 0


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_covariance_over_training_sets_is_that_of_nested_means(repeats: int) -> None:
    """The oracle: means over nested prefixes of shuffled rows, of rows drawn anew each time."""
    rng = np.random.default_rng(2)
    sizes, n = np.array([8, 16, 32]), 32
    pushes = rng.normal(size=(20_000, n))
    drawn = np.zeros((20_000, 3))
    for _ in range(repeats):
        shuffled = rng.permuted(pushes, axis=1)
        drawn += np.stack([np.sqrt(k) * shuffled[:, :k].mean(axis=1) for k in sizes], axis=1) / repeats
    n_train, repeat = np.tile(sizes, repeats), np.repeat(np.arange(repeats), 3)
    found = of_accuracies(np.full(len(n_train), 0.5), n_train, repeat, 100)
    np.testing.assert_allclose(found.training, np.cov(drawn.T), atol=0.04)


def test_draws_vary_as_the_covariances_say() -> None:
    world = World(800, 500, 0.1, 2.0, 0.4)
    right, n, repeat = world.draw(np.random.default_rng(3))
    found = of_answers(right, np.array(n), repeat, None)
    drawn = found.drawn(1e-4, 10_000, 40_000, np.random.default_rng(4))
    expected = found.test + 1e-4 * found.training
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.05 * expected.max())
    np.testing.assert_allclose(drawn.mean(axis=0), found.error, atol=1e-3)


def test_where_nothing_went_wrong_something_might_have() -> None:
    found = of_answers(np.ones((4, 30), dtype=bool), np.array([10, 20, 40, 80]), None, None)
    assert (found.test.diagonal() > 0).all()
    assert (found.scatter > 0).all()
