"""Accuracy against the number of training rows, and what more labels would buy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Drawable, Estimate, number

if TYPE_CHECKING:
    import pandas as pd

NOTHING = 0.0005  # a gain below it is none: 0.05 points


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """The accuracy that training sets of one size give.

    Attributes
    ----------
    n_train : int
        Training rows.
    n_fits : int
        Models that were fitted on so many rows; 0 on the fitted curve.
    accuracy : Estimate
        Of models fitted on any such rows; its n is the number of test rows.
    """

    n_train: int
    n_fits: int
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """An error that falls as ``floor + scale · n ** -exponent``, written by what is known best: its level and slope.

    Attributes
    ----------
    n_train : int
        The largest size that was measured.
    error : float
        There, 0 … 1.
    slope : float
        By how much the error falls there as the logarithm of the rows grows by 1: 0.69 of it with a doubling, at first.
    exponent : float
        How fast that slows down; 0 where it does not, in what was measured: accuracy is linear in the logarithm.

    Examples
    --------
    >>> law = PowerLaw(400, 0.2, 0.05, 0.5)
    >>> f"{law.accuracy(400):.3f}, {law.accuracy(1600):.3f}, at most {1 - law.floor:.3f}"
    '0.800, 0.850, at most 0.900'
    """

    n_train: int
    error: float
    slope: float
    exponent: float

    @property
    def floor(self) -> float:
        """The errors that more rows alone would never remove; 0 or less where the curve does not bend yet."""
        if self.slope == 0:
            return self.error
        return self.error - self.slope / self.exponent if self.exponent else -math.inf

    def accuracy(self, n_train: float) -> float:
        """Return the accuracy that the law gives for so many training rows."""
        log_n = math.log(n_train / self.n_train)
        risen = -math.expm1(-self.exponent * log_n) / self.exponent if self.exponent else log_n
        return min(max(1 - self.error + self.slope * risen, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class MoreLabels:
    """What labelling more rows like those at hand would buy.

    Attributes
    ----------
    rows : int
        Labels bought, beyond the training rows at hand.
    accuracy : Estimate
        That a model would have then.
    gain : Estimate
        Of accuracy, 0 … 1, over the curve at the rows at hand, on the same test rows; never below 0, as the fitted law
        cannot fall.
    price : float or None
        Of all these labels; None where nobody said what one costs.
    currency : str
    """

    rows: int
    accuracy: Estimate
    gain: Estimate
    price: float | None = None
    currency: str = "USD"

    @property
    def summary(self) -> str:
        """``+1.9 points [+0.6, +3.2]``.

        Examples
        --------
        >>> gain = Estimate(0.019, 0.006, 0.032, 400)
        >>> print(MoreLabels(1000, Estimate(0.88, 0.86, 0.9, 400), gain, 80.0).summary)
        +1.9 points [+0.6, +3.2]
        """
        value, lower, upper = (100 * x for x in (self.gain.value, self.gain.lower, self.gain.upper))
        return f"{value:+.1f} points [{lower:+.1f}, {upper:+.1f}]"

    @property
    def sentence(self) -> str:
        """The gain, and what it costs, for people.

        Examples
        --------
        >>> gain = Estimate(0.019, 0.006, 0.032, 400)
        >>> print(MoreLabels(1000, Estimate(0.88, 0.86, 0.9, 400), gain, 80.0).sentence)
        1,000 more labels like these would buy about +1.9 points [+0.6, +3.2]; at 0.08 USD a label that is 80.00 USD, \
42.11 USD a point [25.00, 133].
        """
        nothing = ", and may buy nothing" if self.gain.lower < NOTHING else ""
        text = f"{self.rows:,} more labels like these would buy about {self.summary}{nothing}"
        if self.price is None:
            return f"{text}."
        return f"{text}; at {self.price / self.rows:,.4g} {self.currency} a label that is {self._money()}."

    def _money(self) -> str:
        assert self.price is not None
        whole = f"{self.price:,.2f} {self.currency}"
        cheapest, middle, dearest = (
            self.price / (100 * gain) if gain >= NOTHING else math.inf
            for gain in (self.gain.upper, self.gain.value, self.gain.lower)
        )
        if math.isinf(middle):
            return whole if math.isinf(cheapest) else f"{whole}, at least {_price(cheapest)} {self.currency} a point"
        bounds = (
            f", at least {_price(cheapest)}" if math.isinf(dearest) else f" [{_price(cheapest)}, {_price(dearest)}]"
        )
        return f"{whole}, {_price(middle)} {self.currency} a point{bounds}"


def _price(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


@dataclass(frozen=True, slots=True)
class LearningCurve(Drawable):
    """Accuracy against the number of training rows, measured and carried on.

    Attributes
    ----------
    points : tuple of LearningPoint
        What was measured, the smallest training sets first.
    law : PowerLaw or None
        The fitted law; None where there are fewer than 4 sizes.
    curve : tuple of LearningPoint
        The law with its interval, from the smallest size to the furthest that it was carried on to.
    more : tuple of MoreLabels
        What more labels would buy: the number that was asked for first, then as many again as there are. Empty without
        a law.
    n_test : int
    confidence : float
        Of all intervals.
    notes : tuple of str
        What a reader must know before relying on it.

    Examples
    --------
    >>> point = LearningPoint(500, 3, Estimate(0.8, 0.77, 0.83, 600))
    >>> LearningCurve((point,), None, (), (), 600).sentence
    'What more labels would buy is not known: the law takes 4 sizes of training sets, and there is 1.'
    """

    points: tuple[LearningPoint, ...]
    law: PowerLaw | None
    curve: tuple[LearningPoint, ...]
    more: tuple[MoreLabels, ...]
    n_test: int
    confidence: float = 0.95
    notes: tuple[str, ...] = ()

    @property
    def n_train(self) -> int:
        """The largest training set: the rows at hand."""
        return self.points[-1].n_train

    @property
    def sentence(self) -> str:
        """What the next labels would buy, or why that is not known."""
        if self.more:
            return self.more[0].sentence
        there = "there is 1" if len(self.points) == 1 else f"there are {len(self.points)}"
        return f"What more labels would buy is not known: the law takes 4 sizes of training sets, and {there}."

    def frame(self) -> pd.DataFrame:
        """Return one row per size, measured or extrapolated, in the columns ``names.LEARNING_CURVE_COLUMNS``."""
        import pandas as pd

        rows: list[tuple[object, ...]] = [
            (f"{point.n_train:,} rows", str(point.accuracy), "measured", point.n_train, point.n_fits,
             *_values(point.accuracy), math.nan, math.nan, math.nan, None, "")
            for point in self.points
        ]  # fmt: skip
        rows += [
            (f"{more.rows:,} more", f"{number(more.accuracy.value)}, {more.summary}", "extrapolated",
             self.n_train + more.rows, 0, *_values(more.accuracy), *_values(more.gain), more.price, more.currency)
            for more in self.more
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.LEARNING_CURVE_COLUMNS)).astype({"price": "Float64"})


def _values(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.lower, estimate.upper
