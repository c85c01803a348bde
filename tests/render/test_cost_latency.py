"""Latency, resources and money: short, the same names in every run, and a picture on fixed axes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.evaluation import evaluate, evaluate_predictions
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.render import cost_latency, figures
from mlflow_evalplus.requirements import load
from mlflow_evalplus.results import Estimate, Evaluation, Footprint, Latency
from tests.generated import inputs
from tests.render.test_figures import saved
from tests.render.test_markdown import tables

FULL = Latency(
    {f"latency_ms_{name}": Estimate(20.0, 19.0, 22.0, 400) for name in ("p50", "p90", "p95")}
    | {"latency_ms_p99": Estimate(60.0, 40.0, math.nan, 200)},
    600, 0.5, "4 × <b>chip|set</b>", cpu_s_per_1000=0.5, threads="openblas <2>", other_load=0.04,
    throughput={size: Estimate(50.0 * size, 45.0 * size, 55.0 * size, 25) for size in (1, 8, 32, 128)},
    footprint=Footprint(1.25, 2_500_000, 500_000_000, 700_000_000),
)  # fmt: skip


def priced(frame: pd.DataFrame, latency: Latency | None = FULL) -> Evaluation:
    wanted = {"error_costs": {"negative": {"positive": 20}}, "prices": {"currency": "€|<i>", "machine_per_hour": 2304}}
    return evaluate_predictions(read(frame), load(wanted), latency=latency)


def test_every_figure_is_shown_with_its_interval_or_in_words(frame: pd.DataFrame) -> None:
    found = dict(cost_latency.rows(priced(frame)))
    assert found["latency p50, one request"] == "20.0 [19.0, 22.0] ms"
    assert found["latency p99, one request"] == "60.0 ms (at least 40.0)"
    assert found["throughput, batch of 128"] == "6,400 [5,760, 7,040] per s"
    assert found["throughput, all rows at once"] == "1,200 per s"
    assert found["CPU time per 1,000"] == "0.500 s"
    assert (found["load time"], found["size on disk"]) == ("1.250 s", "2.500 MB")
    assert (found["peak memory, model"], found["peak memory, process"]) == ("500.0 MB", "700.0 MB")
    assert found["used by other processes"] == "4% of the machine"
    # a machine of 0.64 a second answers 6,400 in one
    assert found["cost of 1,000 predictions"] == "0.100 [0.091, 0.111] €|<i>, batches of 128"
    assert {"cost of errors, per example", "total cost of 1,000, errors too"} <= set(found)


def test_the_names_of_figures_line_up_across_runs_and_the_table_is_short(frame: pd.DataFrame) -> None:
    slower = replace(FULL, single={k: replace(e, value=90.0) for k, e in FULL.single.items()}, machine="another")
    names = [[name for name, _ in cost_latency.rows(priced(frame, latency))] for latency in (FULL, slower)]
    assert names[0] == names[1]
    assert len(names[0]) <= 20
    assert max(map(len, names[0])) <= 32


def test_the_page_says_the_machine_and_holds_no_markup_of_the_data(frame: pd.DataFrame) -> None:
    page = cost_latency.page(priced(frame))
    assert "<" not in page
    assert "chip" in page
    assert "Threads: openblas" in page
    assert {len(row) for row in tables(page)[0]} == {2}
    assert "⚠" not in page


def test_a_busy_machine_is_warned_of(frame: pd.DataFrame) -> None:
    page = cost_latency.page(priced(frame, replace(FULL, other_load=0.6)))
    assert "⚠ Other processes used 60% of the machine" in page
    assert replace(FULL, other_load=0.6).figure().get_suptitle() == "timed on a busy machine"


def test_what_an_api_charges_is_no_matter_of_batches(frame: pd.DataFrame) -> None:
    wanted = load({"prices": {"currency": "EUR", "per_1000_requests": 2.5}})
    for latency in (FULL, None):
        found = dict(cost_latency.rows(evaluate_predictions(read(frame), wanted, latency=latency)))
        assert found["cost of 1,000 predictions"] == "2.500 EUR"
    page = cost_latency.page(evaluate_predictions(read(frame), wanted))
    assert "No model was asked, so nothing was timed." in page
    assert cost_latency.rows(evaluate(frame)) == []


def test_the_axes_are_fixed_so_that_runs_compare_by_eye(tmp_path: Path) -> None:
    slow = replace(FULL, single={k: replace(e, value=9000.0, lower=8000.0) for k, e in FULL.single.items()})
    for latency in (FULL, slow, Latency({}, 600, 0.5, "m"), Latency({}, 0, 0.0, "m")):
        upper, lower = latency.figure().axes
        assert upper.get_xlim() == (0.1, 10_000)
        assert lower.get_xlim() == (1, 1_000_000)
        assert [t.get_text() for t in upper.get_yticklabels()] == ["p50", "p90", "p95", "p99"]
        assert [t.get_text() for t in lower.get_yticklabels()][-2:] == ["batch 128", "all at once"]
        assert saved(latency.figure(), tmp_path / "figure.png").size == (340, 275)


def test_dots_and_intervals_stand_where_the_figures_are() -> None:
    upper, lower = FULL.figure().axes
    drawn = [line.get_xdata() for line in upper.lines]
    assert list(drawn[0]) == [19.0, 22.0]
    assert list(drawn[1]) == [20.0]
    # without an upper bound it goes on to the edge
    assert list(drawn[-2]) == [40.0, 10_000]
    assert [text.get_text() for text in upper.texts] == ["20.0", "20.0", "20.0", "60.0"]
    assert [text.get_text() for text in lower.texts] == ["50.0", "400.0", "1,600", "6,400", "1,200"]
    empty = Latency({}, 600, 0.5, "m").figure()
    assert [text.get_text() for text in empty.axes[0].texts] == ["not measured"] * 4


numbers = st.floats(1e-6, 1e9) | st.just(math.nan)


@settings(deadline=None, max_examples=inputs(8))
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=4, max_size=4), st.floats(0, 1) | st.none())
def test_no_number_breaks_the_picture(values: list[tuple[float, float, float]], other_load: float | None) -> None:
    """A text outside of the picture, or a layout that collapses, would be a warning, and warnings are errors here."""
    ordered = [Estimate(v, v * 0.5 if lo < v else math.nan, hi + v, 9) for v, lo, hi in values]
    single = dict(zip(FULL.single, ordered, strict=True))
    throughput = dict(zip((1, 8, 32, 128), ordered, strict=True))
    latency = replace(FULL, single=single, throughput=throughput, other_load=other_load)
    drawing = latency.figure()
    figures.head(drawing, "words_chars_rules_more")
    drawing.draw_without_rendering()
    for axes in drawing.axes:
        for text in axes.texts:
            box = text.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= 340


@pytest.mark.parametrize("name", ["words_chars_rules", "第三版" * 9])
def test_the_run_heads_the_picture(name: str) -> None:
    drawing = FULL.figure()
    figures.head(drawing, name)
    drawing.draw_without_rendering()
    (title,) = (t for t in drawing.texts if t.get_text() == drawing.get_suptitle())
    assert title.get_window_extent().x0 >= 0
    assert title.get_window_extent().x1 <= 340
