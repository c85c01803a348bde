"""A first requirements.yaml from a data file: labels, slices, customers, and columns that leak."""

from __future__ import annotations

import pandas as pd
import yaml

from mlflow_evalplus.core.columns import as_labels
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten

MAX_LABELS = 50
MAX_VALUES = 20
MIN_ROWS = 30
LEAK = 0.99


def draft(frame: pd.DataFrame, *, label: str, source: str) -> tuple[str, list[str]]:
    """Return the YAML text and remarks on what was found.

    Raises
    ------
    ColumnNotFound
        There is no such label column.
    DataError
        It does not look like labels.
    """
    if label not in frame.columns:
        known = [str(column) for column in frame.columns]
        raise ColumnNotFound(
            f"label column {label!r} is not in the data; columns are {shorten(known, 30)}; name it with --label."
            + did_you_mean(label, known)
        )
    frame = frame.copy(deep=False)
    frame[label] = as_labels(frame, label)
    labels = sorted(frame[label].dropna().unique())
    if not 1 < len(labels) <= MAX_LABELS:
        raise DataError(
            f"column {label!r} has {len(labels)} different values; labels have 2 to {MAX_LABELS}. Name another "
            "with --label"
        )
    plain = [column for column in frame.columns if frame[column].map(pd.api.types.is_hashable).all()]
    others = [str(column) for column in plain if column != label]
    leaks = [column for column in others if _leaks(frame, column, label)]
    annotators = [column for column in others if _annotates(frame[column], labels)]
    text = _text(frame, others)
    slices = [c for c in others if c not in (*leaks, *annotators, text) and _is_slice(frame[c])]
    cluster = next((c for c in others if c not in (text, *slices, *leaks) and _is_cluster(frame[c])), None)
    remarks = [f"labels: {', '.join(f'{k} {n}' for k, n in frame[label].value_counts().items())}"]
    remarks += [f"text: {text}"] if text else []
    remarks.append(f"slices: {', '.join(slices) or 'none found'}")
    remarks += [f"cluster: {cluster} (rows of one {cluster} are not independent)"] if cluster else []
    remarks += [f"annotators: {', '.join(annotators)}"] if annotators else []
    remarks += [f"leaks the label, keep it from the model: {column}" for column in leaks if column not in annotators]
    return _yaml(source, label, labels, text, slices, cluster), remarks


def _is_slice(column: pd.Series) -> bool:
    counts = column.value_counts()
    return 2 <= len(counts) <= MAX_VALUES and bool((counts >= MIN_ROWS).sum() >= 2)


def _is_cluster(column: pd.Series) -> bool:
    distinct = column.nunique()
    return not pd.api.types.is_float_dtype(column) and 0.05 * len(column) < distinct < 0.98 * len(column)


def _annotates(column: pd.Series, labels: list[str]) -> bool:
    values = set(column.dropna().astype(str).unique())
    return bool(values) and values <= set(labels) and len(values) > 1


def _leaks(frame: pd.DataFrame, column: str, label: str) -> bool:
    """Say whether knowing the column's value gives the label away for nearly every row."""
    rows = frame[[column, label]].dropna()
    repeated = rows[rows.duplicated(column, keep=False)]
    if len(repeated) < MIN_ROWS:
        return False
    most = repeated.groupby(column)[label].agg(lambda values: values.value_counts().iloc[0])
    return bool(most.sum() / len(repeated) >= LEAK)


def _text(frame: pd.DataFrame, columns: list[str]) -> str | None:
    """Return the column with the longest texts, if it reads like text."""
    strings = [c for c in columns if pd.api.types.is_string_dtype(frame[c]) or frame[c].dtype == object]
    lengths = {c: float(frame[c].dropna().astype(str).str.len().mean()) for c in strings}
    longest = max(lengths, key=lambda c: lengths[c], default=None)
    return longest if longest and lengths[longest] >= 12 and frame[longest].nunique() > MAX_LABELS else None


def _yaml(source: str, label: str, labels: list[str], text: str | None, slices: list[str], cluster: str | None) -> str:
    task = {"name": "classification", **({"text": text} if text else {}), "label": label, "labels": labels}
    content = {
        "schema_version": 1, "task": task, "priority": "accuracy", "slices": slices, "intersections": 2, "discover": 2,
        **({"cluster": cluster} if cluster else {}), "confidence": 0.95,
    }  # fmt: skip
    thresholds = [{"metric": "accuracy", "min": 0.90}]
    every = [{"metric": "accuracy", "every": slices[0], "min": 0.85}] if slices else []
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    gates = yaml.safe_dump({"thresholds": thresholds + every}, sort_keys=False, default_flow_style=None)
    return (
        f"# Drafted from {source}. Each threshold is cleared by its interval bound, not by the point.\n{body}"
        f"# What must hold before launch: set these numbers with the business.\n{gates}"
    )
