"""The page of a selection in a real browser: opened from its file, at every width, printed, in the dark, hostile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from mlflow_evalplus.render import selection_report
from tests.browser import ui
from tests.browser.test_comparison_report import sandboxed
from tests.render import selections

pytestmark = ui.MARKS
MIDDLES = "all => all.map(e => { const box = e.getBoundingClientRect(); return box.x + box.width / 2; })"


@pytest.fixture
def page() -> Iterator[Page]:
    with ui.browser_page(width=1200, height=900) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the address of each page's file."""
    folder, found, asked = tmp_path_factory.mktemp("pages"), selections.selection(), selections.questions()
    written = {
        "selection": selection_report.page(found, asked, "spring"),
        "tied": selection_report.page(selections.tied(), asked),
        "least": selection_report.page(selections.least(), asked),
        "candidate": selection_report.candidate_page(found, "borealis-7b", asked, "borealis-7b"),
    }
    for name, text in written.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: Path(folder / f"{name}.html").as_uri() for name in written}


def opened(page: Page, address: str) -> list[str]:
    """Open a file; return what goes wrong in it, and what it asks for besides itself, now and later."""
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if request.url != address else None)
    page.goto(address)
    return wrong


def test_the_decision_is_what_a_reader_sees_first(page: Page, files: dict[str, str]) -> None:
    wrong = opened(page, files["selection"])
    heading = page.get_by_role("heading", level=1)
    assert heading.inner_text() == "✔ Take atlas-mini"
    for sight in (
        heading,
        page.get_by_text("1,000 questions cost USD 0.42"),
        page.get_by_text("retrieve the text"),
    ):
        box = sight.first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
    assert wrong == []


def test_a_failed_question_opens_with_what_was_asked_answered_and_tried(page: Page, files: dict[str, str]) -> None:
    wrong = opened(page, files["selection"])
    table = page.get_by_role("table", name="Failed questions")
    row = table.get_by_role("row", name="q001-en")
    answer = row.get_by_text("101,600").first
    assert not answer.is_visible()
    row.locator("summary").click()
    assert answer.is_visible()
    for part in ("101,000 × 1.06", "passes when asked step by step", "not tried: with the context given"):
        assert row.get_by_text(part).first.is_visible()
    assert wrong == []


def test_failed_questions_are_filtered_by_cause_and_candidate(page: Page, files: dict[str, str]) -> None:
    opened(page, files["selection"])
    causes = selections.selection()["borealis-7b"].causes.items
    asked = {cause.question for cause in causes if cause.cause == "language"}
    page.get_by_label("Filter").fill("borealis-7b language its twin")
    shown = page.locator("#failed-table tbody tr:visible th").all_inner_texts()
    assert {text.split("\n")[0] for text in shown} == asked
    assert page.get_by_role("status").inner_text().startswith(f"{len(asked)} of ")


@pytest.mark.parametrize("name", ["selection", "tied", "least", "candidate"])
def test_nothing_but_a_box_scrolls_sideways(page: Page, files: dict[str, str], name: str) -> None:
    wrong = opened(page, files[name])
    for width in (320, 390, 700, 1000, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") == width
    assert wrong == []


def test_the_dots_by_dimension_lie_where_the_scores_say(page: Page, files: dict[str, str]) -> None:
    """The dots are read back by the axis that is drawn, at a phone's width and at a desk's."""
    opened(page, files["selection"])
    found = selections.selection()
    scores = [candidate.dimensions[name].value for name in selections.DIMENSIONS for candidate in found.candidates]
    for width in (390, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        ticks, dots = page.locator(".dims .axis-row text"), page.locator(".dims circle").evaluate_all(MIDDLES)
        low, *_, high = map(float, ticks.all_text_contents())
        left, *_, right = ticks.evaluate_all(MIDDLES)
        read = [low + (high - low) * (at - left) / (right - left) for at in dots]
        assert read == pytest.approx(scores, abs=0.01)


def test_each_candidate_has_one_colour_wherever_it_is_drawn(page: Page, files: dict[str, str]) -> None:
    opened(page, files["selection"])
    colour = "element => getComputedStyle(element)"
    legend = page.locator("#dimensions .key .swatch").evaluate_all(
        f"all => all.map(e => ({colour})(e).backgroundColor)"
    )
    dots = page.locator(".dims svg").first.locator("circle").evaluate_all(f"all => all.map(e => ({colour})(e).fill)")
    areas = page.locator(".radar .area").evaluate_all(f"all => all.map(e => ({colour})(e).stroke)")
    assert legend == dots == areas[::-1]
    assert len(set(legend)) == 4


def test_links_and_sorting_work_sandboxed_without_an_error(page: Page) -> None:
    frame, wrong = sandboxed(page, selection_report.page(selections.selection(), selections.questions(), "spring"))
    frame.get_by_role("link", name="Why questions fail").click()
    assert frame.get_by_role("heading", name="Why questions fail").evaluate("e => e === document.activeElement")
    board = frame.get_by_role("table", name="The most useful first")
    board.get_by_role("button", name="per 1,000").click()
    names = [text.split(" ★")[0] for text in board.locator("tbody th").all_inner_texts()]
    assert names == ["atlas-large", "atlas-mini", "borealis-7b", "keyword-bot"]
    assert wrong == []


def test_in_the_dark_text_stands_out(page: Page, files: dict[str, str]) -> None:
    page.emulate_media(color_scheme="dark")
    opened(page, files["selection"])
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light, dark = (sum(map(int, colour.strip("rgb()").split(","))) for colour in (ink, paper))
    assert light > 500
    assert dark < 120


def test_printed_it_fits_the_paper(page: Page, files: dict[str, str]) -> None:
    page.set_viewport_size({"width": 760, "height": 1000})
    opened(page, files["selection"])
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 760
    assert not page.get_by_role("navigation").is_visible()


@pytest.mark.parametrize("text", ui.HOSTILE)
def test_hostile_texts_are_text(page: Page, text: str) -> None:
    found, asked = selections.spoilt(text)
    for written in (
        selection_report.page(found, asked, text), selection_report.candidate_page(found, text, asked, text),
    ):  # fmt: skip
        frame, wrong = sandboxed(page, written)
        frame.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
        assert frame.evaluate("window.spoilt") is None
        assert frame.locator("img, iframe, a:not([href^='#'])").count() == 0
        assert frame.evaluate("document.scripts.length") == 1
        assert wrong == []
