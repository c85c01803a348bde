"""The same text twice: in both parts, in one, with another label; and nearly the same text in both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.data.phrases import graded, share
from mlflow_evalplus.core.data.rows import TEST, TRAIN, Rows, codes_of
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.results.data_checks import DataFinding, DataRow, Level

FEW = 0.001  # of the rows: fewer duplicates move no figure
MANY = 0.01
SPACES = r"[\s\p{Z}\x{200B}-\x{200D}\x{FEFF}]+"
UNEVEN = r"^[\s\p{Z}]|[\s\p{Z}]{2}|[\s\p{Z}]$|[\t\r\n\f\v\x{85}\x{200B}-\x{200D}\x{FEFF}\x{2028}\x{2029}\x{1680}]"
NONE_ACROSS = "No test text is a training text, whatever its case, spaces and width."


@dataclass(frozen=True)
class Twins:
    """Which rows have the same text.

    Attributes
    ----------
    codes : int array
        Of `folded`.
    train, test : int array
        How many rows of each part have a code.
    first : int array
        The first training row with a code; past the last row where there is none.
    """

    codes: IntArray
    train: IntArray
    test: IntArray
    first: IntArray

    @classmethod
    def of(cls, rows: Rows, texts: pa.ChunkedArray) -> Twins:
        """Fold the texts and count."""
        codes = folded(texts)
        size = int(codes.max(initial=-1)) + 1
        train, test = codes[: rows.n_train], codes[rows.n_train :]
        first = np.full(size, len(codes))
        backwards = np.flatnonzero(train >= 0)[::-1]
        first[train[backwards]] = backwards
        n_train, n_test = (np.bincount(part[part >= 0], minlength=size) for part in (train, test))
        return cls(codes, n_train, n_test, first)

    @property
    def across(self) -> Bools:
        """Which rows have a text that is in both parts."""
        both = np.append((self.train > 0) & (self.test > 0), False)
        return np.asarray(both[self.codes])


def folded(texts: pa.ChunkedArray) -> IntArray:
    """Return a code for each text that two texts share if they differ in case, spaces or width only; -1 if it is blank.

    Examples
    --------
    >>> folded(pa.chunked_array([["So  late", "ＳＯ late ", "so later", " ", None]])).tolist()
    [0, 0, 1, -1, -1]
    """
    return codes_of(plain_texts(texts))[0]


def plain_texts(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts without what `folded` does not tell apart; missing where they are blank.

    Examples
    --------
    >>> plain_texts(pa.chunked_array([["So  late", "ＳＯ late ", " "]])).to_pylist()
    ['so late', 'so late', None]
    """
    plain = pc.utf8_lower(pc.utf8_normalize(texts, form="NFKC"))
    uneven = pc.match_substring_regex(plain, UNEVEN)  # few texts are; replacing is ten times as slow as looking
    evened = pc.replace_substring_regex(plain.filter(uneven), SPACES, " ")
    plain = pc.replace_with_mask(plain.combine_chunks(), _one(uneven), _one(pc.utf8_trim_whitespace(evened)))
    return pa.chunked_array([pc.if_else(pc.equal(plain, ""), pa.scalar(None, plain.type), plain)])


def _one(values: pa.ChunkedArray) -> pa.Array:
    joined = values.combine_chunks()
    return joined if isinstance(joined, pa.Array) else pa.concat_arrays(joined.chunks)


def across_splits(rows: Rows, twins: Twins) -> DataFinding:
    """Find test texts that are training texts too."""
    chosen = np.flatnonzero(twins.across & rows.in_test)
    n, effect = len(chosen), len(chosen) / rows.n_test
    level = graded(effect, FEW, MANY)
    if not n:
        return DataFinding("duplicates_across", level, NONE_ACROSS, effect=0.0)
    said = f"{share(n, rows.n_test)} test texts are training texts too, whatever their case, spaces and width"
    if level is not Level.OK:
        said += f"; a model that knows them by heart looks up to {100 * effect:.1f} points more accurate than it is"
    pairs = [place for row in chosen[:3].tolist() for place in (row, twins.first[twins.codes[row]])]
    action = "Take these texts out of the training rows or out of the test, then train again."
    return DataFinding(
        "duplicates_across", level, f"{said}.", n, effect=effect, action=_unless_ok(action, level),
        examples=rows.examples(pairs),
    )  # fmt: skip


def within_splits(rows: Rows, twins: Twins) -> Iterator[DataFinding]:
    """Yield, for each part, how many of its rows repeat a text of it."""
    for part, counts, size in ((TRAIN, twins.train, rows.n_train), (TEST, twins.test, rows.n_test)):
        if not size:
            continue
        n = int(np.maximum(counts - 1, 0).sum())
        level = graded(n / size, MANY)
        where = {TRAIN: "training", TEST: "test"}[part]
        said = f"{share(n, size) if n else 'No'} {where} rows repeat a text of another {where} row"
        if level is not Level.OK:
            said += {
                TRAIN: "; a model weighs these texts more",
                TEST: "; they are counted as new evidence, so intervals are too narrow",
            }[part]
        frequent = np.argsort(-counts, kind="stable")[:3]
        places = _first_rows(twins.codes, frequent[counts[frequent] > 1], rows.n_train if part == TEST else 0)
        action = "Keep one row of each text, unless it really arrives so often."
        yield DataFinding(
            "duplicates_within", level, f"{said}.", n, part, n / size, action=_unless_ok(action, level),
            examples=rows.examples(places),
        )  # fmt: skip


def conflicting_labels(rows: Rows, twins: Twins) -> DataFinding:
    """Find texts that have several labels; what that costs a model of the text alone."""
    k = len(rows.names_of_labels)
    usable = (twins.codes >= 0) & (rows.given >= 0)
    cells = np.unique(twins.codes[usable] * k + rows.given[usable])
    n_labels = np.bincount(cells // max(k, 1), minlength=len(twins.train))
    in_conflict = np.append(n_labels > 1, False)[twins.codes] & usable
    n, size = int(in_conflict.sum()), len(twins.codes)
    if not n:
        return DataFinding("conflicting_labels", Level.OK, "No text has two labels.", effect=0.0)
    level = graded(n / size, FEW)
    said = f"{share(n, size)} rows have a text that is labelled otherwise elsewhere"
    lost = _lost(rows, twins, usable & rows.in_test, k)
    if lost:
        said += (
            "; on the test rows no model that sees only the text is right more than "
            f"{100 * (1 - lost / rows.n_test):.1f} times in 100"
        )
    order = np.flatnonzero(in_conflict)
    order = order[np.argsort(twins.codes[order], kind="stable")][:6]
    return DataFinding(
        "conflicting_labels", level, f"{said}.", n, effect=n / size,
        action=_unless_ok("Decide on one label for each of these texts.", level), examples=_labelled(rows, order),
    )  # fmt: skip


def _lost(rows: Rows, twins: Twins, chosen: Bools, k: int) -> int:
    """Return how many of the chosen rows have not the most frequent label of their text."""
    cells, n_cells = np.unique(twins.codes[chosen] * k + rows.given[chosen], return_counts=True)
    most = np.zeros(len(twins.train), dtype=np.int64)
    np.maximum.at(most, cells // max(k, 1), n_cells)
    return int(chosen.sum() - most.sum())


def _labelled(rows: Rows, chosen: IntArray) -> tuple[DataRow, ...]:
    texts = rows.examples(chosen)
    labels = [rows.label_of(row) for row in chosen.tolist()]
    return tuple(
        DataRow(row.part, row.row, f"{label[:40]}: {row.shown}") for row, label in zip(texts, labels, strict=True)
    )


def _first_rows(codes: IntArray, wanted: IntArray, start: int) -> list[int]:
    """Return the first two rows from `start` on of each wanted code."""
    return [int(row) for code in wanted for row in (start + np.flatnonzero(codes[start:] == code)[:2])]


def _unless_ok(action: str, level: Level) -> str:
    return "" if level is Level.OK else action
