"""Paired differences of two evaluations."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus.results.estimate import slice_name

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference, A less B, of one metric: paired, on the same examples, unless a result says otherwise.

    Attributes
    ----------
    value, lower, upper : float
        In the metric's own unit; ``nan`` where it is undefined for A or B.
    p_value : float
        Two-sided, of no difference.
    n : int
        Examples behind it: those that both answered, of one class's metric those of that class (for precision and F1
        those that either takes for it, too); of two data sets those of both.
    effect_size : float
        Cohen's d of paired examples: the difference in standard deviations of an example's own difference; nan where
        all differ alike, or where it was not asked for.

    Examples
    --------
    >>> print(Difference(0.031, 0.004, 0.058, 0.02, 800))
    +0.031 [+0.004, +0.058]
    """

    value: float
    lower: float
    upper: float
    p_value: float
    n: int
    effect_size: float = math.nan

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"undefined n={self.n}"
        lower, upper = ("–" if math.isnan(bound) else f"{bound:+.3f}" for bound in (self.lower, self.upper))
        return f"{self.value:+.3f} [{lower}, {upper}]"


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """One slice's paired differences, A less B, per metric; q is over all slices compared."""

    columns: tuple[str, ...]
    values: tuple[str, ...]
    metrics: dict[str, Difference]
    q_value: float

    @property
    def name(self) -> str:
        """``channel=app``."""
        return slice_name(self.columns, self.values)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations of the same examples, paired.

    Attributes
    ----------
    a, b : str
        Names; differences are A less B, so B is the baseline.
    metrics : dict of str to Difference
        Per metric and per class metric, over all examples.
    slices : tuple of SliceDifference
        Per slice, by q-value.
    fixed, broken : int
        Examples that A answers rightly and B wrongly, and the reverse.
    mcnemar_p : float
        Of accuracy; exact binomial below 25 discordant pairs.
    notes : tuple of str
        What cannot be compared, for example latencies of two machines.
    """

    a: str
    b: str
    n: int
    metrics: dict[str, Difference]
    slices: tuple[SliceDifference, ...]
    fixed: int
    broken: int
    mcnemar_p: float
    notes: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return one row per metric: difference, bounds, p-value."""
        import pandas as pd

        return pd.DataFrame(
            [{"metric": k, **asdict(d)} for k, d in self.metrics.items()],
            columns=["metric", "value", "lower", "upper", "p_value", "n"],
        )
