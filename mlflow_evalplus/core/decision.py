"""Requirements → verdict: every gate is cleared by an interval bound, never by a point."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core import cost
from mlflow_evalplus.core.custom import CustomMetric
from mlflow_evalplus.core.sample_size import bound_of, examples_needed, is_falling, plan
from mlflow_evalplus.requirements import Requirements, Threshold
from mlflow_evalplus.results import (
    Comparison,
    Difference,
    Estimate,
    Evaluation,
    Gate,
    Outcome,
    SliceResult,
    Verdict,
    number,
)
from mlflow_evalplus.results.evidence import Evidence, EvidenceSlice
from mlflow_evalplus.results.labels import LabelQuality
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
        A metric that is nan, was not measured, or rests on fewer than ``min_examples`` examples never passes. Its plan
        says how many labelled examples would decide what is open, and in which slices.

    Raises
    ------
    RequirementsError
        The requirements are wrong.

    Notes
    -----
    Only the thresholds are taken from `requirements`. To evaluate with their slices, costs or confidence too,
    give them to ``evaluate``, or use ``mlflow-evalplus gate --requirements``.

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
    notes = (
        *(comparison.notes if comparison else ()), *_busy(evaluation, thresholds),
        *_evidence_notes(evaluation, thresholds),
    )  # fmt: skip
    return Verdict(
        Outcome.FAIL if Outcome.FAIL in outcomes else outcome, gates, notes, plan(gates, evaluation),
        comparison.b if comparison else "",
    )  # fmt: skip


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
    if threshold.metric == names.N_EXAMPLES:
        yield from _sizes(evaluation, threshold)
        return
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
        yield _nowhere(threshold)
    for where, estimate in found:
        yield _gate(threshold, where, estimate, metric, evaluation.confidence)


def _nowhere(threshold: Threshold) -> Gate:
    where = threshold.slice or f"column {threshold.every!r}"
    return Gate(str(threshold), Outcome.UNDECIDED, f"{threshold}: no slice of {where} was evaluated")


def _sizes(evaluation: Evaluation, threshold: Threshold) -> Iterator[Gate]:
    """Yield the gates of how many examples there are; too few are no failure of the model, and can be mended."""
    sizes = [(row.name, row.n) for row in evaluation.slices.rows
             if row.name == threshold.slice or row.columns == (threshold.every,)]  # fmt: skip
    if threshold.slice is None and threshold.every is None:
        sizes = [("", evaluation.n)]
    if not sizes:
        yield _nowhere(threshold)
    for where, n in sizes:
        words, bound = _words(threshold, where), bound_of(threshold)
        enough = n <= bound if threshold.max is not None else n >= bound
        outcome = Outcome.PASS if enough else Outcome.UNDECIDED
        needed = None if enough or threshold.max is not None else math.ceil(bound)
        more = f"; label {needed - n:,} more" if needed else ""
        yield Gate(words, outcome, f"{words}: there are {n:,}{more}", Estimate(n, n, n, n), needed, where)


def _estimates(evaluation: Evaluation, threshold: Threshold) -> Iterator[tuple[str, Estimate | None]]:
    """Yield (slice name or "", estimate) for each place that the threshold names."""
    if threshold.slice is None and threshold.every is None:
        yield "", measured(evaluation, threshold.key)
        return
    key = threshold.key
    rows: Iterable[tuple[SliceResult | EvidenceSlice, Estimate | None]]
    rows = ((row, row.metrics.get(key)) for row in evaluation.slices.rows)
    if key in names.EVIDENCE_METRICS:
        known = ((e, row) for e in evaluation.evidence for row in e.slices if key in row.metrics)
        rows = ((row, _held(e, row.metrics[key], evaluation)) for e, row in known)
    for row, found in rows:
        if row.name == threshold.slice or row.columns == (threshold.every,):
            yield row.name, found


def measured(evaluation: Evaluation, key: str) -> Estimate | None:
    """Return the overall estimate under a requirement's key, or None where it was not measured."""
    if key in names.LATENCY_METRICS:
        return evaluation.latency.single.get(key) if evaluation.latency else None
    if key in MONEY_OF_TIME:
        return MONEY_OF_TIME[key](evaluation)
    if key in names.LABEL_METRICS:
        return _of_labels(evaluation.label_quality, key)
    if key in names.EVIDENCE_METRICS:
        return next((_held(e, e.metrics[key], evaluation) for e in evaluation.evidence if key in e.metrics), None)
    for row in evaluation.classes.rows:
        for metric, estimate in row.metrics.items():
            if key == names.class_metric(metric, row.name):
                return estimate
    return evaluation.metrics.get(key)


def _held(evidence: Evidence, found: Estimate, evaluation: Evaluation) -> Estimate:
    """Return a figure as a gate may hold it: without bounds where these are surer of themselves than is asked."""
    return replace(found, lower=math.nan, upper=math.nan) if _unsure(evidence, evaluation) else found


def _unsure(evidence: Evidence, evaluation: Evaluation) -> bool:
    return evidence.confidence < evaluation.confidence - 1e-9


def _evidence_notes(evaluation: Evaluation, thresholds: Sequence[Threshold]) -> Iterator[str]:
    """Yield what evidence a gate asks for that was logged with intervals of less confidence."""
    asked_for = {threshold.metric for threshold in thresholds}
    for evidence in evaluation.evidence:
        wanted = [found for key, found in evidence.metrics.items() if key in asked_for]
        if any(math.isnan(found.lower) and math.isnan(found.upper) for found in wanted):
            yield from evidence.notes
        if wanted and _unsure(evidence, evaluation):
            yield (
                f"The evidence {evidence.source!r} was logged with intervals of {evidence.confidence:.0%}, not of the "
                f"{evaluation.confidence:.0%} asked: it decides nothing; log it again."
            )


def _of_labels(quality: LabelQuality | None, key: str) -> Estimate | None:
    """Return a figure of the labels; a ceiling that is only known to be no lower has no upper bound."""
    if quality is None:
        return None
    if key != "accuracy_ceiling":
        return quality.of("all", key).get("")
    return quality.ceiling if quality.annotators or not quality.ceiling else replace(quality.ceiling, upper=math.nan)


def _differences(comparison: Comparison, threshold: Threshold) -> Iterator[tuple[str, Difference | None]]:
    if threshold.slice is None and threshold.every is None:
        yield "", comparison.metrics.get(threshold.key)
        return
    for row in comparison.slices:
        if row.name == threshold.slice or row.columns == (threshold.every,):
            yield row.name, row.metrics.get(threshold.key)


def _gate(
    threshold: Threshold,
    where: str,
    found: Estimate | Difference | None,
    metric: CustomMetric | None,
    confidence: float,
) -> Gate:
    place, words = _place(threshold, where), _words(threshold, where)
    made = partial(Gate, words, where=where, of_class=threshold.class_ or "")
    if found is None or math.isnan(found.value):
        why = "was not measured" if found is None else f"is undefined on {found.n} examples"
        return made(Outcome.UNDECIDED, f"{words}: {threshold.key}{place} {why}")
    falling = is_falling(threshold, metric)
    outcome = _outcome(threshold, found, falling)
    relative = isinstance(found, Difference)
    value = str(found) if relative else f"{number(found.value)} [{number(found.lower)}, {number(found.upper)}]"
    estimate = found if isinstance(found, Estimate) else Estimate(found.value, found.lower, found.upper, found.n)
    few = found.n < threshold.min_examples and threshold.metric not in UNITS
    if few:
        outcome = Outcome.UNDECIDED
    if threshold.metric in names.LATENCY_METRICS + names.COST_METRICS:
        value = in_words(estimate, "ms" if threshold.metric in names.LATENCY_METRICS else "")
    on = f" on {found.n:,} {UNITS.get(threshold.metric, 'examples')}" if found.n else ""
    needed = examples_needed(threshold, found, metric, confidence) if outcome is Outcome.UNDECIDED else None
    if few and threshold.metric not in names.EVIDENCE_METRICS:
        needed = max(needed or 0, threshold.min_examples)
    unbounded = math.isnan(found.lower) and math.isnan(found.upper)
    open_ = "has no interval that could decide" if unbounded else "cannot be told apart from it"
    verb = {
        Outcome.PASS: "clears it by its bound",
        Outcome.FAIL: "misses it by its bound",
        Outcome.UNDECIDED: f"is too few: at least {threshold.min_examples}" if few else open_,
    }[outcome]
    gate = made(outcome, f"{words}: {value}{on} {verb}", estimate, needed, relative=relative)
    if gate.n_more is None:
        return gate
    what = f" of {threshold.class_}" if threshold.class_ else ""
    more = f"about {gate.n_more:,} more labelled examples{what} {'are needed' if few else 'would decide'}"
    return replace(gate, reason=f"{gate.reason}; {more}")


def _words(threshold: Threshold, where: str) -> str:
    return str(threshold).replace(f" in every {threshold.every}", "") + _place(threshold, where)


def _place(threshold: Threshold, where: str) -> str:
    return f" in {where}" if where and threshold.every else ""


def _outcome(threshold: Threshold, found: Estimate | Difference, falling: bool) -> Outcome:
    """Compare the bounds; a nan bound satisfies no inequality and so stays undecided.

    `falling` says that a smaller value of the metric is a better one, which counts where models are compared.
    """
    lower, upper, bound = found.lower, found.upper, bound_of(threshold, falling)
    if threshold.max is not None or (threshold.not_worse_than is not None and falling):
        lower, upper, bound = -upper, -lower, -bound
    if lower >= bound:
        return Outcome.PASS
    return Outcome.FAIL if upper < bound else Outcome.UNDECIDED
