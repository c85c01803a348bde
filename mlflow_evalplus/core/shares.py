"""How far two tables of counts are apart: of the values of one column, and of how many texts hold a word."""

from __future__ import annotations

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray

MIN_EXPECTED = 5  # rarer values are taken together, by their number in both tables
MAX_VALUES = 100
BY_CHANCE = 0.001  # of rows with unseen values, the share that chance may have made so
LIKELY = 2.0  # standard errors, from which the exact test is made


def merged(first: FloatArray, second: FloatArray) -> IntArray:
    """Return the group of each value: its own, or that of those too rare in both tables for a χ² test.

    Examples
    --------
    >>> merged(np.array([50.0, 40.0, 1.0, 2.0]), np.array([30.0, 50.0, 1.0, 1.0])).tolist()
    [1, 0, 1, 1]
    """
    pooled = first + second
    smaller = min(first.sum(), second.sum()) / max(pooled.sum(), 1)
    frequent = np.flatnonzero(pooled * smaller >= MIN_EXPECTED)
    frequent = frequent[np.argsort(-pooled[frequent], kind="stable")][:MAX_VALUES]
    group = np.full(len(pooled), len(frequent))
    group[frequent] = np.arange(len(frequent))
    rest = pooled[group == len(frequent)].sum()
    if 0 < rest * smaller < MIN_EXPECTED and len(frequent):  # too few for a group of their own
        group[group == len(frequent)] = len(frequent) - 1
    return group


def unseen_apart(first: FloatArray, second: FloatArray, group: IntArray) -> IntArray:
    """Return the groups of `merged` with a further one: rare values that only the first table has.

    Many rare values have always some that one table lacks. They are a group only where they are a thousand times more
    rows than would be if rows were dealt out at random, so that this happens by chance once in a thousand (Markov).

    Examples
    --------
    >>> here, there = np.repeat([0.0, 3.0], 100), np.repeat([100.0, 0.0], 100)
    >>> group = merged(here, there)
    >>> np.bincount(group).tolist(), np.bincount(unseen_apart(here, there, group)).tolist()
    ([200], [100, 100])
    """
    pooled = first + second
    rare = (np.bincount(group)[group] > 1) & (pooled > 0)
    unseen = rare & (second == 0)
    share = first.sum() / max(pooled.sum(), 1)
    n, by_chance = first[unseen].sum(), float((pooled[rare] * share ** pooled[rare]).sum())
    if n * min(share, 1 - share) < MIN_EXPECTED or by_chance > BY_CHANCE * n:
        return group
    return np.where(unseen, group.max() + 1, group)


def psi(first: FloatArray, second: FloatArray) -> float:
    """Return the population stability index of two tables of counts; half a row is added to each count.

    Siddiqi, *Credit Risk Scorecards* (2006), ch. 10: above 0.1 a change, above 0.25 a large one.

    Examples
    --------
    >>> round(psi(np.array([50.0, 50.0]), np.array([70.0, 30.0])), 3)
    0.166
    """
    p, q = ((part + 0.5) / (part + 0.5).sum() for part in (first, second))
    return float(np.sum((p - q) * np.log(p / q)))


def jensen_shannon(first: FloatArray, second: FloatArray) -> float:
    """Return the Jensen–Shannon divergence of two tables of counts, base 2: 0 for equal shares, 1 if nothing is shared.

    Lin (1991), doi:10.1109/18.61115. nan where a table is empty.

    Examples
    --------
    >>> jensen_shannon(np.array([5.0, 0.0]), np.array([0.0, 9.0]))
    1.0
    """
    if not first.sum() or not second.sum():
        return float("nan")
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    parts = [np.sum(s[s > 0] * np.log2(s[s > 0] / middle[s > 0])) for s in (p, q)]
    return min(max(float(sum(parts)) / 2, 0.0), 1.0)


def chi_squared(first: FloatArray, second: FloatArray) -> float:
    """Return the p-value of the χ² test that two tables of counts are of one population.

    nan where fewer than two values occur, or a table is empty.
    """
    both = np.stack([first, second])
    both = both[:, both.sum(axis=0) > 0]
    if both.shape[1] < 2 or both.sum(axis=1).min() == 0:
        return float("nan")
    return float(stats.chi2_contingency(both, correction=False).pvalue)


def more_often(first: IntArray, second: IntArray, n_first: int, n_second: int) -> FloatArray:
    """Return the one-sided exact p-value, for each word, that more of the first texts hold it than of the second.

    Fisher's: the upper tail of the hypergeometric law. 1 where it is within two standard errors of what is expected.

    Examples
    --------
    >>> more_often(np.array([8, 1]), np.array([0, 4]), 100, 400).round(6).tolist()
    [2e-06, 1.0]
    """
    pooled, n = first + second, n_first + n_second
    expected = pooled * (n_first / n)
    spread = expected * (n_second / n) * (n - pooled) / max(n - 1, 1)
    p_values = np.ones(len(first))
    likely = np.flatnonzero(first - expected > LIKELY * np.sqrt(spread))
    law = stats.hypergeom(n, pooled[likely], n_first)
    p_values[likely] = law.sf(first[likely] - 1)
    return p_values
