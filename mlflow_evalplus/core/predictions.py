"""Rows in, from any data frame; validated `Predictions` out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus import names
from mlflow_evalplus.core.columns import FloatArray, IntArray, column_names, convert, select, table_of, values_of
from mlflow_evalplus.core.text import derived_slices, text_slice
from mlflow_evalplus.errors import DataError, did_you_mean, shorten

PARALLEL_ROWS = 100_000
MAX_WORKERS = 4
DIGEST_ROWS = 100_000  # at a time, so that joined texts stay far below 2 GB


@dataclass(frozen=True)
class Predictions:
    """One row per example, in the columns of the data contract.

    Attributes
    ----------
    table : pyarrow.Table
        ``label``, ``prediction`` and ``slice.<name>`` dictionary-encoded; where given also
        ``example_id``, ``text``, ``score.<label>``, ``base.<label>``, ``cluster``, ``weight``, ``latency_ms``,
        ``annotator.<name>``.
    labels : tuple of str
        The labels, in the declared order or sorted; the columns of a confusion matrix.
    """

    table: pa.Table  # each column in one chunk
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def slice_columns(self) -> tuple[str, ...]:
        """Names of the slice columns."""
        return tuple(c.removeprefix("slice.") for c in self.table.column_names if c.startswith("slice."))

    @property
    def annotators(self) -> tuple[str, ...]:
        """Names of the annotators who gave a vote."""
        held = [
            c for c in self.table.column_names if c.startswith("annotator.") and self.table[c].null_count < len(self)
        ]
        return tuple(column.removeprefix("annotator.") for column in held)

    def codes(self, column: str) -> tuple[IntArray, list[str]]:
        """Return the integer code of each row and the values that the codes stand for."""
        encoded = self.table[column].chunk(0)
        return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()

    def label_codes(self, column: str) -> IntArray:
        """Return each row's index in `labels`; ``len(labels)`` for a prediction that is none of them."""
        codes, values = self.codes(column)
        place = {label: index for index, label in enumerate(self.labels)}
        return np.array([place.get(value, len(self.labels)) for value in values], dtype=np.int64)[codes]

    def floats(self, column: str) -> FloatArray | None:
        """Return a numeric column, or None where there is none."""
        if column not in self.table.column_names:
            return None
        return np.asarray(self.table[column].to_numpy(), dtype=np.float64)

    def masses(self) -> list[FloatArray | None]:
        """Return how many examples each row stands for (None: one) and, with weights, their sum and sum of squares.

        An engine that counts hands over groups: rows with ``n`` and, with weights, ``weight`` and ``weight_squares``.
        """
        n, weights, squares = (self.floats(column) for column in ("n", "weight", "weight_squares"))
        if weights is None:
            return [n]
        return [n, weights, weights**2 if squares is None else squares]

    @property
    def _input(self) -> str | None:
        """The column that tells examples apart: ids, else texts."""
        return next((column for column in ("example_id", "text") if column in self.table.column_names), None)

    def with_ids(self) -> Predictions:
        """Return the same rows with ``example_id``: as given, or a stable hash of the text (else the slices).

        Rows that hash alike get a running number (``…-2``), in row order.
        """
        return self if "example_id" in self.table.column_names else self._identified

    @cached_property
    def _identified(self) -> Predictions:
        contents, which = self._contents()
        keys = pa.array([hashlib.blake2b(content.encode(), digest_size=8).hexdigest() for content in contents])
        narrow = np.uint16 if len(contents) < 2**16 else np.int64  # sorted by radix, ten times as fast
        order = np.argsort(which.astype(narrow), kind="stable")
        first = np.searchsorted(which[order], np.arange(len(contents)))
        numbers = np.empty(len(self), dtype=np.int64)
        numbers[order] = np.arange(len(self)) - first[which[order]] + 1
        numbered = pc.if_else(
            pa.array(numbers > 1), pc.binary_join_element_wise("", pa.array(numbers).cast(pa.string()), "-"), ""
        )
        ids = pc.binary_join_element_wise(keys.take(pa.array(which)), numbered, "")
        return Predictions(self.table.add_column(0, "example_id", ids), self.labels)

    def _contents(self) -> tuple[list[str], IntArray]:
        """Return the different texts (else combinations of slice values), and which of them each row holds."""
        if self._input:
            column = self.table[self._input].fill_null("None").combine_chunks().dictionary_encode()
            return column.dictionary.to_pylist(), column.indices.to_numpy().astype(np.int64)
        axes = [self.codes(f"slice.{column}") for column in self.slice_columns]
        if not axes:
            return [""], np.zeros(len(self), dtype=np.int64)
        sizes = [len(values) for _, values in axes]
        occurring, which = np.unique(np.ravel_multi_index([codes for codes, _ in axes], sizes), return_inverse=True)
        places = np.unravel_index(occurring, sizes)
        values = [[axis[1][place] for place in where] for axis, where in zip(axes, places, strict=True)]
        return ["\x1f".join(row) for row in zip(*values, strict=True)], which

    def digest(self) -> str:
        """Twelve hexadecimal digits of ids (else texts) and labels, in row order; empty where there are neither.

        Equal where two runs saw the same test set.
        """
        if not self._input:
            return ""
        digest = hashlib.sha256()
        for column in (self._input, "label"):
            if pa.types.is_dictionary(self.table[column].type):
                codes, meant = self.codes(column)
                digest.update("\x1f".join(meant).encode() + codes.astype("<u4").tobytes())
                continue
            values = self.table[column].fill_null("").combine_chunks()
            for start in range(0, len(self), DIGEST_ROWS):
                part = values.slice(start, DIGEST_ROWS).cast(pa.string())
                together = pa.LargeListArray.from_arrays([0, len(part)], part)
                digest.update(pc.binary_join(together, "\x1f")[0].as_buffer())
        return digest.hexdigest()[:12]


def read(
    frame: Any,
    *,
    label: str = "label",
    prediction: str = "prediction",
    labels: Sequence[str] = (),
    scores: Mapping[str, str] | None = None,
    base_scores: Mapping[str, str] | None = None,
    text: str | None = None,
    slices: Sequence[str] = (),
    cluster: str | None = None,
    weight: str | None = None,
    example_id: str | None = None,
    latency_ms: str | None = None,
    annotators: Sequence[str] = (),
) -> Predictions:
    """Read the named columns of any data frame that Narwhals knows.

    Parameters
    ----------
    frame : pandas, Polars, PyArrow, DuckDB, PySpark … data frame
        Only the named columns leave their engine.
    label, prediction : str
        Columns of the gold answers and of the model's. A missing prediction is a wrong one.
    labels : sequence of str, optional
        All allowed labels, in order. By default all that occur in either column, sorted.
    scores : mapping of str to str, optional
        Label → column with its probability, 0 … 1.
    base_scores : mapping of str to str, optional
        The same before keyword rules on top; of all labels that the model knows, declared or not.
    text, slices, cluster, weight, example_id, latency_ms, annotators
        Further columns; a missing slice value becomes ``(missing)``. A slice column of more than 20 different numbers
        is cut at its quartiles. A slice may also be one that the texts yield, ``text_length`` and the others of
        `mlflow_evalplus.core.text.TEXT_SLICES`, where no column has that name.

    Raises
    ------
    ColumnNotFound
        A named column is not there; the nearest name is suggested.
    DataError
        No rows; a label that is missing or not declared; a slice column with more than 200 values;
        weights that are not positive; scores outside 0 … 1; ids that are missing or repeat.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = read(pd.DataFrame({"label": ["a", "b"], "prediction": ["a", None]}))
    >>> rows.labels, rows.label_codes("prediction").tolist()
    (('a', 'b'), [0, 2])
    """
    derived = derived_slices(slices, column_names(frame))
    if derived and not text:
        raise DataError(f"slice {derived[0]!r} comes from the texts; name their column with 'text'")
    wanted = contract_columns(
        label=label, prediction=prediction, scores=scores, base_scores=base_scores, text=text, cluster=cluster,
        weight=weight, slices=[column for column in slices if column not in derived],
        example_id=example_id, latency_ms=latency_ms, annotators=annotators,
    )  # fmt: skip
    table = select(frame, list(wanted.values()))
    if not table.num_rows:
        raise DataError("the data has no rows; nothing can be evaluated")
    columns = _converted(table, wanted)
    columns |= {f"slice.{name}": text_slice(columns["text"], name) for name in derived}
    names_of_labels = known_labels(columns["label"], columns["prediction"], tuple(labels), label)
    _check_ids(columns, example_id)
    check_scores(scores or {}, labels)
    return Predictions(table_of(columns), names_of_labels)


def _converted(table: pa.Table, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of the contract; those of many rows are converted side by side, Arrow lets go of the GIL."""
    workers = min(os.cpu_count() or 1, MAX_WORKERS) if table.num_rows >= PARALLEL_ROWS else 1
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda item: convert(item[0], table[item[1]], item[1]), wanted.items())
        return dict(zip(wanted, found, strict=True))


def contract_columns(
    *,
    label: str,
    prediction: str,
    scores: Mapping[str, str] | None = None,
    base_scores: Mapping[str, str] | None = None,
    text: str | None = None,
    slices: Sequence[str] = (),
    cluster: str | None = None,
    weight: str | None = None,
    example_id: str | None = None,
    latency_ms: str | None = None,
    annotators: Sequence[str] = (),
) -> dict[str, str]:
    """Return column of the data contract → column of the data."""
    wanted = {"label": label, "prediction": prediction}
    optional = {
        "example_id": example_id, "text": text, "cluster": cluster, "weight": weight, "latency_ms": latency_ms,
    }  # fmt: skip
    wanted |= {name: column for name, column in optional.items() if column}
    wanted |= {f"score.{name}": column for name, column in (scores or {}).items()}
    wanted |= {f"base.{name}": column for name, column in (base_scores or {}).items()}
    wanted |= {f"slice.{column}": column for column in slices}
    return wanted | {f"annotator.{column}": column for column in annotators}


def check_scores(scores: Mapping[str, str], labels: Sequence[str]) -> None:
    """Check that scores are for declared labels; where none are declared a model may know one that does not occur.

    Raises
    ------
    DataError
        A score is for a label that is not declared.
    """
    for name in scores:
        if labels and name not in labels:
            raise DataError(f"scores name the label {name!r}; labels are {list(labels)}."
                            + did_you_mean(name, labels))  # fmt: skip


def known_labels(
    label: pa.ChunkedArray, prediction: pa.ChunkedArray, declared: tuple[str, ...], source: str
) -> tuple[str, ...]:
    """Return the labels as declared, or all that occur in either column, sorted.

    Raises
    ------
    DataError
        A label is missing, reserved, or not declared.
    """
    if label.null_count:
        where = pc.indices_nonzero(pc.is_null(label)).to_pylist()
        raise DataError(
            f"{label.null_count} of {len(label)} rows have no label in {source!r} (rows {shorten(where, 5)}, "
            "from 0); label or remove them"
        )
    found = values_of(label)
    if names.OTHER in found.union(declared):
        raise DataError(f"label {names.OTHER!r} is reserved for predictions that are none of the labels; rename it")
    if not declared:
        return _sorted((found | values_of(prediction)) - {names.OTHER})
    unknown = sorted(found - set(declared))
    if unknown:
        raise DataError(
            f"{source!r} holds labels that are not declared: {shorten(unknown)}; declared are "
            f"{list(declared)}.{did_you_mean(unknown[0], declared)}"
        )
    return declared


def _sorted(labels: set[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    except ValueError:
        return tuple(sorted(labels))


def _check_ids(columns: dict[str, Any], source: str | None) -> None:
    if "example_id" not in columns:
        return
    ids = columns["example_id"]
    if ids.null_count:
        raise DataError(f"{ids.null_count} rows have no id in {source!r}")
    repeated = len(ids) - pc.count_distinct(ids).as_py()
    if repeated:
        raise DataError(
            f"{repeated} ids in {source!r} occur more than once; rows are paired by them across runs, so give "
            "distinct ids, or none (then the text is hashed)"
        )
