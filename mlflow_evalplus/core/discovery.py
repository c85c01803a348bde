"""Weak slices that nobody declared: searched in one half of the rows and confirmed in the other, both ways round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.core.conjunctions import MIN_ROWS, Conjunctions, count_conjunctions
from mlflow_evalplus.core.counts import count_cells, crossings
from mlflow_evalplus.core.folding import Population, select, simplified
from mlflow_evalplus.core.intervals import estimate, false_discovery
from mlflow_evalplus.core.predictions import Predictions
from mlflow_evalplus.core.slices import MAX_Q, MIN_GAP
from mlflow_evalplus.core.weakness import Weakness, weakness
from mlflow_evalplus.results import Discovery, Finding

MAX_SHARE = 0.9  # of all rows: a slice that is nearly everything names what the few others are not
SEARCH_P = 0.05  # of what may be nominated
MIN_CANDIDATES = 100  # at most so many are nominated from, and more …
MAX_MASK_CELLS = 5_000_000  # … as long as all of them by all units are no more cells than these
MAX_NOMINATED = 10  # and the others nominated do not explain
RELATIVES = 3  # parents and children of one nominated that are tested once it is confirmed
SURE = 0.05  # expected false alarms of its kind below which a nomination is worth no more weight
FOLD_P = 0.002  # of a confirmed slice beyond the others: there are many children, and the worst looks worst
STREAM = 93_509  # apart from that of data simulated with the same seed: a slice could else be one of the halves
MIN_SUPPORT = 10  # the default of the package sliceline


@dataclass(frozen=True)
class Nominated:
    """What the search in one half hands to the other.

    Attributes
    ----------
    places : int array
        The conjunctions, those with the strongest evidence first.
    weights : float array
        Of each in the Benjamini–Hochberg procedure; their mean is 1.
    relatives : list of int array
        Per conjunction, those of its parents and children that were candidates.
    """

    places: IntArray
    weights: FloatArray
    relatives: list[IntArray]


def discover(predictions: Predictions, *, depth: int = 2, confidence: float = 0.95, seed: int = 0) -> Discovery:
    """Find conjunctions of slice values and words in which the accuracy is lower than in the other rows.

    The rows, or the whole clusters, are parted at random. What looks weak in one half is nominated, and is tested
    in the other, which the search has not seen; then the other way round. If no slice is weak, anything is found
    with a probability of at most 5 %: each way gets half of it.

    Parameters
    ----------
    predictions : Predictions
        Slice columns, slices that the texts yield (`TEXT_SLICES`) and their words are searched.
    depth : int
        Columns in a conjunction, 2 or 3; at most one of them is ``word``.
    confidence : float
        Of the intervals of the accuracies.
    seed : int
        Of the halves; equal seeds, equal findings.

    Returns
    -------
    Discovery
        Slices of at most nine tenths of the rows that are at least 2 points worse and that the others found do not
        explain.

    Notes
    -----
    Nominated are slices of at least 30 rows with p < 0.05, each beyond those nominated before it; of parents and
    children the one with the strongest evidence. In the other half they are tested by the weighted procedure of
    Genovese, Roeder and Wasserman (2006), doi:10.1093/biomet/93.3.509, with weights 1 / (0.05 + p · conjunctions
    of that depth) from the searched half. Once one is confirmed, its parents and children may be confirmed too,
    at its own level. In the end those that others explain in all rows are folded.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> channel, language = np.array(["app", "web", "email"] * 400), np.array(["en", "zh"] * 600)
    >>> wrong = (channel == "web") & (language == "zh") & (np.arange(1200) % 4 > 0)
    >>> frame = pd.DataFrame({"label": "a", "channel": channel, "language": language})
    >>> found = discover(read(frame.assign(prediction=np.where(wrong, "b", "a")), slices=["channel", "language"]))
    >>> [(row.name, row.n) for row in found.rows]
    [('channel=web & language=zh', 200)]
    """
    found = count_conjunctions(predictions, np.random.default_rng([seed, STREAM]), depth=depth)
    confirmed: dict[int, Finding] = {}
    for searched, other in ((0, 1), (1, 0)):
        nominated = _nominated(found, searched)
        confirmed = _confirmed(found, nominated, other, confidence) | confirmed
    rows = sorted((confirmed[place] for place in _folded(found, sorted(confirmed))), key=lambda row: row.gap * row.n)
    return Discovery(tuple(rows), int((_searchable(found, 0) | _searchable(found, 1)).sum()))


def _searchable(found: Conjunctions, half: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    n = found.n(half)
    return np.asarray((n >= MIN_ROWS) & (found.n(0, 1) <= MAX_SHARE * found.overall.rows.sum()))


def _nominated(found: Conjunctions, half: int) -> Nominated:
    places = np.flatnonzero(_searchable(found, half))
    if not len(places):
        return Nominated(places, np.zeros(0), [])
    tests = weakness(*found.of(places, half))
    penalised = tests.log_p + found.log_alike[places]
    candidates = np.flatnonzero((tests.p_values < SEARCH_P) & (tests.gaps <= -MIN_GAP))
    most = max(MIN_CANDIDATES, MAX_MASK_CELLS // len(found.units.weights))
    candidates = candidates[np.argsort(penalised[candidates], kind="stable")[:most]]
    chosen = places[candidates]
    population = _population(found, chosen, tests.take(candidates), half)
    kept, log_p = select(population, max_p=SEARCH_P, min_gap=MIN_GAP, most=MAX_NOMINATED)
    weights = 1 / (SURE + np.exp(log_p))
    return Nominated(chosen[kept], weights / weights.mean() if kept else weights, _relatives(found, chosen, kept))


def _population(found: Conjunctions, places: IntArray, tests: Weakness, *halves: int) -> Population:
    weights, squares = (
        mass.reshape(-1, 2, 2)[:, list(halves)].sum(axis=1) for mass in (found.units.weights, found.units.squares)
    )
    return Population(
        found.masks(places), weights.sum(axis=1), weights[:, 1], squares.sum(axis=1),
        tests.log_p, tests.scale, found.log_alike[places],
    )  # fmt: skip


def _relatives(found: Conjunctions, candidates: IntArray, kept: Sequence[int]) -> list[IntArray]:
    """Return for each candidate kept its parents and children among the others, the best few."""
    items = [set(zip(found.columns[c], found.every.values[c], strict=True)) for c in candidates]
    others = [i for i in range(len(candidates)) if i not in kept]
    near = [[i for i in others if items[i] < items[k] or items[i] > items[k]][:RELATIVES] for k in kept]
    return [candidates[relatives] for relatives in near]


def _confirmed(found: Conjunctions, nominated: Nominated, half: int, confidence: float) -> dict[int, Finding]:
    """Test what was nominated in the half that did not nominate it."""
    if not len(nominated.places) or not found.overall.rows.reshape(2, 2)[half].sum():
        return {}
    every = np.concatenate([nominated.places, *nominated.relatives])
    tests = weakness(*found.of(every, half))
    lead = tests.p_values[: len(nominated.places)]
    q_lead = np.minimum(2 * false_discovery(np.minimum(lead / nominated.weights, 1)), 1)
    of = np.repeat(np.arange(len(lead)), [len(relatives) for relatives in nominated.relatives])
    shared = np.bincount(of, minlength=len(lead))[of]
    ratio = shared * tests.p_values[len(lead) :] / np.maximum(lead[of], np.finfo(float).tiny)
    q_values = np.concatenate([q_lead, np.minimum(q_lead[of] * np.maximum(ratio, 1), 1)])
    good = np.flatnonzero((q_values < MAX_Q) & (tests.gaps <= -MIN_GAP))
    if not len(good):
        return {}
    accuracy = estimate(metrics.OVERALL["accuracy"], *found.of(every[good], half), confidence).each()
    n = found.n(0, 1)
    return {
        place: Finding(found.columns[place], found.every.values[place], int(n[place]), accuracy[i],
                       float(tests.gaps[good[i]]), float(q_values[good[i]]))
        for i, place in enumerate(every[good].tolist())
    }  # fmt: skip


def _folded(found: Conjunctions, confirmed: Sequence[int]) -> list[int]:
    """Return those confirmed that the others do not explain, in all rows."""
    if not confirmed:
        return []
    places = np.array(confirmed)
    tests = weakness(*found.of(places, 0, 1))
    population = _population(found, places, tests, 0, 1)
    kept, _ = select(population, max_p=FOLD_P, min_gap=MIN_GAP, most=len(places))
    kept = simplified(population, kept, max_p=FOLD_P, min_gap=MIN_GAP)
    return [confirmed[place] for place in kept]


def top_slices(
    predictions: Predictions, *, k: int = 4, alpha: float = 0.95, depth: int = 2, min_rows: int | None = None
) -> list[tuple[float, tuple[str, ...], tuple[str, ...], int, int]]:
    """Return the `k` conjunctions with the highest score of SliceLine, by exact enumeration of the counts.

    Parameters
    ----------
    predictions : Predictions
    k : int
        At most so many; of equal scores the one with fewer columns comes first.
    alpha : float
        How much the error rate counts against the size, above 0, at most 1.
    depth : int
        Columns in a conjunction.
    min_rows : int, optional
        Smallest slice; 10 by default, as in the package sliceline.

    Returns
    -------
    list of (score, columns, values, n, errors)
        Only positive scores: ``α (ē_slice / ē - 1) - (1 - α) (n / |S| - 1)``, ē being error rates.

    Notes
    -----
    Sagadeeva and Boehm (2021), doi:10.1145/3448016.3457323. A score tells no chance finding from a weak slice.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.predictions import read
    >>> frame = pd.DataFrame({"label": "a", "prediction": ["a", "a", "a", "b"] * 9, "channel": list("ppqq") * 9})
    >>> top_slices(read(frame, slices=["channel"]), alpha=0.9)
    [(0.8, ('channel',), ('q',), 18, 9)]
    """
    wrong = (predictions.label_codes("prediction") != predictions.label_codes("label")).astype(np.int64)
    wanted = crossings(predictions.slice_columns, min(depth, len(predictions.slice_columns)))
    counted = [replace(margin, blocks=None) for margin in count_cells(predictions, wrong, 2, wanted).values()]
    n_all, errors_all = counted[0].rows.sum(), counted[0].rows[0, 1]
    best: list[tuple[float, tuple[str, ...], tuple[str, ...], int, int]] = []
    for margin in counted[1:]:
        n, errors = margin.rows.sum(axis=1), margin.rows[:, 1]
        scores = alpha * (errors / n * n_all / max(errors_all, 1) - 1) - (1 - alpha) * (n_all / n - 1)
        eligible = (n >= (MIN_SUPPORT if min_rows is None else min_rows)) & (errors > 0) & (scores > 0)
        for i in np.flatnonzero(eligible)[np.argsort(-scores[eligible], kind="stable")[:k]]:
            best.append((float(scores[i]), margin.columns, margin.values[i], int(n[i]), int(errors[i])))
    return sorted(best, key=lambda row: -row[0])[:k]
