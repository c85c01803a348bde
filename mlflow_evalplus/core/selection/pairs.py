"""All pairs of candidates: which are told apart, and how many questions the others would take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import combinations

import numpy as np
from scipy import stats

from mlflow_evalplus.core.family import holm
from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.measures import SCORE, Measure
from mlflow_evalplus.core.selection.priorities import Utility
from mlflow_evalplus.results import Difference
from mlflow_evalplus.results.selection import PairDifference

MOST = 1_000_000  # nobody asks more questions than that


def all_pairs(
    names: Sequence[str], facts: Mapping[str, Facts], measure: Measure, utility: Utility
) -> tuple[PairDifference, ...]:
    """Return the paired differences of every two candidates, the one named first less the other.

    `p_holm` is of the utility, corrected over all pairs (Holm 1979). `n_needed` is how many questions in all it would
    take if the difference stayed as it is: with half the luck. None where the two are told apart already, where the
    difference is just 0, and where it would be more than a million.
    """
    pairs, confidence = list(combinations(names, 2)), measure.confidence
    utilities = [utility.difference(a, b, confidence) for a, b in pairs]
    p_values = [each.p_value for each in utilities]
    corrected = holm(np.array(p_values)).tolist() if pairs else []
    n, level = len(measure.layouts.clusters), (1 - confidence) / max(len(pairs), 1)
    return tuple(
        PairDifference(
            a, b, measure.difference(facts[a], facts[b], SCORE).difference(1.0), each.difference(1.0), p_holm,
            {
                dimension: measure.difference(facts[a], facts[b], SCORE, dimension).difference(1.0)
                for dimension in measure.layouts.weights
            },
            None if p_holm < 1 - confidence else n_needed(p_value, n, level),
        )
        for (a, b), each, p_value, p_holm in zip(pairs, utilities, p_values, corrected, strict=True)
    )  # fmt: skip


def n_needed(p_value: float, n: int, level: float) -> int | None:
    """Return at how many questions a difference that stays as it is reaches the level: its statistic grows with √n.

    Examples
    --------
    >>> n_needed(0.20, 200, 0.05), n_needed(1.0, 200, 0.05)
    (468, None)
    """
    if math.isnan(p_value) or p_value >= 1:
        return None
    needed = math.ceil(n * (stats.norm.isf(level / 2) / stats.norm.isf(p_value / 2)) ** 2)
    return max(needed, n + 1) if needed <= MOST else None


def told_apart(pairs: Sequence[PairDifference], a: str, b: str, confidence: float) -> bool:
    """Whether the utilities of two candidates are told apart, corrected over all pairs."""
    return any({pair.a, pair.b} == {a, b} and pair.p_holm < 1 - confidence for pair in pairs)


def shown_below(pairs: Sequence[PairDifference], confidence: float) -> set[tuple[str, str]]:
    """Return every two of which the utility of the first is shown to be below that of the second."""
    return _below((pair, pair.utility) for pair in pairs if pair.p_holm < 1 - confidence)


def leading(names: Sequence[str], below: Set[tuple[str, str]]) -> tuple[str, ...]:
    """Return the first name that is below no other, then all that are below neither it nor another such.

    On the questions that both answered one can be below another whose own figure, over the questions that this one
    answered, is lower. Where each is below another, the first name leads.

    Parameters
    ----------
    names : sequence of str
        The best first.
    below : set of (str, str)
        Of every two that are told apart the lower one, then the higher one.

    Examples
    --------
    >>> leading(["a", "b", "c"], {("c", "a")}), leading(["a", "b", "c"], {("a", "b"), ("c", "a")})
    (('a', 'b'), ('b', 'c'))
    >>> leading(["a", "b", "c"], {("c", "b")})
    ('a', 'b')
    """
    if not names:
        return ()
    best = next((name for name in names if not any((name, other) in below for other in names)), names[0])
    level = [name for name in names if name != best and (name, best) not in below]
    return best, *(name for name in level if not any((name, other) in below for other in level))


def best_of(
    scores: Mapping[str, float], pairs: Sequence[PairDifference], dimension: str, confidence: float
) -> tuple[str, ...]:
    """Return who is best in a dimension, the highest score first, then who is not shown to be below it.

    Corrected over all pairs in this dimension (Holm 1979). `scores` is candidate → score in the dimension.
    """
    known = sorted((name for name in scores if not math.isnan(scores[name])), key=lambda name: -scores[name])
    p_values = holm(np.array([pair.dimensions[dimension].p_value for pair in pairs])).tolist() if pairs else []
    return leading(known, _below(
        (pair, pair.dimensions[dimension]) for pair, p in zip(pairs, p_values, strict=True) if p < 1 - confidence
    ))  # fmt: skip


def _below(apart: Iterable[tuple[PairDifference, Difference]]) -> set[tuple[str, str]]:
    return {(pair.b, pair.a) if found.value > 0 else (pair.a, pair.b) for pair, found in apart if found.value}
