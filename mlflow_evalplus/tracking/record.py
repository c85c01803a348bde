"""evaluation.json: the whole result as strict JSON, and back."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from mlflow_evalplus import names
from mlflow_evalplus.core.file_shape import check_shape
from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.errors import TrackingError, shorten
from mlflow_evalplus.limits import WHOLE, read_at_most
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


def read_text(path: str | Path, origin: str) -> str:
    """Return the text of a JSON file of ours.

    Raises
    ------
    TrackingError
        It is larger than `mlflow_evalplus.limits.WHOLE` allows, or is no UTF-8.
    """
    try:
        return read_at_most(Path(path), WHOLE, f"is it {origin}?", TrackingError).decode("utf-8")
    except UnicodeDecodeError as error:
        raise TrackingError(f"{origin} is damaged: {error}") from None


def read_rows(path: str | Path, origin: str) -> pa.Table:
    """Return the rows of a run, each column in one chunk.

    Raises
    ------
    TrackingError
        The file is damaged, is too large once it is unpacked, or holds no labels and predictions.
    """
    try:
        check_shape(Path(path))
        table = pq.read_table(path)
        table.validate(full=True)
        table = table.unify_dictionaries().combine_chunks()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TrackingError(f"{origin} cannot be read: {error}") from None
    if not {"label", "prediction"} <= set(table.column_names):
        raise TrackingError(f"{origin} is damaged: its columns are {shorten(table.column_names)}")
    return table


def content_of(text: str, origin: str) -> dict[str, Any]:
    """Return what a JSON file of ours holds.

    Raises
    ------
    TrackingError
        It was written by another schema version, or is damaged.
    """
    try:
        content = loads(text)
        version = content.get("schema_version")
    except (ValueError, AttributeError) as error:
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
        known = content.get("metrics")
        context = {"metrics": tuple(known) if isinstance(known, dict) else ()}
        return _adapter().validate_python(content, context=context)
    except ValidationError as error:
        raise TrackingError(f"{origin} is damaged: {error}") from None
