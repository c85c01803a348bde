"""How many labelled examples would decide what is open, and where to sample them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.custom import CustomMetric
from mlflow_evalplus.core.metrics import OVERALL
from mlflow_evalplus.requirements import Threshold
from mlflow_evalplus.results import Difference, Estimate, Evaluation, Gate, Sampling

# More labelled examples change nothing of these; what would decide an online experiment it says itself.
NOT_OF_EXAMPLES = (*names.LATENCY_METRICS, "cost_per_1000", "total_cost_per_1000", *names.EVIDENCE_METRICS)
MEANS = ("error_cost", "krippendorff_alpha")  # their intervals shrink with √n


def bound_of(threshold: Threshold, falling: bool = False) -> float:
    """Return the number that a metric, or for a non-inferiority threshold its difference, is held against.

    `falling` says that less of the metric is better: then a difference may be as much as the margin above 0.
    """
    if threshold.min is not None:
        return threshold.min
    if threshold.max is not None:
        return threshold.max
    return threshold.margin if falling else -threshold.margin


def is_falling(threshold: Threshold, metric: CustomMetric | None = None) -> bool:
    """Say whether less of a threshold's metric is better; `metric` is a custom one."""
    return threshold.metric in names.LOWER_IS_BETTER or bool(metric and metric.lower_is_better)


def examples_needed(
    threshold: Threshold, found: Estimate | Difference, metric: CustomMetric | None = None, confidence: float = 0.95
) -> int | None:
    """Return the smallest n at which the present value's bound would decide; None if no number would.

    For a metric in 0 … 1 Wilson's bound meets the threshold t where ``(m - t)² = z² t (1 - t) / n_eff``, and
    it is the lower or upper bound L now: ``(m - L)² = z² L (1 - L) / n_eff``; so n grows by the ratio of the
    two. The interval of a paired difference or of a mean shrinks with √n, and so does that of log-loss and Brier
    score on the logarithm; that of a difference where no row differs is ``z² / (n + z²)``. `metric` is a custom one,
    for its range.
    """
    t, value = bound_of(threshold, is_falling(threshold, metric)), found.value
    bound = found.lower if value > t else found.upper
    equal = math.isclose(value, t, abs_tol=1e-9)  # no number of examples tells them apart
    if equal or math.isnan(bound) or threshold.metric in NOT_OF_EXAMPLES:
        return None
    if isinstance(found, Difference) and value == 0:
        z2 = float(stats.norm.isf((1 - confidence) / 2)) ** 2
        if math.isclose(abs(bound), z2 / (found.n + z2)):
            return math.ceil(z2 * (1 - abs(t)) / abs(t))
    if isinstance(found, Difference) or threshold.metric in MEANS:
        return math.ceil(found.n * ((value - bound) / (value - t)) ** 2)
    if threshold.metric in names.UNBOUNDED:
        if not (t > 0 and value > 0 and bound > 0):
            return None
        return math.ceil(found.n * (math.log(value / bound) / math.log(value / t)) ** 2)
    ranged = metric or OVERALL.get(threshold.metric)
    low, high = (ranged.low, ranged.high) if ranged else (0.0, 1.0)
    if not low < t < high or not low < bound < high:
        return None
    spread = ((t - low) * (high - t)) / ((bound - low) * (high - bound))
    return math.ceil(found.n * spread * ((value - bound) / (value - t)) ** 2)


def plan(gates: Sequence[Gate], evaluation: Evaluation) -> tuple[Sampling, ...]:
    """Return what to label so that every open gate that a number of examples decides is decided.

    One line for examples as they come and one for each slice, with the most that a gate asks there. Examples of one
    label are found at that label's present share, so more must be read than are needed.
    """
    wanted: dict[str, list[tuple[int, Gate]]] = {}
    for gate in gates:
        if gate.n_more is not None:
            wanted.setdefault(gate.where, []).append((_to_read(gate, evaluation), gate))
    whole = wanted.pop("", None)
    lines = [_sampling("", whole)] if whole else []
    return (*lines, *sorted((_sampling(where, open_) for where, open_ in wanted.items()), key=_order))


def _order(sampling: Sampling) -> tuple[int, str]:
    return -sampling.n_more, sampling.where


def _to_read(gate: Gate, evaluation: Evaluation) -> int:
    """Return how many examples hold as many of the gate's label as it needs."""
    more = gate.n_more or 0
    share = _share(gate, evaluation) if gate.of_class else 1.0
    return math.ceil(more / share) if share > 0 else more


def _share(gate: Gate, evaluation: Evaluation) -> float:
    """Return the share of the examples there that stand behind the gate's metric; 0 where it is not known."""
    rows = {row.name: row.n for row in evaluation.slices.rows} | {"": evaluation.n}
    n = rows.get(gate.where, 0)
    return min(gate.estimate.n / n, 1.0) if n and gate.estimate else 0.0


def _sampling(where: str, wanted: Sequence[tuple[int, Gate]]) -> Sampling:
    n, largest = max(wanted, key=lambda pair: pair[0])
    place = f"of {where}" if where else "as they come"
    label = f", of which about {largest.n_more:,} will be {largest.of_class}" if largest.of_class else ""
    return Sampling(where, n, f"Label about {n:,} more examples {place}{label}, to decide {_decided(wanted)}.")


def _decided(wanted: Sequence[tuple[int, Gate]]) -> str:
    first = f"“{wanted[0][1].requirement}”"
    return first if len(wanted) == 1 else f"{first} and {len(wanted) - 1} more"
