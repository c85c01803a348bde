"""The link that a comparison prints opens the chart view with our columns, matrices and differences."""

from __future__ import annotations

from collections.abc import Iterator

import mlflow
import pytest
from playwright.sync_api import Page

from mlflow_evalplus import names
from mlflow_evalplus.tracking import saved_view
from tests.browser import ui
from tests.browser.conftest import Served

pytestmark = [
    *ui.MARKS,
    pytest.mark.skipif(
        mlflow.__version__.split(".")[0] != saved_view.SEEN_MAJOR,
        reason=f"no saved view is written in MLflow {mlflow.__version__}, whose format nobody has looked at",
    ),
]


@pytest.fixture(scope="module")
def view(served: Served) -> Iterator[Page]:
    with ui.browser_page(height=2400) as page:
        page.goto(f"{served.address}{served.view}")
        page.get_by_text("Confusion matrices: a darker diagonal is better").wait_for(timeout=30_000)
        yield page


def test_matrices_stand_in_a_row(view: Page) -> None:
    pictures = view.locator(f"img[src*='images%2F{names.CONFUSION_IMAGE}']")
    pictures.nth(3).wait_for(timeout=30_000)
    boxes = [picture.bounding_box() for picture in pictures.all()]
    assert len(boxes) == 4
    assert len({round(box["y"]) for box in boxes if box}) == 1
    assert all(picture.evaluate("image => image.naturalWidth") == 340 for picture in pictures.all())


def test_bars_say_what_is_better_and_other_sections_are_folded(view: Page) -> None:
    for title in ("Quality: higher is better", "Latency, cost, weak slices: lower is better"):
        assert view.get_by_text(title).is_visible()
    cards = view.get_by_test_id("experiment-view-compare-runs-card")
    for key in ("quality/accuracy", "quality/f1_macro", "delta/accuracy", "cost/error_cost", "slices/n_weak"):
        assert cards.get_by_role("heading", name=key, exact=True).is_visible(), key
    assert view.get_by_text("accuracy_by_channel", exact=True).is_visible()
    assert cards.get_by_role("heading", name="accuracy_by_channel").count() == 0


def test_differences_are_from_the_baseline(view: Page, served: Served) -> None:
    table = view.get_by_test_id("experiment-view-compare-runs-card").filter(has_text="each run beside the baseline")
    first, *others = (
        box["x"] for name in served.series.runs if (box := table.get_by_text(name, exact=True).bounding_box())
    )
    assert served.series.baseline == next(iter(served.series.runs))
    assert len(others) == 3
    assert all(first < x for x in others)
    run = served.series.runs["iteration-4"]
    gain = (
        run.data.metrics["accuracy_by_channel/web"]
        - served.series.runs["iteration-1"].data.metrics["accuracy_by_channel/web"]
    )
    assert table.get_by_text(f"+{gain:.2f}", exact=True).first.is_visible()


def test_columns_of_the_table_are_ours_and_the_runs_are_the_compared_ones(view: Page, served: Served) -> None:
    view.goto("about:blank")
    view.goto(f"{served.address}{served.view}".replace("=CHART", "=TABLE"))
    view.get_by_role("link", name="iteration-4").wait_for(timeout=30_000)
    assert [view.get_by_role("link", name=name, exact=True).count() for name in served.series.runs] == [1] * 4
    assert view.get_by_text("by-the-way").count() == 0
    headers = [f"metrics.`{key}`" for key in ("quality/accuracy", "quality/f1_macro", "cost/error_cost")]
    wanted = [f"tags.`{names.TAG_VERDICT}`", *headers, f"tags.`{names.TAG_BASELINE}`"]
    shown = [view.locator(f'.ag-header-cell[col-id="{column}"]') for column in wanted]
    places = [box["x"] for header in shown if (box := header.bounding_box())]
    assert len(places) == len(wanted)
    assert places == sorted(places)
    assert view.get_by_text("iteration-1: accuracy +").count() == 3
