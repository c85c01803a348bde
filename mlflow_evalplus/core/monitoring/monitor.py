"""`monitor`: a production log in, window by window how good the model is, what changed, and what raises an alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.columns import column_names, require_columns
from mlflow_evalplus.core.monitoring.log import Columns, LogRows, read_log
from mlflow_evalplus.core.monitoring.measurement import Measurement
from mlflow_evalplus.core.monitoring.windows import Windows, cut
from mlflow_evalplus.core.privacy.answers import FEW, stored_answers
from mlflow_evalplus.core.text import TEXT_SLICES
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Monitoring

FIRST_WINDOWS = 6
LABEL, PREDICTION = "label", "prediction"  # as a gate names them, whatever their columns are called


def monitor(
    log: Any,
    *,
    reference: Any = None,
    time: str | None = None,
    window: str | int | None = None,
    label: str | None = None,
    prediction: str = "prediction",
    scores: Mapping[str, str] | None = None,
    slices: Sequence[str] | None = None,
    text: str | None = None,
    cluster: str | None = None,
    weight: str | None = None,
    audit: str | None = None,
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
    confidence: float | None = None,
    seed: int = 0,
) -> Monitoring:
    """Watch a model in production, window of time by window of time, against a reference.

    Parameters
    ----------
    log : pandas, Polars, PyArrow, DuckDB … data frame
        One row per answer. A row without a label is unlabelled.
    reference : data frame, Evaluation or int, optional
        What the model was accepted on, with labels; or how many of the first windows. By default half of them, at
        most 6.
    time : str, optional
        Column of the time: dates, timestamps (in UTC, whatever their zone), or ISO texts; ``2025-07`` is a month. Rows
        in the future are left out with a note.
    window : str or int, optional
        ``day``, ``week``, ``month`` (the default), ``quarter``, or a number of rows.
    label, prediction, scores, slices, text, cluster, weight
        Columns, as `evaluate` takes them; `weight` is heeded where labels are. Of rows of one `cluster` (a customer),
        one of each window is taken for the tests of mixes and words.
    audit : str, optional
        Column of truth values: only labelled rows with it true estimate the accuracy. Labels of cases that were
        chosen because they looked wrong do not. They are weighted by the column ``weight`` where the log has one and
        none is named.
    requirements : path, mapping or Requirements, optional
        Its section ``monitor`` gives the alerts; what is not named above is taken from it. A column whose mix an alert
        watches is a slice column, too.
    confidence : float, optional
        Of every interval; 0.95 by default.
    seed : int
        Draws the row of each cluster that is tested.

    Returns
    -------
    Monitoring

    Raises
    ------
    EvalPlusError
        Bad rows, columns, times or requirements; a log of one window that is held against nothing.

    Notes
    -----
    The statistics, and what their error rates are in simulations: docs/monitor_statistics.md.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"month": ["2025-01"] * 400 + ["2025-02"] * 400, "label": ["yes", "no"] * 400})
    >>> log["prediction"] = ["yes", "no"] * 150 + ["yes"] * 100 + ["yes", "no"] * 100 + ["yes"] * 200
    >>> result = monitor(log, time="month")
    >>> print(result.last.name, result.last.metrics["accuracy"], result.last.outcome)
    2025-02 0.750 [0.705, 0.790] n=400 fail
    """
    if isinstance(slices, str):
        raise DataError(f"slices is one text, {slices!r}; give a list of columns: slices=[{slices!r}]")
    wanted = _wanted(requirements, time, window, confidence, cluster)
    columns = _columns(log, wanted, label, prediction, scores, slices, text, weight, audit)
    columns = replace(columns, slices=(*columns.slices, *_gated(log, wanted, columns)))
    reference = _reference(reference)
    given = None if isinstance(reference, int) else reference
    rows = _stored_answers(read_log(log, given, columns, wanted.task.labels), wanted, columns)
    windows = cut(rows.times, wanted.monitor.window, len(rows.rows) - rows.n_reference)
    n_first = 0
    if given is None:
        n_first = _n_first(reference if isinstance(reference, int) else wanted.monitor.reference, windows)
    return Measurement(rows, windows, n_first, wanted, str(columns.label), seed).monitoring()


def _stored_answers(log: LogRows, wanted: Requirements, columns: Columns) -> LogRows:
    """Return a log whose answers are labels or ``(other)``, where texts are not kept: an answer may repeat its text.

    Labels are those that are declared, occur as labels or have scores; where there are none, what several rows answer.
    """
    if wanted.store_text == "full":
        return log
    said = log.rows.table["label"].filter(pa.array(log.known)).cast(pa.string())
    labels = set(wanted.task.labels) or {*columns.scores, *said.unique().to_pylist()}
    if not labels:
        answers = pc.value_counts(log.rows.table["prediction"].cast("string")).to_pylist()
        labels = {one["values"] for one in answers if one["counts"] >= FEW}
    rows = replace(log.rows, labels=tuple(label for label in log.rows.labels if label in labels))
    return replace(log, rows=stored_answers(rows, wanted.store_text))


def _wanted(
    requirements: Any, time: str | None, window: str | int | None, confidence: float | None, cluster: str | None
) -> Requirements:
    wanted = asked.load(requirements)
    section = {key: value for key, value in (("time", time), ("window", window)) if value is not None}
    if section:
        section = {**wanted.monitor.model_dump(by_alias=True, exclude_unset=True), **section}
    return asked.changed(wanted, confidence=confidence, cluster=cluster, monitor=section or None)


def _reference(given: Any) -> Any:
    """Return the reference; a number of windows, NumPy's too, as an int."""
    if isinstance(given, (bool, np.bool_)):
        raise DataError(f"reference is {given}; give data, an evaluation, or how many of the first windows")
    return int(given) if isinstance(given, (int, np.integer)) else given


def _columns(
    log: Any, wanted: Requirements, label: str | None, prediction: str, scores: Mapping[str, str] | None,
    slices: Sequence[str] | None, text: str | None, weight: str | None, audit: str | None,
) -> Columns:  # fmt: skip
    if label is not None:
        require_columns(log, [label])
    if text is None and wanted.task.text_column in column_names(log):
        text = wanted.task.text_column
    return Columns(
        label or wanted.task.label, prediction, scores or {}, tuple(wanted.slices if slices is None else slices), text,
        wanted.cluster, weight, audit, wanted.monitor.time,
    )  # fmt: skip


def _gated(log: Any, wanted: Requirements, columns: Columns) -> list[str]:
    """Return the columns whose mix a gate watches and that are no slice columns yet."""
    known = column_names(log)
    named = {gate.column: gate for gate in wanted.monitor.alerts if gate.column}
    for answers in {LABEL, PREDICTION, *columns.slices}:
        named.pop(answers, None)
    for column, gate in named.items():
        if column in (columns.label, columns.prediction):
            own = LABEL if column == columns.label else PREDICTION
            raise DataError(f"the gate '{gate}' is about the column {column!r}; name it {own!r} there")
        if column not in known and column not in TEXT_SLICES:
            raise ColumnNotFound(
                f"the gate '{gate}' is about the column {column!r}, which is not in the log; columns are "
                f"{shorten(known, 30)}. Correct or remove the gate.{did_you_mean(column, known)}"
            )
    return list(named)


def _n_first(wanted: int | None, windows: Windows) -> int:
    n = len(windows.spans)
    if n < 2:
        raise DataError(
            f"the log holds one window, {windows.spans[0].name}; there is nothing to hold it against. Give "
            "'reference' (--reference), the data that the model was accepted on, or a shorter 'window' (--window)"
        )
    first = min(FIRST_WINDOWS, n // 2) if wanted is None else wanted
    if not 1 <= first < n:
        raise DataError(
            f"the first {first:,} windows are the reference, but the log holds {n:,}; ask for fewer, or give other "
            "data as 'reference' (--reference)"
        )
    return first
