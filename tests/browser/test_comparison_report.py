"""The comparison report in a real browser: sandboxed as MLflow shows it, at every width, by keyboard, printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import ConsoleMessage, Frame, Page

from mlflow_evalplus.render import comparison_report
from mlflow_evalplus.results import Outcome
from mlflow_evalplus.tracking.links import LOCAL
from tests.browser import ui
from tests.browser.conftest import Served
from tests.render.test_comparison_report import ASKED, answered, beside, hostile_beside, iterations, rows, timed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(ui.CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def text() -> str:
    """Return the page of four runs, all of its sections filled."""
    frame = rows(1000)
    runs = {
        name: timed(answered(frame, 0.35 - 0.1 * place, place, web=0.2, requirements=ASKED), 10.0 + 7 * place)
        for place, name in enumerate(("majority", "words", "words_chars", "rules"))
    }
    return comparison_report.page(beside(runs, history=iterations(*Outcome, *Outcome), notes=("A note.",)))


@pytest.fixture
def page() -> Iterator[Page]:
    with ui.browser_page(width=1200, height=900) as opened:
        yield opened


def sandboxed(page: Page, text: str) -> tuple[Frame, list[str]]:
    """Show the text in a frame like that of MLflow's artifact page; return the frame and what went wrong."""
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    page.set_content('<iframe sandbox="allow-scripts" style="width:100%;height:850px;border:0"></iframe>')
    page.locator("iframe").evaluate("(frame, text) => { frame.srcdoc = text; }", text)
    frame = page.locator("iframe").element_handle().content_frame()
    assert frame is not None
    frame.get_by_role("heading", level=1).wait_for()
    return frame, wrong


def test_it_runs_sandboxed_without_an_error_and_loads_nothing(page: Page, text: str) -> None:
    frame, wrong = sandboxed(page, text)
    frame.get_by_role("link", name="Last iterations").click()
    assert frame.get_by_role("heading", name="Last iterations").evaluate("e => e === document.activeElement")
    assert wrong == []


def test_mlflow_shows_the_page_under_the_link_that_a_comparison_gives(served: Served) -> None:
    """The names of its runs are hostile."""
    with ui.browser_page() as opened:
        wrong: list[str] = []
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.goto(served.comparison.report.replace(LOCAL, served.address))
        shown = opened.frame_locator("iframe")
        heading = shown.get_by_role("heading", level=1)
        heading.wait_for(timeout=30_000)
        assert heading.inner_text().endswith(f"{served.hostile.winner} is not cleared for launch")
        assert shown.get_by_role("table", name="Accuracy: difference").is_visible()
        assert shown.locator("script").count() == 1
        assert wrong == []


def test_every_picture_has_its_table_and_every_table_its_name(page: Page, text: str) -> None:
    frame, _ = sandboxed(page, text)
    assert frame.locator("svg:not([aria-hidden=true])").count() == 0
    named = frame.get_by_role("table").evaluate_all("tables => tables.map(t => t.caption?.textContent.trim() ?? '')")
    assert len(named) > 10
    assert all(named)
    for section in frame.locator("section:has(svg)").all():
        assert section.get_by_role("table").count() >= 1
    header = frame.get_by_role("table").first.get_by_role("columnheader").all_inner_texts()
    assert header == ["requirement", "rules ★", "majority", "words", "words_chars"]


def test_runs_are_sorted_by_a_key_press(page: Page, text: str) -> None:
    frame, _ = sandboxed(page, text)
    table = frame.get_by_role("table", name="Accuracy against")
    button = table.get_by_role("button", name="accuracy")
    button.focus()
    button.press("Enter")
    assert table.locator("th[aria-sort=descending]").inner_text().startswith("accuracy")
    assert table.get_by_role("rowheader").first.inner_text() == "rules ★"


def test_rows_of_another_run_unfold_by_keyboard(page: Page, text: str) -> None:
    frame, _ = sandboxed(page, text)
    caption = frame.get_by_text("Fixed by words: 20 of")
    assert not caption.is_visible()
    frame.locator("summary", has_text="words:").press("Enter")
    assert caption.is_visible()


@pytest.mark.parametrize("width", [300, 800, 1600])
def test_nothing_but_a_tables_own_box_scrolls_sideways(page: Page, text: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.set_content(text)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    first = page.get_by_role("rowheader", name="verdict")
    page.locator(".scroll").first.evaluate("box => { box.scrollLeft = 1000; }")
    assert (first.bounding_box() or {"x": -1})["x"] >= 0  # the column of the requirements stays in sight


def test_printed_it_fits_the_paper_and_shows_the_rows_of_the_choice(page: Page, text: str) -> None:
    page.set_viewport_size({"width": 760, "height": 1000})
    page.set_content(text)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 760
    assert page.get_by_text("Fixed by rules: 20 of").is_visible()
    assert not page.get_by_text("Fixed by words: 20 of").is_visible()
    assert not page.get_by_role("navigation").is_visible()


def test_hostile_strings_are_text(page: Page) -> None:
    found = hostile_beside()
    frame, wrong = sandboxed(page, comparison_report.page(replace(found, reason="<img src=x onerror=alert(1)>")))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    assert frame.locator("img, u, i, s, b").count() == 0
    assert frame.get_by_text("<img src=x onerror=alert(1)>", exact=True).first.is_visible()
    assert frame.get_by_text("</title><script>alert(1)</script>").first.is_visible()
    assert frame.evaluate("document.scripts.length") == 1
    assert wrong == []
