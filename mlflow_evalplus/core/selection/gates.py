"""What a candidate must clear: every gate is decided by a bound of an interval, never by a point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.measures import COST, Measure
from mlflow_evalplus.core.selection.wording import questions
from mlflow_evalplus.requirements.selection import OF_TIME, UNBOUNDED, SelectionGate
from mlflow_evalplus.results import Difference, Estimate, Gate, Outcome, Sampling, Verdict, number
from mlflow_evalplus.results.latency import words as in_words

MOST = 1_000_000


def verdict_of(name: str, facts: Mapping[str, Facts], gates: Sequence[SelectionGate], measure: Measure) -> Verdict:
    """Hold a candidate against the gates.

    Fail if a gate fails; else undecided if a gate is undecided; else pass. What is nan never passes.
    """
    found = tuple(gate_of(name, facts, asked, measure) for asked in gates)
    outcomes = {gate.outcome for gate in found}
    outcome = Outcome.PASS if outcomes == {Outcome.PASS} else Outcome.UNDECIDED
    return Verdict(Outcome.FAIL if Outcome.FAIL in outcomes else outcome, found, plan=tuple(_plan(found)))


def gate_of(name: str, facts: Mapping[str, Facts], asked: SelectionGate, measure: Measure) -> Gate:
    """Hold a candidate against one gate: pass, fail or undecided, with the reason and how many questions would decide.

    ``min`` passes where the lower bound is at least the number and fails where the upper bound is below it; ``max`` the
    other way. ``not_worse_than`` holds the paired difference against the margin; the candidate that it names passes it
    as soon as it has the figure at all.
    """
    place = (asked.dimension or "", asked.tag or "")
    found: Estimate | Difference = measure.estimate(facts[name], asked.metric, *place)
    behind = measure.n_questions(facts[name], asked.metric, *place) if asked.metric in OF_TIME else found.n
    itself = asked.not_worse_than == name
    if asked.not_worse_than is not None and not itself:
        limit = math.inf if asked.metric in UNBOUNDED else 1.0
        found = measure.difference(facts[name], facts[asked.not_worse_than], asked.metric, *place).difference(limit)
        behind = found.n
    made = partial(Gate, str(asked), where=asked.where, relative=asked.not_worse_than is not None)
    if math.isnan(found.value):
        why = _nowhere(asked.metric, found) if found.n == 0 else f"is undefined on {questions(found.n)}"
        return made(Outcome.UNDECIDED, f"{asked}: {why}")
    few = behind < asked.min_questions
    outcome = Outcome.UNDECIDED if few else Outcome.PASS if itself else _outcome(asked, found)
    needed = None
    if outcome is Outcome.UNDECIDED and asked.metric not in OF_TIME:
        needed = None if itself else questions_needed(asked, found)
        needed = max(needed or 0, asked.min_questions) if few else needed
    estimate = Estimate(found.value, found.lower, found.upper, found.n)
    reason = f"{asked}: {_words(asked, found)} on {questions(behind)} {_verb(asked, found, outcome, few, itself)}"
    gate = made(outcome, reason, estimate, needed)
    if gate.n_more is None:
        return gate
    one = gate.n_more == 1
    what = ("is needed" if one else "are needed") if few else "would decide"
    more = f"about {gate.n_more:,} more question{'' if one else 's'} {what}"
    return made(outcome, f"{reason}; {more}", estimate, needed)


def _nowhere(metric: str, found: Estimate | Difference) -> str:
    """Return why there is no figure at all."""
    if isinstance(found, Difference):
        return "there is no question that both have a value for"
    return "was not measured" + ("; give it a price in candidates.yaml, or --prices FILE" if metric == COST else "")


def _outcome(asked: SelectionGate, found: Estimate | Difference) -> Outcome:
    """Compare the bounds; a nan bound satisfies no inequality and so stays undecided."""
    lower, upper, bound = found.lower, found.upper, asked.bound
    if asked.falling:
        lower, upper, bound = -upper, -lower, -bound
    if lower >= bound:
        return Outcome.PASS
    return Outcome.FAIL if upper < bound else Outcome.UNDECIDED


def _words(asked: SelectionGate, found: Estimate | Difference) -> str:
    if math.isnan(found.lower) and math.isnan(found.upper):
        return number(found.value)
    if isinstance(found, Difference):
        return str(found)
    if asked.metric in UNBOUNDED:
        return in_words(found, "ms" if "_ms_" in asked.metric else "")
    return f"{number(found.value)} [{number(found.lower)}, {number(found.upper)}]"


def _verb(asked: SelectionGate, found: Estimate | Difference, outcome: Outcome, few: bool, itself: bool) -> str:
    if few:
        return f"is too few: at least {asked.min_questions:,}"
    if itself:
        return "is what the others are held against"
    if outcome is not Outcome.UNDECIDED:
        return "clears it by its bound" if outcome is Outcome.PASS else "misses it by its bound"
    if math.isnan(found.lower) and math.isnan(found.upper):
        return "has no interval that could decide"
    if isinstance(found, Estimate) and asked.metric not in UNBOUNDED and found.value == asked.bound in (0, 1):
        return "cannot be told apart from it, and no number of questions would show it: leave a little room"
    return "cannot be told apart from it"


def questions_needed(asked: SelectionGate, found: Estimate | Difference) -> int | None:
    """Return at how many questions there the present value's bound would decide; None if no number would.

    As for labelled examples (`core.sample_size`): Wilson's bound of a share meets the number t where
    ``(m - t)² = z² t (1 - t) / n``; other intervals shrink with √n.
    """
    value, t = found.value, asked.bound
    bound = found.lower if value > t else found.upper
    if math.isclose(value, t, abs_tol=1e-9) or math.isnan(bound):
        return None
    spread = 1.0
    if isinstance(found, Estimate) and asked.metric not in UNBOUNDED:
        if not 0 < t < 1 or not 0 < bound < 1:
            return None
        spread = t * (1 - t) / (bound * (1 - bound))
    needed = math.ceil(found.n * spread * ((value - bound) / (value - t)) ** 2)
    return max(needed, found.n + 1) if needed <= MOST else None


def _plan(gates: Sequence[Gate]) -> Iterator[Sampling]:
    """Yield how many more questions to ask where, the most first, so that what a number of them decides is decided."""
    wanted: dict[str, list[Gate]] = {}
    for gate in gates:
        if gate.n_more is not None:
            wanted.setdefault(gate.where, []).append(gate)
    most = {where: max(gate.n_more or 0 for gate in open_) for where, open_ in wanted.items()}
    for where in sorted(most, key=lambda where: (bool(where), -most[where], where)):
        names = f"“{wanted[where][0].requirement}”"
        more = len(wanted[where]) - 1
        decided = f"{names} and {more} more" if more else names
        place = f" of {where}" if where else ""
        what = f"{most[where]:,} more question{'' if most[where] == 1 else 's'}{place}"
        yield Sampling(where, most[where], f"Ask about {what}, to decide {decided}.")
