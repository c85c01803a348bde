"""Which cases get the budget: some drawn at random over the rows, the others by their reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlflow_evalplus.core.collecting.reasons import Signal
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.tokens import Bools


@dataclass(frozen=True)
class Drawn:
    """A row that was drawn at random, and how many rows of its group were; or (`times` 0) one chosen for a reason."""

    row: int
    group: int
    times: int = 0
    reason: str = "audit"


@dataclass(frozen=True)
class Audit:
    """The cases that `n` rows drawn at random make, of all `n_rows`."""

    cases: list[Drawn]
    n: int
    n_rows: int

    @property
    def weight(self) -> float:
        """How many rows one that was drawn stands for; nan where none was."""
        return self.n_rows / self.n if self.n else float("nan")


@dataclass(frozen=True)
class Groups:
    """Which rows are near copies.

    Attributes
    ----------
    of_row, text : int array, one value per row
        Its group, and its place among the different texts.
    served : bool array, one value per group
        A text of it has a label already.
    """

    of_row: IntArray
    text: IntArray
    served: Bools

    @cached_property
    def copies(self) -> IntArray:
        """Rows of each group."""
        return np.bincount(self.of_row, minlength=len(self.served))

    @cached_property
    def order(self) -> IntArray:
        """The rows, group by group."""
        return np.argsort(self.of_row, kind="stable")

    @cached_property
    def starts(self) -> IntArray:
        """Where each group begins in `order`."""
        return np.cumsum(self.copies) - self.copies

    def rows(self, group: int) -> IntArray:
        """Return the rows of a group."""
        return self.order[self.starts[group] : self.starts[group] + self.copies[group]]


def audit_size(n: int, audit: float, found: Sequence[Signal], groups: Groups) -> int:
    """Return how many rows to draw at random: the share asked for; more where too few groups have a reason.

    So many more that the cases are about `n`, of which some are in groups with a reason. It depends on the log and not
    on what is drawn, so that each row is as likely as any other to be drawn.
    """
    if not audit:
        return 0
    some = np.zeros(len(groups.served), dtype=np.bool_)
    for signal in found:
        some[groups.of_row[signal.scores > 0]] = True
    some &= ~groups.served
    without = 1 - groups.copies[some].sum() / len(groups.of_row)
    missing = n - int(some.sum())
    return max(round(audit * n), round(missing / without) if missing > 0 and without > 0 else 0)


def draw_audit(rows: IntArray, groups: Groups, n: int, rng: np.random.Generator) -> Audit:
    """Draw n of the rows, or all there are, without replacement; of those of one group the first stands for all.

    They are drawn in random order, so the first is a random one of them: with its label standing for all of them, the
    sum of weighted right answers has the expectation that it has with a label for each.
    """
    n = min(n, len(rows))
    drawn = rows[rng.choice(len(rows), n, replace=False)] if n else np.zeros(0, dtype=np.int64)
    found, first, times = np.unique(groups.of_row[drawn], return_index=True, return_counts=True)
    order = np.argsort(first)
    columns = (drawn[first[order]], found[order], times[order])
    cases = [Drawn(*one) for one in zip(*(column.tolist() for column in columns), strict=True)]
    return Audit(cases, n, len(rows))


def choose(found: Sequence[Signal], groups: Groups, taken: set[int], budget: int, ties: FloatArray) -> list[Drawn]:
    """Choose groups by their reasons.

    Each reason in turn gets an equal share of what is left; what it cannot fill flows on to the others. Within a
    reason the order is that of `ranking`.

    Parameters
    ----------
    found : sequence of Signal
    groups : Groups
    taken : set of int
        Groups that are in the queue already.
    budget : int
        Groups at most.
    ties : float array, one value per group
        Decides between groups of one worth.
    """
    free = ~groups.served
    free[list(taken)] = False
    waiting: dict[str, Iterator[Drawn]] = {one.reason: ranking(one, groups, free, ties) for one in found}
    chosen, seen = list[Drawn](), set[int]()
    while waiting and len(chosen) < budget:
        in_turn = list(waiting)
        for place, reason in enumerate(in_turn):
            quota = -(-(budget - len(chosen)) // (len(in_turn) - place))
            if not _take(waiting[reason], quota, chosen, seen):
                del waiting[reason]
    return chosen


def _take(candidates: Iterator[Drawn], quota: int, chosen: list[Drawn], seen: set[int]) -> bool:
    """Move `quota` candidates that nobody took to the chosen ones; return whether there were enough."""
    while quota:
        one = next(candidates, None)
        if one is None:
            return False
        if one.group not in seen:
            seen.add(one.group)
            chosen.append(one)
            quota -= 1
    return True


def ranking(signal: Signal, groups: Groups, free: Bools, ties: FloatArray) -> Iterator[Drawn]:
    """Yield the groups for which a reason holds, those that are worth most first.

    Worth is the reason's score times ``log₂(1 + copies)``, for the second case of a kind half of it, for the third a
    third …: ten cases with the same new word are chosen only where the tenth is worth more than the first with any
    other.
    """
    rows = np.flatnonzero((signal.scores > 0) & free[groups.of_row])
    rows = rows[np.lexsort((-signal.scores[rows], groups.of_row[rows]))]
    found, first = np.unique(groups.of_row[rows], return_index=True)
    best = rows[first]
    worth = signal.scores[best] * np.log2(1 + groups.copies[found])
    order = np.lexsort((ties[found], -worth))
    rank = _rank_in_kind(signal.kinds[best][order])
    order = order[np.lexsort((rank, -worth[order] / (1 + rank)))]
    for group in found[order].tolist():
        yield Drawn(_central(signal, groups, group), group, reason=signal.reason)


def _rank_in_kind(kinds: IntArray) -> IntArray:
    """Return how many of the same kind come before each."""
    by_kind = np.argsort(kinds, kind="stable")
    starts = np.flatnonzero(np.diff(kinds[by_kind], prepend=kinds.min(initial=0) - 1))
    sizes = np.diff(starts, append=len(kinds))
    rank = np.empty(len(kinds), dtype=np.int64)
    rank[by_kind] = np.arange(len(kinds)) - np.repeat(starts, sizes)
    return rank


def _central(signal: Signal, groups: Groups, group: int) -> int:
    """Return the row that shows a group: of its most frequent text for which the reason holds, where it holds most."""
    rows = groups.rows(group)
    texts, n_rows = np.unique(groups.text[rows], return_counts=True)
    rows = rows[signal.scores[rows] > 0]
    often = n_rows[np.searchsorted(texts, groups.text[rows])]
    return int(rows[np.lexsort((groups.text[rows], -signal.scores[rows], -often))[0]])
