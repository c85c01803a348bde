from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus.core.latency import percentiles
from mlflow_evalplus.core.serial_latency import inflation, serial_percentiles
from tests.generated import inputs


@given(st.lists(st.floats(0, 1e6) | st.just(float("nan")), max_size=60))
def test_percentiles_are_numpys_and_lie_in_their_bounds(values: list[float]) -> None:
    found = serial_percentiles(np.array(values))
    known = np.array([value for value in values if value == value])
    assert set(found) == ({"p50", "p90", "p95", "p99"} if len(known) else set())
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(np.quantile(known, int(name[1:]) / 100))
        assert estimate.n == len(known)
        assert not estimate.lower > estimate.value
        assert not estimate.upper < estimate.value


def test_values_without_memory_have_the_bounds_of_independent_requests() -> None:
    values = np.random.default_rng(4).permutation(np.arange(200.0))
    assert inflation(values < 100) == 1
    alone, serial = percentiles(values), serial_percentiles(values)
    assert (serial["p50"].lower, serial["p50"].upper) == (alone["latency_ms_p50"].lower, alone["latency_ms_p50"].upper)


def queued(n: int, load: float, rng: np.random.Generator) -> np.ndarray:
    """Return how long each of n requests took in one queue with random arrivals and service (Lindley)."""
    gaps, service = rng.exponential(1 / load, n), rng.exponential(1, n)
    waits = np.zeros(n)
    for i in range(1, n):
        waits[i] = max(waits[i - 1] + service[i - 1] - gaps[i], 0)
    return waits + service


@pytest.mark.parametrize("percent", [50, 90])
def test_requests_of_one_queue_are_covered_though_they_are_late_together(percent: int) -> None:
    """At a load ρ the time in an M/M/1 queue is exponential with the rate 1 - ρ."""
    rng, load, n = np.random.default_rng(0), 0.6, inputs(200)
    true = float(stats.expon.ppf(percent / 100, scale=1 / (1 - load)))
    covered = {"serial": 0, "alone": 0}
    for _ in range(n):
        values = queued(1500, load, rng)[300:]
        for name, found in (
            ("serial", serial_percentiles(values)[f"p{percent}"]),
            ("alone", percentiles(values)[f"latency_ms_p{percent}"]),
        ):  # fmt: skip
            covered[name] += not (found.lower > true or found.upper < true)
    print({name: times / n for name, times in covered.items()})
    assert covered["serial"] / n >= 0.85
    assert covered["alone"] / n < 0.75
