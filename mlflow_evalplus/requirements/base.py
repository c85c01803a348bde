"""What every part of requirements.yaml is made of."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

TRUTHS = "YAML reads yes, no, on, off as true and false"


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{TRUTHS}; give a number")
    return value


Name = Annotated[str, StringConstraints(min_length=1)]
NoTruth = BeforeValidator(_no_truth)
Number = Annotated[float, NoTruth]
Count = Annotated[int, NoTruth]


class Part(BaseModel):
    """A mapping of known keys; nothing else is taken."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )


def within_reach(
    metric: str, bound: float | None, ranges: Mapping[str, tuple[float, float]], counted: Collection[str]
) -> float | None:
    """Return a bound that the metric can clear and miss; None stays None.

    Parameters
    ----------
    metric : str
    bound : float or None
        In the metric's own unit.
    ranges : mapping of str to tuple of float
        Lowest and highest value of each metric; without one anything is within reach.
    counted : collection of str
        Metrics that are whole numbers.

    Raises
    ------
    ValueError
        It is out of the metric's range, or no whole number of what is counted.
    """
    low, high = ranges.get(metric, (-math.inf, math.inf))
    if metric in counted and bound is not None and (bound < low or not bound.is_integer()):
        raise ValueError(f"{metric} is a whole number from {low:g} on")
    if bound is not None and not low <= bound <= high:
        lies = f"lies between {low:g} and {high:g}" if high < math.inf else f"is never below {low:g}"
        raise ValueError(f"{metric} {lies}" + ("; 0.9 means 90 %" if (low, high) == (0, 1) else ""))
    return bound
