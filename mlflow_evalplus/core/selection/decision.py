"""Which candidate to take: of those that clear the gates the one of highest utility, if it can be told apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mlflow_evalplus.core.pareto import on_front
from mlflow_evalplus.core.selection.measures import COST
from mlflow_evalplus.core.selection.pairs import leading, shown_below
from mlflow_evalplus.core.selection.priorities import COST_PART, Utility
from mlflow_evalplus.core.selection.wording import listed
from mlflow_evalplus.results import Difference, Estimate, Gate, Outcome, Verdict
from mlflow_evalplus.results.selection import PairDifference, SelectionDecision

CHOOSE, TIED, NONE, UNDECIDED = "choose", "tied", "none", "undecided"
NEAR = 0.05  # of the utility: who measures further below the best is not taken for being cheaper


@dataclass(frozen=True)
class Standing:
    """One candidate as the decision sees it."""

    name: str
    utility: float
    score: Estimate
    verdict: Verdict


def decide_among(
    standings: Sequence[Standing], pairs: Sequence[PairDifference], utility: Utility, confidence: float,
    n_by_where: Mapping[str, int],
) -> SelectionDecision:  # fmt: skip
    """Return which candidate to take.

    Only those that clear every gate can be taken. The best of them is chosen where all the others are shown to be below
    it; else it is tied with those that are shown to be below neither it nor another of the tied. Of these who measures
    at most 5 points of utility below it can be named: the one that is cheaper than every other such beyond doubt. Where
    none passes it is ``undecided`` if a gate of any is open, else ``none``.

    Parameters
    ----------
    standings : sequence of Standing
        The highest utility first.
    pairs : sequence of PairDifference
    utility : Utility
    confidence : float
    n_by_where : mapping of str to int
        Questions by place of a gate; empty for all of them.
    """
    passing = [each for each in standings if each.verdict.outcome is Outcome.PASS and not math.isnan(each.utility)]
    front = _front(standings, utility)
    if not passing:
        outcome, n, reason = _without(standings, n_by_where)
        return SelectionDecision(outcome, "", (), front, n, utility.priority, dict(utility.weights), reason)
    tied = leading([each.name for each in passing], shown_below(pairs, confidence))
    best = next(each for each in passing if each.name == tied[0])
    open_ = [each.name for each in standings if each.verdict.outcome is Outcome.UNDECIDED]
    if len(tied) == 1:
        chosen, n, outcome = best.name, None, CHOOSE
        reason = _chosen(best, passing, len(standings), utility)
    else:
        outcome, n = TIED, _n_needed(tied, pairs)
        chosen, reason = _tie(tied, pairs, utility, confidence, n)
    if open_:
        reason += f" Not decided: {listed(open_)}, of which a gate is open{_better(open_, standings, best)}."
    return SelectionDecision(outcome, chosen, tuple(tied), front, n, utility.priority, dict(utility.weights), reason)


def _better(open_: Sequence[str], standings: Sequence[Standing], best: Standing) -> str:
    higher = [each.name for each in standings if each.name in open_ and each.utility > best.utility]
    return f"; {listed(higher)} measure{'s' * (len(higher) == 1)} better than {best.name}" if higher else ""


def _chosen(best: Standing, passing: Sequence[Standing], n: int, utility: Utility) -> str:
    rivals = len(passing) - 1
    if not rivals:
        others = f", and the only one of {n} that does" if n > 1 else ""
        return f"Take {best.name}: it clears every gate{others}."
    others = f"the {'other' if rivals == 1 else f'{rivals} others'} that {_clears(rivals)}"
    if best is passing[0]:
        return (
            f"Take {best.name}: it clears every gate and has the highest utility ({_by(utility)}), {best.utility:.3f}, "
            f"told apart from {others}."
        )
    return (
        f"Take {best.name}: it clears every gate, and on the questions that both answered its utility ({_by(utility)}) "
        f"is above that of {others}, told apart; {passing[0].name} measures higher only as the two did not answer the "
        "same questions."
    )


def _clears(n: int) -> str:
    return "clears them" if n == 1 else "clear them"


def _by(utility: Utility) -> str:
    if utility.priority == "weights":
        return "your weights"
    return f"{utility.priority} first" + ("" if utility.priority in utility.weights else ", but it is not known")


def _tie(
    tied: Sequence[str], pairs: Sequence[PairDifference], utility: Utility, confidence: float, n: int | None
) -> tuple[str, str]:
    """Return who of the tied is named, if any, and why."""
    gaps = {name: _gap(pairs, name, tied[0], "utility").value for name in tied[1:]}
    near = [name for name in tied if gaps.get(name, 0.0) >= -NEAR]
    chosen = _cheapest(near, near if len(near) > 1 else tied, utility, confidence)
    cheap = "cheapest" if utility.cost == COST else "quickest"
    if chosen:
        among = f"the {len(near)} that measure best, of " if 1 < len(near) < len(tied) else ""
        what = f"Take {chosen}, the {cheap} of {among}{len(tied)} that clear every gate and cannot be told apart"
    else:
        why = f"none {cheap} beyond doubt" if utility.cost else "and what they cost is not known"
        if all(gap < -NEAR for gap in gaps.values()):
            why = f"but {tied[0]} measures more than {100 * NEAR:g} points better, too much for a draw"
        what = f"{len(tied)} clear every gate and cannot be told apart, {why}: {listed(tied)}"
    return chosen, f"{what} ({_by(utility)}); {_more(gaps.values(), n)}.{_at_worst(tied, chosen, pairs, confidence)}"


def _more(gaps: Iterable[float], n: int | None) -> str:
    if n:
        return f"about {n:,} questions in all would tell them apart at the present difference"
    if any(math.isnan(gap) for gap in gaps):
        return "in a dimension that counts there is no question that both answered, so they cannot be compared"
    return "no realistic number of questions would tell them apart at the present difference"


def _at_worst(tied: Sequence[str], chosen: str, pairs: Sequence[PairDifference], confidence: float) -> str:
    """Return how much lower the one that is named may score than another, as far as the interval reaches."""
    gaps = {name: _gap(pairs, chosen, name, "score").lower for name in tied if chosen not in ("", name)}
    lowest = min((name for name in gaps if gaps[name] < 0), key=lambda name: gaps[name], default="")
    if not lowest:
        return ""
    points = f"{-100 * gaps[lowest]:.1f} points"
    return f" At worst, by the {100 * confidence:g} % interval, {chosen} scores {points} below {lowest}."


def _gap(pairs: Sequence[PairDifference], a: str, b: str, of: str) -> Difference:
    """Return the difference of two candidates in score or utility, a less b."""
    pair = next((pair for pair in pairs if {pair.a, pair.b} == {a, b}), None)
    if pair is None:
        return Difference(math.nan, math.nan, math.nan, math.nan, 0)
    found: Difference = getattr(pair, of)
    return found if pair.a == a else replace(found, value=-found.value, lower=-found.upper, upper=-found.lower)


def _n_needed(tied: Sequence[str], pairs: Sequence[PairDifference]) -> int | None:
    """Return at how many questions the best is told apart from all that are tied with it."""
    needed = [pair.n_needed for pair in pairs if tied[0] in (pair.a, pair.b) and {pair.a, pair.b} <= set(tied)]
    known = [n for n in needed if n is not None]
    return max(known) if known and len(known) == len(needed) else None


def _cheapest(names: Sequence[str], among: Sequence[str], utility: Utility, confidence: float) -> str:
    """Return the one whose cost is below that of every other among some, each beyond doubt (Bonferroni), or nothing."""
    level = (1 - confidence) / (len(among) - 1)
    for name in names:
        gaps = [utility.of_part(COST_PART, name, other, confidence) for other in among if other != name]
        if all(gap.mean.value > 0 and gap.p_value < level for gap in gaps):
            return name
    return ""


def _front(standings: Sequence[Standing], utility: Utility) -> tuple[str, ...]:
    """Return who is on the front of score and cost; nobody where the cost is not known."""
    if not utility.cost:
        return ()
    saved = [utility.parts(each.name).get(COST_PART, math.nan) for each in standings]
    flags = on_front([each.score.value for each in standings], [-value for value in saved])
    return tuple(each.name for each, flag in zip(standings, flags, strict=True) if flag)


def _without(standings: Sequence[Standing], n_by_where: Mapping[str, int]) -> tuple[str, int | None, str]:
    """Return outcome, questions in all and reason where no candidate passes."""
    open_ = [each for each in standings if each.verdict.outcome is not Outcome.FAIL]
    if not open_:
        if not standings:
            return NONE, None, "There is no candidate."
        return NONE, None, f"Take none: every candidate fails a gate; {_failed(standings[0])}"
    first = open_[0]
    n = _in_all(first.verdict, n_by_where)
    apart = any(gate.where for gate in _still_open(first.verdict))  # more of one place: the gate and the plan say so
    more = f" About {n:,} questions in all would decide it at the present values." if n and not apart else ""
    return UNDECIDED, n, f"No candidate is cleared yet: {_open_gate(first)}.{more}"


def _still_open(verdict: Verdict) -> list[Gate]:
    return [gate for gate in verdict.gates if gate.outcome is Outcome.UNDECIDED]


def _open_gate(standing: Standing) -> str:
    gate = next(iter(_still_open(standing.verdict)), None)
    return f"{standing.name}, {gate.reason}" if gate else f"{standing.name} has no utility"


def _failed(standing: Standing) -> str:
    gate = next(gate for gate in standing.verdict.gates if gate.outcome is Outcome.FAIL)
    return f"{standing.name}, {gate.reason}."


def _in_all(verdict: Verdict, n_by_where: Mapping[str, int]) -> int | None:
    """Return at how many questions in all every open gate is decided; None where a number does not decide one."""
    open_ = _still_open(verdict)
    if not open_ or any(gate.n_needed is None for gate in open_):
        return None
    whole = n_by_where[""]
    return max(math.ceil((gate.n_needed or 0) * whole / max(n_by_where.get(gate.where, whole), 1)) for gate in open_)
