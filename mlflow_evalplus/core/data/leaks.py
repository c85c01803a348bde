"""Columns that tell the label: learnt from the training rows, held against the test rows.

A column's values, each with its most frequent training label, are a classifier of one column. Where it is right far
more often than the most frequent label is, the column knows the answer. Values seen once are taken together, so an id
tells nothing; long texts of an id are also read as the number in them and the letters before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from mlflow_evalplus.core.columns import FloatArray, IntArray, strings
from mlflow_evalplus.core.data.phrases import quoted, several
from mlflow_evalplus.core.data.rows import Rows, codes_of, is_number, is_time, numbers_of
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.tokens import Bools, tally
from mlflow_evalplus.results.data_checks import DataFinding, DataRow, Level

TELLS = 0.5  # of the errors that the most frequent label makes, the share that a column mends
DETERMINES = 0.8
SURE = 0.9  # precision and recall of one class from which a column tells that class
MIN_CLASS = 20  # test rows of it
FEW_VALUES = 64
BINS = (4, 64)
SEED = 20260101
TEACHING = 2  # rows of a value, fewer are taken together


@dataclass(frozen=True)
class Learnt:
    """What one column, alone, knows of labels out of sample.

    Attributes
    ----------
    accuracy, majority : float
        Of the column, and of the most frequent training label; nan without rows.
    p_value : float
        One-sided, of the column being no better; exact, of the rows on which the two differ.
    classes : tuple of int
        Labels that it finds with precision and recall of 0.9 or more, the most frequent one left out.
    """

    accuracy: float
    majority: float
    p_value: float
    classes: tuple[int, ...] = ()

    @property
    def mended(self) -> float:
        """Share of the most frequent label's errors that the column mends, 0 to 1; nan where there are none."""
        errors = 1 - self.majority
        return max(0.0, (self.accuracy - self.majority) / errors) if errors > 0 else float("nan")


def leaks(rows: Rows, columns: Sequence[str], alpha: float, *, seen: bool = True) -> Iterator[DataFinding]:
    """Yield the columns that tell the label, those that tell most first.

    Without test rows each half of the training rows is held against the other. An error they are only where they make
    figures untrustworthy: there are test rows, and the model is known to see these columns (`seen`).
    """
    drawn = rows.independent(np.random.default_rng(SEED))
    found = {column: _best(rows, rows.columns[column], drawn) for column in columns}
    q_values = dict(
        zip(found, false_discovery(np.array([told.p_value for told in found.values()])).tolist(), strict=True)
    )
    tells = {c: t for c, t in found.items() if q_values[c] < alpha and (t.mended >= TELLS or t.classes)}
    for column, told in sorted(tells.items(), key=lambda item: -item[1].mended):
        yield _finding(rows, column, told, q_values[column], seen)
    if not tells:
        most = max(found.items(), key=lambda item: np.nan_to_num(item[1].mended), default=None)
        said = f"No column tells the label: {several(len(found), 'column')} looked at"
        if most and np.nan_to_num(most[1].mended) > 0:
            said += f"; most does {quoted(most[0])}, right {_against(most[1])}"
        yield DataFinding("leaks", Level.OK, f"{said}.")


def _finding(rows: Rows, column: str, told: Learnt, q_value: float, seen: bool) -> DataFinding:
    determines = told.mended >= DETERMINES
    said = f"{quoted(column)} alone is right {_against(told)}"
    if determines and told.accuracy > 0.999 and _as_many(rows, column):
        said = f"{quoted(column)} is the label under another name"
    elif told.mended < TELLS:
        named = ", ".join(quoted(rows.names_of_labels[place]) for place in told.classes[:3])
        said = f"{quoted(column)} alone finds nearly every row of {named}"
    where = "as learnt from the training rows and held against the test rows"
    if not rows.n_test:
        where = "as learnt from each half of the rows and held against the other"
    outcome = "the model sees it, and need not read anything else"
    if not seen:
        outcome = "if the model sees it, it need not read anything else"
    return DataFinding(
        "leaks", Level.ERROR if determines and seen and rows.n_test else Level.WARNING, f"{said}, {where}; {outcome}.",
        rows.n_test or rows.n_train, column, told.mended, q_value,
        f"Take {quoted(column)} out of what the model sees, unless it is known when the model has to answer.",
        _examples(rows, column),
    )  # fmt: skip


def _examples(rows: Rows, column: str) -> tuple[DataRow, ...]:
    start = rows.n_train if rows.n_test else 0
    labelled = start + np.flatnonzero(rows.given[start:] >= 0)
    values = strings(rows.columns[column])
    shown = rows.examples(labelled[:3], values)
    return tuple(
        replace(row, shown=f"{row.shown[:60]} → {rows.label_of(place)[:50]}")
        for row, place in zip(shown, labelled.tolist(), strict=False)
    )


def _best(rows: Rows, column: pa.ChunkedArray, drawn: Bools) -> Learnt:
    """Return what the reading of a column knows that knows most; its p-value is corrected for the readings."""
    asked = (rows.given >= 0) & (rows.in_test if rows.n_test else True)
    read = [learnt(rows, codes, asked, drawn) for codes in _readings(column, rows.n_train)]
    best = max(read, key=lambda told: (np.nan_to_num(told.mended), -told.p_value))
    return replace(best, p_value=min(1.0, len(read) * best.p_value))


def learnt(rows: Rows, codes: IntArray, asked: Bools, drawn: Bools, *, least: int = TEACHING) -> Learnt:
    """Return what one column knows of labels out of sample.

    Parameters
    ----------
    rows : Rows
        With labels.
    codes : int array, one per row
        The column's values, not negative.
    asked, drawn : bool array, one per row
        The rows that are asked for, and of these the independent ones, on which is tested.
    least : int
        Values of fewer training rows are taken together.
    """
    told, most = np.full(len(codes), -1), np.full(len(codes), -1)
    for teach, held in _folds(rows):
        of_value, most[held] = _taught(codes, rows.given, teach & (rows.given >= 0), least)
        told[held] = of_value[codes[held]]
    if not asked.any():
        return Learnt(float("nan"), float("nan"), 1.0)
    right, plain = told == rows.given, most == rows.given
    tested = asked & drawn
    better, worse = int((right & ~plain & tested).sum()), int((plain & ~right & tested).sum())
    p_value = float(stats.binom.sf(better - 1, better + worse, 0.5)) if better + worse else 1.0
    classes = _found_classes(rows.given[asked], told[asked], most[asked])
    return Learnt(float(right[asked].mean()), float(plain[asked].mean()), p_value, classes)


def _folds(rows: Rows) -> Iterator[tuple[Bools, Bools]]:
    """Yield which rows teach and which are held against them."""
    if rows.n_test:
        yield ~rows.in_test, rows.in_test
        return
    half = np.zeros(rows.n_train, dtype=np.bool_)
    half[np.random.default_rng(SEED).permutation(rows.n_train)[: rows.n_train // 2]] = True
    yield half, ~half
    yield ~half, half


def _taught(codes: IntArray, labels: IntArray, teach: Bools, least: int) -> tuple[IntArray, int]:
    """Return the most frequent label of each value, and of all rows; -1 where no row teaches."""
    size, k = int(codes.max(initial=-1)) + 1, int(labels.max(initial=0)) + 1
    counts = np.bincount(codes[teach], minlength=size)
    merged = np.where(counts < least, size, np.arange(size))
    most = int(np.argmax(np.bincount(labels[teach], minlength=k))) if teach.any() else -1
    cells, n = tally(merged[codes[teach]] * k + labels[teach])
    value, label = np.divmod(cells, k)
    order = np.lexsort((label, -n, value))
    value, label = value[order], label[order]
    first = np.diff(value, prepend=-1) > 0
    told = np.full(size + 1, most)
    told[value[first]] = label[first]
    return told[merged], most


def _found_classes(labels: IntArray, told: IntArray, most: IntArray) -> tuple[int, ...]:
    k = int(max(codes.max(initial=0) for codes in (labels, told, most))) + 1
    n, given = np.bincount(labels, minlength=k), np.bincount(told[told >= 0], minlength=k)
    hits = np.bincount(labels[labels == told], minlength=k)
    sure = (n >= MIN_CLASS) & (hits >= SURE * n) & (hits >= SURE * given)
    sure[most[most >= 0]] = False
    return tuple(np.flatnonzero(sure).tolist())


def _readings(column: pa.ChunkedArray, n_train: int) -> Iterator[IntArray]:
    """Yield a column as codes, 0 where it is missing: values or bins; of ids also their number and their shape."""
    if is_number(column.type) or is_time(column.type):
        numbers = numbers_of(column)
        if pc.count_distinct(column).as_py() > FEW_VALUES:
            yield _bins(numbers, n_train)
            return
    values = strings(column)
    codes, known = codes_of(values)
    yield codes + 1
    if len(known) > len(codes) / TEACHING:
        digits = pc.struct_field(pc.extract_regex(values, r"(?P<number>\d{1,15})\D*$"), "number")
        yield _bins(digits.cast(pa.float64()).to_numpy(), n_train)
        yield codes_of(pc.replace_substring_regex(values, r"\d+", "0"))[0] + 1


def _bins(numbers: FloatArray, n_train: int) -> IntArray:
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    known = numbers[:n_train][~np.isnan(numbers[:n_train])]
    n_bins = int(np.clip(np.sqrt(len(known)), *BINS))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, n_bins + 1)[1:-1])) if len(known) else np.zeros(0)
    return np.where(np.isnan(numbers), 0, 1 + np.searchsorted(edges, np.nan_to_num(numbers), side="right"))


def _against(told: Learnt) -> str:
    return f"{100 * told.accuracy:.1f} times in 100, the most frequent label {100 * told.majority:.1f}"


def _as_many(rows: Rows, column: str) -> bool:
    return bool(pc.count_distinct(rows.columns[column]).as_py() == len(rows.names_of_labels))
