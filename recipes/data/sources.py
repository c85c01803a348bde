"""A file, a folder, a hub's data set, a URI or another run's input → rows with their source."""

from __future__ import annotations

from pathlib import Path

from recipes.data import files, hub, tracked
from recipes.data.loaded import Loaded


def load(reference: str | Path) -> Loaded:
    """Load rows from wherever `reference` says, through `datasets` and MLflow.

    Parameters
    ----------
    reference : str or Path
        - a CSV, TSV, JSON lines, Parquet or Arrow (Feather) file, or a folder that ``save_to_disk`` wrote;
        - ``hf:owner/name[/config][@revision][#split]``: a data set of the Hugging Face hub;
        - ``runs:/<run_id>/rows.csv``, ``s3://…``, ``https://…``: whatever MLflow can fetch, holding one of the former;
        - ``run:<run_id>[/context]``: the data set that a run logged as its input.

    Returns
    -------
    Loaded
        The rows as a pandas data frame. Class labels of a hub's data set are their names; a data set's own splits
        are the column ``split``.

    Raises
    ------
    DataError
        There are no such rows, or they cannot be read: what was given, what exists, what to do.
    TrackingError
        MLflow is needed, and does not answer.
    """
    text = str(reference)
    if text.startswith(hub.PREFIX):
        return hub.load(text)
    if text.startswith(tracked.RUN):
        return tracked.load_input(text, load)
    if tracked.is_uri(text):
        return tracked.load_uri(text)
    return files.load(reference)
