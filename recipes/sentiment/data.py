"""Any labelled file or hub data set → training and test rows, with the same text never on both sides."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from mlflow_evalplus.core.columns import as_labels, require_columns
from mlflow_evalplus.core.files import CSV_OPTIONS, check_file
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.errors import DataError, shorten

SHIPPED = Path(__file__).with_name("messages.csv")
ONE_CHUNK = 10**9  # rows: `datasets` takes the types of its first chunk for those of the file
TRAIN = ("train", "training")
TEST = ("test", "validation", "valid", "val", "dev")


@dataclass(frozen=True)
class Split:
    """Training and test rows, and how they were parted, in words."""

    train: pd.DataFrame
    test: pd.DataFrame
    how: str


def load(source: str | Path) -> pd.DataFrame:
    """Load a CSV, TSV, JSONL or Parquet file, or a Hugging Face data set (``hf:owner/name``), through `datasets`.

    A data set's own splits become the column ``split``.
    """
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)  # our error says it all
    if str(source).startswith("hf:"):
        return _from_hub(str(source)[3:])
    path = check_file(source)
    kind = {".jsonl": "json", ".parquet": "parquet"}.get(path.suffix.lower(), "csv")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    options = {"encoding": "utf-8-sig", "sep": separator, "chunksize": ONE_CHUNK, **CSV_OPTIONS}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
            loaded = datasets.load_dataset(
                kind, data_files=str(path), split="train", keep_in_memory=True, **(options if kind == "csv" else {})
            )
    except (datasets.exceptions.DatasetGenerationError, ValueError) as error:
        if "corresponds to no data" in str(error):
            raise DataError(f"{str(path)!r} has no rows") from None
        reason = str(error.__cause__ or error).strip()
        raise DataError(f"{str(path)!r} cannot be read as {path.suffix}: {reason}") from None
    frame = loaded.to_pandas()
    if frame.empty:
        raise DataError(f"{str(path)!r} has no rows")
    return frame


def _from_hub(name: str) -> pd.DataFrame:
    import datasets

    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:
        raise DataError(f"the data set {name!r} cannot be loaded from the hub: {error}") from error
    return pd.concat([part.to_pandas().assign(split=key) for key, part in loaded.items()], ignore_index=True)


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
    key = _normalised(frame[text])
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
    leaked = _normalised(train[text]).isin(set(_normalised(test[text])))
    train = train[~leaked]
    if train.empty:
        raise DataError(f"every training text of split column {column!r} is also in its test part")
    how = f"column {column!r}: {len(train):,} train, {len(test):,} {found[0]}"
    if leaked.any():
        how += f" ({int(leaked.sum()):,} training rows dropped, their text is in the test part)"
    return Split(train.reset_index(drop=True), test.reset_index(drop=True), how)


def _normalised(texts: pd.Series) -> pd.Series:
    return texts.map(lambda text: " ".join(str(text).casefold().split()))  # pandas' own differs by its string type
