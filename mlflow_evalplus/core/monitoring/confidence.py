"""How many answers are right, told without labels: from how sure the model is, calibrated where labels are known.

Confidence-based performance estimation (CBPE). It holds while answers that are equally sure are right equally often;
where the right label of the same text changes, confidence does not, and nothing of it is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.intervals import wilson
from mlflow_evalplus.core.monitoring.drop import MIN_UNITS
from mlflow_evalplus.results import Difference, Estimate

LEAST = 1e-6  # a confidence is taken as so far from 0 and 1 at least
MIN_LABELLED = 100
MIN_EACH = 5  # right and wrong answers that a calibration needs
SLOPE_SD = 10.0  # of the slope's prior, per standard deviation of the logit: keeps it finite where no error overlaps
LEAST_SD = 0.5  # a smaller standard deviation of the logit counts as this one
ALIKE = 0.01  # logits this close to the median are one confidence
MAX_STEPS = 100
ROUNDING = 1e-12  # a standard error, or difference, below this is 0


@dataclass(frozen=True)
class Calibrator:
    """P(right | confidence) = 1 / (1 + exp(-(intercept + slope · logit(confidence)))); 0 for a confidence of 0.

    Attributes
    ----------
    intercept, slope : float
    covariance : float array, [2, 2]
        Of the two, by the sandwich: cluster by cluster where rows are clustered.
    correlation : float
        Between the standardised errors of two rows of one cluster; 0 without clusters.
    units : int
        Labelled rows, or clusters, that it rests on.
    clustered : bool
    """

    intercept: float
    slope: float
    covariance: FloatArray
    correlation: float
    units: int
    clustered: bool

    @property
    def flat(self) -> bool:
        """Whether the rows were all equally sure, so that confidence tells nothing: every row has their accuracy."""
        return not self.covariance[1, 1]

    def __call__(self, confidence: FloatArray) -> FloatArray:
        """Return the share of right answers among rows of such confidence."""
        raised = special.expit(self.intercept + self.slope * _logit(confidence))
        return np.where(confidence > 0, raised, 0.0)

    def gradient(self, confidence: FloatArray) -> FloatArray:
        """Return the gradient of the mean calibrated confidence in intercept and slope."""
        c = self(confidence)
        spread = c * (1 - c)
        return np.array([spread.mean(), (spread * _logit(confidence)).mean()])

    def quantile(self, level: float) -> float:
        """Return the two-sided quantile: normal, of Student's t where rows are clustered."""
        tail = (1 + level) / 2
        return float(stats.t.ppf(tail, max(self.units - 1, 1)) if self.clustered else stats.norm.ppf(tail))


def _logit(confidence: FloatArray) -> FloatArray:
    return np.asarray(special.logit(np.clip(confidence, LEAST, 1 - LEAST)))


def calibrate(
    confidence: FloatArray, right: FloatArray, *, weights: FloatArray | None = None, clusters: IntArray | None = None
) -> Calibrator | None:
    """Fit how often an answer is right to how sure the model is of it; a logistic regression of two parameters.

    Parameters
    ----------
    confidence : float array
        Score of the answer, above 0 to 1; other rows are left out.
    right : float array
        1 where the answer is right, else 0.
    weights : float array, optional
    clusters : int array, optional
        Whose row it is.

    Returns
    -------
    Calibrator or None
        None on fewer than 100 rows, or fewer than 5 right or 5 wrong answers: that tells too little.

    Notes
    -----
    Platt (1999) on the logit of the confidence, which temperature scaling of two labels is a case of. The mean of the
    calibrated confidence is the accuracy on the rows that it was fitted to, so on others that are like them the
    estimate has no bias even where the curve is not quite a logistic one. Where fewer than 5 rows differ in confidence
    from the median only the intercept is fitted: `flat`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sure = rng.uniform(0.5, 1, 5000)
    >>> odds = np.sqrt(sure / (1 - sure))                   # the model is too sure: it says 0.80 where 0.67 are right
    >>> fitted = calibrate(sure, (rng.random(5000) < odds / (1 + odds)).astype(float))
    >>> fitted(np.array([0.8])).round(1).tolist()
    [0.7]
    """
    kept = confidence > 0
    x, y = _logit(confidence[kept]), right[kept]
    if len(y) < MIN_LABELLED or min(y.sum(), len(y) - y.sum()) < MIN_EACH:
        return None
    w = np.ones(len(y)) if weights is None else weights[kept] / weights[kept].mean()
    flat = np.count_nonzero(np.abs(x - np.median(x)) > ALIKE) < MIN_EACH
    design = np.stack([np.ones(len(x))] if flat else [np.ones(len(x)), x])
    prior = np.diag([0.0, (max(float(x.std()), LEAST_SD) / SLOPE_SD) ** 2])
    penalty = prior[: len(design), : len(design)]
    theta, hessian = _fit(design, y, w, penalty)
    c = special.expit(theta @ design)
    scores = design * (w * (y - c))
    groups = None if clusters is None else np.unique(clusters[kept], return_inverse=True)[1]
    units = len(y) if groups is None else int(groups.max()) + 1
    if groups is not None:
        scores = np.stack([np.bincount(groups, score) for score in scores])
    inverse = np.linalg.inv(hessian)
    covariance = inverse @ (scores @ scores.T) @ inverse * units / max(units - 1, 1)
    rho = 0.0 if groups is None else _correlation(y - c, np.sqrt(c * (1 - c)), groups)
    slope = 0.0 if flat else float(theta[1])
    return Calibrator(
        float(theta[0]), slope, np.pad(covariance, (0, 2 - len(design))), rho, units, groups is not None
    )  # fmt: skip


def _fit(design: FloatArray, y: FloatArray, w: FloatArray, penalty: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the parameters of the regression and its Hessian, by Newton's method with halved steps."""
    share = np.average(y, weights=w)
    theta = np.zeros(len(design))
    theta[0] = special.logit(share)

    def loss(at: FloatArray) -> float:
        eta = at @ design
        return float(w @ (np.logaddexp(0, eta) - y * eta) + at @ penalty @ at / 2)

    now = loss(theta)
    for _ in range(MAX_STEPS):
        c = special.expit(theta @ design)
        hessian = (design * (w * c * (1 - c))) @ design.T + penalty
        step = np.linalg.solve(hessian, design @ (w * (y - c)) - penalty @ theta)
        while loss(theta + step) > now + 1e-12 and np.abs(step).max() > 1e-10:
            step = step / 2
        theta = theta + step
        now = loss(theta)
        if np.abs(step).max() < 1e-8:
            break
    return theta, hessian


def _correlation(errors: FloatArray, sds: FloatArray, groups: IntArray) -> float:
    """Return the correlation between errors of two rows of one cluster; not below 0."""
    together = np.bincount(groups, errors) ** 2 - np.bincount(groups, errors**2)
    expected = np.bincount(groups, sds) ** 2 - np.bincount(groups, sds**2)
    return float(np.clip(together.sum() / expected.sum(), 0, 1)) if expected.sum() > 0 else 0.0


def estimated_accuracy(
    calibrator: Calibrator, confidence: FloatArray, *, clusters: IntArray | None = None, level: float = 0.95
) -> Estimate:
    """Return the share of right answers among these very rows, with an interval that covers the true one.

    With c the calibrated confidence of a row and n rows, the estimate is the mean of c. Its variance about the true
    share is ``Σ c (1 - c) / n²``, by which answers are right or wrong (pairs of rows of one cluster count, too), and
    ``g' V g``, by which the calibration is uncertain (delta method). The interval is Wilson's with the effective
    number of rows that this variance stands for, half a row wider at both ends, as right answers come whole. nan
    without rows.
    """
    kept = ~np.isnan(confidence)
    confidence = confidence[kept]
    n = len(confidence)
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0, small_support=True)
    c = calibrator(confidence)
    variances = c * (1 - c)
    luck = variances.sum()
    if clusters is not None and calibrator.correlation:
        groups = np.unique(clusters[kept], return_inverse=True)[1]
        pairs = np.bincount(groups, np.sqrt(variances)) ** 2 - np.bincount(groups, variances)
        luck += calibrator.correlation * pairs.sum()
    slope = calibrator.gradient(confidence)
    variance = luck / n**2 + slope @ calibrator.covariance @ slope
    value = float(c.mean())
    n_eff = value * (1 - value) / variance if variance > 0 else float(n)
    lower, upper = wilson(np.array([value]), np.array([n_eff]), calibrator.quantile(level))
    low, high = max(float(lower[0]) - 0.5 / n, 0.0), min(float(upper[0]) + 0.5 / n, 1.0)
    return Estimate(value, low, high, n, small_support=n < MIN_EACH)


def estimated_difference(
    calibrator: Calibrator,
    here: FloatArray,
    there: FloatArray,
    *,
    clusters: tuple[IntArray, IntArray] | None = None,
    level: float = 0.95,
) -> Difference:
    """Return how much more answers are right by their calibrated confidence here than there.

    The two sets of rows are taken as independent samples, cluster by cluster where there are clusters; Student's t on
    the rows, or clusters, of the smaller one. nan where one is empty; the interval is where one is of one row or
    cluster, the p-value where one is of fewer than 5.
    """
    sides = [(side[~np.isnan(side)], None if clusters is None else clusters[i][~np.isnan(side)])
             for i, side in enumerate((here, there))]  # fmt: skip
    n = sum(len(side) for side, _ in sides)
    if not all(len(side) for side, _ in sides):
        return Difference(np.nan, np.nan, np.nan, np.nan, n)
    means, spreads, units = zip(*(_mean(calibrator(side), groups) for side, groups in sides), strict=True)
    slope = np.subtract(*(calibrator.gradient(side) for side, _ in sides))
    value = float(means[0] - means[1])
    error = float(np.sqrt(sum(spreads) + slope @ calibrator.covariance @ slope))
    law = stats.t(max(min(units) - 1, 1))
    half = float(law.ppf((1 + level) / 2)) * error
    lower, upper = np.clip([value - half, value + half], -1, 1).tolist()
    p_value = float(2 * law.sf(abs(value) / error)) if error > ROUNDING else float(abs(value) <= ROUNDING)
    if min(units) < MIN_UNITS:
        p_value = np.nan
    return Difference(value, lower, upper, p_value, n)


def _mean(values: FloatArray, clusters: IntArray | None) -> tuple[float, float, int]:
    """Return the mean, its variance (nan of one), and the rows or clusters that it rests on."""
    mean = values.mean()
    off = values - mean
    if clusters is not None:
        off = np.bincount(np.unique(clusters, return_inverse=True)[1], off)
    units = len(off)
    spread = (off**2).sum() / len(values) ** 2 * units / (units - 1) if units > 1 else np.nan
    return float(mean), float(spread), units
