"""Words and phrases that customers have begun to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.counts import count_margins
from mlflow_evalplus.core.intervals import estimate, false_discovery
from mlflow_evalplus.core.metrics import OVERALL
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.shares import more_often
from mlflow_evalplus.core.tokens import Bools, term_entries
from mlflow_evalplus.results import Estimate, NewTerm

MIN_TEXTS = 5  # of window and reference together that hold a term, below which it is not tested
MAX_TERMS = 100_000
MIN_NEW = 5  # texts that hold a term which the reference does not have
MORE_OFTEN = 2  # times
POINTS = 0.02
MAX_Q = 0.05
MAX_ACCURACIES = 200


@dataclass(frozen=True)
class Terms:
    """Which texts hold which words and phrases; of all parts, tokenised once.

    Attributes
    ----------
    rows, terms : int array, one value per text and term
    vocabulary : list of str
    counts, drawn : int array, [parts, terms]
        Texts of each part that hold each term: of all rows, and of those that are tested.
    n, n_drawn : int array, [parts]
    """

    rows: IntArray
    terms: IntArray
    vocabulary: list[str]
    counts: IntArray
    drawn: IntArray
    n: IntArray
    n_drawn: IntArray


def count_terms(texts: pa.ChunkedArray, part: IntArray, n_parts: int, drawn: Bools) -> Terms:
    """Count the words and phrases of all texts; rows of part -1 are left out."""
    rows, terms, vocabulary = term_entries(
        texts, min_rows=MIN_TEXTS, min_phrase_rows=MIN_TEXTS, max_terms=MAX_TERMS
    )  # fmt: skip
    size = len(vocabulary)
    every = part >= 0
    counts, tested = (
        np.bincount(
            part[rows[chosen[rows]]] * size + terms[chosen[rows]], minlength=n_parts * size
        ).reshape(n_parts, size)
        for chosen in (every, every & drawn)
    )  # fmt: skip
    n, n_drawn = (np.bincount(part[chosen], minlength=n_parts) for chosen in (every, every & drawn))
    return Terms(rows, terms, vocabulary, counts, tested, n, n_drawn)


def new_terms(found: Terms, window: int, reference: int) -> list[NewTerm]:
    """Return the terms that a window has surely more often than the reference, the most frequent first.

    Tested is every term that at least 5 texts of the two together hold, by a one-sided exact test on independent
    rows; q is over all of these. New is a term with q below 0.05 that at least 5 texts of the window and none of the
    reference hold, or that is at least twice as frequent, by two points. A phrase with a word that is new is left out.
    """
    own, other = found.drawn[window], found.drawn[reference]
    n_own, n_other = int(found.n_drawn[window]), int(found.n_drawn[reference])
    if not n_own or not n_other:
        return []
    tested = np.flatnonzero(own + other >= MIN_TEXTS)
    q_values = false_discovery(more_often(own[tested], other[tested], n_own, n_other))
    here, there = found.counts[window][tested], found.counts[reference][tested]
    n_here, n_there = int(found.n[window]), int(found.n[reference])
    p, p_there = here / n_here, there / n_there
    unseen = (there == 0) & (here >= MIN_NEW)
    matter = (q_values < MAX_Q) & (unseen | (p >= MORE_OFTEN * p_there) & (p - p_there >= POINTS))
    terms = [
        NewTerm(found.vocabulary[tested[i]], int(here[i]), int(there[i]), float(p[i]), float(p_there[i]),
                float(q_values[i]), bool(unseen[i]))
        for i in np.flatnonzero(matter)
    ]  # fmt: skip
    words = {term.term for term in terms if " " not in term.term}
    kept = [term for term in terms if " " not in term.term or not words & set(term.term.split(" "))]
    return sorted(kept, key=lambda term: (-term.n, term.term))


def accuracies(
    found: Terms, terms: Sequence[str], rows: Predictions, chosen: IntArray, confidence: float
) -> dict[str, Estimate]:
    """Return how well the chosen rows that hold each term are answered; of terms that none of them holds nothing.

    `chosen` are numbers of rows whose labels are known. Of the first 200 terms.
    """
    place = {term: code for code, term in enumerate(found.vocabulary)}
    wanted = np.full(len(found.vocabulary), -1)
    for number, term in enumerate(terms[:MAX_ACCURACIES]):
        wanted[place[term]] = number
    inside = np.zeros(len(rows), dtype=np.bool_)
    inside[chosen] = True
    entries = np.flatnonzero(inside[found.rows] & (wanted[found.terms] >= 0))
    if not len(entries):
        return {}
    columns = [c for c in rows.table.column_names if c in ("label", "prediction", "cluster", "weight")]
    table = rows.table.select(columns).take(pa.array(found.rows[entries])).combine_chunks()
    codes = pa.DictionaryArray.from_arrays(
        pa.array(wanted[found.terms[entries]], pa.int32()), pa.array([str(i) for i in range(len(terms))], pa.string())
    )
    counts = count_margins(Predictions(table.append_column("slice.term", codes), rows.labels), [(), ("term",)])
    margin = counts.margins["term",]
    each = estimate(OVERALL["accuracy"], counts, margin, confidence).each()
    return {terms[int(value)]: figure for (value,), figure in zip(margin.values, each, strict=True)}
