"""Rows in, from any data frame; validated `Predictions` out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus import names
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten

MAX_SLICE_VALUES = 200
DIGEST_ROWS = 100_000  # at a time, so that joined texts stay far below 2 GB
IntArray = np.ndarray[Any, np.dtype[np.int64]]
FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Predictions:
    """One row per example, in the columns of the data contract.

    Attributes
    ----------
    table : pyarrow.Table
        ``label``, ``prediction`` and ``slice.<name>`` dictionary-encoded; where given also
        ``example_id``, ``text``, ``score.<label>``, ``cluster``, ``weight``, ``latency_ms``,
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

    def codes(self, column: str) -> tuple[IntArray, list[str]]:
        """Return the integer code of each row and the values that the codes stand for."""
        encoded = self.table[column].chunk(0)
        return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()

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

    @property
    def _inputs(self) -> list[str]:
        """The columns that tell examples apart: ids, else texts, else slice values."""
        given = self.table.column_names
        one = [column for column in ("example_id", "text") if column in given][:1]
        return one or [column for column in given if column.startswith("slice.")]

    def with_ids(self) -> Predictions:
        """Return the same rows with ``example_id``: as given, or a stable hash of the text (else the slices).

        Rows that hash alike get a running number (``…-2``), in row order.
        """
        if "example_id" in self.table.column_names:
            return self
        columns = [self.table[c].to_pylist() for c in self._inputs] or [[""] * len(self)]
        seen: dict[str, int] = {}
        ids = []
        for row in zip(*columns, strict=True):
            key = hashlib.blake2b("\x1f".join(map(str, row)).encode(), digest_size=8).hexdigest()
            seen[key] = seen.get(key, 0) + 1
            ids.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
        return Predictions(self.table.add_column(0, "example_id", pa.array(ids)), self.labels)

    def digest(self) -> str:
        """Twelve hexadecimal digits of ids (else texts, else slices) and labels, in row order.

        Equal where two runs saw the same test set.
        """
        digest = hashlib.sha256()
        for column in (*self._inputs, "label"):
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
    text, slices, cluster, weight, example_id, latency_ms, annotators
        Further columns; a missing slice value becomes ``(missing)``.

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
    wanted = {"label": label, "prediction": prediction}
    optional = {"example_id": example_id, "text": text, "cluster": cluster, "weight": weight}
    wanted |= {name: column for name, column in optional.items() if column}
    wanted |= {f"score.{name}": column for name, column in (scores or {}).items()}
    wanted |= {f"slice.{column}": column for column in slices}
    wanted |= {f"annotator.{column}": column for column in annotators}
    wanted |= {"latency_ms": latency_ms} if latency_ms else {}
    table = _select(frame, wanted)
    if not table.num_rows:
        raise DataError("the data has no rows; nothing can be evaluated")
    columns = {name: _column(name, table[source], source) for name, source in wanted.items()}
    columns["label"], columns["prediction"] = _labels(table[label], table[prediction])
    names_of_labels = _check_labels(columns, tuple(labels), label)
    _check_ids(columns, example_id)
    for name in scores or {}:
        if labels and name not in labels:  # where none are declared, a model may know a class that does not occur
            raise DataError(f"scores name the label {name!r}; labels are {list(labels)}."
                            + did_you_mean(name, labels))  # fmt: skip
    return Predictions(pa.table(columns).unify_dictionaries().combine_chunks(), names_of_labels)


def column_names(frame: Any) -> list[str]:
    """Return the columns of any data frame.

    Raises
    ------
    DataError
        It is no data frame, or two of its columns have one name.
    """
    try:
        return _native(frame).collect_schema().names()
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"two columns have the same name; rename one. {error}") from None


def require_columns(frame: Any, columns: Sequence[str]) -> None:
    """Check that all of the columns are in the data.

    Raises
    ------
    ColumnNotFound
        The first that is not, with the nearest name.
    """
    known = column_names(frame)
    for column in columns:
        if column not in known:
            raise ColumnNotFound(
                f"column {column!r} is not in the data; columns are {shorten(known, 30)}." + did_you_mean(column, known)
            )


def _native(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    try:
        native: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
    except TypeError:
        raise DataError(
            f"{type(frame).__name__} is not a data frame; give pandas, Polars, PyArrow, DuckDB or Spark"
        ) from None
    return native


def _select(frame: Any, wanted: Mapping[str, str]) -> pa.Table:
    require_columns(frame, list(wanted.values()))
    selected = _native(frame).select(sorted(set(wanted.values())))
    eager = selected.collect("pyarrow") if isinstance(selected, nw.LazyFrame) else selected
    try:
        table = eager.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a pandas object column that mixes types
        table = pa.table({c: [_plain(v) for v in eager[c].to_list()] for c in eager.columns})
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise DataError(f"column {field.name!r} holds {field.type}; give one plain value per row")
    return table


def _plain(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None or value != value else str(value)


def _column(name: str, values: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    if name in ("label", "prediction"):
        return values
    if name.startswith("slice."):
        return _slice_values(values, source)
    if name.startswith("score."):
        return _numbers(values, source, 0.0, 1.0, "a probability from 0 to 1")
    if name == "cluster":
        return _clusters(values, source)
    if name == "weight":
        return _numbers(values, source, np.nextafter(0, 1), np.inf, "a number above 0")
    if name == "latency_ms":
        return _numbers(values, source, 0.0, np.inf, "a number not below 0")
    return _strings(values)


def as_labels(frame: Any, column: str) -> list[str | None]:
    """Return a column's values as the labels that `read` makes of them: 1.0 is ``"1"``, missing is None.

    Examples
    --------
    >>> import pandas as pd
    >>> as_labels(pd.DataFrame({"y": [1.0, 0.0, None]}), "y")
    ['1', '0', None]
    """
    labels: list[str | None] = _strings(_select(frame, {"label": column})[column]).to_pylist()
    return labels


def _strings(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "True", "False")  # as Python, pandas and scikit-learn write them
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
        whole = pc.all(pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2**53))).as_py()
        values = values.cast(pa.int64()) if whole else values
    return values.cast(pa.string())


def _encoded(values: pa.ChunkedArray, missing: str | None = None) -> pa.ChunkedArray:
    """Return dictionary-encoded strings; long columns are encoded before they are cast, which is cheaper."""
    strings = values if pa.types.is_large_string(values.type) else _strings(values)
    filled = strings if missing is None else strings.fill_null(missing)
    return filled.dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string()))


def _labels(label: pa.ChunkedArray, prediction: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    return _encoded(label), _encoded(prediction, names.OTHER)


def _check_labels(columns: dict[str, Any], declared: tuple[str, ...], source: str) -> tuple[str, ...]:
    nulls = columns["label"].null_count
    if nulls:
        where = pc.indices_nonzero(pc.is_null(columns["label"])).to_pylist()
        raise DataError(
            f"{nulls} of {len(columns['label'])} rows have no label in {source!r} (rows {shorten(where, 5)}, "
            "from 0); label or remove them"
        )
    found = _values(columns["label"])
    if names.OTHER in found.union(declared):
        raise DataError(f"label {names.OTHER!r} is reserved for predictions that are none of the labels; rename it")
    if not declared:
        return _sorted((found | _values(columns["prediction"])) - {names.OTHER})
    unknown = sorted(found - set(declared))
    if unknown:
        raise DataError(
            f"{source!r} holds labels that are not declared: {shorten(unknown)}; declared are "
            f"{list(declared)}.{did_you_mean(unknown[0], declared)}"
        )
    return declared


def _values(column: pa.ChunkedArray) -> set[str]:
    return {value for chunk in column.chunks for value in chunk.dictionary.to_pylist()}


def _sorted(labels: set[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    except ValueError:
        return tuple(sorted(labels))


def _slice_values(values: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    encoded = _encoded(values, names.MISSING)
    distinct = _values(encoded)
    if len(distinct) > MAX_SLICE_VALUES:
        raise DataError(
            f"slice column {source!r} has {len(distinct):,} different values, at most {MAX_SLICE_VALUES} make "
            "useful slices; group or bin it, or use it as 'cluster' if it names a customer"
        )
    return encoded


def _clusters(values: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    values = _strings(values)
    if values.null_count:
        raise DataError(
            f"{values.null_count} rows have no value in the cluster column {source!r}; give each row its own "
            "value where it belongs to no group"
        )
    return values.dictionary_encode()


def _numbers(values: pa.ChunkedArray, source: str, low: float, high: float, what: str) -> pa.ChunkedArray:
    try:
        cast = values.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"column {source!r} must hold {what}, but its type is {values.type}") from None
    array = cast.to_numpy()
    bad = np.flatnonzero(~((array >= low) & (array <= high) & np.isfinite(array)))
    if len(bad):
        raise DataError(
            f"column {source!r} must hold {what}; row {bad[0]} (from 0) holds {array[bad[0]]}, {len(bad)} rows in all"
        )
    return cast


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
