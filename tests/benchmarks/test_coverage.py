"""Do the 95 % intervals hold the truth 95 times in 100? Simulated over populations whose cell shares are known.

All simulations of one population are the slices of one data set, so they run through the package's own counting
and estimation at once. ``pytest -m benchmark -s tests/benchmarks/test_coverage.py`` prints the table.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlflow_evalplus.core import metrics
from mlflow_evalplus.core.columns import IntArray
from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.intervals import MIN_CLASS_ROWS, estimate
from mlflow_evalplus.core.predictions import Predictions

LABELS = ("a", "b", "c")
CLASS_SHARES = {"balanced": np.array([1, 1, 1]) / 3, "skewed": np.array([0.7, 0.2, 0.1])}
RECALLS = np.array([0.85, 0.75, 0.7])
WRONG = np.array([[0, 0.6, 0.4], [0.5, 0, 0.5], [0.3, 0.7, 0]])  # label → share of each wrong prediction
SAME_LABEL = 0.3  # share of a customer's rows that have the customer's own label
LUCK = 1.0  # standard deviation of a customer's luck, against 1 of a row's
MAX_CUSTOMER_ROWS = 5
METRICS = tuple(metrics.OVERALL)
SIZES = (100, 300, 1000)
ROWS = 4_000_000  # of one population, over all simulations
MAX_SIMULATIONS = 20_000
LOW, HIGH = 0.93, 0.97


def population(shares: np.ndarray) -> np.ndarray:
    """Return the true cell shares [labels, predictions]."""
    cells = (shares * (1 - RECALLS))[:, None] * WRONG
    cells[np.diag_indices(3)] = shares * RECALLS
    return cells


def customers_of(sims: int, n: int, rng: np.random.Generator) -> IntArray:
    """Return each row's customer, [sims, n]: 1 to 5 rows each, numbered from 0 in every simulation."""
    sizes = rng.integers(1, MAX_CUSTOMER_ROWS + 1, (sims, n))
    starts = np.zeros((sims, n + MAX_CUSTOMER_ROWS), dtype=np.int64)
    ends = np.minimum(sizes.cumsum(axis=1), n)
    np.put_along_axis(starts, ends, 1, axis=1)
    return starts[:, :n].cumsum(axis=1)


def draw(shares: np.ndarray, sims: int, n: int, clustered: bool, rng: np.random.Generator) -> Predictions:
    """Return the rows of all simulations, each a slice; a customer shares label and luck between rows.

    A row is right where its luck and its customer's stay below the quantile that leaves the recall as it is.
    """
    label = rng.choice(3, (sims, n), p=shares)
    luck = rng.normal(size=(sims, n))
    columns = {}
    if clustered:
        customers = customers_of(sims, n, rng)
        own = np.take_along_axis(rng.choice(3, (sims, n), p=shares), customers, axis=1)
        label = np.where(rng.random((sims, n)) < SAME_LABEL, own, label)
        luck += np.take_along_axis(rng.normal(0, LUCK, (sims, n)), customers, axis=1)
        luck /= np.sqrt(1 + LUCK**2)
        columns["cluster"] = encoded(customers, n)
    thresholds = stats.norm.ppf(RECALLS)
    wrong = (rng.random((sims, n, 1)) > WRONG.cumsum(axis=1)[label]).sum(axis=2)
    prediction = np.where(luck < thresholds[label], label, wrong)
    columns |= {"slice.simulation": encoded(np.repeat(np.arange(sims), n), sims)}
    columns |= {"label": encoded(label, 3, LABELS), "prediction": encoded(prediction, 3, LABELS)}
    return Predictions(pa.table(columns).combine_chunks(), LABELS)


def encoded(codes: IntArray, n: int, values: tuple[str, ...] = ()) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.ravel().astype(np.int32), list(values) or [str(i) for i in range(n)])


def coverages(name: str, n: int, clustered: bool) -> tuple[int, dict[str, float]]:
    """Return the number of simulations with enough rows of every class, and the coverage of each metric there."""
    shares = CLASS_SHARES[name]
    rng = np.random.default_rng([n, clustered, len(name)])
    counts = count(draw(shares, min(MAX_SIMULATIONS, ROWS // n), n, clustered, rng))
    margin = counts.margins["simulation",]
    enough = counts.matrices(margin.rows).sum(axis=2).min(axis=1) >= MIN_CLASS_ROWS
    found = {}
    for metric in (metrics.OVERALL[key] for key in METRICS):
        (truth,), _ = metric.formula(population(shares)[None])
        estimates = estimate(metric, counts, margin)
        inside = (estimates.lower <= truth) & (truth <= estimates.upper)
        found[metric.name] = float(inside[enough].mean())
    return int(enough.sum()), found


@pytest.mark.benchmark
def test_the_simulated_populations_have_the_shares_they_claim() -> None:
    """The oracle of the coverage below: rows drawn with clusters must have the same cell shares as without."""
    rng = np.random.default_rng(0)
    for shares in CLASS_SHARES.values():
        for clustered in (False, True):
            counts = count(draw(shares, 4_000, 100, clustered, rng), [])
            drawn = counts.matrices(counts.overall.shares)[0]
            np.testing.assert_allclose(drawn, population(shares), atol=0.004)


@pytest.mark.benchmark
def test_the_95_percent_intervals_cover_93_to_97_percent() -> None:
    print(
        f"\n{'rows':12} {'classes':9} {'n':>5} {'simulations':>12} " + " ".join(f"{name[:12]:>12}" for name in METRICS)
    )
    outside = []
    for clustered in (False, True):
        for name in CLASS_SHARES:
            for n in SIZES:
                sims, found = coverages(name, n, clustered)
                what = f"{'clustered' if clustered else 'independent':12} {name:9} {n:5}"
                print(f"{what} {sims:12,} " + " ".join(f"{share:12.3f}" for share in found.values()))
                outside += [f"{what} {key} {share:.4f}" for key, share in found.items() if not LOW <= share <= HIGH]
                assert sims > 2_000
    assert not outside, "coverage of the nominal 95 % out of 93 to 97 %:\n" + "\n".join(outside)
