"""evaluation.json: the whole result as strict JSON, and back."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results import Evaluation


@cache
def _adapter() -> TypeAdapter[Evaluation]:
    return TypeAdapter(Evaluation)


def dump(evaluation: Evaluation) -> str:
    """Return JSON without the rows; a number that is not finite becomes the string ``"NaN"`` or ``"Infinity"``."""
    return json.dumps(strict(plain(evaluation)), ensure_ascii=False, separators=(",", ":"), default=str)


def plain(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation without its rows as dicts, lists and numbers."""
    content: dict[str, Any] = _adapter().dump_python(
        evaluation, by_alias=True, exclude={"predictions", "custom_metrics"}
    )
    return content


def strict(value: Any) -> Any:
    """Return dicts, lists and numbers with the name of what is not finite in its place."""
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def content_of(text: str, origin: str) -> dict[str, Any]:
    """Return what a JSON file of ours holds.

    Raises
    ------
    TrackingError
        It was written by another schema version, or is damaged.
    """
    try:
        content = json.loads(text)
        version = content.get("schema_version")
    except (json.JSONDecodeError, AttributeError) as error:
        raise TrackingError(f"{origin} is damaged: {error}") from None
    if version != names.SCHEMA_VERSION:
        raise TrackingError(
            f"{origin} has schema version {version!r}, this mlflow-evalplus reads {names.SCHEMA_VERSION}"
        )
    return dict(content)


def parse(text: str, origin: str) -> Evaluation:
    """Return the evaluation that `dump` wrote.

    Raises
    ------
    TrackingError
        It was written by another schema version, or is damaged.
    """
    content = content_of(text, origin)
    try:
        return _adapter().validate_python(content, context={"metrics": tuple(content.get("metrics", ()))})
    except ValidationError as error:
        raise TrackingError(f"{origin} is damaged: {error}") from None
