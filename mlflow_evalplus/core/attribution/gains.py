"""What a fix would buy in accuracy, with its interval: each a function of four counts of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.counts import Counts, count_cells
from mlflow_evalplus.core.intervals import ROUNDING, effective_rows, estimate, influence, quantile, variance
from mlflow_evalplus.core.metrics import Metric
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results import Estimate

Formula = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
YES_NO = ("no", "yes")


@dataclass(frozen=True)
class Gain:
    """What a fix would buy.

    Attributes
    ----------
    gain : Estimate
        Of accuracy, -1 … 1.
    accuracy : Estimate
        That the run would have.
    """

    gain: Estimate
    accuracy: Estimate


def as_the_rest(predictions: Predictions, inside: np.ndarray, wrong: np.ndarray, confidence: float = 0.95) -> Gain:
    """Return what it buys to answer the rows `inside` as well as all others are answered.

    Parameters
    ----------
    predictions : Predictions
        For its weights and clusters.
    inside, wrong : bool array, [rows]
        The rows to be fixed; those answered wrongly.
    confidence : float

    Returns
    -------
    Gain
        nan without other rows.

    Notes
    -----
    ``share · (error rate inside - error rate of the rest)``, by the delta method, so that the interval knows of both
    rates and of the share.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> inside = np.arange(400) < 100
    >>> wrong = np.arange(400) % 10 < np.where(inside, 4, 1)
    >>> rows = read(pd.DataFrame({"label": ["a"] * 400, "prediction": np.where(wrong, "b", "a")}))
    >>> print(as_the_rest(rows, inside, wrong).gain)
    0.075 [0.047, 0.103] n=400
    """
    return _gain(predictions, inside, wrong, _gap, _rest, confidence)


def answered_anew(
    predictions: Predictions, wrong_before: np.ndarray, wrong_after: np.ndarray, confidence: float = 0.95
) -> Gain:
    """Return what it buys where it is known, row by row, which answers would be wrong after it."""
    return _gain(predictions, wrong_before, wrong_after, _fewer_errors, _after, confidence)


def as_clear_rows_show(
    predictions: Predictions, clear: np.ndarray, wrong: np.ndarray, confidence: float = 0.95
) -> Gain:
    """Return what it buys to correct the labels, if as many are wrong everywhere as in the `clear` rows.

    In rows of which a model is surest what disagrees with it is the label, as a rule; so their error rate is that of
    the labels, and a better label makes the answer right.

    Notes
    -----
    The rows are the anchor points of Liu and Tao (2016), doi:10.1109/TPAMI.2015.2456899. Labels that are wrong more
    often where a text is hard make the gain larger than this; a model that is sure and wrong makes it smaller.
    """
    counts = _counts(predictions, clear, wrong)
    rate = Metric("rate", _rate_inside, denominator=lambda *_: np.array([[0.0, 0.0], [1.0, 1.0]]))
    (found,) = estimate(rate, counts, counts.overall, confidence).each()
    (after,) = estimate(Metric("accuracy", _more_right), counts, counts.overall, confidence).each()
    return Gain(found, after)


def scaled(effect: Gain, share: float) -> Gain:
    """Return what a fix buys that reaches a share of the rows only."""
    gain, after = effect.gain, effect.accuracy
    part = replace(gain, value=share * gain.value, lower=share * gain.lower, upper=share * gain.upper)
    return Gain(part, _moved(after, share * gain.value - gain.value))


def together(effects: Sequence[Gain]) -> Gain:
    """Return what several fixes of different rows buy together: gains add up, half widths by their squares.

    Notes
    -----
    Zou and Donner, *Statistics in Medicine* 27 (2008), 1693-1702, as if the gains were independent.
    """
    first, *others = effects
    for other in others:
        gain, more = first.gain, other.gain
        below = math.hypot(gain.value - gain.lower, more.value - more.lower)
        above = math.hypot(gain.upper - gain.value, more.upper - more.value)
        value = gain.value + more.value
        first = Gain(
            replace(gain, value=value, lower=max(value - below, -1.0), upper=min(value + above, 1.0)),
            _moved(first.accuracy, more.value),
        )
    return first


def _moved(accuracy: Estimate, by: float) -> Estimate:
    value, lower, upper = (min(max(x + by, 0.0), 1.0) for x in (accuracy.value, accuracy.lower, accuracy.upper))
    return replace(accuracy, value=value, lower=lower, upper=upper)


def _gain(
    predictions: Predictions, first: np.ndarray, second: np.ndarray, gain: Formula, accuracy: Formula, confidence: float
) -> Gain:
    counts = _counts(predictions, first, second)
    margin = counts.overall
    (value,), psi = influence(Metric("gain", gain, low=-1.0), margin.shares.reshape(-1, 2, 2))
    (z,), (spread,) = quantile(margin, confidence), variance(margin, psi.reshape(1, 4))
    n = int(margin.rows.sum())
    alike = n if spread > ROUNDING else float(effective_rows(margin, np.ones(4))[0])
    half = max(z * float(np.sqrt(spread)), z**2 / (alike + z**2))  # at least Wilson's upper bound of 0 / n
    lower, upper = (float(np.clip(value + side, -1, 1)) for side in (-half, half))
    (after,) = estimate(Metric("accuracy", accuracy), counts, margin, confidence).each()
    return Gain(Estimate(float(value), lower, upper, n), after)


def _counts(predictions: Predictions, first: np.ndarray, second: np.ndarray) -> Counts:
    return Counts(YES_NO, YES_NO, count_cells(predictions, 2 * first.astype(np.int64) + second, 4, [()]))


# Shares are [slices, inside, wrong] below, or [slices, wrong before, wrong after].


def _cells(p: FloatArray, no_no: FloatArray, no_yes: FloatArray, yes_no: FloatArray, yes_yes: FloatArray) -> FloatArray:
    return np.stack([np.stack([no_no, no_yes], axis=-1), np.stack([yes_no, yes_yes], axis=-1)], axis=-2) + 0 * p


def _gap(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    share, rest = p[:, 1].sum(axis=1), p[:, 0].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = p[:, 0, 1] / rest
        gradient = _cells(p, share * rate / rest, -share * (1 - rate) / rest, -rate, 1 - rate)
    return p[:, 1, 1] - share * rate, gradient


def _rest(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    rest = p[:, 0].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        right = p[:, 0, 0] / rest
        gradient = _cells(p, (1 - right) / rest, -right / rest, 0 * rest, 0 * rest)
    return right, gradient


def _fewer_errors(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    one = np.ones(len(p))
    return p[:, 1, 0] - p[:, 0, 1], _cells(p, 0 * one, -one, one, 0 * one)


def _after(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    one = np.ones(len(p))
    return p[:, :, 0].sum(axis=1), _cells(p, one, 0 * one, one, 0 * one)


def _rate_inside(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    inside = p[:, 1].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = p[:, 1, 1] / inside
        gradient = _cells(p, 0 * inside, 0 * inside, -rate / inside, (1 - rate) / inside)
    return rate, gradient


def _more_right(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    rate, gradient = _rate_inside(p)
    one = np.ones(len(p))
    right = p[:, :, 0].sum(axis=1)
    gradient += _cells(p, one, 0 * one, one, 0 * one)
    cut = right + rate > 1 - ROUNDING
    return np.where(cut, 1.0, right + rate), np.where(cut[:, None, None], 0.0, gradient)
