"""What the model learnt from, as far as causes and actions need to know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import MAX_NUMBERS, IntArray, column_names, encoded, select, strings
from mlflow_evalplus.core.text import derived_slices, text_slice


@dataclass(frozen=True)
class Training:
    """The training rows.

    Attributes
    ----------
    n : int
    texts : pyarrow.ChunkedArray or None
    slices : dict of str to (int array, list of str)
        Slice column → each row's code, and the values that the codes stand for; of the columns that the training rows
        have, but none that is cut at its quartiles, which are other ones in other rows.
    numbers : frozenset of str
        The columns among them that hold numbers.
    """

    n: int
    texts: pa.ChunkedArray | None
    slices: Mapping[str, tuple[IntArray, list[str]]]
    numbers: frozenset[str] = frozenset()

    def rows_in(self, columns: Sequence[str], values: Sequence[str]) -> int | None:
        """Return the number of training rows in a slice; None where that is not known."""
        if not all(column in self.slices for column in columns):
            return None
        if any(column in self.numbers and _is_bin(value) for column, value in zip(columns, values, strict=True)):
            return None  # the evaluated rows were cut at their quartiles
        inside = np.ones(self.n, dtype=np.bool_)
        for column, value in zip(columns, values, strict=True):
            codes, known = self.slices[column]
            inside &= codes == (known.index(value) if value in known else -1)
        return int(inside.sum())


def read_training(frame: Any, *, text: str | None, slices: Sequence[str]) -> Training:
    """Return what is needed of a data frame of training rows; columns that it lacks are not.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"text": ["late", "fine", "ok"], "channel": ["app", "app", "web"]})
    >>> read_training(rows, text="text", slices=["channel", "language"]).rows_in(["channel"], ["app"])
    2
    """
    known = column_names(frame)
    own = [column for column in slices if column in known]
    text = text if text in known else None
    table = select(frame, [*own, *([text] if text else [])] or known[:1])
    texts = strings(table[text]) if text else None
    numbers = {column for column in own if _is_number(table[column].type)}
    cut = {column for column in numbers if pc.count_distinct(table[column]).as_py() > MAX_NUMBERS}
    values = {column: encoded(table[column], names.MISSING) for column in own if column not in cut}
    if texts is not None:
        values |= {name: text_slice(texts, name) for name in derived_slices(slices, known)}
    coded = {column: value.chunk(0) for column, value in values.items()}
    slices_of = {column: (value.indices.to_numpy(), value.dictionary.to_pylist()) for column, value in coded.items()}
    return Training(table.num_rows, texts, slices_of, frozenset(numbers - cut))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_bin(value: str) -> bool:
    return value == "all" or value.startswith(("up to ", "above ")) or " to " in value
