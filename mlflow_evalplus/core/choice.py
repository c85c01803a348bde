"""Which of several evaluations to take: the best of those that pass, by the declared priority."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.results import Evaluation, Outcome, number

# What a priority looks at, and whether more of it is better. A classifier has no fluency: macro F1 stands in.
PRIORITIES = {
    "accuracy": ("accuracy", 1),
    "fluency": ("f1_macro", 1),
    "stability": ("accuracy of the worst slice", 1),
    "cost": ("cost of errors", -1),
}
MIN_ROWS = 30


def choose(evaluations: Mapping[str, Evaluation], priority: str = "accuracy") -> tuple[str, str]:
    """Return the name of the evaluation to take and the reason in words.

    Only those whose verdict is pass can be cleared; where none is, the best one is named and said to be not
    cleared. A rival that a paired comparison cannot tell apart from the winner is said so.

    Raises
    ------
    ComparisonError
        There is nothing to choose from.
    """
    if not evaluations:
        raise ComparisonError("there is no evaluation to choose from")
    passing = {name: e for name, e in evaluations.items() if e.verdict.outcome is Outcome.PASS}
    pool = passing or dict(evaluations)
    what, direction = PRIORITIES[priority]
    values = {name: _value(evaluation, priority) for name, evaluation in pool.items()}
    winner = max(values, key=lambda name: direction * values[name] if not math.isnan(values[name]) else -math.inf)
    cleared = "is cleared for launch" if passing else "is not cleared for launch"
    place = "best of those that pass" if passing else f"best of {len(pool)}, none of which passes"
    reason = f"{winner} {cleared}: {place} by {what} ({number(values[winner])})."
    ties = _ties(winner, pool)
    if ties:
        n = evaluations[winner].n
        reason += f" In accuracy it cannot be told apart from {', '.join(ties)} with {n:,} examples."
    return winner, reason


def _value(evaluation: Evaluation, priority: str) -> float:
    if priority == "stability":
        return min(
            (
                row.metrics["accuracy"].value
                for row in evaluation.slices.rows
                if len(row.columns) == 1 and row.n >= MIN_ROWS
            ),
            default=evaluation.metrics["accuracy"].value,
        )
    if priority == "cost":
        estimate = evaluation.metrics.get("error_cost")
        return estimate.value if estimate else 1 - evaluation.metrics["accuracy"].value
    return evaluation.metrics["f1_macro" if priority == "fluency" else "accuracy"].value


def _ties(winner: str, pool: Mapping[str, Evaluation]) -> list[str]:
    ties = []
    for name, evaluation in pool.items():
        if name == winner:
            continue
        try:
            difference = compare_evaluations(pool[winner], evaluation, intersections=0).metrics["accuracy"]
        except ComparisonError:
            continue
        if difference.lower <= 0 <= difference.upper:
            ties.append(name)
    return ties
