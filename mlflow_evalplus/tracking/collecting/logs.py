"""A production log, wherever it lies → one data frame: a file, an inference table, MLflow traces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.tracking.collecting.inference_table import PAYLOAD, from_inference_table
from mlflow_evalplus.tracking.collecting.rows import TRACES, Log
from mlflow_evalplus.tracking.collecting.traces import read_traces


def read_log(
    source: str,
    *,
    text: str | None = None,
    prediction: str | None = None,
    feedback: str | None = None,
    labels: Iterable[str] = (),
    on_step: Callable[[str], None] = lambda step: None,
) -> Log:
    """Read a production log.

    Parameters
    ----------
    source : str
        A CSV, TSV, JSONL or Parquet file; one with columns ``request`` and ``response``, and without the text column,
        is an inference table. ``traces:NAME`` are the traces of an experiment, by its name or id.
    text, prediction : str, optional
        Of a file its columns, else the fields of request and response; by default the usual names.
    feedback : str, optional
        Of traces the assessment that names the label; by default any that names one of the labels.
    labels : iterable of str
        Labels beyond those that are predicted.
    on_step : callable
        Told of what is being done.

    Raises
    ------
    DataError
        There is no such file, or it has no rows that can be read.
    TrackingError
        There is no such experiment, or MLflow does not answer.
    """
    if source.startswith(TRACES):
        return read_traces(
            source.removeprefix(TRACES), text=text, prediction=prediction, feedback=feedback, labels=labels,
            on_step=on_step,
        )  # fmt: skip
    on_step(f"reading {Path(source).name}")
    frame = read_file(source)
    digest = file_digest(source)
    if set(PAYLOAD) <= set(frame.columns) and (text or "text") not in frame.columns:
        on_step("reading requests and responses")
        rows, notes = from_inference_table(frame, text=text, prediction=prediction)
        return Log(rows, source, "inference table", digest, notes)
    return Log(frame, source, "file", digest)


def file_digest(path: str) -> str:
    """Return the beginning of the SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
