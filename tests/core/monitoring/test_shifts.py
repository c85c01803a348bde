from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlflow_evalplus.core.monitoring.shifts import Coded, independent, shifts, tables
from mlflow_evalplus.core.shares import psi
from mlflow_evalplus.results import Shift
from tests.core.monitoring.streams import at_most

REFERENCE, WINDOW = 0, 1


def compared(
    reference: dict[str, np.ndarray], window: dict[str, np.ndarray], clusters: np.ndarray | None = None
) -> tuple[Shift, ...]:
    n, m = (len(next(iter(rows.values()))) for rows in (reference, window))
    part = np.repeat([REFERENCE, WINDOW], [n, m])
    columns: dict[str, Coded] = {}
    for name in reference:
        values, codes = np.unique(np.append(reference[name], window[name]), return_inverse=True)
        columns[name] = (codes, values.tolist(), np.ones(n + m, dtype=bool))
    drawn = independent(part, clusters, np.random.default_rng(0))
    return shifts(tables(columns, part, 2, drawn), columns, WINDOW, REFERENCE)


def test_a_mix_is_compared_as_scipy_does_and_the_largest_shift_is_first() -> None:
    reference = {"channel": np.repeat(["app", "web"], [600, 400]), "still": np.repeat(["x", "y"], [500, 500])}
    window = {"channel": np.repeat(["app", "web"], [100, 200]), "still": np.repeat(["x", "y"], [151, 149])}
    found, still = compared(reference, window)
    assert (found.column, still.column) == ("channel", "still")
    counts = np.array([[100.0, 200.0], [600.0, 400.0]])
    assert found.p_value == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue)
    assert found.js == pytest.approx(jensenshannon(*counts, base=2) ** 2)
    assert found.psi == pytest.approx(psi(counts[1], counts[0]))
    assert (found.value, found.share, found.share_reference, found.n) == ("web", 2 / 3, 0.4, 300)
    assert [found.q_value, still.q_value] == pytest.approx(
        stats.false_discovery_control([found.p_value, still.p_value])
    )


def test_a_column_of_one_value_has_not_shifted_and_is_not_tested() -> None:
    (found,) = compared({"c": np.array(["x"] * 50)}, {"c": np.array(["x"] * 20)})
    assert (found.psi, found.js) == (pytest.approx(0), 0)
    assert math.isnan(found.p_value)
    assert math.isnan(found.q_value)


def test_customers_who_bring_all_their_rows_are_counted_once_in_the_test_but_wholly_in_the_shares() -> None:
    """100 customers with 10 rows each: the shares are of 1,000 rows, the test has 100 of them."""
    rng = np.random.default_rng(1)
    own = rng.choice(["app", "web"], 200)
    rows = {"c": np.repeat(own, 10)}
    who = np.repeat(np.arange(200), 10)
    (found,) = compared({"c": rows["c"][:1000]}, {"c": rows["c"][1000:]}, who)
    alike = np.array([[(own[part] == v).sum() for v in ("app", "web")] for part in (slice(100), slice(100, 200))])
    assert found.p_value == pytest.approx(stats.chi2_contingency(alike, correction=False).pvalue)
    assert found.n == 1000


def test_values_that_are_new_in_the_window_are_what_changed_most() -> None:
    (found,) = compared({"c": np.array(["a"] * 300)}, {"c": np.array(["a"] * 200 + ["<script>"] * 100)})
    assert (found.value, found.share_reference) == ("<script>", 0)
    assert found.psi > 1
    assert found.p_value < 1e-9


def test_rare_values_that_the_reference_lacks_are_seen_together() -> None:
    reference = {"store": np.array([f"v{i % 100}" for i in range(10_000)])}
    (found,) = compared(reference, {"store": np.array([f"w{i % 100}" for i in range(300)])})
    assert found.js == pytest.approx(1)
    assert found.p_value < 1e-9


def test_a_column_of_many_rare_values_has_some_that_the_reference_lacks_and_that_is_no_shift() -> None:
    """Ids and the like: a group of all the values that one side lacks, made by looking, would always be significant."""
    rng, n, n_alarms = np.random.default_rng(4), 100, 0
    for _ in range(n):
        values = np.array([f"v{i}" for i in rng.zipf(1.3, 1200) % 10**6])
        (found,) = compared({"id": values[:900]}, {"id": values[900:]})
        n_alarms += found.p_value < 0.05
    assert n_alarms <= at_most(0.05, n)


def test_labels_are_counted_by_weight_and_tested_on_effective_rows() -> None:
    rng = np.random.default_rng(2)
    part, codes, weights = (
        np.repeat([0, 1], 500),
        rng.integers(0, 2, 1000),
        np.append(np.ones(500), rng.choice([1, 9], 500)),
    )
    columns: dict[str, Coded] = {"label": (codes, ["a", "b"], np.ones(1000, dtype=bool))}
    (every, tested) = tables(columns, part, 2, np.ones(1000, dtype=bool), {"label": weights})["label"]
    assert every.sum(axis=1) == pytest.approx([500, 500])
    own = weights[500:]
    assert every[1, 0] / 500 == pytest.approx(own[codes[500:] == 0].sum() / own.sum())
    assert tested.sum(axis=1) == pytest.approx([500, own.sum() ** 2 / (own**2).sum()])
