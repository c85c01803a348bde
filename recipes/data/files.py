"""A file or a saved folder on this machine → rows, through `datasets`."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from glob import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from mlflow_evalplus import names
from mlflow_evalplus.core.files import CSV_OPTIONS, check_file
from mlflow_evalplus.core.training_data.files import VERSIONS
from mlflow_evalplus.core.training_data.rows import HOW, IMPORTED, Settings
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError, shorten
from recipes.data.loaded import SPLIT, Loaded, Source

if TYPE_CHECKING:
    import datasets

# The builder of `datasets` that reads each kind; it tells an Arrow file from an Arrow stream by itself.
KINDS = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".json": "json", ".parquet": "parquet", ".arrow": "arrow",
    ".feather": "arrow",
}  # fmt: skip
ONE_CHUNK = 10**9  # rows: `datasets` takes the types of its first chunk for those of the file
SAVED = ("dataset_dict.json", "state.json")  # one of them is in every folder that save_to_disk wrote


def load(path: str | Path) -> Loaded:
    """Load a data file, a folder that ``save_to_disk`` of `datasets` wrote, or a folder of training data.

    Of training data the rows to train on are loaded, as the newest version has them; ``folder@3`` is version 3.

    Raises
    ------
    DataError
        It is missing, empty, damaged or of another kind, or has no rows.
    """
    quieten()
    path = Path(path)
    if found := versioned(path):
        return _training_rows(*found)
    frame = _folder(path) if path.is_dir() else _file(check_file(path, KINDS))
    if frame.empty:
        raise DataError(f"{str(path)!r} has no rows")
    name = path.name if path.is_dir() else path.stem
    return Loaded(frame, Source(str(path), name, "local", {"uri": str(path.resolve())}))


def quieten() -> None:
    """Silence what `datasets` prints: our error says it all."""
    import datasets
    import huggingface_hub

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    huggingface_hub.logging.set_verbosity(logging.CRITICAL)


def together(parts: Mapping[str, datasets.Dataset]) -> pd.DataFrame:
    """Return the rows of all splits, with the split of each in the column ``split``."""
    return pd.concat([named(part).assign(**{SPLIT: key}) for key, part in parts.items()], ignore_index=True)


def named(rows: datasets.Dataset) -> pd.DataFrame:
    """Return the rows with class labels as their names; a label that is missing, or -1 as hubs hide it, is missing."""
    import datasets

    frame = rows.to_pandas()
    for column, feature in rows.features.items():
        if isinstance(feature, datasets.ClassLabel):
            codes = frame[column].fillna(-1).astype(int)
            frame[column] = np.array([*feature.names, None], dtype=object)[codes]
    return frame


def _file(path: Path) -> pd.DataFrame:
    import datasets

    kind = KINDS[path.suffix.lower()]
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    options = {"encoding": "utf-8-sig", "sep": separator, "chunksize": ONE_CHUNK, **CSV_OPTIONS}
    try:
        # what `datasets` caches would stay for good, and be taken for a file that has changed within its clock's tick
        with warnings.catch_warnings(), TemporaryDirectory(prefix="evalplus-") as cache:
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header would be lost
            loaded = datasets.load_dataset(
                kind, data_files=escape(str(path)), split="train", keep_in_memory=True, cache_dir=cache,
                **(options if kind == "csv" else {}),
            )  # fmt: skip
            return named(loaded)
    except (datasets.exceptions.DatasetGenerationError, ValueError, OSError, pa.ArrowException) as error:
        if "corresponds to no data" in str(error):
            raise DataError(f"{str(path)!r} has no rows") from None
        reason = " ".join(str(error.__cause__ or error).split())
        raise DataError(f"{str(path)!r} cannot be read as {path.suffix}: {reason}") from None


def _folder(path: Path) -> pd.DataFrame:
    import datasets

    if not _is_saved(path):
        inside = sorted(p.name for p in path.iterdir() if p.suffix.lower() in KINDS or _is_saved(p))
        raise DataError(
            f"{str(path)!r} is a folder that save_to_disk did not write; "
            + (f"name one of its data files: {shorten(inside)}" if inside else f"it holds no {', '.join(KINDS)} file")
        )
    try:
        saved = datasets.load_from_disk(str(path), keep_in_memory=True)
        return together(saved) if isinstance(saved, datasets.DatasetDict) else named(saved)
    except (ValueError, OSError, KeyError, TypeError, pa.ArrowException) as error:
        raise DataError(f"the folder {str(path)!r} cannot be read: {' '.join(str(error).split())}") from None


def versioned(path: Path) -> tuple[Path, int | None] | None:
    """Return folder and version where a path names training data."""
    name, at, number = path.name.rpartition("@")
    if path.exists() or not (name and at and number.isdecimal()):
        return (path, None) if (path / VERSIONS).is_file() else None
    folder = path.with_name(name)
    return (folder, int(number)) if (folder / VERSIONS).is_file() else None


def _training_rows(folder: Path, number: int | None) -> Loaded:
    data = TrainingData.open(folder)
    frame = data.rows(number)
    version = data.versions[(number or data.newest.number) - 1]
    label = f"{folder.resolve().name}@{version.number}"
    source = Source(
        f"{folder}@{version.number}", label, "local", {"uri": f"{folder.resolve()}@{version.number}"},
        note=f"version {version.number} of the training data in {str(folder)!r}, digest {version.digest}",
    )  # fmt: skip
    return Loaded(frame.drop(columns=[*names.TRAINING_COLUMNS, *_of_queues(frame, data.settings)]), source)


def _of_queues(frame: pd.DataFrame, settings: Settings) -> list[str]:
    """Return the columns that adjudicated queues brought along, which no other row has a value in."""
    others = frame[frame[HOW] == IMPORTED]
    known = [name for name in names.ACCEPTED_COLUMNS if name in frame and name not in asdict(settings).values()]
    return [name for name in known if len(others) < len(frame) and others[name].isna().all()]


def _is_saved(path: Path) -> bool:
    return any((path / name).is_file() for name in SAVED)
