"""Where the errors come from: split over class pairs, slices and words, each error once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.counts import Counts, Margin, count_cells, stacked
from mlflow_evalplus.core.intervals import estimate, false_discovery
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.slices import MAX_Q, clustered_spread, gap_tests
from mlflow_evalplus.core.tokens import term_entries
from mlflow_evalplus.core.weakness import weakness
from mlflow_evalplus.results.attribution import Source

CLASS_PAIR, SLICE, WORD = "class_pair", "slice", "word"
NO_WORD = "(no word stands out)"
MAX_EXAMPLES = 20
MAX_LISTED = 200  # words; what holds only weaker ones stands with those that hold none
MIN_PHRASE_ROWS = 30


def split_errors(
    errors: Errors, *, confidence: float = 0.95, max_words: int = 30_000, min_rows: int = 5
) -> tuple[Source, ...]:
    """Split the errors over class pairs, over the values of each slice column and over words, so that shares add up.

    Parameters
    ----------
    errors : Errors
        Words are looked at where there are texts.
    confidence : float
        Of the intervals of the excess errors.
    max_words : int
        At most so many words and phrases are tested, those that most texts hold.
    min_rows : int
        A word that fewer texts hold is not tested; neither is a phrase, two words with a space between them, that
        fewer than 30 hold.

    Returns
    -------
    tuple of Source
        Every class pair with errors, every slice, and at most 200 words whose error rate is above the rest's with
        q < 0.05, beside what holds none of them; empty without errors.

    Notes
    -----
    A slice of n examples has ``errors - n · (error rate of the run)`` excess errors, which is a multiple of the gap
    between the error rates of slice and rest. Its interval is Newcombe's (1998), method 10,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I, on effective sample sizes for weighted rows;
    for clustered rows the cluster-robust one with Student's t that `gap_tests` tests by.
    q-values: Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> frame = pd.DataFrame({"label": list("aabb"), "prediction": list("abbb"), "channel": ["app", "web"] * 2})
    >>> found = split_errors(Errors.of(read(frame, slices=["channel"])))
    >>> [(row.name, row.errors, row.share_of_errors) for row in found]
    [('a → b', 1, 1.0), ('channel=web', 1, 1.0), ('channel=app', 0, 0.0)]
    """
    if not len(errors.rows):
        return ()
    has_texts = "text" in errors.predictions.table.column_names
    words = _words(errors, *_strongest(errors, max_words, min_rows), confidence) if has_texts else []
    return (*_class_pairs(errors), *_slices(errors, confidence), *words)


@dataclass(frozen=True)
class Errors:
    """The errors of a run, in the order in which they are shown.

    Attributes
    ----------
    predictions : Predictions
    wrong : int array, [rows]
        1 where the prediction is wrong.
    rows : int array
        The rows that are wrong, the most confident first.
    masses : list of float array
        As `Predictions.masses` returns them, with ones.
    ids : pyarrow.ChunkedArray
        Of all rows.
    """

    predictions: Predictions
    wrong: IntArray
    rows: IntArray
    masses: list[FloatArray]
    ids: pa.ChunkedArray

    @classmethod
    def of(cls, predictions: Predictions) -> Errors:
        """Return the errors among these rows."""
        given = predictions.label_codes("prediction")
        wrong = (given != predictions.label_codes("label")).astype(np.int64)
        rows = np.flatnonzero(wrong)
        sure = np.full(len(rows), -1.0)
        for code, label in enumerate(predictions.labels):
            scores = predictions.floats(f"score.{label}")
            if scores is not None:
                sure[given[rows] == code] = scores[rows[given[rows] == code]]
        masses = [np.ones(len(wrong)) if mass is None else mass for mass in predictions.masses()]
        ids = predictions.with_ids().table["example_id"]
        return cls(predictions, wrong, rows[np.argsort(-sure, kind="stable")], masses, ids)

    @property
    def n(self) -> int:
        """All examples."""
        return len(self.wrong)

    @property
    def n_errors(self) -> int:
        """Those among them that are wrong."""
        return len(self.rows)

    @property
    def weights(self) -> FloatArray:
        """What each row weighs in shares and rates."""
        return self.masses[len(self.masses) // 2]

    def count(self, predictions: Predictions, rows: IntArray | slice, columns: Sequence[str]) -> Counts:
        """Count right and wrong over each column of `predictions`, whose rows are some of this run's."""
        margins = count_cells(predictions, self.wrong[rows], 2, [(column,) for column in columns])
        overall = count_cells(self.predictions, self.wrong, 2, [()])
        return Counts(("right",), ("right", "wrong"), overall | margins)

    def examples(self, places: IntArray, groups: IntArray, n_groups: int) -> list[tuple[str, ...]]:
        """Return the ids of the first errors of each group; `places` are those in `rows`, in any order."""
        order = np.lexsort((places, groups))
        bounds = np.searchsorted(groups[order], np.arange(n_groups + 1))
        chosen = [order[first : min(last, first + MAX_EXAMPLES)] for first, last in pairwise(bounds.tolist())]
        return [tuple(self.ids.take(pa.array(self.rows[places[group]])).to_pylist()) for group in chosen]


def _class_pairs(run: Errors) -> list[Source]:
    """Return the pairs with errors, those with the largest share first."""
    labels = run.predictions.labels
    label, given = (run.predictions.label_codes(column)[run.rows] for column in ("label", "prediction"))
    n, weights = (
        np.bincount(run.predictions.label_codes("label"), mass, len(labels)) for mass in (run.masses[0], run.weights)
    )
    pairs, pair = np.unique(label * (len(labels) + 1) + given, return_inverse=True)
    errors, wrong = (np.bincount(pair, mass[run.rows]) for mass in (run.masses[0], run.weights))
    examples = run.examples(np.arange(len(pair)), pair, len(pairs))
    answers = [*labels, names.OTHER]
    nan = math.nan
    found = []
    for place in np.argsort(-wrong, kind="stable").tolist():
        own, other = divmod(int(pairs[place]), len(answers))
        found.append(Source(
            CLASS_PAIR, CLASS_PAIR, f"{labels[own]} → {answers[other]}", round(n[own]), round(errors[place]),
            float(weights[own] / weights.sum()), float(wrong[place] / wrong.sum()),
            float(wrong[place] / weights[own]), nan, nan, nan, nan, nan, examples[place],
        ))  # fmt: skip
    return found


def _slices(run: Errors, confidence: float) -> list[Source]:
    columns = run.predictions.slice_columns
    if not columns:
        return []
    counts = run.count(run.predictions, slice(None), columns)
    margins = [counts.margins[column,] for column in columns]
    margin = stacked(margins)
    figures = iter(_figures(run, counts, margin, confidence))
    q_values = iter(false_discovery(gap_tests(counts, margin)[1]).tolist())
    shares = iter((margin.weights[:, 1] / counts.overall.weights[0, 1]).tolist())
    found: list[Source] = []
    for column, part in zip(columns, margins, strict=True):
        codes, values = run.predictions.codes(f"slice.{column}")
        held = run.examples(np.arange(len(run.rows)), codes[run.rows], len(values))
        examples = dict(zip(values, held, strict=True))
        of_column = [
            Source(SLICE, column, f"{column}={value}", share_of_errors=next(shares), q_value=next(q_values),
                   examples=examples[value], **next(figures))
            for (value,) in part.values
        ]  # fmt: skip
        found += sorted(of_column, key=lambda row: (-row.excess, row.name))
    return found


def _strongest(run: Errors, max_words: int, min_rows: int) -> tuple[IntArray, IntArray, list[str], FloatArray]:
    """Return the entries of the words that stand out, their names and q-values, those with the smallest p first."""
    rows, terms, vocabulary = term_entries(
        run.predictions.table["text"], min_rows=min_rows, min_phrase_rows=max(MIN_PHRASE_ROWS, min_rows),
        max_terms=max_words,
    )  # fmt: skip
    if not vocabulary:
        return rows, terms, [], np.zeros(0)
    counts = _count_terms(run, rows, terms, vocabulary)
    tests = weakness(counts, counts.margins[WORD,])
    q_values = false_discovery(tests.p_values)
    good = np.flatnonzero((q_values < MAX_Q) & (tests.gaps < 0))
    best = good[np.argsort(tests.log_p[good], kind="stable")[:MAX_LISTED]]
    place = np.full(len(vocabulary), -1)
    place[best] = np.arange(len(best))
    kept = place[terms] >= 0
    return rows[kept], place[terms[kept]], [vocabulary[word] for word in best], q_values[best]


def _count_terms(run: Errors, rows: IntArray, terms: IntArray, vocabulary: Sequence[str]) -> Counts:
    table = run.predictions.table
    given = [column for column in ("cluster", "weight", "n", "weight_squares") if column in table.column_names]
    column = pa.chunked_array([pa.DictionaryArray.from_arrays(terms.astype(np.int32), list(vocabulary))])
    held = pa.table(
        {name: table[name].take(pa.array(rows)).combine_chunks() for name in given} | {"slice.word": column}
    )
    return run.count(Predictions(held.combine_chunks(), run.predictions.labels), rows, [WORD])


def _words(
    run: Errors, rows: IntArray, terms: IntArray, vocabulary: list[str], q_values: FloatArray, confidence: float
) -> list[Source]:
    """Return the words that stand out; last what holds none of them, a word of its own."""
    owner = np.full(len(run.wrong), len(vocabulary))
    np.minimum.at(owner, rows, terms)
    without = np.flatnonzero(owner == len(vocabulary))
    rows = np.concatenate([rows, without])
    terms = np.concatenate([terms, np.full(len(without), len(vocabulary))])
    counts = _count_terms(run, rows, terms, [*vocabulary, NO_WORD])
    figures = _figures(run, counts, counts.margins[WORD,], confidence)
    owned = np.bincount(owner[run.rows], run.weights[run.rows], len(vocabulary) + 1)
    place = np.full(len(run.wrong), -1)
    place[run.rows] = np.arange(len(run.rows))
    wrong = place[rows] >= 0
    examples = run.examples(place[rows[wrong]], terms[wrong], len(vocabulary) + 1)
    named = [*(f"word={word}" for word in vocabulary), NO_WORD]
    return [
        Source(WORD, WORD, name, share_of_errors=share, q_value=q, examples=ids, **of_word)
        for name, share, q, ids, of_word in zip(
            named, (owned / owned.sum()).tolist(), [*q_values.tolist(), math.nan], examples, figures, strict=False
        )
    ]  # where no row is without a word there are no figures of such rows


def _figures(run: Errors, counts: Counts, margin: Margin, confidence: float) -> list[dict[str, Any]]:
    """Return what a `Source` holds of each slice of the margin but its name, share of errors, q-value and examples."""
    weights, wrong = margin.weights.sum(axis=1), margin.weights[:, 1]
    all_weights, all_wrong = counts.overall.weights.sum(), counts.overall.weights[0, 1]
    rest = all_weights - weights
    alone = rest < 1e-9 * all_weights
    rates = np.divide(all_wrong - wrong, rest, out=np.full(len(rest), np.nan), where=~alone)
    per_weight = run.n / all_weights
    excess = np.where(alone, 0.0, (wrong - weights * all_wrong / all_weights) * per_weight)
    spans = np.where(alone, 0.0, weights * rest / all_weights * per_weight)
    clustered = margin.blocks is not None
    lower, upper = (_robust if clustered else _newcombe)(counts, margin, np.flatnonzero(~alone), confidence)
    lower, upper = np.minimum(spans * lower, excess), np.maximum(spans * upper, excess)  # rounding must not pass it
    columns = {
        "n": margin.rows.sum(axis=1).round().astype(np.int64), "errors": margin.rows[:, 1].round().astype(np.int64),
        "share_of_rows": weights / all_weights, "error_rate": wrong / weights, "error_rate_rest": rates,
        "excess": excess, "excess_lower": lower, "excess_upper": upper,
    }  # fmt: skip
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*(array.tolist() for array in columns.values()), strict=True)
    ]


def _newcombe(counts: Counts, margin: Margin, tested: IntArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return the interval of the error rate less the rest's, where there is a rest."""
    overall = counts.overall
    sides = []
    for there in (False, True):
        rows, weights, squares = (
            np.maximum(every - own[tested], 0) if there else own[tested]
            for every, own in ((overall.rows, margin.rows), (overall.weights, margin.weights),
                               (overall.squares, margin.squares))
        )  # fmt: skip
        part = Margin((), [margin.values[place] for place in tested], rows, weights, squares)
        sides.append(estimate(metrics.OVERALL["accuracy"], counts, part, confidence))
    here, rest = sides
    gap = rest.value - here.value
    lower, upper = np.zeros(len(margin.values)), np.zeros(len(margin.values))
    lower[tested] = gap - np.hypot(here.upper - here.value, rest.value - rest.lower)
    upper[tested] = gap + np.hypot(here.value - here.lower, rest.upper - rest.value)
    return lower, upper


def _robust(counts: Counts, margin: Margin, tested: IntArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return the same for clustered rows: with p = 1 - confidence in `gap_tests` it ends at 0."""
    overall, weights = counts.overall, margin.weights.sum(axis=1)
    rest, (right, wrong) = overall.weights.sum() - weights, overall.shares[0]
    rest = np.where(np.isin(np.arange(len(rest)), tested), rest, np.inf)
    spread, clusters = clustered_spread(overall, margin, np.array([wrong, -right]), weights, rest)
    half = stats.t.ppf((1 + confidence) / 2, np.maximum(clusters - 1, 1)) * np.sqrt(spread)
    gap = margin.weights[:, 1] / weights - (overall.weights[0, 1] - margin.weights[:, 1]) / rest
    return gap - half, gap + half
