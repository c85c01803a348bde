"""Where the marks of a picture go; ``templates/charts.html.j2`` draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

WIDE = 20  # how many times the smallest value the largest is, from where on an axis is logarithmic
LINE = 0.06  # height of a line of text, as a share of a scatter's height
NAME = 0.25  # width of a name, as a share of its width


class Point(NamedTuple):
    """A mark of a scatter.

    Attributes
    ----------
    name : str
    x, y, lower, upper : float
        In the units of the axes; the bounds are of y, nan where there are none.
    marked : bool
        Drawn as a diamond, such as a winner.
    """

    name: str
    x: float
    y: float
    lower: float = math.nan
    upper: float = math.nan
    marked: bool = False


def fraction(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """Return how far along an axis a value lies, 0 … 1; outside of it the nearer end, nan as 0.

    Examples
    --------
    >>> fraction(0.75, 0.5, 1), fraction(7), fraction(float("nan"))
    (0.5, 1.0, 0.0)
    """
    if math.isnan(value) or high <= low:
        return 0.0
    return min(max((value - low) / (high - low), 0.0), 1.0)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers, about so many, of which the first is at most `low` and the last at least `high`.

    Examples
    --------
    >>> ticks(0.812, 0.931)
    [0.8, 0.85, 0.9, 0.95]
    >>> ticks(3, 3)
    [3.0, 3.5]
    """
    span = high - low if high > low else 1.0
    magnitude = 10.0 ** math.floor(math.log10(span / about))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude * about >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(place * step, digits) for place in range(first, max(last, first + 1) + 1)]


class Axis(NamedTuple):
    """An axis with its marks, in equal steps or, where it is logarithmic, at powers of ten."""

    ticks: list[float]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return how far along the axis a value lies, 0 … 1."""
        if not self.logarithmic:
            return fraction(value, self.ticks[0], self.ticks[-1])
        low, high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])
        return fraction(math.log10(value), low, high) if value > 0 else 0.0


def axes(points: Sequence[Point]) -> tuple[Axis, Axis]:
    """Return both axes, on which every point lies and every interval ends; from 0 to 1 without points.

    That of x is logarithmic where the largest is 20 times the smallest.
    """
    known = [point for point in points if not (math.isnan(point.x) or math.isnan(point.y))]
    if not known:
        return Axis(ticks(0, 1)), Axis(ticks(0, 1))
    across = [point.x for point in known]
    down = [value for point in known for value in (point.y, point.lower, point.upper) if not math.isnan(value)]
    return _across(min(across), max(across)), Axis(ticks(min(down), max(down)))


def _across(low: float, high: float) -> Axis:
    if not 0 < WIDE * low <= high:
        return Axis(ticks(low, high))
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return Axis([10.0**decade for decade in decades], logarithmic=True)


def placed(points: Sequence[Point], x: Axis, y: Axis) -> list[tuple[Point, float, float, float]]:
    """Return each point with where it lies, 0 … 1 from the left and from the top, and the height of its name.

    Names are moved down until none lies on another's line close by, or on another mark; names on the right half are
    written to the left of their mark. Points with an undefined coordinate are left out.
    """
    known = sorted((p for p in points if not (math.isnan(p.x) or math.isnan(p.y))), key=lambda point: -point.y)
    marks = [(x.at(p.x), 1 - y.at(p.y)) for p in known]
    found: list[tuple[Point, float, float, float]] = []
    for point, (across, down) in zip(known, marks, strict=True):
        line, side = down, -1 if across > 0.5 else 1
        near = [other for _, left, _, other in found if abs(left - across) < 0.5]
        near += [top for left, top in marks if 0.01 < side * (left - across) < NAME]
        while any(abs(line - other) < LINE for other in near):
            line += LINE / 4
        found.append((point, across, down, line))
    return found
