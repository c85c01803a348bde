"""A production log, read once; in an order that only its content decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core.collecting.case_id import Digests, digests
from mlflow_evalplus.core.columns import (
    FloatArray,
    IntArray,
    column_names,
    convert,
    select,
    slice_values,
    strings,
)
from mlflow_evalplus.core.data.duplicates import plain_texts
from mlflow_evalplus.core.data.rows import codes_of, is_number
from mlflow_evalplus.core.data.texts import is_blank
from mlflow_evalplus.core.text import derived_slices, text_slice
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.errors import DataError

SCORE = "score."


@dataclass(frozen=True)
class LogColumns:
    """Which column of the log is what.

    Attributes
    ----------
    text, prediction : str
    challenger, label, time : str or None
    scores : dict of str to str
        Label → column.
    slices : tuple of str
        Those that texts yield among them.
    """

    text: str
    prediction: str
    challenger: str | None = None
    label: str | None = None
    time: str | None = None
    scores: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Log:
    """The rows that have a text; each array has a value per row.

    The order is that of the texts' digests, then of what else the rows hold: the order in which they were given
    leaves no trace but in `rows`.

    Attributes
    ----------
    n : int
        Rows as given, blank ones among them.
    rows : int array
        Where each row was, from 0.
    raw : pyarrow.ChunkedArray
        The texts.
    text : int array
        Place among the different texts, which `plain` and `digests` hold.
    plain : pyarrow.ChunkedArray
        The different texts, as `plain_texts` makes them.
    digests : uint64 array
    answers : list of str
        What `prediction`, `challenger` and `label` are places of; -1 where one is missing.
    prediction : int array
    challenger, label : int array or None
    margin : float array or None
        Between the two highest scores; nan where one is missing.
    time : pyarrow.ChunkedArray or None
    slices : dict of str to pyarrow.ChunkedArray
        Dictionary-encoded.
    """

    n: int
    rows: IntArray
    raw: pa.ChunkedArray
    text: IntArray
    plain: pa.ChunkedArray
    digests: Digests
    answers: list[str]
    prediction: IntArray
    challenger: IntArray | None
    label: IntArray | None
    margin: FloatArray | None
    time: pa.ChunkedArray | None
    slices: Mapping[str, pa.ChunkedArray]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def wrong(self) -> Bools:
        """Which rows have a label, and a prediction that is another one or missing."""
        assert self.label is not None
        return np.asarray((self.label >= 0) & (self.prediction != self.label))

    def codes(self, column: str) -> tuple[IntArray, list[str]]:
        """Return the code of each row in a slice column, and the values that the codes stand for."""
        coded = self.slices[column].chunk(0)
        return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary.to_pylist()

    def slice_codes(self, columns: Sequence[str]) -> IntArray:
        """Return one code per row for its values in all of these columns together; 0 without columns."""
        codes = np.zeros(len(self), dtype=np.int64)
        for column in columns:
            own, values = self.codes(column)
            codes = np.unique(codes * len(values) + own, return_inverse=True)[1].reshape(-1).astype(np.int64)
        return codes


def read_log(frame: Any, columns: LogColumns) -> Log:
    """Read the named columns of any data frame that Narwhals knows.

    Raises
    ------
    ColumnNotFound
        A named column is not there.
    DataError
        No row has a text; scores outside 0 … 1; a slice column with more than 200 values; half a character.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"text": ["late", "LATE ", ""], "prediction": ["a", "b", "a"]})
    >>> log = read_log(frame, LogColumns("text", "prediction"))
    >>> log.n, len(log), log.text.tolist(), log.plain.to_pylist()
    (3, 2, [0, 0], ['late'])
    """
    derived = derived_slices(columns.slices, column_names(frame))
    given = [name for name in columns.slices if name not in derived]
    roles = [columns.text, columns.prediction, columns.challenger, columns.label, columns.time]
    table = select(frame, [*(name for name in roles if name), *columns.scores.values(), *given])
    n = table.num_rows
    if not n:
        raise DataError("the log has no rows; there is nothing to collect from")
    raw = strings(table[columns.text])
    margin = _margins(table, columns.scores)
    kept = pa.array(~is_blank(raw) & pc.is_valid(plain := plain_texts(raw)).to_numpy())
    if not pc.any(kept).as_py():
        raise DataError(f"no row of the log has a text in {columns.text!r}; there is nothing to label")
    text, plain, hashed = _different(plain.filter(kept))
    answers, coded = _answers([table[name] if name else None for name in (*roles[1:4],)], kept)
    sliced = {name: slice_values(table[name], name) for name in given}
    sliced |= {name: text_slice(raw, name) for name in derived}
    time = _times(table[columns.time]).filter(kept) if columns.time else None
    rows, raw = np.flatnonzero(kept.to_numpy(zero_copy_only=False)), raw.filter(kept)
    margin = None if margin is None else margin[rows]
    sliced = {name: values.filter(kept) for name, values in sliced.items()}
    del table
    order = np.lexsort((_fingerprints(raw, answers, coded, margin, time, sliced), text))
    places = pa.array(order)
    taken = [None if codes is None else codes[order] for codes in coded]
    assert taken[0] is not None
    return Log(
        n, rows[order], raw.take(places), text[order], plain, hashed, answers, taken[0], taken[1], taken[2],
        None if margin is None else margin[order], None if time is None else time.take(places),
        {name: _one_chunk(values.take(places)) for name, values in sliced.items()},
    )  # fmt: skip


def _times(values: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = pa.types.is_temporal(values.type)  # Arrow writes 12:00:00 with as many zeros as it could count
    return pc.replace_substring_regex(strings(values), r"\.0+$", "") if whole else strings(values)


def _different(plain: pa.ChunkedArray) -> tuple[IntArray, pa.ChunkedArray, Digests]:
    """Return each row's place among the different texts, these in the order of their digests, and the digests."""
    coded = _one_chunk(plain.dictionary_encode()).chunk(0)
    hashed = digests(pa.chunked_array([coded.dictionary]))
    order = np.argsort(hashed, kind="stable")
    places = np.argsort(order, kind="stable")[coded.indices.to_numpy(zero_copy_only=False)]
    return places.astype(np.int64), pa.chunked_array([coded.dictionary.take(pa.array(order))]), hashed[order]


def _one_chunk(values: pa.ChunkedArray) -> pa.ChunkedArray:
    joined = values.unify_dictionaries().combine_chunks()
    return joined if isinstance(joined, pa.ChunkedArray) else pa.chunked_array([joined])


def _answers(
    columns: Sequence[pa.ChunkedArray | None], kept: pa.BooleanArray
) -> tuple[list[str], list[IntArray | None]]:
    """Return all answers and labels, sorted, and each column as places among them; blank ones are missing."""
    held = [strings(values).filter(kept) for values in columns if values is not None]
    pooled = pa.chunked_array([chunk for values in held for chunk in values.chunks], pa.string())
    codes, known = codes_of(pooled)
    names = sorted(name for name in known if name.strip())
    place = {name: number for number, name in enumerate(names)}
    codes = np.array([*(place.get(name, -1) for name in known), -1])[codes]
    parts = iter(np.split(codes, len(held)))
    return names, [None if values is None else next(parts) for values in columns]


def _margins(table: pa.Table, scores: Mapping[str, str]) -> FloatArray | None:
    """Return the margin between the two highest scores; of a single one, that between it and its rest."""
    if not scores:
        return None
    first, second = np.full(table.num_rows, -np.inf), np.full(table.num_rows, -np.inf)
    for label, column in scores.items():
        given = table[column]
        if pa.types.is_floating(given.type):
            given = pc.if_else(pc.is_nan(given), None, given)
        filled = given.fill_null(0) if is_number(given.type) else given  # what is no number is refused by `convert`
        own = np.asarray(convert(f"{SCORE}{label}", filled, column).to_numpy(), dtype=np.float64)
        if len(scores) == 1:
            second = 1 - own
        missing = pc.is_null(given).to_numpy()
        own = np.where(missing, np.nan, own)
        second = np.maximum(second, np.minimum(first, own))
        first = np.maximum(first, own)
    return np.asarray(np.abs(first - second))


def _fingerprints(
    raw: pa.ChunkedArray,
    answers: list[str],
    coded: Sequence[IntArray | None],
    margin: FloatArray | None,
    time: pa.ChunkedArray | None,
    sliced: Mapping[str, pa.ChunkedArray],
) -> Digests:
    """Return a number per row that two rows share if they hold the same."""
    from pandas.util import hash_array

    texts = [raw, *([] if time is None else [time]), *(sliced[name] for name in sorted(sliced))]
    numbers = [*(codes for codes in coded if codes is not None), *([] if margin is None else [margin])]
    mixed = np.zeros(len(raw), dtype=np.uint64)
    for values in texts:
        codes, known = codes_of(values.cast(pa.string()))
        hashed = np.append(hash_array(np.array(known, dtype=object)), np.uint64(0))
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashed[codes]
    for column in numbers:
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hash_array(column)
    return mixed
