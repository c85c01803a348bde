"""How much of a comparison its page shows, so that it stays small however many runs and requirements there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

from mlflow_evalplus.results.side_by_side import SideBySide

T = TypeVar("T")


class Room(NamedTuple):
    """How much is shown at most: rows of a list, requirements, runs, notes."""

    rows: int
    gates: int
    runs: int
    notes: int


# The first of them with which the page is small enough. Runs are the last to go.
ROOMS = (
    Room(20, 200, 200, 100), Room(10, 100, 200, 50), Room(5, 40, 200, 50), Room(2, 20, 100, 20), Room(2, 20, 50, 20),
    Room(2, 20, 20, 20), Room(2, 10, 8, 10), Room(1, 5, 4, 5),
)  # fmt: skip


def narrowed(found: SideBySide, limit: int) -> SideBySide:
    """Return the comparison of so many runs at most: the choice, the baseline, then the most accurate."""
    if len(found.evaluations) <= limit:
        return found

    def rank(name: str) -> tuple[bool, bool, float]:
        accuracy = found.evaluations[name].metrics["accuracy"].value
        return name != found.winner, name != found.baseline, math.inf if math.isnan(accuracy) else -accuracy

    kept = set(sorted(found.evaluations, key=rank)[:limit])

    def only(runs: Mapping[str, T]) -> dict[str, T]:
        return {name: of for name, of in runs.items() if name in kept}

    front = found.front
    if front:
        points, unknown = (p for p in front.points if p.name in kept), (name for name in front.unknown if name in kept)
        front = replace(front, points=tuple(points), unknown=tuple(unknown))
    return replace(
        found, evaluations=only(found.evaluations), comparisons=only(found.comparisons), changes=only(found.changes),
        front=front,
    )  # fmt: skip
