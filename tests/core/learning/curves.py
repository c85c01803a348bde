"""Simulated models whose true learning curve is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

ALIKE = 0.6  # correlation of two models' chances on one test row
KEPT = 0.5  # of what is a model's own, when its training set grows by one size


@dataclass(frozen=True)
class World:
    """Classifiers whose expected error on n training rows is ``floor + scale · n ** -exponent``.

    Attributes
    ----------
    n, n_test : int
        Rows at hand, test rows.
    spread : float
        Standard deviation of the error of a model over training sets of the smallest size.
    falling : bool
        Whether that falls with the root of the rows, as the mean over rows does, or stays the same.
    clusters : int
        Test rows are in so many groups that are answered alike; 0 for none.
    """

    n: int
    n_test: int
    floor: float
    scale: float
    exponent: float
    spread: float = 0.02
    falling: bool = True
    clusters: int = 0

    def error(self, n: float) -> float:
        return self.floor + self.scale * n**-self.exponent

    def gain(self, more: int) -> float:
        return self.error(self.n) - self.error(self.n + more)

    def draw(
        self, rng: np.random.Generator, *, sizes: int = 6, repeats: int = 3, smallest: float = 1 / 8
    ) -> tuple[np.ndarray, list[int], list[int]]:
        """Return right answers [models, test rows], training rows and repeats, of subsets that are nested."""
        steps = np.unique(np.rint(np.geomspace(smallest * self.n, self.n, sizes)).astype(int))
        # each training row pushes the error up or down; a model's error is the mean over its rows
        push = rng.normal(0, self.spread * np.sqrt(steps[0]), self.n)
        hardness = self._of_rows(rng)
        right, n_train, repeat = [], [], []
        for number in range(repeats):
            order, own = rng.permutation(self.n), rng.normal(size=self.n_test)
            for size in steps[:-1] if number else steps:
                own = np.sqrt(KEPT) * own + np.sqrt(1 - KEPT) * rng.normal(size=self.n_test)
                shift = push[order[:size]].mean() * (1 if self.falling else np.sqrt(size / steps[0]))
                error = float(np.clip(self.error(size) + shift, 1e-4, 1 - 1e-4))
                chance = np.sqrt(ALIKE) * hardness + np.sqrt(1 - ALIKE) * own
                right.append(chance > stats.norm.ppf(error))
                n_train.append(int(size))
                repeat.append(number)
        return np.array(right), n_train, repeat

    def _of_rows(self, rng: np.random.Generator) -> np.ndarray:
        if not self.clusters:
            return rng.normal(size=self.n_test)
        return np.asarray(rng.normal(size=self.clusters)[self.cluster])

    @property
    def cluster(self) -> np.ndarray:
        """The group [test rows] of each test row."""
        return np.arange(self.n_test) % max(self.clusters, 1)
