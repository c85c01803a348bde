"""What is measured of a candidate, on all questions or on some: how each metric is estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlflow_evalplus import names
from mlflow_evalplus.core import latency
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.online.means import mean_bounds, means
from mlflow_evalplus.core.selection.differences import Paired, paired
from mlflow_evalplus.core.selection.estimates import estimate
from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.layouts import Layout, Layouts
from mlflow_evalplus.requirements.selection import OF_TIME, UNBOUNDED
from mlflow_evalplus.results import Estimate

SCORE = "score"
COST = "cost_per_1000"


@dataclass(frozen=True)
class Measure:
    """Measures candidates on one question set.

    Attributes
    ----------
    layouts : Layouts
    confidence : float
    """

    layouts: Layouts
    confidence: float

    def estimate(self, facts: Facts, metric: str, dimension: str = "", tag: str = "") -> Estimate:
        """Return a metric, on the questions of a dimension and with a tag; nan where it is not known."""
        if metric in OF_TIME:
            return self._of_time(facts, metric, self.layouts.within(dimension, tag))
        values, layout = self._view(facts[metric], metric, dimension, tag)
        found = estimate(values, layout, self.confidence, bounded=metric not in (*UNBOUNDED, "length"))
        if metric == COST and found.n > 1 and np.ptp(values[~np.isnan(values)]) == 0:  # a price, no measurement
            return replace(found, lower=found.value, upper=found.value)
        return found

    def difference(self, a: Facts, b: Facts, metric: str, dimension: str = "", tag: str = "") -> Paired:
        """Return the paired difference of a metric, a less b."""
        values, layout = self._view(a[metric] + b[metric], metric, dimension, tag)
        both = np.where(np.isnan(values), np.nan, 0.0)
        return paired(a[metric] + both, b[metric], layout, self.confidence, bounded=metric not in UNBOUNDED)

    def n_questions(self, facts: Facts, metric: str, dimension: str = "", tag: str = "") -> int:
        """Return how many questions a metric of time rests on."""
        known = self.layouts.within(dimension, tag)[facts.place] & ~np.isnan(_times(facts, metric))
        return len(np.unique(facts.place[known]))

    def measures(self, facts: Facts) -> dict[str, Estimate]:
        """Return the measures that are known of a candidate, on all questions."""
        return {name: self.estimate(facts, name) for name in names.SELECTION_MEASURES if facts.known(name)}

    def _view(self, values: FloatArray, metric: str, dimension: str, tag: str) -> tuple[FloatArray, Layout]:
        """Return the values, nan outside of the place, and how they are put together.

        The score is a mean over dimensions; on some questions across dimensions each counts as it does in the score.
        All else is a mean over questions, each once.
        """
        inside = np.where(self.layouts.within(dimension, tag), values, np.nan) if dimension or tag else values
        if metric != SCORE:
            return inside, self.layouts.plain
        layout = self.layouts.dimension(dimension) if dimension else self.layouts.score
        if not tag:
            return inside, layout
        weights = layout.in_mean(values)
        counts = weights[~np.isnan(inside)].any()  # else they are all of dimensions that are only shown
        return inside, replace(self.layouts.plain, weights=weights if counts else layout.weights)

    def _of_time(self, facts: Facts, metric: str, inside: np.ndarray) -> Estimate:
        at = inside[facts.place] & ~np.isnan(times := _times(facts, metric))
        if metric == "tokens_per_s":
            return answer_mean(times[at], facts.place[at], self.confidence)
        return percentiles(times[at], self.confidence)[metric[-3:]]


def _times(facts: Facts, metric: str) -> FloatArray:
    if metric == "tokens_per_s":
        return facts.tokens_per_s
    return facts.latency_ms if metric.startswith("latency") else facts.first_token_ms


def percentiles(milliseconds: FloatArray, confidence: float) -> dict[str, Estimate]:
    """Return ``p50``, ``p90``, ``p95`` and ``p99``, with the order-statistic intervals of `latency.percentiles`."""
    found = latency.percentiles(milliseconds, confidence)
    return {key.rsplit("_", 1)[1]: each for key, each in found.items()}


def answer_mean(values: FloatArray, questions: np.ndarray, confidence: float) -> Estimate:
    """Return the mean over answers, the answers to one question taken together in its variance."""
    found, _ = means(values, np.zeros(len(values), dtype=np.int64), 2, questions)
    lower, upper = mean_bounds(found, confidence)
    return Estimate(float(found.value[0]), float(lower[0]), float(upper[0]), len(values), bool(found.few[0]))
