"""The checks of data: false alarms on clean data, what they find of planted flaws, and time.

``pytest -m benchmark -s tests/benchmarks/test_data_checks.py`` prints the tables of docs/data.md.
"""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from scipy import stats

import mlflow_evalplus as ep
from tests.benchmarks.populations import table
from tests.core.data.frames import clean

pytestmark = pytest.mark.benchmark
SIMULATIONS = 400
TESTED = ("drift", "leaks", "cluster_overlap")
ROWS = [int(float(n)) for n in os.environ.get("EVALPLUS_ROWS", "1e4,1e5").split(",")]
LIMITS_S = {10_000: 1.0, 100_000: 3.0}


@pytest.mark.parametrize("n_clusters", [0, 60])
@pytest.mark.parametrize(("n_train", "n_test"), [(200, 100), (1000, 250), (500, 500)])
def test_clean_data_are_seldom_warned_of(n_train: int, n_test: int, n_clusters: int) -> None:
    rng = np.random.default_rng(n_train + n_clusters)
    alarms = dict.fromkeys(TESTED, 0)
    for _ in range(SIMULATIONS):
        parts = [clean(n, rng, n_clusters=n_clusters) for n in (n_train, n_test)]
        found = ep.check_data(*parts, cluster="customer_id" if n_clusters else None)
        for check in TESTED:
            alarms[check] += any(row.level.value in ("error", "warning") for row in found.of(check))
    rows = [(check, f"{alarms[check] / SIMULATIONS:.3f}") for check in TESTED]
    print(
        f"\n\n{n_train} + {n_test} rows, {n_clusters or 'no'} clusters: share of clean data sets that are warned of\n"
    )
    print(table(("check", "share"), rows))
    assert sum(alarms.values()) <= stats.binom.ppf(0.999, SIMULATIONS, 0.05)


def test_planted_flaws_are_found() -> None:
    """How often, on 1,000 + 250 rows, a flaw of each size is found."""
    rng, lines, n = np.random.default_rng(1), [], 100
    for name, sizes in (
        ("drift: share of a new channel", (0.05, 0.1, 0.2)),
        ("leak: share of labels told", (0.5, 0.7, 0.9)),
    ):
        for size in sizes:
            hits = 0
            for _ in range(n):
                train, test = clean(1000, rng), clean(250, rng)
                if name.startswith("drift"):
                    test["channel"] = np.where(rng.random(250) < size, "fax", test["channel"])
                    found = ep.check_data(train, test).of("drift")
                else:
                    for part in (train, test):
                        told = rng.random(len(part)) < size
                        part["told"] = np.where(told, part["label"], rng.permutation(part["label"]))
                    found = ep.check_data(train, test).of("leaks")
                hits += any(row.column in ("channel", "told") for row in found)
            lines.append((name, f"{size:.2f}", f"{hits / n:.2f}"))
    print("\n\n" + table(("flaw", "size", "found"), lines))
    assert [float(line[2]) >= 0.95 for line in lines if line[1] in ("0.20", "0.90")] == [True, True]


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("cluster", [None, "customer_id"])
def test_time_grows_with_the_rows(n: int, cluster: str | None) -> None:
    """In seconds of this process, which do not count what else the machine does."""
    train, test = (clean(n, np.random.default_rng(seed)) for seed in (1, 2))
    taken = []
    for _ in range(3):
        start, wall = time.process_time(), time.perf_counter()
        ep.check_data(train, test, slices=["channel"], cluster=cluster)
        taken.append((time.process_time() - start, time.perf_counter() - wall))
    cpu, elapsed = min(taken)
    print(f"\n{n:,} + {n:,} rows x {train.shape[1]} columns, cluster {cluster}: {cpu:.2f} s of CPU in {elapsed:.2f} s")
    assert cpu < LIMITS_S.get(n, float("inf"))
