"""The page of a monitored log in a real browser: sandboxed as MLflow shows it, at every width, printed, hostile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Page

from mlflow_evalplus.render import monitoring_report
from tests.browser import ui
from tests.browser.test_comparison_report import sandboxed
from tests.render import monitored

pytestmark = ui.MARKS


@pytest.fixture
def page() -> Iterator[Page]:
    with ui.browser_page(width=1200, height=900) as opened:
        yield opened


def test_it_runs_sandboxed_without_an_error_and_loads_nothing(page: Page) -> None:
    frame, wrong = sandboxed(page, monitoring_report.page(monitored.monitoring(), "watched"))
    assert frame.get_by_role("heading", level=1).inner_text().endswith("2025-12 raises 2 alerts")
    frame.get_by_role("link", name="New words").click()
    assert frame.get_by_role("heading", name="New words and phrases").evaluate("e => e === document.activeElement")
    button = frame.get_by_role("table", name="3 of 3 new words").get_by_role("button", name="texts")
    button.press("Enter")
    assert wrong == []


def test_the_newest_window_is_in_sight_and_nothing_but_a_box_scrolls_sideways(page: Page) -> None:
    text = monitoring_report.page(monitored.monitoring())
    for width in (300, 400, 800, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        page.set_content(text)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        alerted = page.locator("svg.time g.weak").bounding_box()
        assert alerted is not None
        assert 0 <= alerted["x"] < alerted["x"] + alerted["width"] <= width


def test_the_marks_of_the_picture_lie_where_the_figures_say(page: Page) -> None:
    """The dots are read back by the axis that is drawn: the lowest and the highest of its names."""
    page.set_content(monitoring_report.page(monitored.monitoring()))
    axis = {
        float(text.text_content() or ""): float(text.get_attribute("y") or 0) - 4
        for text in page.locator("svg.time text[text-anchor=end]").all()
    }
    (low, bottom), *_, (high, top) = sorted(axis.items())
    read = [
        low + (high - low) * (bottom - float(dot.get_attribute("cy") or 0)) / (bottom - top)
        for dot in page.locator("svg.time circle.mark").all()
    ]
    assert read == pytest.approx(monitored.LABELLED[:5], abs=0.0005)


def test_printed_it_fits_the_paper(page: Page) -> None:
    page.set_viewport_size({"width": 760, "height": 1000})
    page.set_content(monitoring_report.page(monitored.monitoring()))
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 760
    assert not page.get_by_role("navigation").is_visible()


@pytest.mark.parametrize("text", ui.HOSTILE)
def test_hostile_names_are_text(page: Page, text: str) -> None:
    found = monitored.spoilt(text)
    raised = replace(found.last, alerts=monitored.alerts(5))
    frame, wrong = sandboxed(page, monitoring_report.page(replace(found, windows=(raised, found.last)), text))
    assert frame.evaluate("window.spoilt") is None
    assert frame.locator("img, b, iframe").count() == 0
    assert frame.evaluate("document.scripts.length") == 1
    assert wrong == []
