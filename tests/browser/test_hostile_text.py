"""Whatever a text, label, slice value, column or run is called, MLflow's pages show it as text."""

from __future__ import annotations

from playwright.sync_api import Page

from mlflow_evalplus import names
from tests.browser import ui
from tests.browser.conftest import Served

pytestmark = ui.MARKS
# As Markdown shows them: on one line, control characters and direction marks as spaces, cut where they are long.
SHOWN = [ui.SCRIPT, ui.CLOSING, *ui.HOSTILE[2:4], "null byte", "right to left", "marks of no width", "{{7*7}} ${7*7}"]


def assert_harmless(page: Page) -> None:
    assert page.evaluate("window.spoilt") is None
    assert page.locator("img[src='x'], a[href^='javascript:']").count() == 0


def test_compare_page_shows_hostile_names_as_text(served: Served) -> None:
    with ui.browser_page() as page:
        ui.open_compare_page(page, served.hostile.compare_link(served.address))
        ui.open_compared_artifact(page, names.CONFUSION_PAGE)
        for text in SHOWN:
            page.get_by_role("cell").filter(has_text=text).first.wait_for(timeout=30_000)
        assert_harmless(page)
        ui.open_compared_artifact(page, names.SLICES_PAGE)
        assert ui.columns(page.get_by_text(f"{ui.SCRIPT} (n)", exact=True), 2) == 2
        assert_harmless(page)
        for name in (names.SUMMARY, names.CLASSES_PAGE, names.ATTRIBUTION_PAGE, names.COST_LATENCY_PAGE):
            ui.open_compared_artifact(page, name)
            assert ui.columns(page.get_by_role("heading", name=ui.SCRIPT, exact=True), 1) == 1, name
            assert ui.columns(page.get_by_role("heading", name=ui.CLOSING, exact=True), 1) == 1, name
            assert_harmless(page)


def test_run_page_shows_hostile_names_as_text(served: Served) -> None:
    info = served.hostile.runs[ui.CLOSING].info
    with ui.browser_page() as page:
        ui.open_run_page(page, served.address, info.experiment_id, info.run_id)
        assert page.get_by_text(ui.CLOSING, exact=True).first.is_visible()
        page.get_by_text("Show more").first.click()
        assert page.get_by_role("heading", name="undecided").is_visible()
        assert_harmless(page)
