"""What is measured besides the counts: calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Estimate, number

if TYPE_CHECKING:
    import pandas as pd


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
class Calibration:
    """How often the model is right where it is so sure; the bins behind ``ece`` that hold examples."""

    bins: tuple[CalibrationBin, ...]

    def frame(self) -> pd.DataFrame:
        """Return one row per bin, in the columns of ``names.CALIBRATION_COLUMNS``."""
        import pandas as pd

        rows = [
            (f"{b.low:g} to {b.high:g}", f"sure {number(b.confidence)}, right {b.accuracy}", b.n, b.confidence,
             b.accuracy.value, b.accuracy.lower, b.accuracy.upper)
            for b in self.bins
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.CALIBRATION_COLUMNS))
