"""Requirements → verdict: every gate is cleared by an interval bound, never by a point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core import cost
from mlflow_evalplus.core.custom import CustomMetric
from mlflow_evalplus.core.metrics import OVERALL
from mlflow_evalplus.requirements import Requirements, Threshold
from mlflow_evalplus.results import (
    Comparison,
    Difference,
    Estimate,
    Evaluation,
    Gate,
    Outcome,
    Verdict,
    number,
)
from mlflow_evalplus.results.latency import words as in_words

UNITS = {**dict.fromkeys(names.LATENCY_METRICS, "requests"), "cost_per_1000": "timed calls"}
# What rests on a timing, and so on the machine that it was taken on.
MONEY_OF_TIME = {"cost_per_1000": cost.per_1000, "total_cost_per_1000": cost.total_per_1000}


def decide(
    evaluation: Evaluation,
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
    *,
    comparison: Comparison | None = None,
) -> Verdict:
    """Hold an evaluation against requirements.

    Parameters
    ----------
    evaluation : Evaluation
    requirements : path, mapping or Requirements, optional
        Those of the evaluation by default.
    comparison : Comparison, optional
        With the baseline; without it, non-inferiority gates are undecided.

    Returns
    -------
    Verdict
        Fail if a gate fails; else undecided if a gate is undecided or there is no gate; else pass.
        A metric that is nan or was not measured never passes.

    Raises
    ------
    RequirementsError
        The requirements are wrong.

    Notes
    -----
    Only the thresholds are taken from `requirements`. To evaluate with their slices, costs or confidence too,
    give them to ``evaluate``, or use ``mlflow-evalplus decide --requirements``.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> result = evaluate(pd.DataFrame({"label": ["yes", "no"] * 20, "prediction": ["yes", "no"] * 20}))
    >>> print(decide(result, {"thresholds": [{"metric": "accuracy", "min": 0.95}]}).outcome)
    undecided
    """
    custom = [name for name in evaluation.metrics if name not in names.ALL_METRICS]
    wanted = evaluation.requirements if requirements is None else asked.load(requirements, custom)
    thresholds = wanted.thresholds if wanted else ()
    gates = tuple(gate for threshold in thresholds for gate in _gates(evaluation, threshold, comparison))
    outcomes = {gate.outcome for gate in gates}
    outcome = Outcome.PASS if outcomes == {Outcome.PASS} else Outcome.UNDECIDED
    notes = (*(comparison.notes if comparison else ()), *_busy(evaluation, thresholds))
    return Verdict(Outcome.FAIL if Outcome.FAIL in outcomes else outcome, gates, notes)


def _busy(evaluation: Evaluation, thresholds: Sequence[Threshold]) -> Iterator[str]:
    """Yield a warning where a gate rests on a timing that other processes disturbed."""
    latency = evaluation.latency
    timed = [t.metric for t in thresholds if t.metric in names.LATENCY_METRICS or t.metric in MONEY_OF_TIME]
    if timed and latency and latency.busy and any(measured(evaluation, metric) for metric in timed):
        yield (
            f"Latency was measured while other processes used {latency.other_load:.0%} of the machine; measure again "
            "on a quiet one before you rely on it."
        )


def _gates(evaluation: Evaluation, threshold: Threshold, comparison: Comparison | None) -> Iterator[Gate]:
    relative = threshold.not_worse_than is not None
    if relative and comparison is None:
        yield Gate(str(threshold), Outcome.UNDECIDED, f"{threshold}: there is no baseline to compare with")
        return
    metric = next((m for m in evaluation.custom_metrics if m.name == threshold.metric), None)
    if relative and metric is None and threshold.metric not in names.ALL_METRICS:
        why = "give its CustomMetric, evaluate(…, metrics=[…]), which says whether less of it is better"
        yield Gate(str(threshold), Outcome.UNDECIDED, f"{threshold}: {why}")
        return
    found = list(_differences(comparison, threshold) if comparison and relative else _estimates(evaluation, threshold))
    if not found:
        where = threshold.slice or f"column {threshold.every!r}"
        yield Gate(str(threshold), Outcome.UNDECIDED, f"{threshold}: no slice of {where} was evaluated")
    for where, estimate in found:
        yield _gate(threshold, where, estimate, metric)


def _estimates(evaluation: Evaluation, threshold: Threshold) -> Iterator[tuple[str, Estimate | None]]:
    """Yield (slice name or "", estimate) for each place that the threshold names."""
    if threshold.slice is None and threshold.every is None:
        yield "", measured(evaluation, threshold.key)
        return
    for row in evaluation.slices.rows:
        if row.name == threshold.slice or row.columns == (threshold.every,):
            yield row.name, row.metrics.get(threshold.key)


def measured(evaluation: Evaluation, key: str) -> Estimate | None:
    """Return the overall estimate under a requirement's key, or None where it was not measured."""
    if key in names.LATENCY_METRICS:
        return evaluation.latency.single.get(key) if evaluation.latency else None
    if key in MONEY_OF_TIME:
        return MONEY_OF_TIME[key](evaluation)
    for row in evaluation.classes.rows:
        for metric, estimate in row.metrics.items():
            if key == names.class_metric(metric, row.name):
                return estimate
    return evaluation.metrics.get(key)


def _differences(comparison: Comparison, threshold: Threshold) -> Iterator[tuple[str, Difference | None]]:
    if threshold.slice is None and threshold.every is None:
        yield "", comparison.metrics.get(threshold.key)
        return
    for row in comparison.slices:
        if row.name == threshold.slice or row.columns == (threshold.every,):
            yield row.name, row.metrics.get(threshold.key)


def _gate(threshold: Threshold, where: str, found: Estimate | Difference | None, metric: CustomMetric | None) -> Gate:
    place = f" in {where}" if where and threshold.every else ""
    words = str(threshold).replace(f" in every {threshold.every}", "") + place
    if found is None or math.isnan(found.value):
        why = "was not measured" if found is None else f"is undefined on {found.n} examples"
        return Gate(words, Outcome.UNDECIDED, f"{words}: {threshold.key}{place} {why}")
    falling = threshold.metric in names.LOWER_IS_BETTER or bool(metric and metric.lower_is_better)
    outcome = _outcome(threshold, found, falling)
    value = f"{number(found.value)} [{number(found.lower)}, {number(found.upper)}]"
    estimate = found if isinstance(found, Estimate) else Estimate(found.value, found.lower, found.upper, found.n)
    if threshold.metric in names.LATENCY_METRICS + names.COST_METRICS:
        value = in_words(estimate, "ms" if threshold.metric in names.LATENCY_METRICS else "")
    on = f" on {found.n:,} {UNITS.get(threshold.metric, 'examples')}" if found.n else ""
    needed = examples_needed(threshold, found, metric) if outcome is Outcome.UNDECIDED else None
    verb = {
        Outcome.PASS: "clears it by its bound",
        Outcome.FAIL: "misses it by its bound",
        Outcome.UNDECIDED: "cannot be told apart from it",
    }[outcome]
    more = f"; about {needed - found.n:,} more labelled examples would decide" if needed else ""
    return Gate(words, outcome, f"{words}: {value}{on} {verb}{more}", estimate, needed)


def _outcome(threshold: Threshold, found: Estimate | Difference, falling: bool) -> Outcome:
    """Compare the bounds; a nan bound satisfies no inequality and so stays undecided.

    `falling` says that a smaller value of the metric is a better one, which counts where models are compared.
    """
    lower, upper, bound = found.lower, found.upper, _bound(threshold)
    if threshold.max is not None or (threshold.not_worse_than is not None and falling):
        lower, upper, bound = -upper, -lower, -bound
    if lower >= bound:
        return Outcome.PASS
    return Outcome.FAIL if upper < bound else Outcome.UNDECIDED


def _bound(threshold: Threshold) -> float:
    if threshold.min is not None:
        return threshold.min
    return threshold.max if threshold.max is not None else -threshold.margin


def examples_needed(
    threshold: Threshold, found: Estimate | Difference, metric: CustomMetric | None = None
) -> int | None:
    """Return the smallest n at which the present value's bound would decide; None if no number would.

    For a metric in 0 … 1 Wilson's bound meets the threshold t where ``(m - t)² = z² t (1 - t) / n_eff``, and
    it is the lower or upper bound L now: ``(m - L)² = z² L (1 - L) / n_eff``; so n grows by the ratio of the
    two. A paired difference's interval shrinks with √n, and so does that of log-loss and Brier score on the
    logarithm. `metric` is a custom one, for its range.
    """
    t, value = _bound(threshold), found.value
    bound = found.lower if value > t else found.upper
    equal = math.isclose(value, t, abs_tol=1e-9)  # no number of examples tells them apart
    if equal or math.isnan(bound) or threshold.metric in names.LATENCY_METRICS:
        return None
    if isinstance(found, Difference):
        return math.ceil(found.n * ((value - bound) / (value - t)) ** 2)
    if threshold.metric in names.UNBOUNDED:
        if not (t > 0 and value > 0 and bound > 0):
            return None
        return math.ceil(found.n * (math.log(value / bound) / math.log(value / t)) ** 2)
    ranged = metric or OVERALL.get(threshold.metric)
    low, high = (ranged.low, ranged.high) if ranged else (0.0, 1.0)
    if threshold.metric in names.COST_METRICS or not low < t < high or not low < bound < high:
        return None
    spread = ((t - low) * (high - t)) / ((bound - low) * (high - bound))
    return math.ceil(found.n * spread * ((value - bound) / (value - t)) ** 2)
