from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.cost import cost_matrix, cost_per_1000
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.latency import percentiles
from mlflow_evalplus.requirements import Prices
from mlflow_evalplus.results import Latency


@settings(deadline=None, max_examples=80)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=400), st.sampled_from([0.8, 0.95, 0.99]))
def test_percentiles_equal_numpy_and_lie_between_their_bounds(milliseconds: list[float], confidence: float) -> None:
    found = percentiles(np.array(milliseconds), confidence)
    assert tuple(found) == names.LATENCY_METRICS
    for estimate, share in zip(found.values(), (50, 95, 99), strict=True):
        assert estimate.value == pytest.approx(np.percentile(milliseconds, share))
        assert estimate.n == len(milliseconds)
        for bound in (estimate.lower, estimate.upper):
            assert math.isnan(bound) or bound in [*milliseconds, estimate.value]
        assert not estimate.lower > estimate.value
        assert not estimate.upper < estimate.value * (1 - 1e-12)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("n", [20, 59, 60, 298, 300, 1000])
def test_the_bounds_are_the_closest_ranks_that_hold_the_confidence(n: int, confidence: float) -> None:
    """X(r) lies below the percentile when at least r of n requests do: a binomial count, summed by hand."""
    for key, estimate in percentiles(np.arange(1.0, n + 1), confidence).items():
        share = int(key.rsplit("p", 1)[1]) / 100
        below = np.array([math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]).cumsum()
        tail = (1 - confidence) / 2
        ranks = np.arange(1, n + 1)
        lowers = ranks[1 - below[ranks - 1] >= 1 - tail]
        uppers = ranks[below[ranks - 1] >= 1 - tail]
        assert estimate.lower == pytest.approx(lowers.max() if len(lowers) else math.nan, nan_ok=True)
        assert estimate.upper == pytest.approx(uppers.min() if len(uppers) else math.nan, nan_ok=True)


def test_the_interval_covers_whatever_the_distribution() -> None:
    rng = np.random.default_rng(0)
    draws = rng.lognormal(3, 1, (800, 120))
    for share, key in ((0.5, "latency_ms_p50"), (0.95, "latency_ms_p95")):
        truth = stats.lognorm(1, scale=math.exp(3)).ppf(share)
        inside = [(e := percentiles(row)[key]).lower <= truth <= e.upper for row in draws]
        assert np.mean(inside) > 0.945


def test_too_few_requests_have_no_upper_bound() -> None:
    found = percentiles(np.arange(1.0, 51.0))
    assert math.isnan(found["latency_ms_p95"].upper)
    assert found["latency_ms_p95"].lower > 40
    assert not math.isnan(found["latency_ms_p50"].upper)
    for estimate in percentiles(np.array([])).values():
        assert not estimate.defined
        assert estimate.n == 0


COSTS = {"negative": {"neutral": 5, "positive": 20}, "positive": {"negative": 8}}


def test_a_cell_that_is_not_priced_is_free_and_no_answer_costs_the_dearest_error() -> None:
    labels = ["negative", "neutral", "positive"]
    matrix = cost_matrix(COSTS, labels, [*labels, names.OTHER])
    assert matrix.tolist() == [[0, 5, 20, 20], [0, 0, 0, 0], [8, 0, 0, 8]]


@pytest.mark.parametrize("cluster", [None, "customer_id"])
def test_the_cost_of_errors_is_the_mean_of_the_rows_prices(frame: pd.DataFrame, cluster: str | None) -> None:
    frame = frame.assign(prediction=frame["prediction"].mask(frame.index % 50 == 0))
    result = evaluate(frame, slices=["channel"], cluster=cluster, requirements={"error_costs": COSTS})
    dearest = {"negative": 20, "neutral": 0, "positive": 8}
    paid = pd.Series(
        [
            dearest[row.label]
            if not isinstance(row.prediction, str)
            else COSTS.get(row.label, {}).get(row.prediction, 0)
            for row in frame.itertuples()
        ]
    )
    found = result.metrics["error_cost"]
    assert found.value == pytest.approx(paid.mean())
    web = frame["channel"] == "web"
    assert result.slices["channel=web"].metrics["error_cost"].value == pytest.approx(paid[web].mean())
    # Wilson's interval is the normal one but for terms of 1 / n
    error = paid.std(ddof=0) / math.sqrt(600)
    if cluster:
        totals = (paid - paid.mean()).groupby(frame["customer_id"]).sum()
        error = math.sqrt((totals**2).sum() * len(totals) / (len(totals) - 1)) / 600
    assert found.upper - found.lower == pytest.approx(2 * 1.959964 * error, rel=0.03)


def test_an_error_may_bring_a_gain() -> None:
    frame = pd.DataFrame({"label": ["a", "a", "b"] * 30, "prediction": ["b", "a", "b"] * 30})
    found = evaluate(frame, requirements={"error_costs": {"a": {"b": -3}, "b": {"a": 2}}}).metrics["error_cost"]
    assert found.value == pytest.approx(-1)
    assert -3 < found.lower < -1 < found.upper < 0


def test_errors_that_cost_nothing_have_no_spread() -> None:
    frame = pd.DataFrame({"label": ["a", "b"] * 10, "prediction": ["b", "b"] * 10})
    found = evaluate(frame, requirements={"error_costs": {"b": {"a": 0}}}).metrics["error_cost"]
    assert found.value == found.lower == 0
    assert evaluate(frame).metrics.keys() == set(names.METRICS)


def test_a_thousand_predictions_cost_their_time_on_the_machine() -> None:
    latency = Latency({}, batch_size=500, batch_seconds=2.0, machine="test")
    assert latency.throughput_per_s == 250
    # 1000 predictions take 4 s of a machine at 0.90 an hour
    assert cost_per_1000(latency, Prices(machine_per_hour=0.9)) == pytest.approx(4 * 0.9 / 3600)
    assert cost_per_1000(latency, Prices()) is None
    assert cost_per_1000(None, Prices(machine_per_hour=0.9)) is None
    assert cost_per_1000(Latency({}, 0, 0.0, "test"), Prices(machine_per_hour=0.9)) is None
    assert math.isnan(Latency({}, 10, 0.0, "test").throughput_per_s)
