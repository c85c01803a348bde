"""How many labelled examples a launch requirement takes, before there is a model to measure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.requirements import Requirements, Threshold

POINTS = (0.01, 0.02, 0.03, 0.05)  # how much better than its threshold a model truly is
POWER = 0.8
DISAGREE = 0.1  # share of the examples on which one of two models is right and the other is not, where none is known
# Shares of right answers among all examples, those of a class, those answered with a class.
SHARES = {"accuracy": "", "top_2_accuracy": "", "recall": " of {}", "precision": " answered {}"}


@dataclass(frozen=True, slots=True)
class Need:
    """How many labelled examples one requirement takes.

    Attributes
    ----------
    number : int
        Its place in the requirements, from 1.
    threshold : Threshold
    of : str
        What is counted: ``examples``, ``examples of negative``, ``examples in each channel``.
    n : tuple of int or None
        For a model that is truly 1, 2, 3 and 5 points better (``POINTS``) than the threshold, or than the baseline:
        from this many examples on it passes with probability 0.8. None where a model cannot be that much better.
    as_good : int or None
        The same for a model that is as good as the baseline; None for a threshold, which such a model hardly passes.
    """

    number: int
    threshold: Threshold
    of: str
    n: tuple[int | None, ...]
    as_good: int | None = None


def needs(requirements: Requirements) -> tuple[Need, ...]:
    """Return how many examples each requirement takes that a number of examples decides, in their order.

    These are the shares of right answers: accuracy, top-2 accuracy, recall and precision, and accuracy against a
    baseline. For the other metrics it depends on a model's errors; the gate says it once there is a run.

    Examples
    --------
    >>> from mlflow_evalplus.requirements import load
    >>> [need] = needs(load({"thresholds": [{"metric": "accuracy", "min": 0.9}]}))
    >>> need.of, need.n
    ('examples', (6951, 1703, 740, 254))
    """
    found = [(number, threshold) for number, threshold in enumerate(requirements.thresholds, start=1)]
    return tuple(_need(*each, requirements.confidence) for each in found if _counts(each[1]))


def _need(number: int, threshold: Threshold, confidence: float) -> Need:
    least, margin = threshold.min_examples, threshold.margin
    bound = 1 - threshold.max if threshold.max is not None else threshold.min or 0.0

    def needed(points: float) -> int | None:
        if threshold.not_worse_than:
            n = examples_against_baseline(margin, points, confidence=confidence)
        else:
            n = examples_to_pass(bound, points, confidence=confidence)
        return None if n is None else max(n, least)

    as_good = needed(0.0) if threshold.not_worse_than else None
    return Need(number, threshold, _of(threshold), tuple(needed(points) for points in POINTS), as_good)


def _counts(threshold: Threshold) -> bool:
    if threshold.not_worse_than:
        return threshold.metric == "accuracy" and threshold.margin < 1
    bound = threshold.min if threshold.min is not None else threshold.max
    return threshold.metric in SHARES and bound is not None and 0 < bound < 1


def _of(threshold: Threshold) -> str:
    what = "examples" + SHARES[threshold.metric].format(threshold.class_)
    if threshold.every:
        return f"{what} in each {threshold.every}"
    return f"{what} in {threshold.slice}" if threshold.slice else what


@cache
def examples_to_pass(least: float, better: float, *, power: float = POWER, confidence: float = 0.95) -> int | None:
    """Return from how many examples on a model that is truly better passes with this probability.

    Parameters
    ----------
    least : float
        The share of right answers that Wilson's lower bound must reach, between 0 and 1.
    better : float
        By how much the model's true share is above it.
    power : float
        Probability to pass.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    int or None
        The smallest n from which on the probability stays at least `power`: it goes up and down a little with every
        further example, as right answers come whole. None where the true share would be above 1.

    Notes
    -----
    Exact: k right answers of n clear the threshold t where ``k ≥ n t + z √(n t (1 - t))``, which is Wilson's lower
    bound solved for k (Wilson 1927), and k is binomial. Chernick and Liu, *The American Statistician* 56 (2002),
    149-155, on the saw-tooth.

    Examples
    --------
    >>> examples_to_pass(0.9, 0.03), examples_to_pass(0.98, 0.05)
    (740, None)
    """
    true = least + better
    if true > 1 + 1e-12:
        return None
    true = min(true, 1.0)
    spread, z = math.sqrt(least * (1 - least)), _normal((1 + confidence) / 2)
    about = ((z * spread + _normal(power) * math.sqrt(true * (1 - true))) / better) ** 2
    reach = math.ceil(1.5 * about) + 200
    below = np.flatnonzero(_passing(np.arange(1, reach + 1), least, true, z) < power)
    return int(below[-1]) + 2 if len(below) else 1


def _passing(n: IntArray, least: float, true: float, z: float) -> np.ndarray:
    """Return the probability to pass with n examples."""
    enough = np.ceil(n * least + z * np.sqrt(n * least * (1 - least)) - 1e-9)
    return np.asarray(stats.binom.sf(enough - 1, n, true))


def examples_against_baseline(
    margin: float, better: float, *, disagree: float = DISAGREE, power: float = POWER, confidence: float = 0.95
) -> int | None:
    """Return about how many shared examples show that accuracy is not worse than a baseline's by more than `margin`.

    Parameters
    ----------
    margin : float
    better : float
        The true difference to the baseline: 0 for a model that is as good, and above ``-margin``.
    disagree : float
        Share of the examples on which one of the two is right and the other is not.
    power, confidence : float

    Returns
    -------
    int or None
        None where the difference is not above ``-margin``, or is 1 or more.

    Notes
    -----
    ``(z_α + z_β)² (disagree - better²) / (margin + better)²``: Connor, *Biometrics* 43 (1987), 207-211.

    Examples
    --------
    >>> examples_against_baseline(0.01, 0.0), examples_against_baseline(0.01, 0.02)
    (7849, 869)
    """
    if not -margin < better < 1:
        return None
    variance = max(disagree, abs(better)) - better**2
    reach = _normal((1 + confidence) / 2) + _normal(power)
    return math.ceil(reach**2 * variance / (margin + better) ** 2)


@cache
def _normal(tail: float) -> float:
    return float(stats.norm.ppf(tail))


def to_label(
    n: int, threshold: Threshold, classes: Mapping[str, float], slices: Mapping[str, Mapping[str, float]]
) -> int | None:
    """Return how many examples as they come hold the `n` that a threshold needs.

    Parameters
    ----------
    n : int
    threshold : Threshold
    classes : mapping of str to float
        The share of each label.
    slices : mapping of str to mapping of str to float
        Of each column the share of each value; of the column of an ``every`` its rarest value counts.

    Returns
    -------
    int or None
        None where nothing is known of the share.

    Examples
    --------
    >>> to_label(100, Threshold(metric="recall", class_="neg", min=0.9), {"neg": 0.25, "pos": 0.75}, {})
    400
    """
    share = _share(threshold, classes, slices)
    return math.ceil(n / share - 1e-9) if share > 0 else None


def _share(threshold: Threshold, classes: Mapping[str, float], slices: Mapping[str, Mapping[str, float]]) -> float:
    """Return the share of all examples that a threshold counts, as if labels and slices had nothing to do."""
    share = classes.get(threshold.class_, 0.0) if threshold.class_ else 1.0
    if threshold.every:
        return share * min(slices.get(threshold.every, {}).values(), default=0.0)
    if not threshold.slice:
        return share
    for part in threshold.slice.split(" & "):
        column, _, value = part.partition("=")
        share *= slices.get(column, {}).get(value, 0.0)
    return share
