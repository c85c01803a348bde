"""How much of the accuracy that drift took did the labels bring back: paired over rows, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from mlflow_evalplus.results import Difference, Estimate

CLUSTER, BEFORE, WITHOUT, WITH = "cluster", "before", "without", "with"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was lost to drift, what came back, and the second as a share of the first.

    Attributes
    ----------
    before, without, reached : float
        Accuracy before the drift (or on the same messages without it), with the first model after it, and with the
        model that learnt from the labels.
    lost, gained : Difference
        `before` less `without`; `reached` less `without`.
    share : Estimate
        `gained` / `lost`; bounds are nan where the loss is not told from none, as then any share would do.
    """

    before: float
    without: float
    reached: float
    lost: Difference
    gained: Difference
    share: Estimate

    @property
    def summary(self) -> str:
        """The share in words: ``64 % [51 %, 78 %]``, and whether it may be none."""
        if not self.share.defined:
            return "undefined (nothing was lost)"
        if math.isnan(self.share.lower):
            return f"{percent(self.share.value)} (the loss is too small to bound it)"
        return self.bounded + (", not told apart from nothing" if self.none else "")

    @property
    def bounded(self) -> str:
        """The share with its interval alone."""
        value, lower, upper = (percent(x) for x in (self.share.value, self.share.lower, self.share.upper))
        return f"{value} [{lower}, {upper}]"

    @property
    def none(self) -> bool:
        """Whether the interval of the share holds 0: what came back may be nothing."""
        return self.share.lower <= 0 <= self.share.upper


def percent(share: float) -> str:
    """Return a share in words.

    Examples
    --------
    >>> percent(-0.052)
    '−5 %'
    """
    return f"{100 * share:.0f} %".replace("-", "−")


def recovery(rows: pd.DataFrame, confidence: float = 0.95) -> Recovery:
    """Return what was lost and what came back.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``cluster`` (rows that are not independent of each other share one, such as one message under several seeds);
        ``before``, ``without`` and ``with``: whether each answer was right, nan where it was not asked. The difference
        of two columns is paired where rows have both, and of independent samples where none has.
    confidence : float

    Notes
    -----
    Standard errors from the influence of each row, summed by cluster; the interval of the share is Fieller's (1954),
    which holds for a ratio whose denominator is uncertain, too.

    Examples
    --------
    >>> right = [1] * 8 + [0] * 2
    >>> rows = pd.DataFrame({"cluster": range(10), "before": right, "without": right[::-1], "with": right})
    >>> recovery(rows).share.value
    nan
    """
    values = {name: rows[name].to_numpy(np.float64) for name in (BEFORE, WITHOUT, WITH)}
    mean = {name: float(np.nanmean(column)) for name, column in values.items()}
    part = {name: _influence(column) for name, column in values.items()}
    lost, gained = mean[BEFORE] - mean[WITHOUT], mean[WITH] - mean[WITHOUT]
    codes, clusters = pd.factorize(rows[CLUSTER])
    sums = [np.bincount(codes, part[one] - part[WITHOUT], len(clusters)) for one in (BEFORE, WITH)]
    size = len(clusters)
    cov = size / max(size - 1, 1) * np.array([[one @ other for other in sums] for one in sums])
    z = float(stats.t.ppf((1 + confidence) / 2, max(size - 1, 1)))
    n = int(np.isfinite(values[WITH]).sum())
    return Recovery(
        mean[BEFORE], mean[WITHOUT], mean[WITH], _difference(lost, cov[0, 0], z, n),
        _difference(gained, cov[1, 1], z, n), _ratio(gained, lost, cov, z, n),
    )  # fmt: skip


def _influence(column: np.ndarray) -> np.ndarray:
    known = np.isfinite(column)
    return np.asarray(np.where(known, column - np.nanmean(column), 0.0) / known.sum())


def _difference(value: float, variance: float, z: float, n: int) -> Difference:
    error = math.sqrt(variance)
    p_value = float(2 * stats.norm.sf(abs(value) / error)) if error else float(value == 0)
    return Difference(value, value - z * error, value + z * error, p_value, n)


def _ratio(over: float, under: float, cov: np.ndarray, z: float, n: int) -> Estimate:
    """Return over / under with Fieller's interval; `cov` is of (under, over)."""
    if under <= 0:
        return Estimate(math.nan, math.nan, math.nan, n)
    a = under**2 - z**2 * cov[0, 0]
    b = over * under - z**2 * cov[0, 1]
    c = over**2 - z**2 * cov[1, 1]
    if a <= 0:
        return Estimate(over / under, math.nan, math.nan, n)
    root = math.sqrt(max(b**2 - a * c, 0.0))
    return Estimate(over / under, (b - root) / a, (b + root) / a, n)
