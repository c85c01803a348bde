"""All that is known of one model on one data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mlflow_evalplus import names
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results.abstention import Abstention
from mlflow_evalplus.results.attribution import Attribution
from mlflow_evalplus.results.classes import Classes, Confusion
from mlflow_evalplus.results.data_checks import DataChecks
from mlflow_evalplus.results.estimate import Estimate
from mlflow_evalplus.results.evidence import Evidence
from mlflow_evalplus.results.labels import LabelQuality
from mlflow_evalplus.results.latency import Latency
from mlflow_evalplus.results.measures import Calibration
from mlflow_evalplus.results.rule_effects import RuleEffects
from mlflow_evalplus.results.slices import Discovery, Slices
from mlflow_evalplus.results.verdict import NO_VERDICT, Verdict

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that is known of one model on one data set.

    Attributes
    ----------
    n : int
        Examples.
    metrics : dict of str to Estimate
        Keyed by ``names.METRICS``; ``error_cost`` where errors are priced; ``names.SCORE_METRICS`` where every label
        has a probability; custom metrics by their names.
    classes, confusion, slices, discovery, calibration, abstention, latency, verdict
        See their own classes; ``discovery`` is None where it was not asked, ``calibration`` and ``abstention`` without
        probabilities, ``latency`` where no model was asked.
    attribution, label_quality
        Why this score, and how good the labels are; None before ``attribute`` has looked, and ``label_quality`` where
        there are neither annotators nor probabilities.
    rule_effects : RuleEffects or None
        What each keyword rule on top of the model does; None where it has none.
    data_checks : DataChecks or None
        What is wrong with training rows and test rows; None where the training rows were not given.
    evidence : tuple of Evidence
        What an online experiment and people's ratings say, where it was added.
    cost_per_1000 : float or None
        Money for a thousand predictions: the machine at the highest throughput measured (``latency.best``), and what
        an API charges.
    confidence : float
        Of every interval.
    data_digest : str
        Of example ids and labels: equal for two evaluations on the same test set.
    requirements : Requirements or None
        What the verdict was measured against.
    notes : tuple of str
        What a reader must know, for example rows that the model did not answer.
    predictions : mlflow_evalplus.core.predictions.Predictions or None
        The rows; not part of ``evaluation.json``, but of ``predictions.parquet``. None where a lazy frame was
        counted in its engine.
    custom_metrics : tuple of mlflow_evalplus.core.custom.CustomMetric
        Those that the caller defined, so that comparisons can use them; they are not logged.
    """

    n: int
    labels: tuple[str, ...]
    metrics: dict[str, Estimate]
    classes: Classes
    confusion: Confusion
    slices: Slices
    confidence: float
    data_digest: str
    discovery: Discovery | None = None
    calibration: Calibration | None = None
    abstention: Abstention | None = None
    latency: Latency | None = None
    attribution: Attribution | None = None
    label_quality: LabelQuality | None = None
    rule_effects: RuleEffects | None = None
    data_checks: DataChecks | None = None
    cost_per_1000: float | None = None
    evidence: tuple[Evidence, ...] = ()
    verdict: Verdict = NO_VERDICT
    requirements: Requirements | None = None
    notes: tuple[str, ...] = ()
    schema_version: int = names.SCHEMA_VERSION
    predictions: Any = field(default=None, repr=False, compare=False)
    custom_metrics: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    def __eq__(self, other: object) -> bool:
        """Compare all but the rows; an undefined figure equals an undefined one, although nan is not nan."""
        if not isinstance(other, Evaluation):
            return NotImplemented
        compared = [entry.name for entry in fields(self) if entry.compare]
        return all(repr(getattr(self, name)) == repr(getattr(other, name)) for name in compared)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Evaluation(n={self.n}, accuracy={self.metrics['accuracy']}, verdict={self.verdict.outcome})"

    def frame(self) -> pd.DataFrame:
        """Return one row per overall metric: value, lower, upper, n, small_support."""
        import pandas as pd

        rows: list[dict[str, Any]] = [{"metric": k, **asdict(e)} for k, e in self.metrics.items()]
        return pd.DataFrame(rows)
