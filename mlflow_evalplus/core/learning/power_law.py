"""An error that falls with the training rows by a power law, fitted to many curves at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core.columns import FloatArray, IntArray

EXPONENTS = np.concatenate([[0.0], np.geomspace(0.05, 2, 48)])
MIN_SIZES = 4  # three parameters, and something to see whether they fit


@dataclass(frozen=True)
class PowerLaws:
    """The law of each curve; every array is [curves].

    Attributes
    ----------
    at : float
        The largest size that was fitted.
    level : float array
        The error there.
    slope : float array
        By how much the error falls there as the logarithm of the rows grows by 1; not below 0.
    exponent : float array
        How fast that slows down; 0 where it does not.
    """

    at: float
    level: FloatArray
    slope: FloatArray
    exponent: FloatArray

    def error(self, n: IntArray | FloatArray) -> FloatArray:
        """Return the error [curves, sizes] at `n` [sizes] training rows, 0 … 1."""
        risen = _risen(np.log(np.asarray(n) / self.at)[None, :], self.exponent[:, None])
        return np.clip(self.level[:, None] - self.slope[:, None] * risen, 0, 1)


def _risen(log_n: FloatArray, exponent: FloatArray) -> FloatArray:
    """Return ``(1 - n ** -c) / c``, and log n where c is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(exponent == 0, log_n, -np.expm1(-exponent * log_n) / exponent)


def fit(error: FloatArray, n: IntArray, weight: FloatArray) -> PowerLaws:
    """Fit the law to each curve by weighted least squares; the error never rises.

    Parameters
    ----------
    error : float array, [curves, sizes]
    n : int array, [sizes]
        Training rows, all different, at least 3 of them.
    weight : float array, [sizes]
        Above 0: one over the variance of the error, or in proportion to it.

    Notes
    -----
    The law is ``floor + scale · n ** -exponent`` (Hestness et al. 2017, arXiv:1712.00409; Figueroa et al. 2012,
    doi:10.1186/1472-6947-12-8), written by its level and slope at the largest size, so that it has the limit
    ``level - slope · log n`` at the exponent 0. The floor may come out below 0: where a curve does not bend yet, a
    floor of 0 or more would bend it. Given the exponent, level and slope are a least-squares problem in closed form;
    the exponent, 0 or from 0.05 to 2, is the best one of a grid.

    Examples
    --------
    >>> n = np.array([100, 200, 400, 800])
    >>> laws = fit(0.1 + 2 * n[None] ** -0.5, n, np.ones(4))
    >>> print(f"{laws.error(np.array([1600]))[0, 0]:.2f}")
    0.15
    """
    share = weight / weight.sum()
    risen = _risen(np.log(n / n.max())[None, :], EXPONENTS[:, None])
    mean_risen, mean_error = risen @ share, error @ share
    centered = risen - mean_risen[:, None]
    products = ((error - mean_error[:, None]) * share) @ centered.T
    squares = centered**2 @ share
    slope = np.maximum(-products / squares, 0)
    # the part of the squared residuals that depends on the law
    best = (slope**2 * squares + 2 * slope * products).argmin(axis=1)
    chosen = slope[np.arange(len(error)), best]
    return PowerLaws(float(n.max()), mean_error + chosen * mean_risen[best], chosen, EXPONENTS[best])
