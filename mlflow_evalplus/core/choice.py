"""Which of several evaluations to take: the best of those that pass, by declared weights over named metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlflow_evalplus import names
from mlflow_evalplus.core.comparison import compare_evaluations, paired_difference
from mlflow_evalplus.core.cost import priced_alike
from mlflow_evalplus.core.decision import measured
from mlflow_evalplus.core.latency import not_comparable
from mlflow_evalplus.core.metrics import OVERALL
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Estimate, Evaluation, Outcome, SliceResult, number
from mlflow_evalplus.results.choice import Candidate, Choice

# What each priority looks at: the first of its weights whose metrics are known of all candidates. A classifier writes
# nothing, so macro F1 stands in for fluency; where people rate answers, give `weights: {rating_mean: 1}`.
PRIORITIES: dict[str, tuple[dict[str, float], ...]] = {
    "accuracy": ({"accuracy": 1.0},),
    "fluency": ({"f1_macro": 1.0},),
    "stability": ({names.WORST_SLICE: 1.0},),
    "cost": ({"total_cost_per_1000": 1.0}, {"error_cost": 1.0}, {"accuracy": 1.0}),
}
TO_RUN = {"cost_per_1000": "for 1,000 predictions", "latency_ms_p95": "ms at the 95th percentile"}
OF_SCORES = (*names.SCORE_METRICS, *names.SCORE_CLASS_METRICS)
MIN_ROWS = 30


def choose(evaluations: Mapping[str, Evaluation], requirements: Requirements | None = None) -> Choice:
    """Return which evaluation to take, and why.

    Only those whose verdict is pass can be cleared; where none is, the best one is named and said to be not cleared.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By name, decided.
    requirements : Requirements, optional
        Their `weights`, else their `priority`; those of the first evaluation by default.

    Raises
    ------
    ComparisonError
        There is nothing to choose from.

    Notes
    -----
    The score is the weighted mean of the metrics, each scaled to 0 … 1: over its range, or, where it has none (money,
    milliseconds), as a share of the largest among the candidates; turned over where less is better. It is linear in
    every metric, so the difference of two scores on the same examples has the paired interval of any metric. Rivals
    whose interval holds 0, all of them at once (Bonferroni), cannot be told apart from the winner. A metric without
    bounds tells nothing apart. A weight on what is not known of all candidates is left out, and the reason says so.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> frame = pd.DataFrame({"label": list("ab") * 100, "old": ["a"] * 200, "new": list("ab") * 100})
    >>> found = choose({name: evaluate(frame, prediction=name) for name in ("old", "new")})
    >>> found.winner, found.ties
    ('new', ())
    """
    if not evaluations:
        raise ComparisonError("there is no evaluation to choose from")
    wanted = requirements or next(iter(evaluations.values())).requirements or Requirements()
    passing = {name: e for name, e in evaluations.items() if e.verdict.outcome is Outcome.PASS}
    pool = passing or dict(evaluations)
    priority = "weights" if wanted.weights else wanted.priority
    terms = _terms(wanted, pool)
    candidates = [_candidate(name, evaluation, terms) for name, evaluation in pool.items()]
    candidates.sort(key=lambda candidate: -candidate.score if not math.isnan(candidate.score) else math.inf)
    winner = candidates[0].name
    ties = _ties(winner, pool, terms)
    cheaper = _cheaper(winner, ties, pool)
    reason = _reason(candidates, bool(passing), terms, ties, cheaper, pool)
    missing = [key for key in wanted.weights if key not in {term.key for term in terms}]
    if missing:
        reason += f" Of the weights {', '.join(missing)} is left out: it is not known of all of them."
    return Choice(
        winner, reason, priority,
        {term.key: term.weight for term in terms},
        tuple(replace(candidate, tied=candidate.name in ties) for candidate in candidates), cheaper[0],
    )  # fmt: skip


@dataclass(frozen=True)
class _Term:
    """A metric and how it enters the score: ``weight · (value - low) / span``, or the same turned over."""

    key: str
    weight: float
    low: float
    span: float
    falling: bool

    def scaled(self, value: float) -> float:
        share = (value - self.low) / self.span
        return 1 - share if self.falling else share

    @property
    def slope(self) -> float:
        return (-1 if self.falling else 1) * self.weight / self.span


def _terms(wanted: Requirements, pool: Mapping[str, Evaluation]) -> list[_Term]:
    """Return the terms of the weights, or of the first weights of the priority, that every candidate knows."""
    own = {key: weight for key, weight in wanted.weights.items() if _known(key, pool)}
    preferred = [own] if own else PRIORITIES["accuracy" if wanted.weights else wanted.priority]
    weights = next((weights for weights in preferred if all(_known(key, pool) for key in weights)), preferred[-1])
    total = sum(weights.values())
    return [_term(key, weight / total, pool) for key, weight in weights.items()]


def _known(key: str, pool: Mapping[str, Evaluation]) -> bool:
    return all((found := value_of(evaluation, key)) is not None and found.defined for evaluation in pool.values())


def _term(key: str, weight: float, pool: Mapping[str, Evaluation]) -> _Term:
    found = [value_of(evaluation, key) for evaluation in pool.values()]
    own = next((m for e in pool.values() for m in e.custom_metrics if m.name == key), None)
    falling = key in names.LOWER_IS_BETTER or bool(own and own.lower_is_better)
    ranged = own or OVERALL.get(key)
    if ranged:
        return _Term(key, weight, ranged.low, ranged.high - ranged.low, falling)
    if key in (*names.UNBOUNDED, *names.COST_METRICS, *names.LATENCY_METRICS, *names.EVIDENCE_METRICS):
        largest = max((abs(e.value) for e in found if e and e.defined), default=0.0)
        return _Term(key, weight, 0.0, largest or 1.0, falling)
    return _Term(key, weight, 0.0, 1.0, falling)


def value_of(evaluation: Evaluation, key: str) -> Estimate | None:
    """Return what a weight's metric is of an evaluation; None where it was not measured.

    ``worst_slice_accuracy`` is that of the slice of one column, of 30 examples or more, where accuracy is lowest; of
    all examples where there is no such slice.
    """
    if key == names.WORST_SLICE:
        worst = _worst(evaluation)
        return worst.metrics["accuracy"] if worst else evaluation.metrics["accuracy"]
    return measured(evaluation, key)


def _worst(evaluation: Evaluation) -> SliceResult | None:
    rows = (row for row in evaluation.slices.rows if len(row.columns) == 1 and row.n >= MIN_ROWS)
    return min(rows, key=lambda row: row.metrics["accuracy"].value, default=None)


def _candidate(name: str, evaluation: Evaluation, terms: list[_Term]) -> Candidate:
    found = {term.key: value_of(evaluation, term.key) for term in terms}
    values = {key: estimate.value if estimate else math.nan for key, estimate in found.items()}
    score = sum(term.weight * term.scaled(values[term.key]) for term in terms)
    return Candidate(name, evaluation.verdict.outcome is Outcome.PASS, score, values)


def _ties(winner: str, pool: Mapping[str, Evaluation], terms: list[_Term]) -> list[str]:
    rivals = [name for name in pool if name != winner]
    level = 1 - (1 - pool[winner].confidence) / max(len(rivals), 1)
    ties = []
    for name in rivals:
        try:
            lower, upper = _interval(pool[winner], pool[name], terms, level)
        except ComparisonError:  # without rows in common nothing is said of the two
            continue
        if not (lower > 0 or upper < 0):
            ties.append(name)
    return ties


def _interval(a: Evaluation, b: Evaluation, terms: list[_Term], level: float) -> tuple[float, float]:
    """Return the bounds of the difference of two scores.

    What is paired by rows may move together, so its distances are added; what was measured apart is independent of it,
    so there squares are (Zou and Donner 2008, doi:10.1002/sim.3095).
    """
    paired, apart = [], []
    rest: dict[str, float] = {}
    for term in terms:
        if value_of(a, term.key) is None or value_of(b, term.key) is None:
            return math.nan, math.nan
        if term.key == "total_cost_per_1000":
            rest["error_cost"] = rest.get("error_cost", 0.0) + 1000 * term.slope
            apart.append(_apart(replace(term, key="cost_per_1000"), a, b))
        elif term.key == names.WORST_SLICE or term.key.split("[")[0] in OF_SCORES:
            paired.append(_of_rows(term, a, b))
        elif _counted(term.key, a, b):
            rest[term.key] = rest.get(term.key, 0.0) + term.slope
        else:
            apart.append(_apart(term, a, b))
    if rest:
        found = paired_difference(a, b, rest, level)
        paired.append((found.value, found.value - found.lower, found.upper - found.value))
    value = sum(part[0] for part in (*paired, *apart))
    below, above = (math.hypot(sum(part[side] for part in paired), *(part[side] for part in apart)) for side in (1, 2))
    return value - below, value + above


def _counted(key: str, a: Evaluation, b: Evaluation) -> bool:
    """Say whether a metric is one of labels and predictions, so that it can be paired by rows."""
    own = {metric.name for metric in a.custom_metrics or b.custom_metrics}
    return key in OVERALL or key.endswith("]") or key in (names.COVERAGE, "error_cost") or key in own


def _apart(term: _Term, a: Evaluation, b: Evaluation) -> tuple[float, float, float]:
    """Return a term's difference and how far it may be below and above; without bounds, anywhere."""
    one, other = value_of(a, term.key), value_of(b, term.key)
    if one is None or other is None:
        return math.nan, math.inf, math.inf
    if one == other:
        return 0.0, 0.0, 0.0
    below = math.hypot(one.value - one.lower, other.upper - other.value)
    above = math.hypot(one.upper - one.value, other.value - other.lower)
    if term.slope < 0:
        below, above = above, below
    below, above = (abs(term.slope) * x if math.isfinite(x) else math.inf for x in (below, above))
    return term.slope * (one.value - other.value), below, above


def _of_rows(term: _Term, a: Evaluation, b: Evaluation) -> tuple[float, float, float]:
    """Return the same of a metric of the probabilities, or of the worst slice where both have the same one."""
    worst, other = _worst(a), _worst(b)
    of_slice = term.key == names.WORST_SLICE
    if of_slice and (worst and worst.name) != (other and other.name):
        return _apart(term, a, b)
    compared = compare_evaluations(a, b, intersections=1)
    row = next((row for row in compared.slices if of_slice and worst and row.name == worst.name), compared)
    found = row.metrics["accuracy" if of_slice else term.key]
    ends = sorted((term.slope * found.lower, term.slope * found.upper))
    value = term.slope * found.value
    return value, value - ends[0], ends[1] - value


def _cheaper(winner: str, ties: list[str], pool: Mapping[str, Evaluation]) -> tuple[str, str]:
    """Return which of the winner and those tied with it is cheaper to run than all the others, and how much, in words.

    Only where it is so beyond doubt: measured alike, and the intervals do not overlap.
    """
    among = {name: pool[name] for name in (winner, *ties)}
    for key, unit in TO_RUN.items():
        costs = {name: measured(evaluation, key) for name, evaluation in among.items()}
        found = {name: cost for name, cost in costs.items() if cost and math.isfinite(cost.lower + cost.upper)}
        if len(found) < len(among) or len(among) < 2 or not _alike(among, key):
            continue
        first, second = sorted(found.items(), key=lambda pair: pair[1].value)[:2]
        if first[1].upper < min(cost.lower for name, cost in found.items() if name != first[0]):
            rival = (winner, found[winner]) if first[0] != winner else second
            return first[0], f"{_short(first[1].value)} against {_short(rival[1].value)} {_currency(pool, key)}{unit}"
    return "", ""


def _alike(among: Mapping[str, Evaluation], key: str) -> bool:
    first = next(iter(among.values()))
    priced = key.startswith("latency") or all(priced_alike(e, first, errors=False) for e in among.values())
    return priced and not not_comparable({name: evaluation.latency for name, evaluation in among.items()})


def _currency(pool: Mapping[str, Evaluation], key: str) -> str:
    asked = next(iter(pool.values())).requirements
    return f"{asked.prices.currency} " if asked and not key.startswith("latency") else ""


def _short(value: float) -> str:
    """Return the leading digits, never as a power of ten.

    Examples
    --------
    >>> _short(0.00000589), _short(2.0), _short(123.4)
    ('0.0000059', '2', '123')
    """
    digits = 2 if abs(value) < 10 else 3
    return np.format_float_positional(value, precision=digits, unique=False, fractional=False, trim="-")


def _reason(
    candidates: list[Candidate],
    passing: bool,
    terms: list[_Term],
    ties: list[str],
    cheaper: tuple[str, str],
    pool: Mapping[str, Evaluation],
) -> str:
    best, (what, value) = candidates[0], _by(terms, candidates[0])
    cleared = "is cleared for launch" if passing else "is not cleared for launch"
    if len(candidates) == 1:
        why = f"{'the only one that passes' if passing else 'it does not pass'} ({what} {value})"
    elif passing:
        why = f"best of those that pass by {what} ({value})"
    else:
        why = f"best of {len(candidates)}, none of which passes, by {what} ({value})"
    parts = [f"{best.name} {cleared}: {why}."]
    if ties:
        parts.append(f"It cannot be told apart from {', '.join(ties)} with {pool[best.name].n:,} examples.")
    name, words = cheaper
    if name:
        one = "the cheapest to run" if len(ties) > 1 else "the cheaper one to run"
        who = f"It is {one}" if name == best.name else f"{one[:1].upper()}{one[1:]} is {name}"
        parts.append(f"{who}: {words}.")
    return " ".join(parts)


def _by(terms: list[_Term], best: Candidate) -> tuple[str, str]:
    """Return what was chosen by, and the winner's value of it."""
    if len(terms) == 1:
        return terms[0].key.replace("_", " "), number(best.values[terms[0].key])
    return f"its score of {', '.join(f'{term.weight:.0%} {term.key}' for term in terms)}", number(best.score)
