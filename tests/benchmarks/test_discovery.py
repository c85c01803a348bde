"""How often discovery finds slices that are weak, how often slices that are not, and how long it takes.

Its constants were chosen on other seeds than those here. ``pytest -m benchmark -s tests/benchmarks/test_discovery.py``
prints the tables.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.discovery import discover, top_slices
from mlflow_evalplus.core.predictions import Predictions

SIZES = (2, 3, 4, 5, 8, 12)  # values of the slice columns
SEED = 20_260
NULLS = 400
ROWS = 4000
BASES = (0.8, 0.85, 0.9)
GAPS = (0.1, 0.15, 0.2, 0.3)
SLICE_ROWS = (100, 200, 500, 1000)
PLANTED = 100  # simulations of each base, gap and number of rows
CUSTOMERS = 800
MANY_PLANTED = 200
MAX_COUNTS = 3  # times the time of count()
MIN_SPEEDUP = 100  # times the speed of sliceline

Slice = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass
class Population:
    """Rows and the slices planted in them."""

    predictions: Predictions
    accuracy: np.ndarray
    planted: list[Slice]


def encoded(codes: np.ndarray, n: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), [str(i) for i in range(n)])


def answered(values: np.ndarray, right: np.ndarray, customers: np.ndarray | None = None) -> Predictions:
    columns = {"label": encoded(np.zeros(len(right)), 2), "prediction": encoded(~right, 2)}
    columns |= {f"slice.c{k}": encoded(values[i], k) for i, k in enumerate(SIZES)}
    if customers is not None:
        columns["cluster"] = encoded(customers, CUSTOMERS)
    return Predictions(pa.table(columns).combine_chunks(), ("0", "1"))


def drawn(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a value of each column for each row, [columns, rows]; some values are frequent, some rare."""
    return np.stack([rng.choice(k, n, p=rng.dirichlet(np.full(k, 5.0))) for k in SIZES])


def plant(values: np.ndarray, base: float, plants: list[tuple[int, float]], rng: np.random.Generator) -> Population:
    """Choose a slice of one or two columns for each (rows, gap), of 0 to 15 % more rows; they do not overlap."""
    accuracy = np.full(values.shape[1], base)
    planted: list[Slice] = []
    for rows, gap in plants:
        for _ in range(1000):
            places = np.sort(rng.choice(len(SIZES), rng.integers(1, 3), replace=False))
            chosen = [rng.integers(SIZES[place]) for place in places]
            inside = np.all(values[places] == np.array(chosen)[:, None], axis=0)
            if rows <= inside.sum() <= 1.15 * rows and (accuracy[inside] == base).all():
                accuracy[inside] -= gap
                planted.append((tuple(f"c{SIZES[place]}" for place in places), tuple(map(str, chosen))))
                break
    return Population(answered(values, rng.random(len(accuracy)) < accuracy), accuracy, planted)


def share_with_findings(draw: Callable[[np.random.Generator], Predictions], n: int = NULLS) -> float:
    found = [bool(discover(draw(np.random.default_rng([SEED, seed])), seed=seed).rows) for seed in range(n)]
    return float(np.mean(found))


def bound(n: int) -> float:
    """Return the share that is exceeded with a probability of 0.1 % where the true one is 5 %."""
    return float(stats.binom.ppf(0.999, n, 0.05) / n)


def clustered_null(rng: np.random.Generator) -> Predictions:
    """Customers differ in luck, and half of the columns are the customer's own."""
    customers = rng.integers(0, CUSTOMERS, ROWS)
    values = drawn(ROWS, rng)
    values[::2] = drawn(CUSTOMERS, rng)[::2, customers]
    right = rng.random(ROWS) < rng.beta(0.85 * 3, 0.15 * 3, CUSTOMERS)[customers]
    return answered(values, right, customers)


def null_of_texts(rng: np.random.Generator) -> Predictions:
    """Messages of eight words, the frequent ones as frequent as in a language."""
    frequency = 1 / np.arange(1, 1001)
    words = np.array([f"word{i}" for i in range(1000)], dtype=object)
    texts = [" ".join(row) for row in rng.choice(words, (1000, 8), p=frequency / frequency.sum())]
    predictions = answered(drawn(1000, rng), rng.random(1000) < 0.85)
    table = predictions.table.append_column("text", pa.chunked_array([pa.array(texts)]))
    return Predictions(table.combine_chunks(), predictions.labels)


@pytest.mark.benchmark
def test_where_no_slice_is_weak_one_is_found_in_5_percent_at_most() -> None:
    print(f"\nsimulations with a finding, of {NULLS} in which no slice is weak")
    shares = {
        f"accuracy {base}, {rows:,} rows": share_with_findings(
            lambda rng, n=rows, p=base: answered(drawn(n, rng), rng.random(n) < p)  # type: ignore[misc]
        )
        for base, rows in ((0.8, ROWS), (0.9, ROWS), (0.95, ROWS), (0.9, 1000))
    }
    shares["customers who differ"] = share_with_findings(clustered_null)
    shares["texts, 1,000 rows"] = share_with_findings(null_of_texts)
    for what, share in shares.items():
        print(f"{what:28} {share:6.2%}")
    assert max(shares.values()) <= bound(NULLS)
    assert np.mean(list(shares.values())) <= 0.05


@pytest.mark.benchmark
def test_planted_slices_are_found() -> None:
    print("\nplanted slices found, by their rows\naccuracy  gap " + " ".join(f"{rows:>6,}" for rows in SLICE_ROWS))
    recall = {}
    for base in BASES:
        for gap in GAPS:
            for rows in SLICE_ROWS:
                hits = []
                for seed in range(PLANTED):
                    rng = np.random.default_rng([SEED, seed, rows, int(1000 * gap), int(1000 * base)])
                    population = plant(drawn(ROWS, rng), base, [(rows, gap)], rng)
                    found = {(row.columns, row.values) for row in discover(population.predictions, seed=seed).rows}
                    hits += [one in found for one in population.planted]
                recall[base, gap, rows] = float(np.mean(hits))
            print(f"{base:8}  {gap:<4} " + " ".join(f"{recall[base, gap, rows]:6.2f}" for rows in SLICE_ROWS))
    print(f"from 10 points and 100 rows {np.mean(list(recall.values())):.3f}")
    clear = [share for (_, gap, rows), share in recall.items() if gap >= 0.15 and rows >= 200]
    print(f"from 15 points and 200 rows {np.mean(clear):.3f}")
    assert np.mean(list(recall.values())) >= 0.8  # 100 rows with a gap of 10 points cannot be told from chance
    assert np.mean(clear) >= 0.9


@pytest.mark.benchmark
def test_three_slices_planted_at_once_are_told_apart_and_their_accuracy_is_covered() -> None:
    hits, found_rows, planted_rows, covered, errors = [], 0, 0, [], []
    for seed in range(MANY_PLANTED):
        rng = np.random.default_rng([SEED, seed, 3])
        plants = [(int(rng.uniform(200, 1000)), float(rng.uniform(0.15, 0.3))) for _ in range(3)]
        population = plant(drawn(10_000, rng), 0.88, plants, rng)
        rows = {(row.columns, row.values): row for row in discover(population.predictions, seed=seed).rows}
        hits += [one in rows for one in population.planted]
        found_rows += len(rows)
        planted_rows += len(rows.keys() & set(population.planted))
        for one in rows.keys() & set(population.planted):
            truth = population.accuracy[inside(population.predictions, one)].mean()
            covered.append(rows[one].accuracy.lower <= truth <= rows[one].accuracy.upper)
            errors.append(rows[one].accuracy.value - truth)
    print(
        f"\nthree planted: {np.mean(hits):.3f} found; {planted_rows / found_rows:.3f} of the findings were planted; "
        f"95 % interval covers {np.mean(covered):.3f}; accuracy is off by {np.mean(errors):+.4f} in the mean"
    )
    assert np.mean(hits) >= 0.9
    assert planted_rows / found_rows >= 0.9
    assert 0.92 <= np.mean(covered) <= 0.98


def inside(predictions: Predictions, one: Slice) -> np.ndarray:
    mask = np.ones(len(predictions), dtype=bool)
    for column, value in zip(*one, strict=True):
        codes, values = predictions.codes(f"slice.{column}")
        mask &= codes == values.index(value)
    return mask


def seconds(work: Callable[[], object], times: int = 9) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def large(n: int) -> Predictions:
    rng = np.random.default_rng(SEED)
    values = np.stack([rng.integers(0, k, n) for k in SIZES])
    accuracy = 0.85 - 0.15 * ((values[0] == 1) & (values[3] == 2)) - 0.12 * (values[5] == 7)
    return answered(values, rng.random(n) < accuracy)


@pytest.mark.benchmark
def test_a_million_rows_take_at_most_three_times_as_long_as_counting_them() -> None:
    predictions = large(1_000_000)
    counting, searching, deeper = (
        seconds(work)
        for work in (
            lambda: count(predictions),
            lambda: discover(predictions),
            lambda: discover(predictions, depth=3),
        )
    )
    print(
        f"\n10⁶ rows: count {counting * 1e3:.0f} ms, discover {searching * 1e3:.0f} ms ({searching / counting:.1f} ×), "
        f"at depth 3 {deeper * 1e3:.0f} ms ({deeper / counting:.1f} ×)"
    )
    assert searching <= MAX_COUNTS * counting
    assert [row.name for row in discover(predictions).rows] == ["c2=1 & c5=2", "c12=7"]


@pytest.mark.benchmark
@pytest.mark.parametrize("alpha", [0.95, 0.99])
def test_top_slices_are_those_of_sliceline_a_hundred_times_as_fast(alpha: float) -> None:
    sliceline = pytest.importorskip("sliceline.slicefinder")
    predictions = large(100_000)
    frame = pd.DataFrame({c: predictions.table[f"slice.{c}"].to_pylist() for c in predictions.slice_columns})
    errors = (predictions.label_codes("prediction") != predictions.label_codes("label")).astype(float)
    theirs = sliceline.Slicefinder(alpha=alpha, k=4, max_l=3, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        their_seconds = seconds(lambda: theirs.fit(frame, errors), 1)
    expected = [
        (tuple(c for c, v in zip(frame, row, strict=True) if v is not None), tuple(v for v in row if v is not None))
        for row in theirs.top_slices_
    ]
    ours = top_slices(predictions, k=4, alpha=alpha, depth=3)
    discovering = seconds(lambda: discover(predictions, depth=3))
    ranking = seconds(lambda: top_slices(predictions, k=4, alpha=alpha, depth=3))
    print(
        f"\nα {alpha}: sliceline {their_seconds:.2f} s, discover {discovering * 1e3:.0f} ms "
        f"({their_seconds / discovering:.0f} ×), top_slices {ranking * 1e3:.0f} ms ({their_seconds / ranking:.0f} ×)"
    )
    for score, columns, values, n, wrong in ours:
        print(f"  {score:.4f} {' & '.join(map('='.join, zip(columns, values, strict=True)))}  {wrong:,} of {n:,} wrong")
    assert [(columns, values) for _, columns, values, _, _ in ours] == expected
    np.testing.assert_allclose([row[0] for row in ours], [s["slice_score"] for s in theirs.top_slices_statistics_])
    assert their_seconds >= MIN_SPEEDUP * ranking
