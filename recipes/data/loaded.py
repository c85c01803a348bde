"""What every kind of source gives: rows, and where they come from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.dataset_source_registry import get_dataset_source_from_json

HUB = "hugging_face"
SPLIT = "split"


@dataclass(frozen=True)
class Source:
    """Where rows come from, so that they can be found again.

    Attributes
    ----------
    reference : str
        What loads the same rows again: a path, a URI, or ``hf:owner/name@commit``.
    name : str
        The data set's, as MLflow lists it.
    kind : str
        MLflow's type of source, for example ``local``, ``http`` or ``hugging_face``.
    fields : dict of str to object
        The source as MLflow stores it.
    splits : dict of str to str
        For a hub's data set: the value of the column ``split`` → what `datasets` was asked for, ``train[:100]`` say.
    note : str
        What a reader should know, for example which commit an unpinned data set is at; or nothing.
    """

    reference: str
    name: str
    kind: str
    fields: dict[str, Any]
    splits: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def of(self, rows: pd.DataFrame) -> DatasetSource:
        """Return MLflow's source of some of the rows; of a hub's data set with the splits that they are from."""
        splits = [self.splits[name] for name in rows[SPLIT].unique()] if self.splits else []
        # MLflow's own class writes a missing split as the text "None", and cannot load it again
        fields = {**self.fields, SPLIT: "+".join(splits) or None} if self.kind == HUB else self.fields
        return get_dataset_source_from_json(json.dumps(fields), self.kind)


@dataclass(frozen=True)
class Loaded:
    """Rows and their source."""

    frame: pd.DataFrame
    source: Source
