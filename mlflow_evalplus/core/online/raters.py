"""Who rates unlike the others: each rater against what others gave to the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.online.means import mean_bounds, means, without_rounding
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.ratings import Rater

FAR = 0.5  # standard deviations of all ratings


@dataclass(frozen=True)
class Rated:
    """Ratings, one entry each; `side` is 0 for the control and 1 for the treatment, or 1 for all without variants."""

    rating: FloatArray
    rater: IntArray
    example: IntArray
    side: IntArray

    def of(self, mask: np.ndarray) -> Rated:
        """Return some of the ratings."""
        return Rated(*(array[mask] for array in (self.rating, self.rater, self.example, self.side)))

    @property
    def answers(self) -> IntArray:
        """What was rated: an example as one variant answered it."""
        return self.example * 2 + self.side


def compared_raters(rows: Rated, known: Sequence[str], confidence: float) -> tuple[Rater, ...]:
    """Return each rater's distance from the others' ratings of the same answers, those far off first.

    Examples
    --------
    >>> rating, rater = np.tile([2.0, 4.0, 4.5], 9) + np.repeat(np.arange(9) % 2, 3), np.tile([0, 1, 2], 9)
    >>> example = np.repeat(np.arange(9), 3)
    >>> found = compared_raters(Rated(rating, rater, example, np.ones(27, int)), ["a", "b", "c"], 0.95)
    >>> found[0].name, round(found[0].gap.value, 2)
    ('a', -2.25)
    """
    _, answer, times = np.unique(rows.answers, return_inverse=True, return_counts=True)
    others = np.bincount(answer, rows.rating)[answer] - rows.rating
    several = times[answer] > 1
    gaps = (rows.rating - others / np.maximum(times[answer] - 1, 1))[several]
    gaps = without_rounding(gaps, np.abs(rows.rating).max(initial=0))
    size = len(known) + len(known) % 2
    own, _ = means(rows.rating, rows.rater, size)
    gap, _ = means(gaps, rows.rater[several], size, rows.example[several])
    lower, upper = mean_bounds(gap, confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(gap.value) / np.sqrt(np.where(gap.variance > 0, gap.variance, np.nan))
    p_values = 2 * stats.t.sf(t, np.maximum(gap.units - 1, 1))
    q_values = false_discovery(p_values)
    far = (q_values < 0.05) & (np.abs(gap.value) >= FAR * rows.rating.std())
    columns = (own.n.astype(np.int64), own.value, gap.value, lower, upper, gap.n.astype(np.int64), gap.few, p_values,
               q_values, far)  # fmt: skip
    listed = [
        Rater(name, n, mean, Estimate(value, low, high, several_n, few), p, q, is_far)
        for name, n, mean, value, low, high, several_n, few, p, q, is_far in zip(
            known, *(column[: len(known)].tolist() for column in columns), strict=True
        )
        if n
    ]
    return tuple(sorted(listed, key=lambda rater: (not rater.far, -abs(np.nan_to_num(rater.gap.value)))))
