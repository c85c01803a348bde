"""Texts that share most of their characters in a row, found among all pairs without looking at all pairs.

The n-grams of a text are each three characters in a row, of Han characters and kana each two. Two sets of them are
compared by Jaccard's measure, what both have over what either has. Two sets of which it is at least t share one of
the rarest 1 − t of each: only pairs that do are looked at (Chaudhuri et al. 2006, doi:10.1109/ICDE.2006.9; Bayardo
et al. 2007, doi:10.1145/1242572.1242591).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.tokens import Bools
from mlflow_evalplus.core.training_data.keys import weight_of
from mlflow_evalplus.core.words import WIDE

ALIKE = 0.6  # of the n-grams
PARTLY, SAME_LETTERS = 0.4, 0.75  # of the n-grams, where so many of the letters are the same in any order
LEAST = 20  # letters' worth: in shorter texts one other word is another text
BLOCK_CHARACTERS = 200_000  # of candidates at a time, and
BLOCK_TEXTS, BLOCK_PAIRS = 500, 5_000_000  # no more than so many, and so many pairs, so that they fit into memory
PAIRS = 20_000  # compared at a time
_WIDE = re.compile(f"[{WIDE}]")
_BITS = np.uint64(21)  # of a code point
Codes = np.ndarray[Any, np.dtype[np.uint64]]


def similar(candidates: Sequence[str], references: Sequence[str]) -> IntArray:
    """Return for each candidate a reference that it is nearly a copy of; −1 where there is none.

    Parameters
    ----------
    candidates, references : sequence of str
        Keys, as `strict_key` makes them. Those worth fewer than 20 letters are like no other.

    Examples
    --------
    >>> similar(["theparcelhasarivedinapuddle", "theparcelisfine"], ["x", "theparcelhasarrivedinapuddle"]).tolist()
    [1, -1]
    """
    found = np.full(len(candidates), -1, dtype=np.int64)
    asked = _long_enough(candidates)
    known = _long_enough(references)
    if len(asked) and len(known):
        index = _Index([references[row] for row in known])
        for block in _blocks(candidates, asked, len(known)):
            partners = index.partners([candidates[row] for row in block])
            found[block[partners >= 0]] = known[partners[partners >= 0]]
    return found


def _long_enough(keys: Sequence[str]) -> IntArray:
    return np.flatnonzero([weight_of(key) >= LEAST for key in keys])


def _blocks(keys: Sequence[str], rows: IntArray, n_references: int) -> list[IntArray]:
    texts = min(BLOCK_TEXTS, max(BLOCK_PAIRS // n_references, 1))
    sizes = np.cumsum([len(keys[row]) for row in rows])
    number = np.maximum.accumulate(np.arange(len(rows)) // texts + sizes // BLOCK_CHARACTERS)
    return np.split(rows, np.flatnonzero(np.diff(number)) + 1)


@dataclass(frozen=True)
class _Asked:
    """How often each of some texts holds each n-gram, once at most, and each letter; and how many it has in all."""

    grams: sp.csr_matrix
    sizes: IntArray
    letters: sp.csr_matrix
    lengths: IntArray


class _Index:
    """The n-grams of reference texts."""

    def __init__(self, references: Sequence[str]) -> None:
        rows, grams = _grams(references)
        self.known, places, uses = np.unique(grams, return_inverse=True, return_counts=True)
        self.rank = np.empty(len(self.known), dtype=np.int64)
        self.rank[np.argsort(uses, kind="stable")] = np.arange(len(self.known))
        self.sizes = np.bincount(rows, minlength=len(references))
        self.whole = self._matrix(rows, self.rank[places], len(references))
        self.rarest = self._matrix(*_rarest(rows, self.rank[places], self.sizes), len(references)).T.tocsr()
        self.letters, self.alphabet = _letters(references)
        self.lengths = _sums(self.letters)

    def partners(self, keys: Sequence[str]) -> IntArray:
        """Return for each key a reference that it is nearly a copy of; −1 where there is none."""
        rows, grams = _grams(keys)
        sizes = np.bincount(rows, minlength=len(keys))
        places = np.minimum(np.searchsorted(self.known, grams), len(self.known) - 1)
        ranks = np.where(self.known[places] == grams, self.rank[places], -1)  # unknown ones are rarer than any
        ones, others = self._likely(*_rarest(rows, ranks, sizes), sizes)
        asked = _Asked(
            self._matrix(rows[ranks >= 0], ranks[ranks >= 0], len(keys)), sizes, _letters(keys, self.alphabet)[0],
            np.array([len(key) for key in keys]),
        )  # fmt: skip
        found = np.full(len(keys), -1, dtype=np.int64)
        last = np.ones(len(ones), dtype=np.bool_)
        last[:-1] = ones[1:] != ones[:-1]
        for pairs in (last, ~last):  # where many are alike, the likeliest of each mostly is a copy, and enough
            chosen = np.flatnonzero(pairs & (found[ones] < 0))
            copies = chosen[self._copies(asked, ones[chosen], others[chosen])]
            found[ones[copies]] = others[copies]
        return found

    def _likely(self, rows: IntArray, ranks: IntArray, sizes: IntArray) -> tuple[IntArray, IntArray]:
        """Return the pairs of key and reference that may be alike, sorted by key, the likeliest of each last."""
        known = ranks >= 0
        shared = (self._matrix(rows[known], ranks[known], len(sizes)) @ self.rarest).tocoo()
        mine, theirs = sizes[shared.row], self.sizes[shared.col]
        # what both have is among the rarest of both, or among the rest of the one whose rarest end first
        most = np.minimum(shared.data + np.maximum(_rest(mine), _rest(theirs)), np.minimum(mine, theirs))
        bound = most / (mine + theirs - most)
        near = np.flatnonzero(bound >= PARTLY)
        near = near[np.lexsort((bound[near], shared.row[near]))]
        return shared.row[near].astype(np.int64), shared.col[near].astype(np.int64)

    def _copies(self, asked: _Asked, ones: IntArray, others: IntArray) -> Bools:
        alike = _jaccard(asked.grams, self.whole, asked.sizes, self.sizes, ones, others)
        copies: Bools = alike >= ALIKE
        partly = np.flatnonzero(~copies & (alike >= PARTLY))
        same = _jaccard(asked.letters, self.letters, asked.lengths, self.lengths, ones[partly], others[partly])
        copies[partly] = same >= SAME_LETTERS
        return copies

    def _matrix(self, rows: IntArray, columns: IntArray, n: int) -> sp.csr_matrix:
        ones = np.ones(len(rows), dtype=np.int32)
        return sp.csr_matrix((ones, (rows, columns)), shape=(n, len(self.known)))


def _grams(keys: Sequence[str]) -> tuple[IntArray, Codes]:
    """Return row and n-gram of each different one, sorted by row; an n-gram is its code points side by side."""
    joined = "".join(keys)
    points = np.frombuffer(joined.encode("utf-32-le"), np.uint32).astype(np.uint64)
    points = np.append(points, np.zeros(2, dtype=np.uint64))
    rows = np.append(np.repeat(np.arange(len(keys)), [len(key) for key in keys]), [-1, -1])
    wide = np.zeros(len(points), dtype=np.bool_)
    wide[[match.start() for match in _WIDE.finditer(joined)]] = True
    pair = (rows[:-2] == rows[1:-1]) & wide[:-2] & wide[1:-1]
    triple = (rows[:-2] == rows[2:]) & ~pair
    codes = (points[:-2] << _BITS | points[1:-1]) << _BITS | np.where(triple, points[2:], np.uint64(0))
    there = pair | triple
    rows, codes = rows[:-2][there], codes[there]
    order = np.lexsort((codes, rows))
    rows, codes = rows[order], codes[order]
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = (rows[1:] != rows[:-1]) | (codes[1:] != codes[:-1])
    return rows[first], codes[first]


def _rarest(rows: IntArray, ranks: IntArray, sizes: IntArray) -> tuple[IntArray, IntArray]:
    """Return, of each row's n-grams, the rarest: of two rows that are alike, at least one is the same."""
    order = np.lexsort((ranks, rows))
    rows, ranks = rows[order], ranks[order]
    place = np.arange(len(rows)) - np.append(0, np.cumsum(sizes))[rows]
    enough = place < (sizes - _rest(sizes))[rows]
    return rows[enough], ranks[enough]


def _rest(sizes: IntArray) -> IntArray:
    """Return how many of the n-grams of a text are not among its rarest."""
    rest: IntArray = np.ceil(PARTLY * sizes).astype(np.int64) - 1
    return rest


def _letters(keys: Sequence[str], alphabet: Codes | None = None) -> tuple[sp.csr_matrix, Codes]:
    """Return how often each text holds each character of an alphabet, by default of its own."""
    points = np.frombuffer("".join(keys).encode("utf-32-le"), np.uint32).astype(np.uint64)
    known = np.unique(points) if alphabet is None else alphabet
    places = np.minimum(np.searchsorted(known, points), len(known) - 1)
    there = known[places] == points
    rows = np.repeat(np.arange(len(keys)), [len(key) for key in keys])[there]
    ones = np.ones(len(rows), dtype=np.int32)
    return sp.csr_matrix((ones, (rows, places[there])), shape=(len(keys), len(known))), known


def _sums(matrix: sp.csr_matrix) -> IntArray:
    return np.asarray(matrix.sum(axis=1), dtype=np.int64).ravel()


def _jaccard(
    a: sp.csr_matrix, b: sp.csr_matrix, size_a: IntArray, size_b: IntArray, rows_a: IntArray, rows_b: IntArray
) -> FloatArray:
    """Return what both rows of each pair have over what either has, counted as often as it occurs."""
    both = np.zeros(len(rows_a))
    for start in range(0, len(rows_a), PAIRS):
        part = slice(start, start + PAIRS)
        both[part] = _sums(a[rows_a[part]].minimum(b[rows_b[part]]))
    either: FloatArray = size_a[rows_a] + size_b[rows_b] - both
    return both / np.maximum(either, 1)
