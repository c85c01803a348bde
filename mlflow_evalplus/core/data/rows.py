"""Training rows and test rows, read once and coded alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core.columns import FloatArray, IntArray, column_names, native, select, strings
from mlflow_evalplus.core.data.phrases import cut
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.results.data_checks import DataRow

MAX_SHOWN = 120  # characters of an example
MAX_EXAMPLES = 6
TRAIN, TEST = "train", "test"
UNREADABLE = (pa.ArrowException, TypeError, ValueError, OverflowError)  # how a column that Arrow does not know fails


@dataclass(frozen=True)
class Rows:
    """The training rows, then the test rows; each array has a value per row of both.

    Attributes
    ----------
    n_train, n_test : int
    columns : dict of str to pyarrow.ChunkedArray
        What both parts have besides text, label and cluster; of plain values.
    labels : int array or None
        Place in `names_of_labels`, -1 where it is missing; None where no column of labels is known.
    names_of_labels : list of str
    texts : pyarrow.ChunkedArray or None
    clusters : int array or None
        Code of each row's cluster, the same in both parts.
    left_out : tuple of str
        Columns of both parts that hold something else than plain values: lists, intervals, complex numbers.
    """

    n_train: int
    n_test: int
    columns: Mapping[str, pa.ChunkedArray]
    labels: IntArray | None
    names_of_labels: list[str]
    texts: pa.ChunkedArray | None
    clusters: IntArray | None
    left_out: tuple[str, ...] = ()

    @property
    def in_test(self) -> Bools:
        """Which rows are test rows."""
        return np.arange(self.n_train + self.n_test) >= self.n_train

    @property
    def given(self) -> IntArray:
        """The labels, of rows that have a column of them."""
        assert self.labels is not None
        return self.labels

    def count(self, chosen: Bools) -> dict[str, tuple[int, int]]:
        """Return, for each part that there is, how many of its rows are chosen, and how many it has."""
        train, test = int(chosen[: self.n_train].sum()), int(chosen[self.n_train :].sum())
        found = {TRAIN: (train, self.n_train), TEST: (test, self.n_test)}
        return {part: counts for part, counts in found.items() if counts[1]}

    def independent(self, rng: np.random.Generator) -> Bools:
        """Return which rows to test on: all of them; with clusters one of each cluster and part, drawn at random."""
        if self.clusters is None:
            return np.ones(self.n_train + self.n_test, dtype=np.bool_)
        order = rng.permutation(len(self.clusters))
        first = np.unique(2 * self.clusters[order] + self.in_test[order], return_index=True)[1]
        chosen = np.zeros(len(order), dtype=np.bool_)
        chosen[order[first]] = True
        return chosen

    def examples(self, rows: Sequence[int] | IntArray, values: pa.ChunkedArray | None = None) -> tuple[DataRow, ...]:
        """Return the first six of these rows with their texts, or `values`, cut."""
        column = self.texts if values is None else values
        shown = []
        for row in [int(row) for row in rows[:MAX_EXAMPLES]]:
            part, place = (TEST, row - self.n_train) if row >= self.n_train else (TRAIN, row)
            value = "" if column is None else column[row].as_py()
            shown.append(DataRow(part, place, cut("(missing)" if value is None else str(value), MAX_SHOWN)))
        return tuple(shown)

    def label_of(self, row: int) -> str:
        """Return a row's label, cut; empty where it has none."""
        return "" if self.labels is None or self.labels[row] < 0 else self.names_of_labels[self.labels[row]]


def read_rows(
    train: Any, test: Any = None, *, text: str | None, label: str | None, cluster: str | None, ignore: Sequence[str]
) -> Rows:
    """Return the rows of two data frames, or of one.

    Columns of anything else than plain values are left out, and so are those that only one of the frames has.

    Raises
    ------
    ColumnNotFound
        A named column is not in one of them.
    DataError
        A frame is none, or has no rows; a named column does not hold plain values.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = read_rows(
    ...     pd.DataFrame({"t": ["a", "b"], "y": [1, 0]}), pd.DataFrame({"t": ["c"], "y": [1]}),
    ...     text="t", label="y", cluster=None, ignore=(),
    ... )
    >>> rows.labels.tolist(), rows.names_of_labels, rows.texts.to_pylist()
    ([1, 0, 1], ['0', '1'], ['a', 'b', 'c'])
    """
    roles = [name for name in (text, label, cluster) if name]
    frames = [frame for frame in (train, test) if frame is not None]
    known = [set(column_names(frame)) for frame in frames]
    others = [c for c in column_names(train) if all(c in k for k in known) and c not in {*roles, *ignore}]
    tables = [_table(frame, roles, others) for frame in frames]
    for name, table in zip((TRAIN, TEST), tables, strict=False):
        if not table:
            raise DataError(f"the {name} data have no column of plain values")
        if not len(next(iter(table.values()))):
            raise DataError(f"the {name} data have no rows; nothing can be checked")
    pooled, left_out = _plain_columns(tables, others)
    named = {column: _texts(tables, column) for column in roles}
    labels, names = _codes(named[label]) if label else (None, [])
    clusters = _codes(named[cluster])[0] if cluster else None
    if clusters is not None:  # who has no cluster is one of their own
        clusters = np.where(clusters < 0, clusters.max() + 1 + np.arange(len(clusters)), clusters)
    sizes = [len(next(iter(table.values()))) for table in tables]
    return Rows(sizes[0], sum(sizes[1:]), pooled, labels, names, named[text] if text else None, clusters, left_out)


def _table(frame: Any, roles: Sequence[str], others: Sequence[str]) -> dict[str, pa.ChunkedArray]:
    rows = native(frame)
    eager = rows.collect("pyarrow").to_native() if isinstance(rows, nw.LazyFrame) else frame
    try:
        return dict(zip(*_columns(eager, [*roles, *others]), strict=True))
    except DataError:
        found = dict(zip(*_columns(eager, roles), strict=True)) if roles else {}
    for column in others:
        try:
            found |= dict(zip(*_columns(eager, [column]), strict=True))
        except DataError:
            continue
    return found


def _columns(frame: Any, columns: Sequence[str]) -> tuple[list[str], list[pa.ChunkedArray]]:
    try:
        table = select(frame, columns)
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"columns {shorten(columns)} do not hold one plain value per row: {error}") from None
    return table.column_names, table.columns


def _plain_columns(
    tables: Sequence[Mapping[str, pa.ChunkedArray]], others: Sequence[str]
) -> tuple[dict[str, pa.ChunkedArray], tuple[str, ...]]:
    """Return the columns of plain values, both parts pooled, and the names of those that hold something else."""
    pooled, left_out = dict[str, pa.ChunkedArray](), list[str]()
    for name in others:
        try:
            column = _pooled([table[name] for table in tables])
        except (KeyError, *UNREADABLE):
            left_out.append(name)
            continue
        if _is_plain(column.type):
            pooled[name] = column
        elif not pa.types.is_null(column.type):
            left_out.append(name)
    return pooled, tuple(left_out)


def _texts(tables: Sequence[Mapping[str, pa.ChunkedArray]], name: str) -> pa.ChunkedArray:
    try:
        return strings(_pooled([table[name] for table in tables]))
    except UNREADABLE as error:
        raise DataError(f"column {name!r} does not hold one plain value per row: {error}") from None


def _pooled(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    plain = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in columns]
    if len({column.type for column in plain}) > 1:
        alike = all(is_number(column.type) for column in plain)
        plain = [column.cast(pa.float64()) if alike else strings(column) for column in plain]
    return pa.chunked_array([chunk for column in plain for chunk in column.chunks], plain[0].type)


def _is_plain(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
    return bool(text or is_number(kind) or (is_time(kind) and not pa.types.is_interval(kind)))


def _codes(values: pa.ChunkedArray) -> tuple[IntArray, list[str]]:
    """Return the place of each value among the sorted ones, -1 where it is missing or blank, and these."""
    blank = pc.match_substring_regex(values, r"^\s*$")
    codes, known = codes_of(pc.if_else(blank, pa.scalar(None, values.type), values))
    order = np.argsort(np.array(known, dtype=object), kind="stable") if known else np.zeros(0, dtype=np.int64)
    places = np.append(np.argsort(order), -1)
    return places[codes].astype(np.int64), [known[place] for place in order]


def codes_of(values: pa.ChunkedArray) -> tuple[IntArray, list[Any]]:
    """Return the place of each value among the different ones, -1 where it is missing, and these in their order."""
    encoded = values.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # an older pyarrow
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], values.type).dictionary_encode()
    return encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def is_number(kind: pa.DataType) -> bool:
    """Whether a type holds numbers, truth values not among them."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_time(kind: pa.DataType) -> bool:
    """Whether a type holds dates or times."""
    return bool(pa.types.is_temporal(kind))


def numbers_of(values: pa.ChunkedArray) -> FloatArray:
    """Return numbers or times as floats, nan where they are missing."""
    if is_time(values.type):
        wide = pa.int32() if values.type.bit_width == 32 else pa.int64()
        values = values.cast(wide)
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
