"""What is known of each size of training set: the error, and how the errors of all sizes vary together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.errors import DataError

ALIKE = 0.4  # correlation of the answers of two models, where only accuracies are known


@dataclass(frozen=True)
class Sizes:
    """The errors of models by the size of their training set.

    Attributes
    ----------
    n : int array, [sizes]
        Training rows, ascending.
    error : float array, [sizes]
        Mean over the models of each size.
    fits : int array, [sizes]
        Models of each size.
    test : float array, [sizes, sizes]
        Covariance of the errors over other test rows (clusters).
    training : float array, [sizes, sizes]
        Covariance over other training rows, in units of the variance of one model on rows of its own.
    variance : float
        That variance; nan where no size below the largest was fitted twice.
    freedom : int
        Its degrees of freedom, 0 where it is nan.
    n_test : int
    units : int
        Clusters of the test rows; as many as rows where they are independent.
    """

    n: IntArray
    error: FloatArray
    fits: IntArray
    test: FloatArray
    training: FloatArray
    variance: float
    freedom: int
    n_test: int
    units: int

    @property
    def clustered(self) -> bool:
        """Whether test rows hang together."""
        return self.units < self.n_test

    @property
    def scatter(self) -> FloatArray:
        """The variance [sizes] of each error over other test rows, without what is alike at all sizes."""
        own = self.test.diagonal() - 2 * self.test.mean(axis=1) + self.test.mean()
        return np.asarray(np.maximum(own, 0) + (0.5 / self.units) ** 2)

    def drawn(self, variance: float, freedom: int, n_draws: int, rng: np.random.Generator) -> FloatArray:
        """Return draws [draws, sizes] of the errors, as other test rows and other training rows would give them.

        Student's t where few clusters, or few models, say how large a variance is.
        """
        center = np.zeros(len(self.n))
        rows = rng.multivariate_normal(center, self.test, n_draws, method="eigh")
        if self.clustered:
            rows *= _widened(self.units - 1, n_draws, rng)
        subsets = rng.multivariate_normal(center, self.training, n_draws, method="eigh")
        subsets *= math.sqrt(variance) * _widened(freedom, n_draws, rng)
        return np.clip(self.error + rows + subsets, 0, 1)


def _widened(freedom: int, n_draws: int, rng: np.random.Generator) -> FloatArray:
    return np.sqrt(freedom / rng.chisquare(freedom, (n_draws, 1)))


def of_answers(
    right: np.ndarray, n_train: IntArray, repeat: Sequence[int] | IntArray | None, cluster: IntArray | None
) -> Sizes:
    """Return the sizes of models whose answers to the same test rows are known.

    Parameters
    ----------
    right : bool array, [models, test rows]
    n_train : int array, [models]
    repeat : sequence of int, [models], optional
    cluster : int array, [test rows], optional

    Raises
    ------
    DataError
        All test rows are of one cluster.
    """
    n = np.unique(n_train)
    wrong = np.array([1 - right[n_train == size].mean(axis=0) for size in n])
    n_test = right.shape[1]
    off = wrong - wrong.mean(axis=1, keepdims=True)
    units = n_test
    if cluster is not None:
        codes = np.unique(cluster, return_inverse=True)[1]
        units = int(codes.max()) + 1
        if units == 1 < n_test:
            raise DataError(
                f"all {n_test:,} test rows are of one cluster, so nothing is known of others; give rows of several "
                "clusters, or leave cluster out if the rows are independent"
            )
        off = np.array([np.bincount(codes, row, units) for row in off])
    test = off @ off.T / n_test**2 * units / max(units - 1, 1)
    return _sizes(n, n_train, 1 - right.mean(axis=1), repeat, test, n_test, units)


def of_accuracies(
    accuracy: FloatArray, n_train: IntArray, repeat: Sequence[int] | IntArray | None, n_test: int
) -> Sizes:
    """Return the sizes of models of which only accuracies are known, on `n_test` common test rows."""
    n = np.unique(n_train)
    error = np.array([1 - accuracy[n_train == size].mean() for size in n])
    deviation = np.sqrt(error * (1 - error) / n_test)
    alike = np.where(np.eye(len(n), dtype=bool), 1.0, ALIKE)
    return _sizes(n, n_train, 1 - accuracy, repeat, alike * np.outer(deviation, deviation), n_test, n_test)


def _sizes(
    n: IntArray,
    n_train: IntArray,
    error: FloatArray,
    repeat: Sequence[int] | IntArray | None,
    test: FloatArray,
    n_test: int,
    units: int,
) -> Sizes:
    fits = np.array([(n_train == size).sum() for size in n])
    repeats = _numbered(n_train) if repeat is None else np.asarray(repeat)
    # a size without an error, or without a right answer, may yet have some: half a row's worth
    floor = np.maximum(0.5 / units**2 - test.diagonal(), 0)
    mean = np.array([error[n_train == size].mean() for size in n])
    variance, freedom = _between(n, n_train, error)
    training = _training_covariance(n, n_train, repeats)
    return Sizes(n, mean, fits, test + np.diag(floor), training, variance, freedom, n_test, units)


def _numbered(n_train: IntArray) -> IntArray:
    return np.array([(n_train[:place] == size).sum() for place, size in enumerate(n_train)])


def _between(n: IntArray, n_train: IntArray, error: FloatArray) -> tuple[float, int]:
    """Return the variance of a model's error over training sets that share no rows, and its degrees of freedom.

    Subsets of the same N rows share n / N of them, so that they differ less, by 1 - n / N.
    """
    total, freedom = 0.0, 0
    for size in n[:-1]:
        own = error[n_train == size]
        total += float(((own - own.mean()) ** 2).sum()) / (1 - size / n[-1])
        freedom += len(own) - 1
    return (total / freedom, freedom) if freedom else (math.nan, 0)


def _training_covariance(n: IntArray, n_train: IntArray, repeat: IntArray) -> FloatArray:
    """Return the covariance of the sizes' errors over other training rows, for a variance of 1 at every size.

    A model's error is taken as a sum over its training rows, of the same variance at every size. Then two subsets
    that share s of their k and l rows have the covariance ``s / √(k l)``: by chance ``s = k l / N``, nested ones
    ``min(k, l)``.
    """
    root = np.sqrt(np.outer(n, n))
    by_chance = root / n[-1]
    nested = np.minimum.outer(n, n) / root
    has = np.array([[np.any(repeat[n_train == size] == one) for one in np.unique(repeat)] for size in n], dtype=float)
    together = has @ has.T / np.outer(has.sum(axis=1), has.sum(axis=1))
    return np.asarray(by_chance + together * (nested - by_chance))
