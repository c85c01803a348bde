"""The pictures of a selection: every figure at its place, within 340 pixels, whatever candidates are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlflow_evalplus.render import selection_figure, selection_points
from mlflow_evalplus.results import Selection
from tests.render import selections
from tests.render.test_figures import assert_drawn


def marks(axes: Axes) -> dict[float, float]:
    """Return the dots as y → x."""
    dots = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    return {float(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in dots}  # type: ignore[index]


def intervals(axes: Axes) -> set[tuple[float, ...]]:
    return {tuple(map(float, line.get_xdata())) for line in axes.lines}  # type: ignore[arg-type]


def test_the_leaderboard_is_a_dot_with_its_interval_for_each_candidate() -> None:
    found = selections.selection()
    drawing = found.figure()
    axes = drawing.axes[0]
    assert marks(axes) == {y: c.score.value for y, c in enumerate(found.candidates)}
    assert {(c.score.lower, c.score.upper) for c in found.candidates} <= intervals(axes)
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == ["★ atlas-mini", "borealis-7b", "atlas-large", "keyword-bot"]
    assert drawing.get_suptitle() == "Take atlas-mini"


def test_its_title_is_never_cut_amid_a_sentence() -> None:
    assert selections.undecided().figure().get_suptitle() == "Undecided"
    assert selections.undecided("none").figure().get_suptitle() == "Take none"
    assert selections.tied().figure().get_suptitle() == "Take atlas-mini, tied with atlas-large"


def test_only_a_candidate_that_passes_has_a_full_dot() -> None:
    found = selections.selection()
    dots = [line for line in found.figure().axes[0].lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() == "white" for line in dots] == [
        candidate.verdict.outcome.value != "pass" for candidate in found.candidates
    ]


def test_a_candidates_picture_is_its_score_by_dimension_with_its_weakest_marked() -> None:
    candidate = selections.selection()["borealis-7b"]
    axes = candidate.figure().axes[0]
    given = [score.value for score in candidate.dimensions.values()]
    dots = {y: x for y, x in marks(axes).items() if y == int(y)}
    assert list(dots.values()) == given
    (weakest,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert float(weakest.get_xdata()[0]) == min(given)  # type: ignore[index]
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert float(dashed.get_xdata()[0]) == candidate.score.value  # type: ignore[index]


def test_the_dimensions_of_all_candidates_are_in_the_order_of_the_legend() -> None:
    found = selections.selection()
    drawing = selection_figure.dimensions(found)
    dots = marks(drawing.axes[0])
    assert len(dots) == 4 * 5
    for place, name in enumerate(selections.DIMENSIONS):
        inside = [x for y, x in sorted(dots.items()) if round(y) == place]
        assert inside == [candidate.dimensions[name].value for candidate in found.candidates]
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == [c.name for c in found.candidates]


def test_the_front_is_joined_and_marked_as_the_decision_says() -> None:
    found = selections.selection()
    axes = selection_figure.pareto(found).axes[0]
    assert axes.get_xscale() == "log"
    diamonds = {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "D"}  # type: ignore[index]
    assert diamonds == {found[name].spending.per_1000 for name in found.decision.front}
    assert {text.get_text() for text in axes.texts} == {"★ atlas-mini", "atlas-large", "borealis-7b", "keyword-bot"}
    assert axes.get_xlabel() == "cost of 1,000 questions, USD"


@pytest.mark.parametrize("change", [{"currency": "CNY"}, {"per_1000": nan}])
def test_where_not_all_have_a_price_in_one_currency_the_latency_is_the_cost(change: dict[str, Any]) -> None:
    found = selections.selection()
    other = replace(found["atlas-large"], spending=replace(found["atlas-large"].spending, **change))
    mixed = replace(found, candidates=(*(c for c in found.candidates if c.name != "atlas-large"), other))
    points = {point.name: point for point in selection_points.points(mixed)}
    assert points["atlas-large"].x == other.spending.latency_ms["p50"].value
    assert len(points) == 4
    assert selection_points.axis_title(mixed) == "latency p50, ms"
    assert points["keyword-bot"].marked


def test_without_latencies_those_with_a_price_are_shown() -> None:
    found = selections.selection()
    untimed = [replace(c, spending=replace(c.spending, latency_ms={})) for c in found.candidates]
    free = replace(untimed[0], spending=replace(untimed[0].spending, per_1000=nan))
    points = selection_points.points(replace(found, candidates=(free, *untimed[1:])))
    assert {point.name for point in points} == {c.name for c in untimed[1:]}


def every() -> Iterator[Figure]:
    """Yield every picture of selections that are odd."""
    odd: list[Selection] = [selections.tied(), selections.least()]
    texts = ("$x$ null\x00byte \u202egnirts", "_private", "中文｜标签 🤖", "x" * 100_000)
    odd += [selections.spoilt(text[:2_000])[0] for text in texts]
    many = tuple(replace(selections.selection().candidates[0], name=f"model {place}") for place in range(40))
    wide = replace(selections.selection(), dimension_weights={f"ability {place}": 0.05 for place in range(20)})
    odd += [replace(selections.selection(), candidates=many), replace(wide, candidates=many)]
    for found in odd:
        yield found.figure()
        yield selection_figure.dimensions(found)
        yield selection_figure.pareto(found)
        yield found.candidates[0].figure()


@pytest.mark.slow
def test_no_name_and_no_gap_breaks_a_picture(tmp_path: Path) -> None:
    """A glyph that a font lacks, or a layout that collapses, is a warning, and warnings are errors here."""
    for drawing in every():
        assert_drawn(drawing, tmp_path / "figure.png")


def test_an_equal_price_of_all_still_has_an_axis() -> None:
    found = selections.selection()
    same = tuple(replace(c, spending=replace(c.spending, per_1000=0.0, currency="USD")) for c in found.candidates)
    axes = selection_figure.pareto(replace(found, candidates=same)).axes[0]
    low, high = axes.get_xlim()
    assert low <= 0 < high
    assert axes.get_xscale() == "linear"
