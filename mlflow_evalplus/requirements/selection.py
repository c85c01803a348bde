"""The section ``selection:`` of requirements.yaml: what a candidate must clear, and what counts how much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mlflow_evalplus.errors import did_you_mean
from mlflow_evalplus.requirements.base import Count, Name, Number, Part, within_reach

PARTS = ("accuracy", "fluency", "stability", "cost")
OF_QUESTIONS = (
    "score", "coverage", "no_answer_rate", "format_compliance", "refusal_rate", "fluency", "stability", "pass_k",
    "cost_per_1000",
)  # fmt: skip
OF_TIME = ("latency_ms_p50", "latency_ms_p95", "first_token_ms_p50", "first_token_ms_p95", "tokens_per_s")
GATED = (*OF_QUESTIONS, *OF_TIME)
LESS_IS_BETTER = ("no_answer_rate", "refusal_rate", "cost_per_1000", *OF_TIME[:-1])
UNBOUNDED = ("cost_per_1000", *OF_TIME)
RANGES = {metric: (0.0, math.inf if metric in UNBOUNDED else 1.0) for metric in GATED}
# Metric → its words and its unit.
WORDS = {
    "no_answer_rate": ("no-answer rate", ""), "format_compliance": ("format compliance", ""),
    "refusal_rate": ("refusal rate", ""), "pass_k": ("share right in every repeat", ""),
    "cost_per_1000": ("cost per 1,000 questions", ""), "tokens_per_s": ("tokens per second", ""),
    "latency_ms_p50": ("median latency", " ms"), "latency_ms_p95": ("p95 latency", " ms"),
    "first_token_ms_p50": ("median time to the first token", " ms"),
    "first_token_ms_p95": ("p95 time to the first token", " ms"),
}  # fmt: skip
Weight = Annotated[Number, Field(ge=0)]


class SelectionGate(Part):
    """One gate of a candidate: a metric, where it applies, and the bound that it must clear.

    Exactly one of `min`, `max` and `not_worse_than` (the name of another candidate) is given. `dimension` and `tag`
    (``language=zh``) take some of the questions. On fewer than `min_questions` questions nothing is decided.
    """

    metric: Name
    dimension: Name | None = None
    tag: Name | None = None
    min: Number | None = None
    max: Number | None = None
    not_worse_than: Name | None = None
    margin: Number = Field(default=0.0, ge=0)
    min_questions: Count = Field(default=20, ge=1)

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, metric: str) -> str:
        if metric not in GATED:
            raise ValueError(f"unknown metric {metric!r}; metrics are {list(GATED)}.{did_you_mean(metric, GATED)}")
        return metric

    @field_validator("tag")
    @classmethod
    def _tag_has_a_value(cls, tag: str | None) -> str | None:
        if tag is not None and not all(tag.partition("=")):
            raise ValueError("a tag is written with its value: language=zh")
        return tag

    @field_validator("min", "max")
    @classmethod
    def _bound_is_within_reach(cls, bound: float | None, info: ValidationInfo) -> float | None:
        return within_reach(str(info.data.get("metric")), bound, RANGES, ())

    @field_validator("margin")
    @classmethod
    def _margin_leaves_something_to_miss(cls, margin: float, info: ValidationInfo) -> float:
        if margin >= RANGES.get(str(info.data.get("metric")), (0.0, math.inf))[1]:
            raise ValueError("no candidate is worse by more than that; 0.01 means one point")
        return margin

    @model_validator(mode="after")
    def _is_one_statement(self) -> SelectionGate:
        if sum(bound is not None for bound in (self.min, self.max, self.not_worse_than)) != 1:
            raise ValueError("give exactly one of min, max and not_worse_than")
        if self.margin and self.not_worse_than is None:
            raise ValueError("'margin' belongs to not_worse_than")
        if self.not_worse_than and self.metric in OF_TIME:
            raise ValueError(f"metric {self.metric!r} takes min or max; it is not compared question by question")
        return self

    @property
    def falling(self) -> bool:
        """Whether the bound is an upper one."""
        return self.max is not None or (self.not_worse_than is not None and self.metric in LESS_IS_BETTER)

    @property
    def bound(self) -> float:
        """The number that the metric, or its difference from the other candidate, is held against."""
        if self.not_worse_than is not None:
            return self.margin if self.falling else -self.margin
        return float(self.max if self.max is not None else self.min or 0.0)

    @property
    def where(self) -> str:
        """The questions that it is about; empty for all."""
        return " & ".join(filter(None, (self.dimension, self.tag)))

    def __str__(self) -> str:
        name, unit = WORDS.get(self.metric, (self.metric, ""))
        what = f"{name} in {self.where}" if self.where else name
        if self.not_worse_than is not None:
            by = f" by more than {self.margin:,g}" if self.margin else ""
            return f"{what} not worse than that of {self.not_worse_than}{by}"
        return f"{what} at most {self.max:,g}{unit}" if self.max is not None else f"{what} at least {self.min:,g}{unit}"


DEFAULT_GATE = SelectionGate(metric="coverage", min=0.9)


class SelectionRules(Part):
    """How candidates on a question set are held against each other.

    `dimensions` is how much each dimension counts in the score, 1 where it is not named; 0 shows it and does not count
    it. `gates` is what a candidate must clear; where there is none, an answer that can be scored to at least 90 % of
    the questions. `weights` is how much accuracy, fluency, stability and cost count in the utility; the file's
    `priority` where they are not given.
    """

    dimensions: Mapping[Name, Weight] = {}
    gates: tuple[SelectionGate, ...] = ()
    weights: Mapping[Name, Weight] = {}

    @field_validator("weights")
    @classmethod
    def _something_counts(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        if weights and not any(weights.values()):
            raise ValueError("every weight is 0; at least one must count")
        return weights

    @field_validator("weights")
    @classmethod
    def _weights_name_parts(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        for key in weights:
            if key not in PARTS:
                raise ValueError(f"unknown part {key!r}; parts are {list(PARTS)}.{did_you_mean(key, PARTS)}")
        return weights

    @property
    def asked(self) -> tuple[SelectionGate, ...]:
        """The gates, or the one that holds where there are none."""
        return self.gates or (DEFAULT_GATE,)
