"""What a model answered → what of it is stored: an answer that is none of the labels may repeat a text."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from mlflow_evalplus.core.columns import values_of
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.privacy.keeping import Keeper
from mlflow_evalplus.requirements import Requirements, StoreText

FEW = 5  # rows; an answer that fewer have may be their text


def only_labels(predictions: Predictions, requirements: Requirements) -> Predictions:
    """Return rows whose labels are those that are declared, or occur as labels, or have scores.

    Where nothing is declared whatever a model answers is a label as well, and a text that it repeats would be stored
    as one; where texts are kept in full that stays so.

    Examples
    --------
    >>> from mlflow_evalplus.core.predictions import read
    >>> import pandas as pd
    >>> rows = read(pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "call Anna"]}))
    >>> only_labels(rows, Requirements(store_text="none")).labels, only_labels(rows, Requirements()).labels
    (('a', 'b'), ('a', 'b', 'call Anna'))
    """
    if requirements.store_text == "full" or requirements.task.labels:
        return predictions
    scored = {name.removeprefix("score.") for name in predictions.table.column_names if name.startswith("score.")}
    known = scored | values_of(predictions.table["label"])
    return replace(predictions, labels=tuple(label for label in predictions.labels if label in known))


def stored_answers(predictions: Predictions, mode: StoreText) -> Predictions:
    """Return rows with the answers that are no labels as ``(other)``, or masked.

    Examples
    --------
    >>> from mlflow_evalplus.core.predictions import read
    >>> import pandas as pd
    >>> rows = read(pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "call Anna"]}), labels=["a", "b"])
    >>> stored_answers(rows, "none").table["prediction"].to_pylist()
    ['a', '(other)']
    """
    if mode == "full":
        return predictions
    encoded = predictions.table["prediction"].combine_chunks()
    keeper = Keeper(mode, known=frozenset(predictions.labels))
    kept = [value if value is None else keeper.answer(value) for value in encoded.dictionary.to_pylist()]
    new = list(dict.fromkeys(kept))
    codes = [None if code is None else new.index(kept[code]) for code in encoded.indices.to_pylist()]
    values = pa.DictionaryArray.from_arrays(
        pa.array(codes, encoded.indices.type), pa.array(new, encoded.dictionary.type)
    )
    return replace(predictions, table=replaced(predictions.table, "prediction", values))


def replaced(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Return a table with one column replaced, at its place."""
    return table.set_column(table.column_names.index(name), name, values)
