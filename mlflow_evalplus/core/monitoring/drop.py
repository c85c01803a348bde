"""How much worse the answers of one set of rows are than those of another, from two independent samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray
from mlflow_evalplus.core.counts import Margin, count_cells
from mlflow_evalplus.core.intervals import effective_rows, variance
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.results import Difference, Estimate, Evaluation

EXACT_BELOW = 5  # wrong or right answers expected on a side, below which Fisher's exact test is made
EXACT_ROWS = 30  # effective rows on a side, below which it is made, too: the score test raises too many alarms there
MIN_UNITS = 5  # clusters, or effective rows, on a side, below which nothing is tested


@dataclass(frozen=True)
class Answers:
    """Labelled rows: their number, figures, and how many are wrong and right, as a margin of one slice.

    Attributes
    ----------
    metrics : dict of str to Estimate
        With those of the classes: ``recall[negative]``.
    margin : Margin
        Of two cells: wrong, right.
    """

    metrics: Mapping[str, Estimate]
    margin: Margin

    @property
    def units(self) -> float:
        """Clusters, or effective rows where they are weighted, or infinity."""
        clusters = self.margin.n_clusters()
        if clusters is not None:
            return float(clusters[0])
        effective = float(effective_rows(self.margin, np.ones(2))[0])
        return effective if effective < (1 - 1e-9) * self.n else math.inf

    @property
    def worth(self) -> str:
        """What the rows come down to, in words: ``1 cluster (customer)``, ``3.2 effective rows``."""
        if self.margin.blocks is None:
            return f"{self.units:.3g} effective rows"
        return "1 cluster (customer)" if self.units == 1 else f"{self.units:,.0f} clusters (customers)"

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.margin.rows.sum())


NOTHING = Answers({}, Margin((), [()], np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 2))))


def answers_of(evaluation: Evaluation) -> Answers:
    """Return the figures of an evaluation, with its rows counted as wrong and right."""
    of_classes = {
        names.class_metric(metric, row.name): estimate
        for row in evaluation.classes.rows
        for metric, estimate in row.metrics.items()
    }
    return Answers({**evaluation.metrics, **of_classes}, right_or_wrong(evaluation.predictions))


def right_or_wrong(rows: Predictions) -> Margin:
    """Count wrong and right answers."""
    right = rows.label_codes("prediction") == rows.label_codes("label")
    return count_cells(rows, right.astype(np.int64), 2, [()])[()]


def difference(here: Answers, there: Answers, key: str = "accuracy") -> Difference | None:
    """Return a metric of the rows here less that of those there; None where one of the two was not measured.

    The interval is Newcombe's (1998, method 10, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I)
    from the intervals of the two, which heed clusters and weights. Its p-value is of accuracy only: see `p_worse`.
    """
    a, b = here.metrics.get(key), there.metrics.get(key)
    if a is None or b is None:
        return None
    value = a.value - b.value
    lower = value - math.hypot(a.value - a.lower, b.upper - b.value)
    upper = value + math.hypot(a.upper - a.value, b.value - b.lower)
    p_value = math.nan
    if key == "accuracy":
        p_value = float(np.minimum(2 * np.minimum(p_worse(here, there), p_worse(there, here)), 1.0))  # nan stays nan
    return Difference(value, lower, upper, p_value, here.n + there.n)


def p_worse(here: Answers, there: Answers) -> float:
    """Return the one-sided p-value of the accuracy here being no lower than that there.

    Score test with pooled variance; exact (Fisher) where a side has fewer than 30 rows, or fewer than 5 right or wrong
    answers are expected on one.
    Of clustered or weighted rows the same on effective rows (Rao and Scott 1992, doi:10.2307/2532311), with Student's t
    on the degrees of freedom of the side that has fewer clusters, or effective rows. nan where a side has no row, or
    fewer than 5 clusters or effective rows.
    """
    units = min(here.units, there.units)
    if not here.n or not there.n or units < MIN_UNITS:
        return math.nan
    effects = [_design_effect(side) for side in (here, there)]
    few = [side.margin.rows.min() < EXACT_BELOW for side in (here, there)]
    effects = [max(effects) if scarce else own for own, scarce in zip(effects, few, strict=True)]
    table = np.stack(
        [side.margin.shares[0] * side.n / effect for side, effect in zip((here, there), effects, strict=True)]
    )
    few_rows = table.sum(axis=1).min() < EXACT_ROWS
    if few_rows or stats.contingency.expected_freq(table + 1e-300).min() < EXACT_BELOW:
        return _exact(table, units)
    n, n_there = table.sum(axis=1)
    share = table[:, 1].sum() / table.sum()
    error = math.sqrt(share * (1 - share) * (1 / n + 1 / n_there))
    return float(stats.t.cdf((table[0, 1] / n - table[1, 1] / n_there) / error, units - 1))


def too_few(here: Answers, there: Answers) -> str:
    """Return which side's labelled rows come down to too few clusters, or effective rows, for a test; else nothing."""
    for whose, side in (("window", here), ("reference", there)):
        if side.units < MIN_UNITS:
            return f"the {whose}'s labelled rows come down to {side.worth}, at least {MIN_UNITS} are needed"
    return ""


def _design_effect(side: Answers) -> float:
    """Return how many rows count as one for the variance: at least what weights alone cost, and at least 1.

    A side whose answers are all right, or nearly, does not tell it: `p_worse` takes the larger one of the two sides.
    """
    if math.isinf(side.units):
        return 1.0
    margin, right = side.margin, side.margin.shares[0, 1]
    uneven = side.n * margin.squares.sum() / margin.weights.sum() ** 2
    alike = right * (1 - right) / side.n
    own = float(variance(margin, np.array([[-right, 1 - right]]))[0]) / alike if alike > 0 else 1.0
    return float(max(own, uneven, 1.0))


def _exact(table: FloatArray, units: float) -> float:
    """Return the p-value of Fisher's exact test that more are wrong in the first row of [wrong, right].

    Of effective counts, rounded so that no rounding makes it smaller; they shrink as Student's t is wider than the
    normal distribution (Korn and Graubard 1998).
    """
    shrink = 1.0 if math.isinf(units) else (stats.norm.ppf(0.975) / stats.t.ppf(0.975, units - 1)) ** 2
    (wrong, right), (wrong_there, right_there) = (table * shrink).round(9)
    n, n_there = math.ceil(wrong + right), math.floor(wrong_there + right_there)
    wrong, wrong_there = math.floor(wrong), min(math.ceil(wrong_there), n_there)
    return float(stats.hypergeom(n + n_there, wrong + wrong_there, n).sf(wrong - 1))
