"""Training and test rows → MLflow data set inputs, at no cost that grows with what the texts hold."""

from __future__ import annotations

import warnings
from functools import cached_property

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import PandasDataset
from mlflow.types import Schema

from mlflow_evalplus.core.predictions import read
from recipes.data.loaded import Source

ROWS_OF_A_SCHEMA = 1000
MAX_NAME = 500  # characters, MLflow's limit


class ListedRows(PandasDataset):
    """Rows whose schema is that of the first 1,000: MLflow's own reads every value, which takes seconds for 10⁶."""

    @cached_property
    def schema(self) -> Schema | None:
        """The columns with their types; None where MLflow has no type for one of them."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
            return PandasDataset(self.df.head(ROWS_OF_A_SCHEMA), self.source, digest=self.digest).schema


def log_inputs(
    train: pd.DataFrame,
    test: pd.DataFrame,
    source: Source,
    *,
    text: str,
    label: str,
    test_source: Source | None = None,
) -> PandasDataset:
    """List training and test rows as inputs of the active run, in the contexts ``training`` and ``evaluation``.

    Each has the real source of its rows, and a digest over their texts and labels, in row order: it is the same for
    every model, and the test rows' is the tag ``evalplus.data_digest`` of their evaluation.

    Parameters
    ----------
    train, test : pandas.DataFrame
        The rows that this run learns from and is evaluated on; no label is missing.
    source : Source
        Where both are from.
    text, label : str
        Columns.
    test_source : Source, optional
        Where the test rows are from, if from elsewhere.

    Returns
    -------
    PandasDataset
        The test rows, for ``mlflow.models.evaluate``, which then lists them no second time.
    """
    sources = (source, test_source or source)
    parts = [
        dataset_of(rows, origin, text=text, label=label) for rows, origin in zip((train, test), sources, strict=True)
    ]
    mlflow.log_inputs(datasets=parts, contexts=["training", "evaluation"], tags_list=[None, None])
    return parts[1]


def dataset_of(rows: pd.DataFrame, source: Source, *, text: str, label: str) -> PandasDataset:
    """Return rows as MLflow's data set: source, digest over texts and labels, number of rows, a cheap schema."""
    digest = read(rows, label=label, prediction=label, text=text).digest()
    name = source.name.replace('"', "'")[:MAX_NAME]  # MLflow refuses a double quote
    return ListedRows(rows, source.of(rows), targets=label, name=name, digest=digest)
