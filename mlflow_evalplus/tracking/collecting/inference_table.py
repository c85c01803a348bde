"""An inference table, as MLflow and Databricks write it for a served model → the rows of a production log."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from mlflow_evalplus.errors import DataError
from mlflow_evalplus.tracking.collecting.payloads import Row, answered, parsed, requested
from mlflow_evalplus.tracking.collecting.rows import frame_of, iso, notes_of, paired

PAYLOAD = ("request", "response")  # by these columns such a table is known
TIMES = ("timestamp_ms", "request_time", "databricks_request_time")
LATEST_MS = pd.Timestamp.max.value // 1_000_000  # in the year 2262; as long before 1970
DONE = ("200", "nan", "None", "")


def from_inference_table(
    table: pd.DataFrame, *, text: str | None = None, prediction: str | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows of an inference table, one for each text that was asked about, and notes on what was left out.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``request`` and ``response`` in JSON, and where there are any a time and a status code.
    text, prediction : str, optional
        The fields of a request and a response.

    Raises
    ------
    DataError
        No request holds a text that was answered; a time is none.
    """
    rest = table.drop(columns=[*PAYLOAD, *(time for time in TIMES if time in table)])
    plain = [c for c in rest.columns if not rest[c].map(lambda value: isinstance(value, (dict, list))).any()]
    context: list[Any] = rest[plain].to_dict("records") if plain else [{}] * len(table)
    times = _times(table)
    left_out: Counter[str] = Counter()
    found: list[Row] = []
    calls = zip(table["request"], table["response"], context, times, strict=True)
    for request, response, beside, time in calls:
        if str(beside.get("status_code", 200)).split(".")[0] not in DONE:
            left_out["were refused (their status code is not 200)"] += 1
            continue
        rows = list(paired(requested(parsed(request), text), answered(parsed(response), prediction), left_out))
        found += [{**beside, **row, "time": time} for row in rows]
    return frame_of(found, "request", left_out, text), notes_of(left_out, len(table), "requests")


def _times(table: pd.DataFrame) -> list[str]:
    name = next((name for name in TIMES if name in table), None)
    if name is None:
        return [""] * len(table)
    if pd.api.types.is_numeric_dtype(table[name]):
        beyond = table[name].abs() > LATEST_MS
        if beyond.any():
            row = int(beyond.to_numpy().argmax())
            raise DataError(
                f"{name!r} holds {table[name].iloc[row]:g} in row {row:,} (from 0); give milliseconds since 1970"
            )
        return [iso(value) if value == value else "" for value in table[name].tolist()]
    if pd.api.types.is_datetime64_any_dtype(table[name]):
        utc = pd.to_datetime(table[name], utc=True)
        return [stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z") if stamp == stamp else ""
                for stamp in utc]  # fmt: skip
    return ["" if value is None or value != value else str(value) for value in table[name].tolist()]
