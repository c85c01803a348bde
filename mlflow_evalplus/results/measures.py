"""What is measured besides the counts: calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Drawable, Estimate, number

if TYPE_CHECKING:
    import pandas as pd

MOSTLY = 0.75


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The examples whose highest score lies between `low` and `high`.

    Attributes
    ----------
    n : int
    confidence : float
        Mean of their highest score.
    accuracy : Estimate
        Share of them whose label has that score.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Calibration(Drawable):
    """How often the model's most probable label is right where it is so sure; the bins behind ``ece`` with examples.

    Attributes
    ----------
    bins : tuple of CalibrationBin
    p_value : float
        Probability that a perfectly calibrated model shows as large an ``ece`` on as many rows; nan where not known.
    widened : float
        Noise of the bins relative to that of as many independent rows of equal weight.
    n_apart : int
        Examples whose answer is right and whose most probable label is not, or the other way round.
    """

    bins: tuple[CalibrationBin, ...]
    p_value: float = math.nan
    widened: float = 1.0
    n_apart: int = 0

    @property
    def excess(self) -> float:
        """Mean confidence less accuracy: above 0 for a model that is too sure. Of weighted rows about."""
        n = sum(b.n for b in self.bins)
        return sum(b.n * (b.confidence - b.accuracy.value) for b in self.bins) / n if n else math.nan

    @property
    def noise(self) -> float:
        """The calibration error that a perfectly calibrated model shows on such rows, on average.

        ``Σ_bins √(2 n_b c (1 - c) / π) / n`` for bins of n_b rows with a mean confidence of c, times `widened`.
        """
        n = sum(b.n for b in self.bins)
        of_bins = (math.sqrt(2 * b.n * b.confidence * max(1 - b.confidence, 0) / math.pi) for b in self.bins)
        return self.widened * sum(of_bins) / n if n else math.nan

    @property
    def one_way(self) -> bool:
        """Whether more than three quarters of the bins' error is in one direction."""
        gaps = [b.n * (b.confidence - b.accuracy.value) for b in self.bins]
        return abs(sum(gaps)) > MOSTLY * sum(map(abs, gaps))

    @property
    def both_ways(self) -> bool:
        """Whether not `one_way`, and bins are shown to err in both directions."""
        over = any(b.confidence > b.accuracy.upper for b in self.bins)
        under = any(b.confidence < b.accuracy.lower for b in self.bins)
        return over and under and not self.one_way

    def frame(self) -> pd.DataFrame:
        """Return one row per bin, in the columns of ``names.CALIBRATION_COLUMNS``."""
        import pandas as pd

        rows = [
            (f"{b.low:g} to {b.high:g}", f"sure {number(b.confidence)}, right {b.accuracy}", b.n, b.confidence,
             b.accuracy.value, b.accuracy.lower, b.accuracy.upper)
            for b in self.bins
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.CALIBRATION_COLUMNS))
