"""What the business asks, as numbers: requirements.yaml → a frozen `Requirements`.

Every mistake in the file is found at once and named with its line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mlflow_evalplus import names
from mlflow_evalplus.errors import RequirementsError, did_you_mean, shorten

Name = Annotated[str, StringConstraints(min_length=1)]
Priority = Literal["accuracy", "fluency", "stability", "cost"]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )


class Task(_Model):
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


class Threshold(_Model):
    """One hard number: a metric, where it applies, and the bound that it must clear.

    Exactly one of `min`, `max` and `not_worse_than` is given. `slice` names one slice
    (``channel=app``), `every` all values of a column.
    """

    metric: Name
    class_: Name | None = Field(default=None, alias="class")
    slice: Name | None = None
    every: Name | None = None
    min: float | None = None
    max: float | None = None
    not_worse_than: Literal["baseline"] | None = None
    margin: float = Field(default=0.0, ge=0)

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, metric: str, info: ValidationInfo) -> str:
        known = [*names.ALL_METRICS, *(info.context or {}).get("metrics", ())]
        if metric not in known:
            raise ValueError(f"unknown metric {metric!r}; metrics are {known}.{did_you_mean(metric, known)}")
        return metric

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
        whole_run_only = names.LATENCY_METRICS + names.COST_METRICS
        if self.metric in whole_run_only and (self.slice or self.every or self.not_worse_than):
            raise ValueError(f"metric {self.metric!r} exists for the whole run only, with min or max")
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


class Prices(_Model):
    """What a machine hour, 1,000 requests to an API, and a label cost."""

    currency: Name = "USD"
    machine_per_hour: float | None = Field(default=None, ge=0)
    per_1000_requests: float | None = Field(default=None, ge=0)
    label: float | None = Field(default=None, ge=0)


class Requirements(_Model):
    """The content of requirements.yaml; see the contract in the documentation."""

    schema_version: Literal[1] = 1
    task: Task = Task()
    priority: Priority = "accuracy"
    slices: tuple[Name, ...] = ()
    intersections: int = Field(default=2, ge=1, le=3)
    discover: int = Field(default=0, ge=0, le=3)
    cluster: Name | None = None
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    thresholds: tuple[Threshold, ...] = ()
    error_costs: Mapping[Name, Mapping[Name, float]] = {}
    prices: Prices = Prices()

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of what is asked, whatever its layout and comments, and the defaults spelt out."""
        canonical = json.dumps(self.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def load(source: str | Path | Mapping[str, Any] | Requirements | None, metrics: Sequence[str] = ()) -> Requirements:
    """Return the requirements in a YAML file, a mapping, or as they are; empty ones for None.

    `metrics` are names of custom metrics that thresholds may use besides the built-in ones.

    Raises
    ------
    RequirementsError
        The file is missing, is not YAML, or has mistakes; all of them are listed with their lines.

    Examples
    --------
    >>> load({"thresholds": [{"metric": "accuracy", "min": 0.9}]}).thresholds[0].key
    'accuracy'
    """
    if isinstance(source, Requirements):
        return source
    if source is None:
        return Requirements()
    if isinstance(source, Mapping):
        return _validated(source, {}, "requirements", metrics)
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RequirementsError(f"{path} is not UTF-8 text: {error}. Save it as UTF-8.") from None
    except OSError as error:
        raise RequirementsError(
            f"cannot read requirements {str(path)!r}: {error.strerror}. Draft one with: mlflow-evalplus init data.csv"
        ) from None
    return _parsed(text, str(path), metrics)


def changed(requirements: Requirements, metrics: Sequence[str] = (), **values: Any) -> Requirements:
    """Return the requirements with other values, checked anew; None leaves a value as it is.

    Examples
    --------
    >>> changed(Requirements(), confidence=0.9, cluster=None).confidence
    0.9
    """
    given = {key: value for key, value in values.items() if value is not None}
    if not given:
        return requirements
    return load({**requirements.model_dump(by_alias=True, exclude_unset=True), **given}, metrics)


def _parsed(text: str, origin: str, metrics: Sequence[str]) -> Requirements:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        lines = dict(_lines(node))
    # PyYAML lets a month 13, an integer of 5,000 digits and a tag that does not fit its value through as these
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise RequirementsError(f"{origin} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise RequirementsError(f"{origin} holds no mapping; it should begin with 'schema_version: 1'")
    return _validated(content, lines, origin, metrics)


def _lines(node: yaml.Node | None, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], int]]:
    """Yield the line, from 1, of every key and item."""
    if node is None:
        return
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value, "[key]"), key.start_mark.line + 1
            yield from _lines(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*path, index))


def _validated(
    content: Mapping[str, Any], lines: dict[tuple[object, ...], int], origin: str, metrics: Sequence[str]
) -> Requirements:
    mistakes = list(_undeclared(content))
    try:
        requirements = Requirements.model_validate(dict(content), context={"metrics": metrics})
    except ValidationError as error:
        mistakes += [(tuple(e["loc"]), _words(e)) for e in error.errors()]
    if not mistakes:
        return requirements
    listed = sorted((_line(where, lines), f"{_dotted(where)}: {words}") for where, words in mistakes)
    count = f"{len(listed)} mistake" + "s" * (len(listed) > 1)
    shown = "\n".join(f"  line {line}: {words}" if line else f"  {words}" for line, words in listed)
    raise RequirementsError(f"{origin} has {count}:\n{shown}")


def _undeclared(content: Mapping[str, Any]) -> Iterator[tuple[tuple[object, ...], str]]:
    """Yield every slice column and label that is used but not declared; shapes are checked elsewhere."""
    task = content.get("task")
    labels = _strings(task.get("labels")) if isinstance(task, Mapping) else []
    slices = _strings(content.get("slices"))
    thresholds = content.get("thresholds")
    for index, threshold in enumerate(thresholds if isinstance(thresholds, list) else []):
        if not isinstance(threshold, Mapping):
            continue
        for key in ("every", "slice"):
            named = str(threshold.get(key) or "")
            column = named.split("=")[0] if key == "slice" else named
            if column and column not in slices:
                yield ("thresholds", index, key), _unknown(column, "slices", slices)
        label = threshold.get("class")
        if labels and label is not None and str(label) not in labels:
            yield ("thresholds", index, "class"), _unknown(str(label), "labels", labels)
    costs = content.get("error_costs")
    for row, columns in costs.items() if isinstance(costs, Mapping) else ():
        for label in (row, *(columns if isinstance(columns, Mapping) else ())):
            if labels and str(label) not in labels:
                yield ("error_costs", row), _unknown(str(label), "labels", labels)


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _unknown(given: str, what: str, known: list[str]) -> str:
    return f"{given!r} is not among the {what} {known}.{did_you_mean(given, known)}"


def _dotted(location: tuple[object, ...]) -> str:
    return ".".join(str(part) for part in location if part != "[key]")


def _line(location: tuple[object, ...], lines: dict[tuple[object, ...], int]) -> int:
    location = tuple(part for part in location if part != "[key]")
    while location:
        for candidate in ((*location, "[key]"), location):
            if candidate in lines:
                return lines[candidate]
        location = location[:-1]
    return 0


def _words(mistake: Any) -> str:
    if mistake["type"] == "extra_forbidden":
        key, known = str(mistake["loc"][-1]), _known_keys(mistake["loc"])
        return f"unknown key; keys are {shorten(known, 20)}.{did_you_mean(key, known)}"
    given = mistake.get("input")
    if isinstance(given, bool) and mistake["type"] == "string_type":
        return "YAML reads yes, no, on, off as true and false; put the word in quotes"
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float, bool)) else ""
    return str(mistake["msg"]).removeprefix("Value error, ") + shown


def _known_keys(location: tuple[object, ...]) -> list[str]:
    owners: dict[str, type[BaseModel]] = {"task": Task, "thresholds": Threshold, "prices": Prices}
    owner = owners.get(str(location[0]), Requirements) if len(location) > 1 else Requirements
    return [field.alias or name for name, field in owner.model_fields.items()]
