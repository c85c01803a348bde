"""What the business asks, as numbers: requirements.yaml → a frozen `Requirements`.

Every mistake in the file is found at once and named with its line.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
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

TRUTHS = "YAML reads yes, no, on, off as true and false"


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{TRUTHS}; give a number")
    return value


Name = Annotated[str, StringConstraints(min_length=1)]
Number = Annotated[float, BeforeValidator(_no_truth)]
Count = Annotated[int, BeforeValidator(_no_truth)]
Where = tuple[object, ...]
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
        metric = str(info.data.get("metric"))
        low, high = names.RANGES.get(metric, (-math.inf, math.inf))
        if metric == names.N_EXAMPLES and bound is not None and (bound < low or not bound.is_integer()):
            raise ValueError(f"{metric} is a whole number from {low:g} on")
        if bound is not None and not low <= bound <= high:
            lies = f"lies between {low:g} and {high:g}" if high < math.inf else f"is never below {low:g}"
            raise ValueError(f"{metric} {lies}" + ("; 0.9 means 90 %" if (low, high) == (0, 1) else ""))
        return bound

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


class Prices(_Model):
    """What a machine hour, 1,000 requests to an API, and a label cost."""

    currency: Name = "USD"
    machine_per_hour: Number | None = Field(default=None, ge=0)
    per_1000_requests: Number | None = Field(default=None, ge=0)
    label: Number | None = Field(default=None, ge=0)


class Requirements(_Model):
    """The content of requirements.yaml; see the contract in the documentation.

    `priority` ranks the candidates that pass; `weights`, metric → how much it counts, are its own unless given.
    """

    schema_version: Annotated[Literal[1], BeforeValidator(_no_truth)] = 1
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

    @field_validator("weights")
    @classmethod
    def _weights_name_metrics(cls, weights: Mapping[str, float], info: ValidationInfo) -> Mapping[str, float]:
        known = [m for m in (*names.ALL_METRICS, names.WORST_SLICE) if m not in (*names.OF_ONE_CLASS, names.N_EXAMPLES)]
        known += (info.context or {}).get("metrics", ())
        for key in weights:
            if key not in known and not _class_of(key):
                one = f"{names.class_metric(names.OF_ONE_CLASS[1], 'label')!r}"
                raise ValueError(
                    f"unknown metric {key!r}; metrics are {known}, and of one class as {one}.{did_you_mean(key, known)}"
                )
        return weights

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
    return parse(text, str(path), metrics)


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


def parse(text: str, origin: str = "requirements", metrics: Sequence[str] = ()) -> Requirements:
    r"""Return the requirements in a YAML text; `origin` is what errors call it.

    Raises
    ------
    RequirementsError
        It is not YAML, or has mistakes; all of them are listed with their lines.

    Examples
    --------
    >>> parse("thresholds:\n- {metric: accuracy, min: 90}")
    Traceback (most recent call last):
    mlflow_evalplus.errors.RequirementsError: requirements has 1 mistake:
      line 2: thresholds.0.min: accuracy lies between 0 and 1; 0.9 means 90 % (given: 90)
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        lines = dict(_lines(node))
        repeated = list(_repeated(node))
    # PyYAML lets a month 13, an integer of 5,000 digits and a tag that does not fit its value through as these
    except (yaml.YAMLError, ValueError, AttributeError, RecursionError) as error:
        raise RequirementsError(f"{origin} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise RequirementsError(f"{origin} holds no mapping; it should begin with 'schema_version: 1'")
    return _validated(content, lines, origin, metrics, repeated)


def _lines(node: yaml.Node | None, path: Where = ()) -> Iterator[tuple[Where, int]]:
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


def _repeated(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield the line and the words for a key that a mapping holds twice: YAML would keep the last, and say nothing."""
    constructor, seen = yaml.constructor.SafeConstructor(), set()
    waiting: list[tuple[Where, Any]] = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:  # an alias leads here again
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*path, index), item) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            continue
        places: dict[str, list[yaml.Node]] = {}
        for key, value in node.value:
            merges = key.tag == "tag:yaml.org,2002:merge"
            # as labels 1, 0x1 and "1" are one name
            meant = key.value if merges else str(constructor.construct_object(key, deep=True))
            places.setdefault(meant, []).append(key)
            waiting.append(((*path, key.value), value))
        for keys in places.values():
            lines = list(dict.fromkeys(key.start_mark.line + 1 for key in keys))
            if len(keys) > 1:
                on = f"line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}"
                words = f"given {len(keys)} times, on {on}; only the last would count: give it once"
                yield lines[-1], f"{_dotted((*path, keys[-1].value))}: {words}"


def _validated(
    content: Mapping[str, Any], lines: dict[Where, int], origin: str, metrics: Sequence[str],
    repeated: Sequence[tuple[int, str]] = (),
) -> Requirements:  # fmt: skip
    mistakes = list(_undeclared(content))
    try:
        requirements = Requirements.model_validate(dict(content), context={"metrics": metrics})
    except ValidationError as error:
        mistakes += [(tuple(e["loc"]), _words(e)) for e in error.errors()]
    if not mistakes and not repeated:
        return requirements
    listed = sorted([*repeated, *((_line(where, lines), f"{_dotted(where)}: {words}") for where, words in mistakes)])
    count = f"{len(listed)} mistake" + "s" * (len(listed) > 1)
    shown = "\n".join(f"  line {line}: {words}" if line else f"  {words}" for line, words in listed)
    raise RequirementsError(f"{origin} has {count}:\n{shown}")


def _undeclared(content: Mapping[str, Any]) -> Iterator[tuple[Where, str]]:
    """Yield every slice column and label that is used but not declared; shapes are checked elsewhere."""
    task = content.get("task")
    labels = _strings(task.get("labels")) if isinstance(task, Mapping) else []
    slices = _strings(content.get("slices"))
    thresholds = content.get("thresholds")
    # a tuple was checked before: slices that are changed afterwards leave a threshold without a place, undecided
    for index, threshold in enumerate(thresholds if isinstance(thresholds, list) else ()):
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
    weights = content.get("weights")
    for key in weights if isinstance(weights, Mapping) else ():
        if labels and (label := _class_of(str(key))) and label not in labels:
            yield ("weights", key), _unknown(label, "labels", labels)


def _class_of(key: str) -> str:
    """Return the class in a key such as ``recall[negative]``; nothing where it is no key of one class."""
    metric, _, rest = key.partition("[")
    return rest[:-1] if metric in names.OF_ONE_CLASS and rest.endswith("]") else ""


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _unknown(given: str, what: str, known: list[str]) -> str:
    return f"{given!r} is not among the {what} {known}.{did_you_mean(given, known)}"


def _dotted(location: Where) -> str:
    return ".".join(str(part) for part in location if part != "[key]")


def _line(location: Where, lines: dict[Where, int]) -> int:
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
        return f"{TRUTHS}; put the word in quotes"
    shown = f" (given: {given!r})" if isinstance(given, (str, int, float, bool)) else ""
    return str(mistake["msg"]).removeprefix("Value error, ") + shown


def _known_keys(location: Where) -> list[str]:
    owners: dict[str, type[BaseModel]] = {"task": Task, "thresholds": Threshold, "prices": Prices}
    owner = owners.get(str(location[0]), Requirements) if len(location) > 1 else Requirements
    return [field.alias or name for name, field in owner.model_fields.items()]
