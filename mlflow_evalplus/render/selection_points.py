"""The candidates of a selection as points, score against cost: what the cost is, and who is on the front."""

from __future__ import annotations

import math

from mlflow_evalplus.core.pareto import on_front
from mlflow_evalplus.render import charts
from mlflow_evalplus.results.selection import CandidateResult, Selection

LATENCY = "p50"


def points(found: Selection) -> list[charts.Point]:
    """Return the candidates whose score and cost are known, those of the front marked, the one to take with a star.

    The cost is the price of 1,000 questions where every candidate that has a score has one, else the median latency
    where each has one, as in the utility; else the one that more candidates have. Prices are those in the currency of
    most candidates.
    """
    timed = _timed(found)
    costs = {c.name: _latency(c) if timed else _price(c, currency(found)) for c in found.candidates}
    shown = [c for c in found.candidates if c.score.defined and math.isfinite(costs[c.name])]
    flags = on_front([c.score.value for c in shown], [costs[c.name] for c in shown]) if shown else []
    return [
        charts.Point(starred(found, c.name), costs[c.name], c.score.value, c.score.lower, c.score.upper, flag)
        for c, flag in zip(shown, flags, strict=True)
    ]


def axis_title(found: Selection) -> str:
    """Return what the cost is, for the axis of the points."""
    if _timed(found):
        return f"latency {LATENCY}, ms"
    return f"cost of 1,000 questions, {currency(found)}".removesuffix(", ")


def starred(found: Selection, name: str) -> str:
    """Return a candidate's name, with a star where it is the one to take."""
    return f"★ {name}" if name == found.decision.chosen else name


def currency(found: Selection) -> str:
    """Return the currency in which most candidates are priced; empty where none is."""
    known = [c.spending.currency for c in found.candidates if math.isfinite(c.spending.per_1000)]
    return max(known, key=known.count, default="")


def _timed(found: Selection) -> bool:
    """Whether the latency is the cost."""
    scored = [c for c in found.candidates if c.score.defined]
    priced = sum(math.isfinite(_price(c, currency(found))) for c in scored)
    timed = sum(math.isfinite(_latency(c)) for c in scored)
    return priced < len(scored) and timed > priced


def _price(candidate: CandidateResult, money: str) -> float:
    return candidate.spending.per_1000 if candidate.spending.currency == money else math.nan


def _latency(candidate: CandidateResult) -> float:
    found = candidate.spending.latency_ms.get(LATENCY)
    return found.value if found else math.nan
