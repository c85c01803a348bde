"""Several evaluations side by side: what a comparison report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlflow_evalplus.results.choice import Choice, Family
from mlflow_evalplus.results.comparison import Comparison
from mlflow_evalplus.results.difference import DifferenceSplit
from mlflow_evalplus.results.estimate import Estimate
from mlflow_evalplus.results.evaluation import Evaluation
from mlflow_evalplus.results.verdict import Outcome


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """An example that one of two evaluations answers rightly and the other wrongly.

    Attributes
    ----------
    text : str or None
        None where the rows have no texts.
    answer, baseline_answer : str
        What the run says, and what the baseline says; ``(other)`` for none of the labels.
    confidence : float
        The run's probability of its own answer; nan without.
    slices : dict of str to str
        Column → value.
    """

    example_id: str
    text: str | None
    label: str
    answer: str
    baseline_answer: str
    confidence: float
    slices: dict[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run fixes and breaks against the baseline.

    Attributes
    ----------
    fixed, broken : int
        Examples that the run answers rightly and the baseline wrongly, and the reverse.
    fixed_rows, broken_rows : tuple of ChangedRow
        At most 20 of them, the run's most confident answers first; in the rows' order where there are no scores.
    """

    fixed: int
    broken: int
    fixed_rows: tuple[ChangedRow, ...]
    broken_rows: tuple[ChangedRow, ...]


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A run's accuracy against its cost.

    Attributes
    ----------
    on_front : bool
        No other run is at least as accurate and at least as cheap, and better in one of the two.
    """

    name: str
    accuracy: Estimate
    cost: Estimate
    on_front: bool


@dataclass(frozen=True, slots=True)
class Front:
    """Accuracy against cost.

    Attributes
    ----------
    cost : str
        What is taken as the cost: ``total_cost_per_1000``, ``cost_per_1000`` or ``latency_ms_p95``.
    currency : str
        Of the cost; empty for a latency.
    points : tuple of FrontPoint
        The cheapest first.
    unknown : tuple of str
        Runs whose cost, or accuracy, is not known.
    """

    cost: str
    currency: str
    points: tuple[FrontPoint, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Iteration:
    """One run of the past on the same test set, as it was logged.

    Attributes
    ----------
    time : datetime
        When it began, in UTC.
    accuracy : Estimate
        A bound is nan where it was not logged.
    compared : bool
        Whether it is one of the runs compared here; `name` is then its name here.
    """

    name: str
    time: datetime
    accuracy: Estimate
    verdict: Outcome
    compared: bool = False


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Several evaluations of one test set, compared with one of them and decided.

    Attributes
    ----------
    evaluations : mapping of str to Evaluation
        By name, the baseline first.
    comparisons : mapping of str to Comparison
        Of every run but the baseline, with it.
    baseline, winner, reason : str
        Which run the others are compared with, which one to take, and why.
    choice : Choice or None
        The ranking behind that, its weights and ties.
    family : Family or None
        Which runs no other one beats; None for a run alone.
    difference : DifferenceSplit or None
        Where the winner's difference comes from; None for a run alone.
    changes : mapping of str to Changes
        Of every run but the baseline, against it.
    front : Front or None
        None where fewer than two runs have a cost.
    history : tuple of Iteration
        The newest runs on the same test set, oldest first.
    notes : tuple of str
        What a reader must know, for example figures that are not comparable.
    remarks : tuple of str
        What the runs were asked besides: is a model for each scenario worth it, what would more labels buy.
    """

    evaluations: Mapping[str, Evaluation]
    comparisons: Mapping[str, Comparison]
    baseline: str
    winner: str
    reason: str
    choice: Choice | None = None
    family: Family | None = None
    difference: DifferenceSplit | None = None
    changes: Mapping[str, Changes] = field(default_factory=dict)
    front: Front | None = None
    history: tuple[Iteration, ...] = ()
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
