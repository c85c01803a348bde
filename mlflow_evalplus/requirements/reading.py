"""requirements.yaml → `Requirements`; every mistake in it is found at once and named with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mlflow_evalplus.errors import RequirementsError, did_you_mean, shorten
from mlflow_evalplus.requirements.base import TRUTHS
from mlflow_evalplus.requirements.models import Prices, Requirements, Task, Threshold, class_of
from mlflow_evalplus.requirements.monitor import Monitor, MonitorAlert

Where = tuple[object, ...]


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
    yield from _undeclared_alerts(content.get("monitor"), labels, slices)
    costs = content.get("error_costs")
    for row, columns in costs.items() if isinstance(costs, Mapping) else ():
        for label in (row, *(columns if isinstance(columns, Mapping) else ())):
            if labels and str(label) not in labels:
                yield ("error_costs", row), _unknown(str(label), "labels", labels)
    weights = content.get("weights")
    for key in weights if isinstance(weights, Mapping) else ():
        if labels and (label := class_of(str(key))) and label not in labels:
            yield ("weights", key), _unknown(label, "labels", labels)


def _undeclared_alerts(monitor: object, labels: list[str], slices: list[str]) -> Iterator[tuple[Where, str]]:
    alerts = monitor.get("alerts") if isinstance(monitor, Mapping) else None
    for index, alert in enumerate(alerts if isinstance(alerts, list) else ()):
        if not isinstance(alert, Mapping):
            continue
        label, column = alert.get("class"), alert.get("column")
        if labels and label is not None and str(label) not in labels:
            yield ("monitor", "alerts", index, "class"), _unknown(str(label), "labels", labels)
        if slices and column is not None and str(column) not in (known := [*slices, "prediction", "label"]):
            yield ("monitor", "alerts", index, "column"), _unknown(str(column), "slices, prediction and label", known)


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
    parts: dict[str, type[BaseModel]] = {
        "task": Task, "thresholds": Threshold, "prices": Prices, "monitor": Monitor, "monitor.alerts": MonitorAlert
    }  # fmt: skip
    places = ".".join(part for part in location[:-1] if isinstance(part, str))
    owner = parts.get(places, Requirements)
    return [field.alias or name for name, field in owner.model_fields.items()]
