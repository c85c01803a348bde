"""The utility of a candidate: accuracy, fluency, stability and cost, weighted by what comes first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.online.means import MIN_UNITS
from mlflow_evalplus.core.selection.differences import Paired, combined, paired
from mlflow_evalplus.core.selection.estimates import mean, snapped
from mlflow_evalplus.core.selection.facts import Facts
from mlflow_evalplus.core.selection.layouts import Layout, Layouts
from mlflow_evalplus.core.selection.measures import COST, percentiles
from mlflow_evalplus.core.selection.wording import listed
from mlflow_evalplus.requirements.selection import PARTS, SelectionRules

COST_PART = "cost"
# With accuracy first, from the dearest candidate to a free one is worth 0.05 / 0.85: 6 points of the score. Where
# something else comes first accuracy comes second: fluent and wrong is of no use.
PRIORITIES = {
    "accuracy": {"accuracy": 0.85, "fluency": 0.05, "stability": 0.05, "cost": 0.05},
    "fluency": {"fluency": 0.6, "accuracy": 0.3, "stability": 0.05, "cost": 0.05},
    "stability": {"stability": 0.6, "accuracy": 0.3, "fluency": 0.05, "cost": 0.05},
    "cost": {"cost": 0.6, "accuracy": 0.3, "fluency": 0.05, "stability": 0.05},
}
COLUMNS = {"accuracy": "score", "fluency": "fluency", "stability": "stability"}
LATENCY = "latency_ms_p50"


@dataclass(frozen=True)
class Utility:
    """How candidates are valued.

    Attributes
    ----------
    priority : str
        ``weights`` where these are given.
    weights : dict of str to float
        Of the parts that are known of all candidates; they sum to 1.
    columns : dict of str to dict of str to float array, [questions]
        Candidate → part → what each question adds; also of parts that do not count.
    scaling : dict of str to float array, [questions]
        Candidate → what each question adds to its cost by way of the scale, the dearest's mean cost; its mean is 0.
    layouts : Layouts
    cost : str
        What the cost is: ``cost_per_1000``, ``latency_ms_p50``, or nothing.
    notes : tuple of str
    """

    priority: str
    weights: dict[str, float]
    columns: dict[str, dict[str, FloatArray]]
    scaling: dict[str, FloatArray]
    layouts: Layouts
    cost: str
    notes: tuple[str, ...]

    def parts(self, name: str) -> dict[str, float]:
        """Return each part of a candidate that is known, 0 … 1."""
        found = {part: mean(values, self._layout(part)).value for part, values in self.columns[name].items()}
        return {part: snapped(value) for part, value in found.items() if not math.isnan(value)}

    def value(self, name: str) -> float:
        """Return the utility of a candidate; nan where a part that counts is not known of it."""
        parts = self.parts(name)
        return math.fsum(weight * parts.get(part, math.nan) for part, weight in self.weights.items())

    def difference(self, a: str, b: str, confidence: float) -> Paired:
        """Return the paired difference of two utilities, a less b: it is linear in the questions."""
        found = [(weight, self.of_part(part, a, b, confidence)) for part, weight in self.weights.items()]
        return combined(found, self.layouts.clusters, confidence)

    def of_part(self, part: str, a: str, b: str, confidence: float) -> Paired:
        """Return the paired difference of one part.

        That of the cost has the larger variance of two: with the scale, the mean of the dearest, as it is, and as it is
        measured. By the second alone two that cost the same are told apart too often, as the dearer sets the scale.
        """
        one, other = (self.columns[name].get(part, self._unknown) for name in (a, b))
        found = paired(one, other, self._layout(part), confidence, bounded=part != COST_PART)
        if part != COST_PART or not (a in self.scaling and b in self.scaling):
            return found
        one, other = one + self.scaling[a], other + self.scaling[b]
        scaled = paired(one, other, self._layout(part), confidence, bounded=False)
        return scaled if scaled.mean.variance > found.mean.variance else found

    @property
    def _unknown(self) -> FloatArray:
        return np.full(len(self.layouts.clusters), np.nan)

    def _layout(self, part: str) -> Layout:
        return self.layouts.score if part == "accuracy" else self.layouts.plain


def utility(facts: Mapping[str, Facts], layouts: Layouts, rules: SelectionRules, priority: str) -> Utility:
    """Return how candidates are valued by the rules' weights, else by the priority.

    A part counts where it is known of every candidate that has a score, and (but for the accuracy) on at least 5
    clusters, as fewer say nothing of a difference; the weights of the others grow. The cost is
    ``1 - money / the most of any candidate`` where every one has a price, else the same of the median latency, else it
    is left out. What is left out is said in the notes.

    Notes
    -----
    The median's part of a question is its linear term, ``median + (1[above] - 1/2) / f``, with the density f as its
    order-statistic interval implies it (Woodruff 1952, doi:10.1080/01621459.1952.10483443).
    """
    scored = [name for name, each in facts.items() if not math.isnan(mean(each["score"], layouts.score).value)]
    cost, paid, scaling = _costs(facts, scored)
    columns = {name: _columns(each, paid.get(name)) for name, each in facts.items()}
    asked = rules.weights or PRIORITIES[priority]
    wanted = {part: asked[part] for part in PARTS if asked.get(part)}
    few = {part: [n for n in scored if _few(columns[n].get(part), layouts)] for part in wanted if part != "accuracy"}
    known = {
        part: weight for part, weight in wanted.items()
        if all(part in columns[name] for name in scored) and not few.get(part)
    }  # fmt: skip
    notes = [
        _left_out(part, facts, [name for name in scored if part not in columns[name]], few.get(part, []))
        for part in wanted if part not in known
    ]  # fmt: skip
    if cost == LATENCY and COST_PART in wanted:
        no_price = [name for name in scored if np.isnan(_money(facts[name])).all()]
        notes.append(f"Cost is the median latency: no price is known of {listed(no_price)}.")
    if not known:
        known = {"accuracy": 1.0}
        notes.append("None of the parts that have a weight is known of all candidates: the utility is the accuracy.")
    total = sum(known.values())
    return Utility(
        "weights" if rules.weights else priority, {part: weight / total for part, weight in known.items()}, columns,
        scaling, layouts, cost, tuple(notes),
    )  # fmt: skip


def _few(values: FloatArray | None, layouts: Layouts) -> bool:
    """Whether a part is known, but on fewer than 5 clusters, though there are more."""
    if values is None:
        return False
    return len(np.unique(layouts.clusters[~np.isnan(values)])) < min(MIN_UNITS, len(np.unique(layouts.clusters)))


def _left_out(part: str, facts: Mapping[str, Facts], unknown: Sequence[str], few: Sequence[str]) -> str:
    if not unknown:
        return f"{part[0].upper()}{part[1:]} is left out of the utility: known on too few questions of {listed(few)}."
    if part != COST_PART:
        return f"{part[0].upper()}{part[1:]} is left out of the utility: it is not known of {listed(unknown)}."
    no_price, no_time = ([name for name in unknown if np.isnan(of(facts[name])).all()] for of in (_money, _latency))
    return f"Cost is left out of the utility: no price is known of {listed(no_price)}, no latency of {listed(no_time)}."


def _columns(facts: Facts, cost: FloatArray | None) -> dict[str, FloatArray]:
    found = {part: facts[column] for part, column in COLUMNS.items() if facts.known(column)}
    return found if cost is None else {**found, COST_PART: cost}


def _costs(facts: Mapping[str, Facts], scored: list[str]) -> tuple[str, dict[str, FloatArray], dict[str, FloatArray]]:
    """Return what the cost is, each candidate's by question, 1 less its share of the largest mean, and the scaling."""
    for key, of in ((COST, _money), (LATENCY, _latency)):
        found = {name: of(each) for name, each in facts.items()}
        means = {name: float(np.nanmean(v)) for name, v in found.items() if not np.isnan(v).all()}
        if scored and all(name in means for name in scored):
            dearest = max(means, key=lambda name: means[name])
            largest = means[dearest] or 1.0
            saved = {name: 1 - found[name] / largest for name in means}
            return key, saved, {name: _scaling(found[name], found[dearest], largest) for name in means}
    return "", {}, {}


def _scaling(costs: FloatArray, most: FloatArray, largest: float) -> FloatArray:
    """Return the linear term of -mean cost / largest in the largest, by question."""
    scale = np.where(np.isnan(costs), np.nan, np.where(np.isnan(most), largest, most))
    return np.asarray(np.nanmean(costs) / largest**2 * (scale - np.nanmean(scale)))


def _money(facts: Facts) -> FloatArray:
    """Return the money of each question; nan for all where a question that was answered has no price."""
    money = facts[COST]
    return np.full(len(money), np.nan) if (np.isnan(money) & facts.answered).any() else money


def _latency(facts: Facts) -> FloatArray:
    known = ~np.isnan(facts.latency_ms)
    taken, place, n = facts.latency_ms[known], facts.place[known], len(facts.answered)
    if not len(taken):
        return np.full(n, np.nan)
    middle = percentiles(taken, 0.95)["p50"]
    reach = (middle.upper - middle.lower) / 2
    error = (reach if not math.isnan(reach) else float(np.ptp(taken))) / 1.96
    linear = middle.value + (2 * (taken > middle.value) - 1) * error * math.sqrt(len(taken))
    count = np.bincount(place, minlength=n)
    total = np.bincount(place, linear, n)
    return np.asarray(np.divide(total, count, out=np.full(n, np.nan), where=count > 0))
