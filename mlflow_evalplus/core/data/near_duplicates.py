"""Test texts that are training texts but for a word, found exactly and in time linear in the words.

Each text is the sum of a random number per word, modulo 2⁶⁴; less one of them, for each of its words, it is what is
left without that word. Two texts that differ in one word have such a number in common, wherever that word stands.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.data.phrases import graded, share
from mlflow_evalplus.core.data.rows import Rows
from mlflow_evalplus.core.tokens import Bools, Tokens
from mlflow_evalplus.core.words import WIDE
from mlflow_evalplus.results.data_checks import DataFinding, Level

SAME_WORDS = 4  # of a text that has a twin with the very same words, in any order
BUT_ONE = 8  # of a text that has a twin with the same words but one: "a good film" and "a bad film" are no duplicates
MANY = 0.01  # of the test rows
SEED = 20260101
Keys = np.ndarray[Any, np.dtype[np.uint64]]
_WIDE = re.compile(f"[{WIDE}]")


def near_duplicates(rows: Rows, tokens: Tokens, exact: Bools) -> DataFinding:
    """Find test texts that a training text nearly is; those that it is exactly are counted elsewhere."""
    found, partners = near_pairs(tokens, rows.n_train, rows.n_train + rows.n_test, exact)
    n, effect = len(found), len(found) / rows.n_test
    level = graded(effect, MANY)
    said = f"{share(n, rows.n_test)} test texts are those of training rows but for one word (of {BUT_ONE} or more)"
    said += ", numbers, order and punctuation"
    if rows.labels is not None and n:
        other = int((rows.labels[found] != rows.labels[partners]).sum())
        said += f", {other:,} of them with another label" if other else ", with the same label"
    said = f"{said}." if n else f"No test text is {said.partition('are ')[2]}."
    pairs = np.column_stack([found, partners])[:3].ravel()
    return DataFinding(
        "near_duplicates", level, said, n, effect=effect,
        action="" if level is Level.OK else "Part the rows by template or source, so that such texts stay on one side.",
        examples=rows.examples(pairs),
    )  # fmt: skip


def near_pairs(tokens: Tokens, n_train: int, n: int, skipped: Bools) -> tuple[IntArray, IntArray]:
    """Return the test rows that nearly are a training row, and for each one such training row.

    Parameters
    ----------
    tokens : Tokens
        Of the training texts, then the test texts.
    n_train, n : int
        Training rows, and rows in all.
    skipped : bool array, one value per row
        Test rows that are not asked for.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from mlflow_evalplus.core.tokens import tokenise
    >>> text = "my parcel of may {} has still not been {} by you"
    >>> both = [text.format(1, "sent"), text.format(22, "brought"), "my parcel"]
    >>> found, partners = near_pairs(tokenise(pa.chunked_array([both])), 1, 3, np.zeros(3, dtype=bool))
    >>> found.tolist(), partners.tolist()
    ([1], [0])
    """
    owners, keys = near_keys(tokens, n)
    known, known_owners = _sorted(keys, owners, owners < n_train)
    asked, asked_owners = _sorted(keys, owners, (owners >= n_train) & ~skipped[owners])
    place = np.searchsorted(known, asked)  # sorted ones are found ten times as fast
    hit = np.append(known, 0)[place] == asked
    hit &= place < len(known)
    found, first = np.unique(asked_owners[hit], return_index=True)
    return found, known_owners[place[hit][first]]


def near_keys(tokens: Tokens, n: int) -> tuple[IntArray, Keys]:
    """Return texts and their keys, one pair an entry: two texts are nearly the same if they have a key in common.

    A text of 4 words or more has the key of all of its words, one of 8 or more also those of all but one.

    Parameters
    ----------
    tokens : Tokens
    n : int
        Texts in all.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from mlflow_evalplus.core.tokens import tokenise
    >>> owners, keys = near_keys(tokenise(pa.chunked_array([["where is my parcel", "my parcel: where is it"]])), 2)
    >>> owners.tolist(), bool(keys[0] == keys[1])
    ([0, 1], False)
    """
    rows, numbers = _units(tokens)
    size = np.bincount(rows, minlength=n)
    whole = np.zeros(n, dtype=np.uint64)
    np.add.at(whole, rows, numbers)
    enough = np.flatnonzero(size >= SAME_WORDS)
    long = size[rows] >= BUT_ONE
    keys = np.concatenate([whole[enough], whole[rows[long]] - numbers[long]])
    return np.concatenate([enough, rows[long]]), keys


def _sorted(keys: Keys, owners: IntArray, chosen: Bools) -> tuple[Keys, IntArray]:
    order = np.argsort(keys[chosen])
    return keys[chosen][order], owners[chosen][order]


def _units(tokens: Tokens) -> tuple[IntArray, Keys]:
    """Return row and random number of every word; of Han characters and kana, which come in pairs, of each one."""
    pairs = np.array([len(w) == 2 and _WIDE.match(w) is not None for w in tokens.vocabulary], dtype=np.bool_)
    known: dict[str, int] = {}
    first = [known.setdefault(w[0] if p else w, len(known)) for w, p in zip(tokens.vocabulary, pairs, strict=True)]
    last = [known.setdefault(w[-1], len(known)) if p else -1 for w, p in zip(tokens.vocabulary, pairs, strict=True)]
    numbers = np.zeros(len(known), dtype=np.uint64)
    in_order = [known[unit] for unit in sorted(known)]  # so that the order of the texts leaves no trace
    numbers[in_order] = np.random.default_rng(SEED).integers(0, 2**64, len(known), dtype=np.uint64)
    units = np.array(first, dtype=np.int64)[tokens.codes]
    ends = np.array(last, dtype=np.int64)[tokens.codes]
    goes_on = np.zeros(len(units), dtype=np.bool_)
    goes_on[:-1] = (tokens.rows[1:] == tokens.rows[:-1]) & (units[1:] == ends[:-1])
    closing = (ends >= 0) & ~goes_on
    rows = np.concatenate([tokens.rows, tokens.rows[closing]])
    return rows, numbers[np.concatenate([units, ends[closing]])]
