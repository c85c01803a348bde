"""All conjunctions of slice values and words, counted at once in two halves of the rows; each half tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import MAX_CUBE_CELLS, Blocks, Counts, Margin, count_cells, crossings
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.text import TEXT_SLICES, text_slice
from mlflow_evalplus.core.words import word_entries

MIN_ROWS = 30
WORD = "word"
CELLS = 4  # half · 2 + wrong
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Conjunctions:
    """The counts of all conjunctions with at least one row, and the units that they are unions of.

    Attributes
    ----------
    overall : Margin
        All rows; its cells are ``half · 2 + wrong``, as in `every`.
    every : Margin
        One slice per conjunction.
    columns : list of tuple of str
        Of each conjunction; ``every.values`` are its values.
    units : Margin
        Crossing of all columns where that is small, else the rows.
    codes : dict
        Column → the code of each unit, and the values that the codes stand for.
    entries : tuple of IntArray, IntArray, list of str
        Rows, words and vocabulary as `word_entries` returns them.
    """

    overall: Margin
    every: Margin
    columns: list[tuple[str, ...]]
    units: Margin
    codes: dict[str, tuple[IntArray, list[str]]]
    entries: tuple[IntArray, IntArray, list[str]]

    def __len__(self) -> int:
        return len(self.columns)

    @cached_property
    def log_alike(self) -> FloatArray:
        """Logarithm of the number of conjunctions of the same depth, for each."""
        depths = np.array([len(columns) for columns in self.columns], dtype=np.int64)
        return np.asarray(np.log(np.maximum(np.bincount(depths), 1))[depths])

    def n(self, *halves: int) -> FloatArray:
        """Return the number of examples of each conjunction in one half of the rows, or in both."""
        return np.asarray(self.every.rows[:, _cells(halves)].sum(axis=1))

    def of(self, chosen: IntArray, *halves: int) -> tuple[Counts, Margin]:
        """Return the counts (right, wrong) of all rows and of some conjunctions, in one half or in both."""
        overall = _part(self.overall, halves, np.zeros(1, dtype=np.int64))
        return Counts(("right",), ("right", "wrong"), {(): overall}), _part(self.every, halves, chosen)

    def masks(self, chosen: IntArray) -> Mask:
        """Return which units lie in which of some conjunctions, [conjunctions, units]."""
        known: dict[tuple[str, str], Mask] = {}
        masks = np.ones((len(chosen), len(self.units.weights)), dtype=np.bool_)
        for mask, place in zip(masks, chosen, strict=True):
            for item in zip(self.columns[place], self.every.values[place], strict=True):
                if item not in known:
                    known[item] = self._mask(*item)
                mask &= known[item]
        return masks

    def _mask(self, column: str, value: str) -> Mask:
        if column in self.codes:
            codes, values = self.codes[column]
            return np.asarray(codes == values.index(value))
        rows, words, vocabulary = self.entries
        mask = np.zeros(len(self.units.weights), dtype=np.bool_)
        mask[rows[words == vocabulary.index(value)]] = True
        return mask


def count_conjunctions(predictions: Predictions, rng: np.random.Generator, *, depth: int) -> Conjunctions:
    """Part the rows at random, whole clusters where there are any, and count every conjunction in both halves.

    Parameters
    ----------
    predictions : Predictions
        Where there are texts, the slices that they yield and their words are crossed with the slice columns.
    rng : numpy.random.Generator
    depth : int
        Columns in a conjunction; at most one of them is a word.
    """
    predictions = _with_text_slices(predictions)
    predictions, half = halved(predictions, rng)
    wrong = predictions.label_codes("prediction") != predictions.label_codes("label")
    cells = 2 * half + wrong
    columns = predictions.slice_columns
    entries = _entries(predictions)
    sizes = [len(predictions.codes(f"slice.{column}")[1]) for column in columns]
    small = not len(entries[0]) and math.prod(sizes) * CELLS <= MAX_CUBE_CELLS
    wanted = crossings(columns, min(depth, len(columns)))
    counted = count_cells(predictions, cells, CELLS, [*wanted, *([columns] if small else [])])
    margins = [counted[chosen] for chosen in wanted if chosen]
    if len(entries[0]):
        margins += _count_words(predictions, cells, entries, crossings(columns, min(depth - 1, len(columns))))
    units = counted[columns] if small else _rows_as_units(predictions, cells)
    codes = {
        column: _codes_of(units, place) if small else predictions.codes(f"slice.{column}")
        for place, column in enumerate(columns)
    }
    named = [margin.columns for margin in margins for _ in margin.values]
    return Conjunctions(counted[()], _joined(margins), named, units, codes, entries)


def _with_text_slices(predictions: Predictions) -> Predictions:
    table = predictions.table
    if "text" not in table.column_names:
        return predictions
    for name in TEXT_SLICES:
        if f"slice.{name}" not in table.column_names:
            table = table.append_column(f"slice.{name}", text_slice(table["text"], name))
    return Predictions(table, predictions.labels)


def _entries(predictions: Predictions) -> tuple[IntArray, IntArray, list[str]]:
    if "text" not in predictions.table.column_names or WORD in predictions.slice_columns:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), []
    return word_entries(predictions.table["text"], min_rows=2 * MIN_ROWS)


def halved(predictions: Predictions, rng: np.random.Generator) -> tuple[Predictions, IntArray]:
    """Return the half of each row, 0 or 1; a row that stands for many examples is parted into two."""
    table = predictions.table
    if "cluster" in table.column_names:
        clusters, known = predictions.codes("cluster")
        return predictions, rng.permutation(len(known))[clusters] % 2
    n = predictions.floats("n")
    if n is None:
        return predictions, rng.integers(0, 2, len(predictions), dtype=np.int8)
    first = rng.binomial(n.astype(np.int64), 0.5)
    parts = [first, n - first]
    doubled = pa.concat_tables([table, table]).combine_chunks()
    for column in ("n", "weight", "weight_squares"):
        if column in table.column_names:
            mass = np.concatenate([np.asarray(table[column]) * part / n for part in parts])
            doubled = doubled.set_column(doubled.column_names.index(column), column, pa.chunked_array([mass]))
    kept = np.concatenate(parts) > 0
    half = np.repeat([0, 1], len(predictions))[kept]
    return Predictions(doubled.filter(pa.array(kept)).combine_chunks(), predictions.labels), half


def _count_words(
    predictions: Predictions,
    cells: IntArray,
    entries: tuple[IntArray, IntArray, list[str]],
    crossed: Sequence[tuple[str, ...]],
) -> list[Margin]:
    rows, words, vocabulary = entries
    given = [c for c in predictions.table.column_names if c.startswith("slice.") or c in ("cluster", "weight", "n")]
    table = predictions.table.select(given).take(pa.array(rows)).combine_chunks()
    held = pa.chunked_array([pa.DictionaryArray.from_arrays(words.astype(np.int32), vocabulary)])
    with_words = Predictions(table.append_column(f"slice.{WORD}", held), predictions.labels)
    wanted = [(WORD, *columns) for columns in crossed]
    return list(count_cells(with_words, cells[rows], CELLS, wanted).values())


def _rows_as_units(predictions: Predictions, cells: IntArray) -> Margin:
    n = len(cells)
    masses = [np.zeros((n, CELLS)) for _ in predictions.masses()]
    for table, mass in zip(masses, predictions.masses(), strict=True):
        table[np.arange(n), cells] = 1 if mass is None else mass
    return Margin((), [], masses[0], masses[len(masses) // 2], masses[-1])


def _codes_of(units: Margin, place: int) -> tuple[IntArray, list[str]]:
    encoded = pa.array([values[place] for values in units.values], pa.string()).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _joined(margins: Sequence[Margin]) -> Margin:
    """Return the slices of all margins as those of one."""
    if not margins:
        nothing = np.zeros((0, CELLS))
        return Margin((), [], nothing, nothing, nothing)
    values = [value for margin in margins for value in margin.values]
    rows, weights, squares = (
        np.concatenate([getattr(margin, name) for margin in margins]) for name in ("rows", "weights", "squares")
    )
    blocks = [margin.blocks for margin in margins if margin.blocks is not None]
    if not blocks:
        return Margin((), values, rows, weights, squares)
    slices = np.cumsum([0, *(len(margin.values) for margin in margins[:-1])])
    entries = np.cumsum([0, *(len(block.cells) for block in blocks[:-1])])
    joined = Blocks(
        np.concatenate([block.starts + first for block, first in zip(blocks, entries, strict=True)]),
        np.concatenate([block.slices + first for block, first in zip(blocks, slices, strict=True)]),
        np.concatenate([block.clusters for block in blocks]),
        np.concatenate([block.entry_slices + first for block, first in zip(blocks, slices, strict=True)]),
        np.concatenate([block.cells for block in blocks]),
        np.concatenate([block.weights for block in blocks]),
    )
    return Margin((), values, rows, weights, squares, joined)


def _cells(halves: tuple[int, ...]) -> list[int]:
    return [2 * half + wrong for half in halves for wrong in (0, 1)]


def _part(margin: Margin, halves: tuple[int, ...], chosen: IntArray) -> Margin:
    """Return some slices of a margin as they are in these halves of the rows, with cells (right, wrong)."""
    rows, weights, squares = (
        mass[chosen][:, _cells(halves)].reshape(len(chosen), len(halves), 2).sum(axis=1)
        for mass in (margin.rows, margin.weights, margin.squares)
    )
    part = Margin((), [margin.values[place] for place in chosen], rows, weights, squares)
    blocks = margin.blocks
    if blocks is None:
        return part
    place = np.full(len(margin.values), -1)
    place[chosen] = np.arange(len(chosen))
    kept = np.isin(blocks.cells // 2, halves) & (place[blocks.entry_slices] >= 0)
    block = np.repeat(np.arange(len(blocks.starts)), np.diff(blocks.starts, append=len(blocks.cells)))[kept]
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    first = block[starts]
    return replace(part, blocks=Blocks(
        starts, place[blocks.slices[first]], blocks.clusters[first], place[blocks.entry_slices[kept]],
        blocks.cells[kept] % 2, blocks.weights[kept],
    ))  # fmt: skip
