"""One column of any data frame → what the data contract holds of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus import names
from mlflow_evalplus.errors import ColumnNotFound, DataError, did_you_mean, shorten

MAX_SLICE_VALUES = 200
MAX_NUMBERS = 20  # a numeric slice column with more different values is cut at its quartiles
QUARTILES = (0.25, 0.5, 0.75)
IntArray = np.ndarray[Any, np.dtype[np.int64]]
FloatArray = np.ndarray[Any, np.dtype[np.float64]]
PROBABILITY = (0.0, 1.0, "a probability from 0 to 1")
WEIGHT = (1e-50, 1e50, "a number above 0 and between 1e-50 and 1e+50")  # squares of one by another are numbers too
LATENCY = (0.0, np.inf, "a number not below 0")


def column_names(frame: Any) -> list[str]:
    """Return the columns of any data frame.

    Raises
    ------
    DataError
        It is no data frame, or two of its columns have one name.
    """
    try:
        return native(frame).collect_schema().names()
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


def native(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    """Return the frame as Narwhals knows it: eager where its rows are at hand, else lazy.

    Raises
    ------
    DataError
        It is no data frame.
    """
    try:
        known: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
    except TypeError:
        raise DataError(
            f"{type(frame).__name__} is not a data frame; give pandas, Polars, PyArrow, DuckDB or Spark"
        ) from None
    return known


def select(frame: Any, columns: Sequence[str]) -> pa.Table:
    """Return these columns as an Arrow table; a lazy frame is collected."""
    require_columns(frame, columns)
    selected = native(frame).select(sorted(set(columns)))
    eager = selected.collect("pyarrow") if isinstance(selected, nw.LazyFrame) else selected
    try:
        table = eager.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # a pandas object column that mixes types, huge numbers
        table = _as_texts(eager)
    except UnicodeEncodeError as error:
        raise half_a_pair(error) from None
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise DataError(f"column {field.name!r} holds {field.type}; give one plain value per row")
    return table


def _as_texts(frame: nw.DataFrame[Any]) -> pa.Table:
    try:
        return pa.table({c: [_plain(v) for v in frame[c].to_list()] for c in frame.columns})
    except UnicodeEncodeError as error:
        raise half_a_pair(error) from None


def half_a_pair(error: UnicodeEncodeError) -> DataError:
    """Return the error for a text that is none in UTF-8."""
    around = error.object[max(error.start - 20, 0) : error.start + 20]
    return DataError(f"a text cannot be written down: {around!r} holds half of a surrogate pair, such as \\ud83d "
                     "alone; write the whole character, or leave it out")  # fmt: skip


def _plain(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None or value != value else str(value)


def as_labels(frame: Any, column: str) -> list[str | None]:
    """Return a column's values as the labels that `read` makes of them: 1.0 is ``"1"``, missing is None.

    Examples
    --------
    >>> import pandas as pd
    >>> as_labels(pd.DataFrame({"y": [1.0, 0.0, None]}), "y")
    ['1', '0', None]
    """
    labels: list[str | None] = strings(select(frame, [column])[column]).to_pylist()
    return labels


def convert(name: str, values: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    """Return a column as the data contract holds it under `name`.

    Raises
    ------
    DataError
        The column `source` does not hold what such a column must.
    """
    if name == "label":
        return encoded(values)
    if name == "prediction":
        return encoded(values, names.OTHER)
    if name.startswith("slice."):
        return slice_values(values, source)
    if name == "cluster":
        return _clusters(values, source)
    bounds = number_bounds(name)
    return _numbers(values, source, *bounds) if bounds else strings(values)


def number_bounds(name: str) -> tuple[float, float, str] | None:
    """Return the least and greatest number that a column of the contract may hold, in words too; None for texts."""
    if name.startswith(("score.", "base.")):
        return PROBABILITY
    return {"weight": WEIGHT, "latency_ms": LATENCY}.get(name)


def strings(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as Python, pandas and scikit-learn write them; whole numbers without ``.0``, nan as missing."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "True", "False")
    if pa.types.is_floating(values.type):
        values = pc.add(pc.if_else(pc.is_nan(values), None, values), pa.scalar(0, values.type))  # -0 is 0
        whole = pc.all(pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**53))).as_py()
        values = values.cast(pa.int64()) if whole else values
    return values.cast(pa.string())


def encoded(values: pa.ChunkedArray, missing: str | None = None) -> pa.ChunkedArray:
    """Return dictionary-encoded strings in one chunk, the dictionary sorted; so the order of the rows leaves no trace.

    Long columns are encoded before they are cast, which is cheaper.
    """
    plain = values if pa.types.is_large_string(values.type) else strings(values)
    filled = plain if missing is None else plain.fill_null(missing)
    column = filled.dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string())).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    order = pc.sort_indices(column.dictionary)
    places = pa.array(np.argsort(order.to_numpy()), pa.int32())
    return pa.chunked_array(
        [pa.DictionaryArray.from_arrays(places.take(column.indices), column.dictionary.take(order))]
    )


def values_of(column: pa.ChunkedArray) -> set[str]:
    """Return the different values of a dictionary-encoded column."""
    return {value for chunk in column.chunks for value in chunk.dictionary.to_pylist()}


def slice_values(values: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    """Return the slice of each row; a column of more than 20 different numbers is cut at its quartiles."""
    whole = pa.types.is_integer(values.type)
    is_number = whole or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    if is_number and to_cut(pc.count_distinct(values, mode="all").as_py(), len(values), whole=whole):
        numbers = values.cast(pa.float64(), safe=False).to_numpy()
        known = numbers[~np.isnan(numbers)]
        with np.errstate(invalid="ignore"):  # between two infinite numbers lies none
            edges = cut_points(np.quantile(known, QUARTILES), known.min(), known.max()) if len(known) else []
        codes = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers)).astype(np.int32)
        meant = pa.array([*bin_names(edges), None])
        values = pa.chunked_array([meant.take(pa.array(np.where(codes < 0, len(edges) + 1, codes)))])
    column = encoded(values, names.MISSING)
    require_few(len(values_of(column)), source)
    return column


def to_cut(distinct: int, n: int, *, whole: bool) -> bool:
    """Whether a slice of numbers is cut at its quartiles: if there are many, and not whole ones that are ids."""
    return distinct > MAX_NUMBERS and not (whole and distinct == n)


def require_few(distinct: int, source: str) -> None:
    """Check that a slice column has at most 200 values.

    Raises
    ------
    DataError
        It has more.
    """
    if distinct > MAX_SLICE_VALUES:
        raise DataError(
            f"slice column {source!r} has {distinct:,} different values, at most {MAX_SLICE_VALUES} make "
            "useful slices; group or bin it, or use it as 'cluster' if it names a customer"
        )


def cut_points(quartiles: Sequence[float] | FloatArray, low: float, high: float) -> list[float]:
    """Return where to cut: quartiles to four digits, so that names are short and engines agree; none past the ends.

    Examples
    --------
    >>> cut_points([0.0, 0.0, 12.3456], 0.0, 80.0)
    [0.0, 12.35]
    """
    return sorted({edge for edge in (float(f"{q:.4g}") for q in quartiles) if low <= edge < high})


def bin_names(edges: Sequence[float]) -> list[str]:
    """Return the names of the bins between the cut points; a number on a cut lies below it.

    Examples
    --------
    >>> bin_names([0.0, 12.35])
    ['up to 0', '0 to 12.35', 'above 12.35']
    """
    if not edges:
        return ["all"]
    between = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]:g}", *between, f"above {edges[-1]:g}"]


def _clusters(values: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    column = encoded(values)
    if column.null_count:
        raise DataError(
            f"{column.null_count} rows have no value in the cluster column {source!r}; give each row its own "
            "value where it belongs to no group"
        )
    return column


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


def table_of(mapping: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    """Return a table in which each column is one chunk."""
    return pa.table(dict(mapping)).unify_dictionaries().combine_chunks()
