"""Rows that become right or wrong: what that does to accuracy, and whether it is more than chance."""

from __future__ import annotations

import numpy as np
from scipy import stats

from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.counts import Counts, count_cells
from mlflow_evalplus.core.intervals import estimate, quantile
from mlflow_evalplus.core.paired import difference_bounds
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results import Difference, Estimate

CELLS = np.array([0.0, 1.0, -1.0])  # what a row of each cell adds to the right answers
ROUNDING = 1e-12


def gained(predictions: Predictions, gains: np.ndarray, confidence: float = 0.95) -> Difference:
    """Return the paired difference in accuracy of rows of which some become right and some wrong.

    Parameters
    ----------
    predictions : Predictions
        For its weights and clusters.
    gains : int array, [rows]
        1 for a row that becomes right, -1 for one that becomes wrong, else 0.
    confidence : float

    Returns
    -------
    Difference
        With the interval of `compare_evaluations` and the p-value of `sign_tests`, nan where no row changes.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> rows = read(pd.DataFrame({"label": ["a"] * 50, "prediction": ["a"] * 50}))
    >>> found = gained(rows, np.array([1] * 6 + [-1] + [0] * 43))
    >>> print(found, round(found.p_value, 3))
    +0.100 [-0.009, +0.220] 0.125
    """
    margin = count_cells(predictions, gains % 3, 3, [()])[()]
    value = margin.shares @ CELLS
    bounds = difference_bounds(margin, CELLS - value[:, None], value, quantile(margin, confidence), np.ones(3))
    lower, upper = (float(bound[0]) for bound in bounds[:2])
    rows = np.flatnonzero(gains)
    (p_value,) = sign_tests(predictions, np.zeros_like(rows), rows, gains[rows], 1)
    return Difference(float(value[0]), lower, upper, float(p_value), len(gains))


def sign_tests(
    predictions: Predictions, groups: IntArray, rows: IntArray, gains: np.ndarray, n_groups: int
) -> np.ndarray:
    """Return for each group the two-sided p-value of as many rows becoming right as wrong; nan for an empty one.

    Exact: McNemar's test. Of clustered or weighted rows the larger p-value of the sign test of the sums of clusters
    (rows) and of the normal test of their total; 1 where these point opposite ways, so that a small p-value speaks for
    the sign of the total: many customers with a row each do not outvote a large one.

    Parameters
    ----------
    predictions : Predictions
        For its weights and clusters.
    groups, rows, gains : int arrays, one value per entry
        Group, row, and 1 or -1; a row may stand in several groups.
    n_groups : int
    """
    clustered, weights = "cluster" in predictions.table.column_names, predictions.floats("weight")
    units = predictions.codes("cluster")[0][rows].astype(np.int64) if clustered else rows
    width = len(predictions) + 1
    keys, which = np.unique(groups * width + units, return_inverse=True)
    sums = np.bincount(which, gains if weights is None else gains * weights[rows], len(keys))
    sums[np.abs(sums) < ROUNDING] = 0
    group = keys // width
    more, less = (np.bincount(group[side], minlength=n_groups) for side in (sums > 0, sums < 0))
    p_values = np.minimum(2 * stats.binom.cdf(np.minimum(more, less), more + less, 0.5), 1.0)
    if clustered or weights is not None:
        total, squares = (np.bincount(group, amounts, n_groups) for amounts in (sums, sums**2))
        z = np.divide(np.abs(total), np.sqrt(squares), out=np.zeros(n_groups), where=squares > 0)
        p_values = np.maximum(p_values, 2 * stats.norm.sf(z))
        p_values[(more - less) * total < 0] = 1
    return np.where(np.bincount(groups, minlength=n_groups) > 0, p_values, np.nan)


def share_right(predictions: Predictions, right: np.ndarray, confidence: float = 0.95) -> Estimate:
    """Return the accuracy of rows of which it is known which are right."""
    counts = Counts(("right",), ("right", "wrong"), count_cells(predictions, (~right).astype(np.int64), 2, [()]))
    (found,) = estimate(metrics.OVERALL["accuracy"], counts, counts.overall, confidence).each()
    return found
