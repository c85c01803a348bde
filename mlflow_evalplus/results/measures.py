"""What is measured besides the counts: calibration and latency."""

from __future__ import annotations

import math
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


@dataclass(frozen=True, slots=True)
class Latency:
    """How fast the model answered.

    Attributes
    ----------
    single : dict of str to Estimate
        ``latency_ms_p50``, ``…_p95``, ``…_p99`` of one-row requests in milliseconds, with
        order-statistic intervals; empty where only a batch was timed.
    batch_size, batch_seconds : int, float
        The one call that answered every example.
    machine : str
        What it was measured on.
    """

    single: dict[str, Estimate]
    batch_size: int
    batch_seconds: float
    machine: str

    @property
    def throughput_per_s(self) -> float:
        """Examples answered per second in the batch call."""
        return self.batch_size / self.batch_seconds if self.batch_seconds > 0 else math.nan

    def frame(self) -> pd.DataFrame:
        """Return one row per figure, in the columns of ``names.LATENCY_COLUMNS``."""
        import pandas as pd

        rows = [(key, f"{e} ms", e.value, e.lower, e.upper, e.n) for key, e in self.single.items()]
        rate = self.throughput_per_s
        rows.append((f"throughput_per_s_batch_{self.batch_size}", f"{number(rate)} per s",
                     rate, math.nan, math.nan, self.batch_size))  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.LATENCY_COLUMNS))
