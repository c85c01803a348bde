"""One temperature for all scores, so that the model is as sure as it is right; the answers stay the same.

Guo et al. (2017), *On Calibration of Modern Neural Networks*, arXiv:1706.04599.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.errors import DataError

LEAST = 1e-12  # a score of less is taken as this, here as where the model is served
COLDEST, HOTTEST = 0.05, 20.0
MAX_OFF = 0.01  # by which the scores of a row may miss a sum of 1


def fit_temperature(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the temperature with which the scores of held-out rows make their labels most likely.

    The log-likelihood is concave in ``1 / T``, so the root of its derivative is the one maximum.

    Parameters
    ----------
    scores : float array, [rows, labels]
        Probabilities of a model that was not trained on these rows.
    labels : int array, [rows]
        The place of each row's label among the columns of `scores`.

    Returns
    -------
    float
        Above 1 for a model that is too sure, below for one that is not sure enough; 0.05 at least, 20 at most (also
        where the scores rank labels no better than chance). 1 where each label has the highest score of its row: such
        rows show no error, so the likelihood grows without end, and nothing tells how sure the model may be.

    Raises
    ------
    DataError
        There are no rows, the shapes do not fit, or a score or a label is none.

    Examples
    --------
    >>> scores = [[0.99, 0.01]] * 8 + [[0.01, 0.99]] * 2      # 99 % sure, and right on 8 of 10
    >>> temperature = fit_temperature(scores, [0] * 10)
    >>> round(temperature, 2), apply_temperature(scores, temperature)[0].round(2).tolist()
    (3.31, [0.8, 0.2])
    """
    from scipy.optimize import brentq

    given = _checked(scores)
    codes = _codes(labels, given)
    logs = np.log(np.maximum(given, LEAST))
    own, best = logs[np.arange(len(codes)), codes], logs.max(axis=1)
    if np.array_equal(own, best):
        return 1.0

    def slope(inverse: float) -> float:
        raised = np.exp(inverse * (logs - best[:, None]))
        expected = (raised * logs).sum(axis=1) / raised.sum(axis=1)
        return float((expected - own).mean())

    if slope(1 / HOTTEST) >= 0:
        return HOTTEST
    if slope(1 / COLDEST) <= 0:
        return COLDEST
    return 1 / float(brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-10))


def apply_temperature(scores: ArrayLike, temperature: float) -> FloatArray:
    """Return the scores, [rows, labels], each raised to ``1 / temperature`` and scaled to a sum of 1 per row.

    The order of a row's scores stays, but for those below 1e-12, which become alike.

    Raises
    ------
    DataError
        The scores are none, or the temperature is not a number above 0.

    Examples
    --------
    >>> apply_temperature([[0.9, 0.1]], 2).round(2).tolist()
    [[0.75, 0.25]]
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise DataError(f"temperature is {temperature!r}; give a number above 0, such as fit_temperature returns")
    logs = np.log(np.maximum(_checked(scores), LEAST))
    raised = np.exp((logs - logs.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _checked(scores: ArrayLike) -> FloatArray:
    given = np.asarray(scores, dtype=np.float64)
    if given.ndim != 2 or not given.size:
        raise DataError(f"scores have the shape {given.shape}; give one row per example, one column per label")
    off = ~(np.isfinite(given) & (given >= 0) & (given <= 1)).all(axis=1) | (np.abs(given.sum(axis=1) - 1) > MAX_OFF)
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise DataError(
            f"the scores of {int(off.sum()):,} of {len(given):,} rows are no probabilities, first those of row {row}: "
            f"{given[row, :8].tolist()}; give numbers from 0 to 1 that sum to 1 in each row"
        )
    return given


def _codes(labels: ArrayLike, scores: FloatArray) -> IntArray:
    given: np.ndarray[Any, Any] = np.asarray(labels)
    rows, columns = scores.shape
    if given.shape != (rows,) or given.dtype.kind not in "iu":
        raise DataError(
            f"labels have the shape {given.shape} and hold {given.dtype}; give one whole number per row of scores "
            f"({rows:,}): the place of its label among the {columns} columns"
        )
    if given.min() < 0 or given.max() >= columns:
        raise DataError(
            f"labels lie between {given.min()} and {given.max()}; scores have the columns 0 … {columns - 1}"
        )
    return given.astype(np.int64)
