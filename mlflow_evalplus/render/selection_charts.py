"""Where the marks of a selection's pictures go; ``templates/selection.html.j2`` draws them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from mlflow_evalplus.render import charts
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.selection import CandidateResult, FailureRow, Selection

COLOURS = 6  # candidates that have a colour of their own
MAX_DIMENSIONS = 16
MAX_COLUMNS = 24  # of a heat map
MIN_AXES, MAX_AXES = 3, 12  # of a radar
RADIUS, LABEL = 100.0, 114.0


class DimensionRow(NamedTuple):
    """A dimension with the score of every candidate."""

    name: str
    n: int
    weight: float
    scores: list[Estimate | None]


class Dimensions(NamedTuple):
    """The rows, and the marks of the axis that all of them share."""

    rows: list[DimensionRow]
    ticks: list[float]
    n: int


class Spoke(NamedTuple):
    """An axis of a radar: its name, where it ends, where its name stands, and how that is anchored."""

    name: str
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


class Radar(NamedTuple):
    """The axes and, for each candidate, the corners of its polygon; the centre is 0, the rim 1."""

    spokes: list[Spoke]
    polygons: list[tuple[str, str]]
    rings: list[tuple[float, str]]


class Segment(NamedTuple):
    """A cause's part of a bar, as shares of the widest one."""

    cause: str
    left: float
    width: float
    n: int
    share: float


class Bar(NamedTuple):
    """What a candidate loses, by cause."""

    name: str
    n: int
    lost: float
    segments: list[Segment]


class Heat(NamedTuple):
    """Share of the lost points by cause, and dimension with its languages; a group is a dimension's columns."""

    columns: list[tuple[str, str]]
    groups: list[tuple[str, int]]
    rows: list[tuple[str, list[FailureRow | None]]]
    n: int
    top: float


def score_axis(scores: Iterable[Estimate | None]) -> list[float]:
    """Return round marks between which all scores and their bounds lie, 1 at most.

    Examples
    --------
    >>> score_axis([Estimate(0.9, 0.62, 0.97, 50)])
    [0.6, 0.7, 0.8, 0.9, 1.0]
    """
    known = [bound for e in scores if e and e.defined for bound in (e.lower, e.value) if math.isfinite(bound)]
    low = min([max(bound, 0.0) for bound in known], default=0.0)
    return [tick for tick in charts.ticks(min(low, 0.9), 1.0) if tick <= 1.0]


def dimensions(found: Selection, shown: Sequence[CandidateResult]) -> Dimensions:
    """Return the scores by dimension, the heaviest dimensions first where there are too many."""
    weights = found.dimension_weights
    kept = set(sorted(weights, key=lambda name: -weights[name])[:MAX_DIMENSIONS])
    rows = [
        DimensionRow(name, found.n_by_dimension.get(name, 0), weight, [c.dimensions.get(name) for c in shown])
        for name, weight in weights.items()
        if name in kept
    ]
    return Dimensions(rows, score_axis(score for row in rows for score in row.scores), len(weights))


def radar(found: Selection, shown: Sequence[CandidateResult]) -> Radar | None:
    """Return the first candidates as polygons over 3 to 12 dimensions; None where there are fewer or more.

    A candidate without a score in one of them has none.
    """
    keys = list(found.dimension_weights)
    if not MIN_AXES <= len(keys) <= MAX_AXES:
        return None
    ways = [_way(place / len(keys)) for place in range(len(keys))]
    spokes = [
        Spoke(name, RADIUS * x, RADIUS * y, LABEL * x, LABEL * y + 4,
              "middle" if abs(x) < 0.2 else "start" if x > 0 else "end")
        for name, (x, y) in zip(keys, ways, strict=True)
    ]  # fmt: skip
    polygons = [
        (candidate.name, _corners(ways, [candidate.dimensions[key].value for key in keys]))
        for candidate in shown[:COLOURS]
        if all(key in candidate.dimensions and candidate.dimensions[key].defined for key in keys)
    ]
    rings = [(share, _corners(ways, [share] * len(keys))) for share in (0.25, 0.5, 0.75, 1.0)]
    return Radar(spokes, polygons, rings) if polygons else None


def _way(turn: float) -> tuple[float, float]:
    return math.sin(2 * math.pi * turn), -math.cos(2 * math.pi * turn)


def _corners(ways: Sequence[tuple[float, float]], values: Sequence[float]) -> str:
    return " ".join(
        f"{RADIUS * charts.fraction(value) * x:.1f},{RADIUS * charts.fraction(value) * y:.1f}"
        for (x, y), value in zip(ways, values, strict=True)
    )


def causes(shown: Sequence[CandidateResult], total: float) -> list[Bar]:
    """Return a bar for each candidate: its length what it loses of all points, its parts the causes.

    Parameters
    ----------
    shown : sequence of CandidateResult
    total : float
        All points that there are.
    """
    lost = [sum(row.lost for row in candidate.causes.overall) for candidate in shown]
    widest = max(lost, default=0.0)
    bars = []
    for candidate, own in zip(shown, lost, strict=True):
        left, segments = 0.0, []
        for row in candidate.causes.overall:
            width = row.lost / widest if widest else 0.0
            segments.append(Segment(row.cause, left, width, row.n, row.share))
            left += width
        bars.append(Bar(candidate.name, len(candidate.causes.items), own / total if total else math.nan, segments))
    return bars if widest else []


def heat(candidate: CandidateResult) -> Heat | None:
    """Return cause × dimension and language, the columns that cost most where there are too many; None without."""
    rows = [row for row in candidate.causes.rows if row.dimension and row.language]
    rows = rows or [row for row in candidate.causes.rows if row.dimension and not row.language]
    if not rows:
        return None
    cost: dict[tuple[str, str], float] = {}
    for row in rows:
        cost[row.dimension, row.language] = cost.get((row.dimension, row.language), 0.0) + row.lost
    kept = set(sorted(cost, key=lambda key: -cost[key])[:MAX_COLUMNS])
    order = list(candidate.dimensions)
    columns = sorted(kept, key=lambda key: (order.index(key[0]) if key[0] in order else len(order), key))
    cells = {(row.cause, row.dimension, row.language): row for row in rows}
    known = [row.cause for row in words.ranked_causes(candidate)]
    groups = [(name, len(list(own))) for name, own in groupby(columns, key=lambda key: key[0])]
    return Heat(columns, groups, [(cause, [cells.get((cause, *key)) for key in columns]) for cause in known], len(cost),
                max(row.share for row in rows))  # fmt: skip
