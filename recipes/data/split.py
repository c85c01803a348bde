"""Labelled rows → training and test rows, with the same text never on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from sklearn.model_selection import train_test_split

from mlflow_evalplus.core.columns import as_labels, require_columns
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.errors import DataError, shorten

TRAIN = ("train", "training")
TEST = ("test", "validation", "valid", "val", "dev")


@dataclass(frozen=True)
class Split:
    """Training and test rows, and how they were parted, in words."""

    train: pd.DataFrame
    test: pd.DataFrame
    how: str


def check(frame: pd.DataFrame, *, text: str, label: str, labels: tuple[str, ...], slices: tuple[str, ...]) -> None:
    """Find what would fail later, before any run begins.

    Raises
    ------
    ColumnNotFound, DataError
        A column is missing; a text or label is missing; a label is not declared.
    """
    derived = derived_slices(slices, list(frame.columns))
    require_columns(frame, [text, label, *(column for column in slices if column not in derived)])
    for column in (text, label):
        missing = frame.index[frame[column].isna()].tolist()
        if missing:
            raise DataError(
                f"{len(missing)} of {len(frame)} rows have no {column!r} (rows {shorten(missing, 5)}, from 0); "
                "fill or remove them"
            )
    unknown = sorted(set(map(str, as_labels(frame, label))) - set(labels)) if labels else []
    if unknown:
        raise DataError(f"{label!r} holds labels that are not declared: {shorten(unknown)}; declared: {list(labels)}")


def split(
    frame: pd.DataFrame, *, text: str, label: str, column: str = "", test_size: float = 0.2, seed: int = 0
) -> Split:
    """Part the rows by the file's own split column, else at random, stratified by label.

    By default a column ``split`` is taken where it names a training and a test part. Rows whose text is the
    same but for case and extra spaces always stay on one side.

    Raises
    ------
    DataError
        The split column does not name both parts, or too few rows are left on a side.
    """
    if column or _has_parts(frame, "split"):
        return _own_split(frame, text, column or "split")
    key = normalised(frame[text])
    first = frame.assign(__key=key).drop_duplicates("__key")[["__key", label]]
    enough = first[label].value_counts().min() >= 2
    try:
        _, test_keys = train_test_split(
            first["__key"], test_size=test_size, random_state=seed, stratify=first[label] if enough else None
        )
    except ValueError as error:
        raise DataError(f"{len(first)} different texts cannot be parted {1 - test_size:.0%} / {test_size:.0%}: {error}"
                        ) from None  # fmt: skip
    in_test = key.isin(set(test_keys))
    how = f"random {1 - test_size:.0%} / {test_size:.0%}" + (", stratified by label" if enough else "")
    return Split(frame[~in_test].reset_index(drop=True), frame[in_test].reset_index(drop=True), f"{how}, seed {seed}")


def _has_parts(frame: pd.DataFrame, column: str) -> bool:
    values = set(frame[column].astype(str).str.lower()) if column in frame else set()
    return bool(values & set(TRAIN)) and bool(values & set(TEST))


def _own_split(frame: pd.DataFrame, text: str, column: str) -> Split:
    require_columns(frame, [column])
    values = frame[column].astype(str).str.lower()
    found = [name for name in TEST if name in set(values)]
    if not _has_parts(frame, column):
        raise DataError(
            f"split column {column!r} holds {shorten(sorted(set(values)))}; it must name a training part "
            f"{list(TRAIN)} and a test part {list(TEST)}"
        )
    train, test = frame[values.isin(TRAIN)], frame[values == found[0]]
    leaked = normalised(train[text]).isin(set(normalised(test[text])))
    train = train[~leaked]
    if train.empty:
        raise DataError(f"every training text of split column {column!r} is also in its test part")
    how = f"column {column!r}: {len(train):,} train, {len(test):,} {found[0]}"
    unused = ~values.isin(TRAIN) & (values != found[0])
    if unused.any():
        how += f" (rows of {shorten(sorted(set(values[unused])))} not used: {int(unused.sum()):,})"
    if leaked.any():
        how += f" ({int(leaked.sum()):,} training rows dropped, their text is in the test part)"
    return Split(train.reset_index(drop=True), test.reset_index(drop=True), how)


def normalised(texts: pd.Series) -> pd.Series:
    """Return the texts without what does not tell them apart: case and extra spaces."""
    return texts.map(lambda text: " ".join(str(text).casefold().split()))  # pandas' own differs by its string type
