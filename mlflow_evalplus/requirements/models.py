"""The parts of requirements.yaml, and what each may hold."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from mlflow_evalplus import names
from mlflow_evalplus.errors import did_you_mean
from mlflow_evalplus.requirements.base import Count, Name, NoTruth, Number, Part, within_reach
from mlflow_evalplus.requirements.monitor import Monitor
from mlflow_evalplus.requirements.selection import SelectionRules

Priority = Literal["accuracy", "fluency", "stability", "cost"]
StoreText = Literal["full", "masked", "hash", "none"]


class Task(Part):
    """What is classified, and the names of its columns."""

    name: Name = "classification"
    text: Name | None = None
    label: Name = "label"
    labels: tuple[Name, ...] = ()

    @property
    def text_column(self) -> str:
        """The column that is taken as the text where the data have it."""
        return self.text or "text"

    @field_validator("labels")
    @classmethod
    def _labels_are_distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) < len(labels):
            raise ValueError(f"labels must be distinct, got {list(labels)}")
        return labels


class Threshold(Part):
    """One hard number: a metric, where it applies, and the bound that it must clear.

    Exactly one of `min`, `max` and `not_worse_than` is given, within the metric's range. `slice` names one slice
    (``channel=app``), `every` all values of a column. On fewer than `min_examples` examples nothing is decided.
    """

    metric: Name
    class_: Name | None = Field(default=None, alias="class")
    slice: Name | None = None
    every: Name | None = None
    min: Number | None = None
    max: Number | None = None
    not_worse_than: Literal["baseline"] | None = None
    margin: Number = Field(default=0.0, ge=0)
    min_examples: Count = Field(default=30, ge=1)

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, metric: str, info: ValidationInfo) -> str:
        known = [*names.ALL_METRICS, *(info.context or {}).get("metrics", ())]
        if metric not in known:
            raise ValueError(f"unknown metric {metric!r}; metrics are {known}.{did_you_mean(metric, known)}")
        return metric

    @field_validator("min", "max")
    @classmethod
    def _bound_is_within_reach(cls, bound: float | None, info: ValidationInfo) -> float | None:
        return within_reach(str(info.data.get("metric")), bound, names.RANGES, (names.N_EXAMPLES,))

    @field_validator("margin")
    @classmethod
    def _margin_leaves_something_to_miss(cls, margin: float, info: ValidationInfo) -> float:
        metric = str(info.data.get("metric"))
        low, high = names.RANGES.get(metric, (-math.inf, math.inf))
        if margin >= high - low:
            raise ValueError(
                f"{metric} lies between {low:g} and {high:g}, so none is worse by more than that; 0.01 means one point"
            )
        return margin

    @model_validator(mode="after")
    def _is_one_statement(self) -> Threshold:
        bounds = [self.min, self.max, self.not_worse_than]
        if sum(bound is not None for bound in bounds) != 1:
            raise ValueError("give exactly one of min, max and not_worse_than")
        if (self.metric in names.OF_ONE_CLASS) != (self.class_ is not None):
            verb = "needs" if self.class_ is None else "takes no"
            raise ValueError(f"metric {self.metric!r} {verb} 'class'")
        if self.slice and self.every:
            raise ValueError("give 'slice' (one slice) or 'every' (all values of a column), not both")
        if self.metric in names.OF_A_RUN and (self.slice or self.every or self.not_worse_than):
            raise ValueError(f"metric {self.metric!r} exists for the whole run only, with min or max")
        if self.metric in (names.N_EXAMPLES, *names.EVIDENCE_METRICS) and self.not_worse_than:
            raise ValueError(f"metric {self.metric!r} takes min or max; it is not compared with a baseline's")
        return self

    @property
    def key(self) -> str:
        """The metric's column: ``accuracy``, or ``recall[negative]`` for a class."""
        return names.class_metric(self.metric, self.class_) if self.class_ else self.metric

    def __str__(self) -> str:
        what = f"{self.metric} of {self.class_}" if self.class_ else self.metric
        where = f" in {self.slice}" if self.slice else f" in every {self.every}" if self.every else ""
        if self.min is not None:
            return f"{what} at least {self.min:g}{where}"
        if self.max is not None:
            return f"{what} at most {self.max:g}{where}"
        return f"{what} not worse than the baseline by more than {self.margin:g}{where}"


class Prices(Part):
    """What a machine hour, 1,000 requests to an API, and a label cost."""

    currency: Name = "USD"
    machine_per_hour: Number | None = Field(default=None, ge=0)
    per_1000_requests: Number | None = Field(default=None, ge=0)
    label: Number | None = Field(default=None, ge=0)


class Requirements(Part):
    """The content of requirements.yaml; see the contract in the documentation.

    `priority` ranks the candidates that pass; `weights`, metric → how much it counts, are its own unless given.
    `store_text` says how much of the texts is stored; no figure depends on it, so the digest does not either.
    """

    schema_version: Annotated[Literal[1], NoTruth] = 1
    task: Task = Task()
    priority: Priority = "accuracy"
    weights: Mapping[Name, Annotated[Number, Field(gt=0)]] = {}
    slices: tuple[Name, ...] = ()
    intersections: Count = Field(default=2, ge=1, le=3)
    discover: Count = Field(default=0, ge=0, le=3)
    cluster: Name | None = None
    confidence: Number = Field(default=0.95, gt=0.5, lt=1)
    thresholds: tuple[Threshold, ...] = ()
    error_costs: Mapping[Name, Mapping[Name, Number]] = {}
    prices: Prices = Prices()
    monitor: Monitor = Monitor()
    selection: SelectionRules = SelectionRules()
    store_text: StoreText = "full"

    @field_validator("weights")
    @classmethod
    def _weights_name_metrics(cls, weights: Mapping[str, float], info: ValidationInfo) -> Mapping[str, float]:
        known = [m for m in (*names.ALL_METRICS, names.WORST_SLICE) if m not in (*names.OF_ONE_CLASS, names.N_EXAMPLES)]
        known += (info.context or {}).get("metrics", ())
        for key in weights:
            if key not in known and not class_of(key):
                one = f"{names.class_metric(names.OF_ONE_CLASS[1], 'label')!r}"
                raise ValueError(
                    f"unknown metric {key!r}; metrics are {known}, and of one class as {one}.{did_you_mean(key, known)}"
                )
        return weights

    @model_serializer(mode="wrap")
    def _without_the_default(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out that texts are kept in full: a run that keeps them is the same as before there was a choice."""
        content: dict[str, Any] = dump(self)
        if self.store_text == "full":
            content.pop("store_text", None)
        return content

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of what is asked, whatever its layout and comments, and the defaults spelt out."""
        asked = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"store_text"})
        canonical = json.dumps(asked, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def class_of(key: str) -> str:
    """Return the class in a key such as ``recall[negative]``; nothing where it is no key of one class."""
    metric, _, rest = key.partition("[")
    return rest[:-1] if metric in names.OF_ONE_CLASS and rest.endswith("]") else ""
