"""The picture of a monitored log: every figure at its place, within 340 pixels, whatever the windows are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from mlflow_evalplus.render import figures, monitoring_figure
from mlflow_evalplus.results import Monitoring, Outcome
from tests.render import monitored
from tests.render.test_figures import assert_drawn


def marks(drawing: Figure, marker: str) -> dict[float, float]:
    lines = [line for line in drawing.axes[0].lines if line.get_marker() == marker]
    return {float(line.get_xdata()[0]): float(line.get_ydata()[0]) for line in lines}  # type: ignore[index]


def weeks(n: int) -> Monitoring:
    windows = tuple(replace(monitored.window(place % 6), name=f"2025-W{place + 1:02}") for place in range(n))
    return replace(monitored.monitoring(), windows=windows)


def test_labelled_rows_are_dots_with_intervals_and_the_estimate_is_a_band() -> None:
    found = monitored.monitoring()
    drawing = found.figure()
    axes = drawing.axes[0]
    assert marks(drawing, "o") == dict(enumerate(monitored.LABELLED[:5]))
    assert marks(drawing, "D") == {5: monitored.LABELLED[5]}  # the window whose accuracy raised an alert
    intervals = {tuple(map(float, line.get_ydata())) for line in axes.lines}  # type: ignore[arg-type]
    assert {(w.metrics["accuracy"].lower, w.metrics["accuracy"].upper) for w in found.windows} <= intervals
    bands = [collection.get_paths()[0].get_extents() for collection in axes.collections]
    estimates = [window.estimated for window in found.windows if window.estimated]
    assert [(band.y0, band.y1) for band in bands] == [pytest.approx((e.lower, e.upper)) for e in estimates]


def test_the_reference_the_level_asked_for_and_the_alerts_are_drawn() -> None:
    axes = monitored.monitoring().figure().axes[0]
    across = {line.get_linestyle(): float(line.get_ydata()[0]) for line in axes.lines  # type: ignore[index]
              if list(line.get_xdata()) == [0, 1]}  # fmt: skip
    assert across == {"--": monitored.REFERENCE, "-": 0.8}
    assert {text.get_text() for text in axes.texts} == {"reference\n0.861", "asked\n0.8"}
    shaded = [(p.get_x(), p.get_width()) for p in axes.patches if p.get_facecolor() == to_rgba(figures.ORANGE, 0.12)]  # type: ignore[attr-defined]
    raised = [i for i, window in enumerate(monitored.monitoring().windows) if window.outcome is Outcome.FAIL]
    assert shaded == [(i - 0.5, 1) for i in raised]
    low, high = axes.get_ylim()
    assert low < 0.769
    assert high >= 0.90


def test_the_title_is_the_answer_and_the_months_are_named_once() -> None:
    drawing = monitored.monitoring().figure()
    assert drawing.get_suptitle() == "2025-12: 2 alerts"
    assert monitored.monitoring(3).figure().get_suptitle() == "2025-09: no alert"
    axes = drawing.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["07", "08", "09", "10", "11", "12"]
    assert axes.get_xlabel() == "2025"


@pytest.mark.parametrize(("scored", "said"), [(False, "neither labels nor scores"), (True, "not calibrated")])
def test_a_picture_without_accuracy_says_what_there_is(scored: bool, said: str) -> None:
    (text,) = replace(monitored.nothing_known(), scored=scored).figure().axes[0].texts
    assert said in text.get_text()


def every_picture() -> Iterator[Monitoring]:
    yield monitored.nothing_known()
    yield monitored.nothing_known(1)
    yield replace(monitored.nothing_known(), scored=True)
    unlabelled = [replace(w, metrics={}, drop=None) for w in monitored.monitoring().windows]
    yield replace(monitored.monitoring(), windows=tuple(unlabelled))
    yield from (
        monitored.spoilt(text[:2_000])
        for text in ("null\x00byte", "\u202egnirts", "$x$", "中文｜标签 🤖", "x" * 100_000)
    )


def test_no_name_and_no_gap_breaks_the_picture(tmp_path: Path) -> None:
    """A glyph that a font lacks, or a layout that collapses, is a warning, and warnings are errors here."""
    for found in every_picture():
        assert_drawn(found.figure(), tmp_path / "figure.png")


@pytest.mark.slow
def test_of_many_windows_the_newest_are_drawn_and_their_names_do_not_overlap() -> None:
    drawing = weeks(100).figure()
    assert max(marks(drawing, "o")) < monitoring_figure.MAX_WINDOWS
    drawing.draw_without_rendering()
    boxes = [tick.get_window_extent() for tick in drawing.axes[0].get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert drawing.axes[0].get_xticklabels()[-1].get_text() == "W100"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab-0123", max_size=14), min_size=1, max_size=80))
def test_the_newest_window_is_always_named_and_names_keep_what_tells_them_apart(given_names: list[str]) -> None:
    places, named, shared = monitoring_figure.names_of(given_names)
    assert places[-1] == len(given_names) - 1
    assert places == sorted(set(places))
    assert sum(len(name) + 1 for name in named) <= monitoring_figure.CHARACTERS + len(named[-1]) + 1
    if shared != "window":
        whole = [f"{shared}-{name}" if shared else name for name in named]
        assert whole == [given_names[place] for place in places]
