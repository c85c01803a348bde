"""requirements.yaml → `Requirements`; every mistake in it is found at once and named with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mlflow_evalplus.errors import RequirementsError, did_you_mean
from mlflow_evalplus.requirements.mistakes import Where, listed, parse_yaml, words
from mlflow_evalplus.requirements.models import Prices, Requirements, Task, Threshold, class_of
from mlflow_evalplus.requirements.monitor import Monitor, MonitorAlert
from mlflow_evalplus.requirements.safe_yaml import read_yaml
from mlflow_evalplus.requirements.selection import SelectionGate, SelectionRules


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
        text = read_yaml(path)
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
    found = parse_yaml(text, origin)
    return _validated(found.content, found.lines, origin, metrics, found.repeated)


def _validated(
    content: Mapping[str, Any], lines: dict[Where, int], origin: str, metrics: Sequence[str],
    repeated: Sequence[tuple[int, str]] = (),
) -> Requirements:  # fmt: skip
    mistakes = list(_undeclared(content))
    try:
        requirements = Requirements.model_validate(dict(content), context={"metrics": metrics})
    except ValidationError as error:
        mistakes += [(tuple(e["loc"]), words(e, _known_keys)) for e in error.errors()]
    if not mistakes and not repeated:
        return requirements
    raise listed(mistakes, origin, lines, repeated)


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


def _known_keys(location: Where) -> list[str]:
    parts: dict[str, type[BaseModel]] = {
        "task": Task, "thresholds": Threshold, "prices": Prices, "monitor": Monitor, "monitor.alerts": MonitorAlert,
        "selection": SelectionRules, "selection.gates": SelectionGate,
    }  # fmt: skip
    places = ".".join(part for part in location[:-1] if isinstance(part, str))
    owner = parts.get(places, Requirements)
    return [field.alias or name for name, field in owner.model_fields.items()]
