from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.cost import cost_estimate, cost_matrix, cost_per_1000, per_1000, total_per_1000
from mlflow_evalplus.core.evaluation import evaluate, evaluate_predictions
from mlflow_evalplus.core.latency import not_comparable, percentiles, throughput
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.requirements import Prices, load
from mlflow_evalplus.results import Estimate, Evaluation, Footprint, Latency
from mlflow_evalplus.results.latency import words
from tests.generated import inputs


@settings(deadline=None, max_examples=inputs(80))
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=400), st.sampled_from([0.8, 0.95, 0.99]))
def test_percentiles_equal_numpy_and_lie_between_their_bounds(milliseconds: list[float], confidence: float) -> None:
    found = percentiles(np.array(milliseconds), confidence)
    assert tuple(found) == names.LATENCY_METRICS
    for estimate, share in zip(found.values(), (50, 90, 95, 99), strict=True):
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


@pytest.mark.slow
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


@settings(deadline=None, max_examples=inputs(50))
@given(st.lists(st.floats(1e-4, 10), min_size=1, max_size=60), st.sampled_from([1, 8, 128]))
def test_throughput_is_that_of_the_median_call(seconds: list[float], size: int) -> None:
    found = throughput({size: np.array(seconds)})[size]
    assert found.value == pytest.approx(size / np.median(seconds))
    assert found.n == len(seconds)
    assert not found.lower > found.value * (1 + 1e-12)
    assert not found.upper < found.value * (1 - 1e-12)
    # 0.5⁵ > 0.025: five calls say nothing about the median at 95 %
    assert math.isnan(found.lower) == math.isnan(found.upper) == (len(seconds) < 6)


def test_the_99th_percentile_has_an_upper_bound_from_368_requests_on() -> None:
    assert 0.99**367 > 0.025 > 0.99**368
    for n, known in ((367, False), (368, True)):
        assert math.isnan(percentiles(np.arange(float(n)))["latency_ms_p99"].upper) is not known


FAST = {8: Estimate(100.0, 80.0, 125.0, 40), 32: Estimate(250.0, 200.0, 400.0, 25)}
TIMED = Latency({}, 500, 1.0, "test", throughput=FAST)


def test_predictions_cost_what_the_best_batch_size_costs_with_its_interval() -> None:
    """The one call of 500 a second is faster, but it shows no spread, so no gate could be decided on it."""
    assert TIMED.best == (32, FAST[32])
    found = cost_estimate(TIMED, Prices(machine_per_hour=0.9))
    assert found is not None
    # 4 s of a machine; 5 s at the slowest, 2.5 s at the fastest
    assert [found.value, found.lower, found.upper] == pytest.approx([s * 0.9 / 3600 for s in (4, 2.5, 5)])
    assert found.n == 25
    assert cost_per_1000(TIMED, Prices(machine_per_hour=0.9)) == found.value


def test_an_api_charges_per_request_with_or_without_a_machine() -> None:
    both = cost_estimate(TIMED, Prices(machine_per_hour=900, per_1000_requests=2.5))
    assert both is not None
    assert [both.value, both.lower, both.upper] == pytest.approx([2.5 + 1, 2.5 + 0.625, 2.5 + 1.25])
    assert cost_estimate(None, Prices(per_1000_requests=2.5)) == Estimate(2.5, 2.5, 2.5, 0)
    assert cost_estimate(None, Prices(machine_per_hour=1, per_1000_requests=2.5)) is None


def priced(frame: pd.DataFrame, latency: Latency | None = TIMED, **wanted: object) -> Evaluation:
    costs = {"error_costs": COSTS, "prices": {"machine_per_hour": 3600}, **wanted}
    return evaluate_predictions(read(frame), load(costs), latency=latency)


def test_the_total_is_the_sum_of_what_predictions_and_errors_cost(frame: pd.DataFrame) -> None:
    evaluation = priced(frame)
    made, total, errors = per_1000(evaluation), total_per_1000(evaluation), evaluation.metrics["error_cost"]
    assert made is not None
    assert total is not None
    assert (made.value, total.value) == pytest.approx((4.0, 4.0 + 1000 * errors.value))
    below = math.sqrt((4 - 2.5) ** 2 + (1000 * (errors.value - errors.lower)) ** 2)
    assert total.lower == pytest.approx(total.value - below)
    assert total.upper > made.upper + 1000 * errors.value
    assert total.upper < made.upper + 1000 * errors.upper
    assert total_per_1000(priced(frame, latency=None)) is None
    assert total_per_1000(priced(frame, error_costs={})) is None
    assert total_per_1000(evaluate(frame)) is None


@pytest.mark.parametrize("noise", [0.02, 0.2, 2.0])
def test_the_interval_of_the_total_covers_it(noise: float, frame: pd.DataFrame) -> None:
    """Two independent means, one more noisy than the other, alike, and the reverse; to add the bounds covers 99 %."""
    rng = np.random.default_rng(3)
    evaluation = priced(frame)
    inside = 0
    for seconds, errors in zip(rng.normal(4.0, noise / 10, 2000), rng.normal(0.002, 2e-5, 2000), strict=True):
        half = 1.96 * noise / 10
        rate = Estimate(1000 / seconds, 1000 / (seconds + half), 1000 / (seconds - half), 50)
        found = {"error_cost": Estimate(errors, errors - 1.96 * 2e-5, errors + 1.96 * 2e-5, 400)}
        drawn = replace(evaluation, latency=replace(TIMED, throughput={1: rate}), metrics=found)
        total = total_per_1000(drawn)
        assert total is not None
        inside += total.lower <= 4.0 + 2.0 <= total.upper
    assert 0.94 < inside / 2000 < 0.96


def test_latencies_of_different_machines_are_not_comparable(frame: pd.DataFrame) -> None:
    one, other = priced(frame), priced(frame, replace(TIMED, machine="another"))
    assert compare_evaluations(one, one).notes == ()
    (note,) = compare_evaluations(one, other, names=("new", "old")).notes
    assert note == "Latency and cost are not comparable: new was measured on test; old on another."
    assert not_comparable({"a": TIMED, "b": None}) == not_comparable({"a": None, "b": None}) == ()
    both = not_comparable({"a": TIMED, "b": replace(TIMED, machine="another"), "c": TIMED, "d": None})
    assert both == ("Latency and cost are not comparable: a, c were measured on test; b on another.",)


def test_a_busy_machine_makes_a_latency_incomparable() -> None:
    for load_, busy in ((None, False), (0.0, False), (0.25, False), (0.26, True), (1.0, True)):
        loaded = replace(TIMED, other_load=load_)
        assert loaded.busy is busy
        assert len(not_comparable({"a": TIMED, "b": loaded})) == busy
    one, two = (replace(TIMED, other_load=share) for share in (0.6, 0.3))
    (note,) = not_comparable({"a": TIMED, "b": one})
    assert note.endswith(": b was measured while other processes used 60% of the machine.")
    (note,) = not_comparable({"a": two, "b": one, "c": TIMED})
    assert note.endswith(": a, b were measured while other processes used up to 60% of the machine.")


def test_the_table_has_a_row_for_each_figure_that_is_known() -> None:
    single = percentiles(np.arange(1.0, 201.0))
    size = Footprint(1.5, 2_500_000, 500_000_000, 700_000_000)
    full = replace(TIMED, single=single, cpu_s_per_1000=0.25, footprint=size, other_load=0.05)
    table = full.frame()
    assert tuple(table.columns) == names.LATENCY_COLUMNS
    rows = {row.key: row for row in table.itertuples()}
    assert list(rows) == [
        *names.LATENCY_METRICS, "throughput_per_s_batch_8", "throughput_per_s_batch_32", "throughput_per_s_all_rows",
        "cpu_s_per_1000", "load_s", "size_mb", "peak_memory_mb", "process_memory_mb", "other_load",
    ]  # fmt: skip
    assert (rows["size_mb"].value, rows["peak_memory_mb"].value, rows["load_s"].value) == (2.5, 500.0, 1.5)
    assert rows["throughput_per_s_batch_32"].summary == "250.0 [200.0, 400.0] per s"
    assert rows["latency_ms_p99"].summary == f"{np.quantile(np.arange(1, 201), 0.99):.1f} ms (at least 195.0)"
    assert not table["summary"].str.contains("nan|–").any()
    assert len(Latency({}, 500, 1.0, "test").frame()) == 1
    assert Latency({}, 0, 0.0, "test").frame().empty


@given(*[st.floats(0, 1e6) | st.just(math.nan) for _ in range(3)])
def test_what_is_not_known_is_never_written_as_a_number(value: float, lower: float, upper: float) -> None:
    text = words(Estimate(value, lower, upper, 3), "ms")
    assert "nan" not in text
    assert "–" not in text
    bounds = (not math.isnan(lower)) + 2 * (not math.isnan(upper))
    if not math.isnan(value) and not value == lower == upper:
        assert [" ms (" in text, "(at least" in text, "(at most" in text, "[" in text] == [
            bounds in (1, 2), bounds == 1, bounds == 2, bounds == 3,
        ]  # fmt: skip
