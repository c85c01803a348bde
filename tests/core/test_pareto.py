from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.core.cost import priced_alike
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.pareto import front, on_front
from mlflow_evalplus.requirements import load
from mlflow_evalplus.results import Estimate, Evaluation, Latency

FEW = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, math.nan])


def beaten(points: list[tuple[float, float]], gain: float, cost: float) -> bool:
    """Say whether some point is as good in both, and better in one: the definition, point by point."""
    return any(g >= gain and c <= cost and (g > gain or c < cost) for g, c in points)


@given(st.lists(st.tuples(FEW, FEW), min_size=1, max_size=12))
def test_the_front_is_what_no_other_point_beats(points: list[tuple[float, float]]) -> None:
    found = on_front(*zip(*points, strict=True))
    for (gain, cost), flag in zip(points, found, strict=True):
        undefined = math.isnan(gain) or math.isnan(cost)
        assert flag == (not undefined and not beaten(points, gain, cost))


@given(st.lists(st.tuples(FEW, FEW), min_size=1, max_size=12))
def test_the_most_accurate_of_the_cheapest_is_on_the_front(points: list[tuple[float, float]]) -> None:
    known = [point for point in points if not any(math.isnan(x) for x in point)]
    found = dict(zip(points, on_front(*zip(*points, strict=True)), strict=True))
    if known:
        assert found[min(known, key=lambda point: (point[1], -point[0]))]
        assert found[max(known, key=lambda point: (point[0], -point[1]))]


def test_equal_points_are_on_the_front_together() -> None:
    assert on_front([0.9, 0.9, 0.8], [1, 1, 1]) == [True, True, False]


def evaluated(right: int, p95: float | None = None, price: float | None = None) -> Evaluation:
    """Return an evaluation of 100 rows, with a latency and a price where they are given."""
    prediction = ["yes", "no"] * 50
    for place in range(100 - right):
        prediction[place] = "no" if place % 2 == 0 else "yes"
    found = evaluate(pd.DataFrame({"label": ["yes", "no"] * 50, "prediction": prediction}))
    if p95 is not None:
        single = {"latency_ms_p95": Estimate(p95, p95 - 1, p95 + 1, 200)}
        found = replace(found, latency=Latency(single, 100, 1.0, "a machine"))
    return replace(found, cost_per_1000=price)


def priced(evaluation: Evaluation, currency: str = "USD", missed: float = 0.0) -> Evaluation:
    """Return the evaluation with prices in a currency, and the cost of taking yes for no."""
    wanted = {"prices": {"currency": currency}, "error_costs": {"yes": {"no": missed}} if missed else {}}
    return replace(evaluation, requirements=load(wanted))


def test_money_of_another_currency_or_of_other_errors_is_not_compared() -> None:
    runs = {
        "a": priced(evaluated(90, price=1.0)),
        "b": priced(evaluated(80, price=2.0)),
        "c": priced(evaluated(85, price=6.0), currency="CNY"),
    }
    found = front(runs)
    assert found is not None
    assert (found.currency, [point.name for point in found.points], found.unknown) == ("USD", ["a", "b"], ("c",))
    alike, other = priced(runs["a"], missed=5.0), priced(runs["a"], missed=6.0)
    assert priced_alike(alike, other, errors=False)
    assert not priced_alike(alike, other)


def test_runs_are_put_by_their_cost_the_cheapest_first() -> None:
    runs = {"dear": evaluated(95, price=3.0), "cheap": evaluated(80, price=1.0), "worse": evaluated(90, price=4.0)}
    found = front({name: priced(run, currency="EUR") for name, run in runs.items()})
    assert found is not None
    assert (found.cost, found.currency, found.unknown) == ("cost_per_1000", "EUR", ())
    assert [(p.name, p.cost.value, p.accuracy.value, p.on_front) for p in found.points] == [
        ("cheap", 1.0, 0.8, True), ("dear", 3.0, 0.95, True), ("worse", 4.0, 0.9, False),
    ]  # fmt: skip


def test_without_prices_the_latency_is_the_cost() -> None:
    found = front({"a": priced(evaluated(90, p95=20.0)), "b": priced(evaluated(80, p95=10.0))})
    assert found is not None
    assert (found.cost, found.currency) == ("latency_ms_p95", "")


def test_the_cost_that_most_runs_know_is_taken_and_the_others_are_named() -> None:
    runs = {"a": evaluated(90, 20.0, 1.0), "b": evaluated(80, 10.0, 2.0), "c": evaluated(85, 15.0), "d": evaluated(70)}
    found = front(runs)
    assert found is not None
    assert (found.cost, found.unknown) == ("latency_ms_p95", ("d",))


def test_there_is_no_front_of_fewer_than_two() -> None:
    assert front({"a": evaluated(90, 20.0), "b": evaluated(80)}) is None
    assert front({"a": evaluated(90, p95=20.0), "b": evaluated(80, p95=math.nan)}) is None
    assert front({"a": evaluated(90), "b": evaluated(80)}) is None
