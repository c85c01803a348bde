"""How far raters agree beyond chance where ratings have an order: Krippendorff's alpha."""

from __future__ import annotations

import numpy as np
from scipy import stats

from mlflow_evalplus.core.agreement import estimate_of, undefined
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.results import Estimate


def alpha(values: FloatArray, items: IntArray, level: str = "ordinal", confidence: float = 0.95) -> Estimate:
    """Return Krippendorff's alpha of ratings with an order, with an interval over the items.

    Items with fewer than two ratings are left out; undefined where only one rating occurs.

    Parameters
    ----------
    values : float array, one value per rating
    items : int array, one value per rating
        What was rated, from 0.
    level : str
        ``ordinal``, where only the order counts, or ``interval``, where a step from 1 to 2 is one from 4 to 5. Of two
        different ratings they are the same, and the nominal alpha too.
    confidence : float

    Notes
    -----
    Krippendorff, *Computing Krippendorff's Alpha-Reliability* (2011). ``alpha = 1 - A / B``: the mean squared
    difference of two ratings of one item, over that of any two. The ordinal distance of two ratings is the difference
    of their mid-ranks, so ordinal alpha is the interval one of the mid-ranks. The variance is that of the items'
    influence on the figure (delta method), the ranks' included.

    Examples
    --------
    >>> values, items = np.array([1.0, 1, 2, 3, 5, 5, 4]), np.array([0, 0, 1, 1, 2, 2, 3])
    >>> print(alpha(values, items), "|", round(alpha(values, items, "interval").value, 3))
    0.949 [0.334, 0.997] n=3 | 0.95
    """
    several = np.bincount(items)[items] >= 2 if len(items) else np.zeros(0, np.bool_)
    _, items = np.unique(items[several], return_inverse=True)
    values, n_items = values[several], int(items.max(initial=-1)) + 1
    n = len(values)
    if not n or (values == values[0]).all():
        return undefined(n_items)
    scores = values if level == "interval" else (stats.rankdata(values) - 0.5) / n
    each = np.bincount(items).astype(np.float64)
    within = scores - (np.bincount(items, scores) / each)[items]
    overall = scores - scores.mean()
    share = (each / (each - 1))[items]
    expected = float((overall**2).mean())
    ratio = float((share * within**2).mean()) / expected
    influence = (ratio * overall**2 - share * within**2) / expected
    if level != "interval":
        influence = influence + _of_ranks(2 * (ratio * overall - share * within) / expected, values)
    exact = (n - 1) / n  # any two ratings: without putting the first back
    psi = exact * np.bincount(items, influence) / each.mean()
    return estimate_of(1 - exact * ratio, psi - psi.mean(), confidence, low=-1.0)


def _of_ranks(slopes: FloatArray, values: FloatArray) -> FloatArray:
    """Return each rating's influence through the ranks of all ratings, given the figure's slope in each rank.

    A further rating raises the mid-rank of those above it by 1 / n, and of those equal to it by half of that.
    """
    points, place = np.unique(values, return_inverse=True)
    total = np.bincount(place, slopes, len(points)) / len(values)
    above = total.sum() - np.cumsum(total)
    return np.asarray((above + total / 2)[place])
