from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from mlflow_evalplus.core.learning.learning_curve import curve_of
from mlflow_evalplus.render import figures, learning_curve
from mlflow_evalplus.requirements import Prices
from mlflow_evalplus.results import Estimate, LearningCurve, LearningPoint, PowerLaw
from tests.core.learning.curves import World
from tests.render.test_figures import assert_drawn
from tests.render.test_markdown import HOSTILE

SHORT = LearningCurve((LearningPoint(500, 1, Estimate(0.8, 0.77, 0.83, 600)),), None, (), (), 600)


@pytest.fixture(scope="module")
def curve() -> LearningCurve:
    right, n_train, repeat = World(1440, 600, 0.1, 2.0, 0.4).draw(np.random.default_rng(0))
    return curve_of(right, n_train, repeat=repeat, prices=Prices(label=0.08))


def test_the_page_says_what_labels_buy_then_what_was_measured(curve: LearningCurve) -> None:
    text = learning_curve.page(curve)
    first = text.split("\n\n")[1]
    assert first.startswith("**1,000 more labels like these would buy about +")
    assert "80.00 USD" in first
    assert text.count("|:---|---:|") == 2
    assert "| 180 (3) | " in text
    assert "| 1,440 (1) | " in text
    assert f"| 1,440 | {learning_curve.markdown.escape(curve.more[1].summary)} |" in text
    assert "95% intervals of any model trained on so many rows like these, so wider than this run's own; 600" in text


def test_every_run_has_the_same_axis_of_accuracy(curve: LearningCurve) -> None:
    for found in (curve, replace(curve, curve=(), points=curve.points[-1:])):
        assert learning_curve.figure(found).axes[0].get_ylim() == (0, 1)


def test_what_a_reader_must_know_stands_below() -> None:
    text = learning_curve.page(replace(SHORT, notes=("Be careful.",)))
    assert text.endswith("> Be careful.")
    assert "there is 1." in text
    assert text.count("|:---|---:|") == 1


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()], ids=lambda text: repr(text[:20]))
def test_a_hostile_currency_or_note_is_text(curve: LearningCurve, text: str) -> None:
    more = tuple(replace(one, currency=text) for one in curve.more)
    page = learning_curve.page(replace(curve, more=more, notes=(text,)))
    assert "<" not in page
    assert max(map(len, page.splitlines())) < 4_000
    assert "\x00" not in page


def test_a_law_without_a_floor_says_nothing_of_its_end() -> None:
    for law in (PowerLaw(400, 0.2, 0.05, 0.0), PowerLaw(400, 0.2, 0.05, 0.1)):
        assert learning_curve.law(law).startswith("The curve does not level off yet")
    assert "accuracy of 0.800" in learning_curve.law(PowerLaw(400, 0.2, 0.0, 1.0))


def test_the_picture_is_as_wide_as_the_others_and_fits_any_curve(curve: LearningCurve, tmp_path: Path) -> None:
    perfect = curve_of(np.ones((4, 30), dtype=bool), [1, 2, 3, 4], more=10**6)
    for one in (curve, SHORT, perfect):
        figure = one.figure()
        figures.head(figure, "a run with a name that is rather long")
        assert_drawn(figure, tmp_path / "figure.png")


def test_the_picture_shows_every_size_and_what_is_extrapolated_dashed(curve: LearningCurve) -> None:
    axes = curve.figure().axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o" and to_hex(line.get_color()) == "#0072b2"]
    assert [float(line.get_xdata()[0]) for line in dots] == [point.n_train for point in curve.points]
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed.get_xdata()[0] <= curve.n_train
    assert dashed.get_xdata()[-1] == 2880
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low <= min(point.accuracy.lower for point in curve.points)
    assert high >= max(point.accuracy.upper for point in curve.curve)
