"""How one candidate of a selection stands against another: who is told apart, and why one is not taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mlflow_evalplus.core.selection.pairs import told_apart as apart
from mlflow_evalplus.render.classes import measured
from mlflow_evalplus.render.selection_words import cut, gates_that, subject
from mlflow_evalplus.results import Difference, Gate, Outcome
from mlflow_evalplus.results.difference import points
from mlflow_evalplus.results.estimate import p_value
from mlflow_evalplus.results.selection import CandidateResult, PairDifference, Selection

NOTHING = "–"


def told_apart(pair: PairDifference, confidence: float) -> bool:
    """Whether the utilities differ: by the p-value that is corrected over all pairs."""
    return apart([pair], pair.a, pair.b, confidence)


def against(found: Selection, name: str, other: str) -> PairDifference | None:
    """Return what `name` differs by from `other`, whichever way it was taken; None where it was not."""
    pair = found.pair(other, name)
    return turned(pair) if pair else found.pair(name, other)


def turned(pair: PairDifference) -> PairDifference:
    """Return the same pair the other way round: `b` less `a`."""
    dimensions = {name: reversed_difference(given) for name, given in pair.dimensions.items()}
    score, utility = reversed_difference(pair.score), reversed_difference(pair.utility)
    return replace(pair, a=pair.b, b=pair.a, score=score, utility=utility, dimensions=dimensions)


def reversed_difference(given: Difference) -> Difference:
    """Return the difference the other way round.

    Examples
    --------
    >>> print(reversed_difference(Difference(0.031, 0.004, 0.058, 0.02, 800)))
    -0.031 [-0.058, -0.004]
    """
    return Difference(0.0 - given.value, 0.0 - given.upper, 0.0 - given.lower, given.p_value, given.n)


def why_not(found: Selection, name: str) -> str:
    """Return why a candidate is not the one at the top, as a sentence without its name."""
    failed = gates_that(found[name], Outcome.FAIL)
    if failed:
        return f"fails {_listed(failed)}"
    best = subject(found)
    unsure = gates_that(found[name], Outcome.UNDECIDED)
    if name == best.name:
        return f"not shown to meet {_listed(unsure)}" if unsure else "meets every requirement"
    compared = against(found, name, best.name)
    said = _by_utility(found, best, compared) if compared else f"not compared with {cut(best.name)}"
    return f"not shown to meet {_listed(unsure)}; {said}" if unsure else said


def _by_utility(found: Selection, best: CandidateResult, pair: PairDifference) -> str:
    utility = pair.utility
    if math.isnan(utility.value):
        return f"cannot be compared with {cut(best.name)}"
    of = f"utility {signed(utility)} against {cut(best.name)}"
    if told_apart(pair, found.confidence):
        return f"{'less' if utility.value < 0 else 'more'} useful: {of}"
    if not utility.lower <= 0 <= utility.upper:
        of += f"; over all pairs that may be chance (p {p_value(pair.p_holm)})"
    more = f"; about {pair.n_needed:,} questions would tell them apart" if pair.n_needed else ""
    return f"not told apart: {of}{more}"


def _listed(gates: Sequence[Gate]) -> str:
    more = f" and {len(gates) - 1} more" if len(gates) > 1 else ""
    return f"{cut(gates[0].requirement, 120)} ({measured(gates[0])}){more}"


def signed(given: Difference, *, share: bool = False) -> str:
    """Return ``−0.031 [−0.058, −0.004]``, or in points where it is one of shares; a dash where it is undefined."""
    if math.isnan(given.value):
        return NOTHING
    return (points(given) if share else str(given)).replace("-", "−")
