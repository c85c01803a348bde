"""The page of one run opens with the answer."""

from __future__ import annotations

from tests.browser import ui
from tests.browser.conftest import Served

pytestmark = ui.MARKS


def test_run_page_opens_with_the_verdict_and_what_to_do_next(served: Served) -> None:
    info = served.series.runs[served.series.baseline].info
    with ui.browser_page() as page:
        ui.open_run_page(page, served.address, info.experiment_id, info.run_id)
        verdict = page.get_by_role("heading", name="fail").bounding_box()
        assert verdict
        assert verdict["y"] < 300
        answer = page.get_by_text("Next:").first.bounding_box()
        fold = page.get_by_text("Show more").first.bounding_box()
        assert answer
        assert fold
        assert answer["y"] < fold["y"]
        page.get_by_text("Show more").first.click()
        next_steps = page.get_by_role("table").filter(has_text="what to do next").first
        assert next_steps.is_visible()
        assert next_steps.get_by_text("channel=web").first.is_visible()
