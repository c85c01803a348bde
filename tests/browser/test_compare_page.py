"""MLflow's compare page sets our pages and pictures of four runs side by side."""

from __future__ import annotations

from mlflow_evalplus import names
from tests.browser import ui
from tests.browser.conftest import Served

pytestmark = ui.MARKS
# What stands once in each run's page.
LANDMARKS = {
    names.SUMMARY: "what to do next",
    names.CONFUSION_PAGE: "Shares of the label's examples",
    names.SLICES_PAGE: "channel (n)",
    names.ATTRIBUTION_PAGE: "cause (errors)",
    names.COST_LATENCY_PAGE: "cost of errors, per example",
}


def test_pages_and_pictures_of_four_runs_stand_in_columns(served: Served) -> None:
    with ui.browser_page() as page:
        ui.open_compare_page(page, served.series.compare_link(served.address))
        for name in (names.CONFUSION_FIGURE, names.SLICES_FIGURE):
            ui.open_compared_artifact(page, name)
            assert ui.columns(page.get_by_role("img", name=name), 4, wider_than=150) == 4
        for name, words in LANDMARKS.items():
            ui.open_compared_artifact(page, name)
            assert ui.columns(page.get_by_text(words), 4) == 4, name
