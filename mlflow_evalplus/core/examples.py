"""The examples behind each cell of the confusion matrix, the worst first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.predictions import Predictions

MAX_EXAMPLES = 30


@dataclass(frozen=True, slots=True)
class CellExamples:
    """The examples of one cell.

    Attributes
    ----------
    n : int
        All of them.
    rows : tuple of int
        Row numbers of the worst, from 0: errors of which the model is surest, right answers of which it is least sure;
        in row order where it gives no scores.
    """

    n: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One row for a reader.

    Attributes
    ----------
    example_id, text : str
        ``text`` is empty where there are no texts.
    scores : dict of str to float
        Label → probability, the highest first; empty without scores.
    slices : dict of str to str
        Slice column → value.
    """

    example_id: str
    text: str
    scores: dict[str, float]
    slices: dict[str, str]


def examples_of_cells(predictions: Predictions, limit: int = MAX_EXAMPLES) -> dict[tuple[int, int], CellExamples]:
    """Return the worst examples of every cell that holds any, by the places of its label and its prediction.

    Parameters
    ----------
    predictions : Predictions
    limit : int
        Rows of one cell.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> frame = pd.DataFrame({"label": list("aab"), "prediction": list("bbb"), "p": [0.6, 0.9, 0.7]})
    >>> examples_of_cells(read(frame, scores={"b": "p"}))[0, 1]
    CellExamples(n=2, rows=(1, 0))
    """
    label, given = predictions.label_codes("label"), predictions.label_codes("prediction")
    sure = confidences(predictions, given)
    width = len(predictions.labels) + 1
    cell = label * width + given
    order = np.argsort(cell.astype(np.uint16) if width**2 < 2**16 else cell, kind="stable")
    found, starts = np.unique(cell[order], return_index=True)
    parts = zip(found.tolist(), np.split(order, starts[1:]), strict=True)
    return {
        (code // width, code % width): CellExamples(len(rows), _worst(rows, sure, code // width == code % width, limit))
        for code, rows in parts
    }


def _worst(rows: IntArray, sure: FloatArray, right: bool, limit: int) -> tuple[int, ...]:
    badness = sure[rows] if right else -sure[rows]  # the smallest is the worst; nan comes last
    if len(rows) > limit:
        bound = np.partition(badness, limit - 1)[limit - 1]
        if not math.isnan(bound):
            rows, badness = rows[badness <= bound], badness[badness <= bound]
    return tuple(rows[np.argsort(badness, kind="stable")][:limit].tolist())


def confidences(predictions: Predictions, answers: IntArray) -> FloatArray:
    """Return the score that each row gives to its own answer, nan where it gives none.

    Parameters
    ----------
    predictions : Predictions
    answers : int array, [rows]
        The places of the answers among the labels.
    """
    sure = np.full(len(predictions), np.nan)
    for code, label in enumerate(predictions.labels):
        scores = predictions.floats(f"score.{label}")
        if scores is not None:
            mine = answers == code
            sure[mine] = scores[mine]
    return sure


def read_examples(predictions: Predictions, rows: Sequence[int]) -> Mapping[int, Example]:
    """Return these rows for a reader, by their numbers; ids are those of ``predictions.parquet``."""
    places = pa.array(rows, pa.int64())
    table = predictions.with_ids().table
    columns: dict[str, list[Any]] = {
        name: table[name].take(places).to_pylist()
        for name in table.column_names
        if name in ("example_id", "text") or name.startswith(("score.", "slice."))
    }
    return {row: _example({name: values[place] for name, values in columns.items()}) for place, row in enumerate(rows)}


def _example(values: Mapping[str, Any]) -> Example:
    scores = {name.removeprefix("score."): p for name, p in values.items() if name.startswith("score.")}
    return Example(
        str(values["example_id"]),
        values.get("text") or "",
        dict(sorted(scores.items(), key=lambda item: -item[1])),
        {name.removeprefix("slice."): value for name, value in values.items() if name.startswith("slice.")},
    )
