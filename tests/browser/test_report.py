"""The report in a real Chromium, in a frame like MLflow's: scripts are allowed, storage and origin are not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from playwright.sync_api import FrameLocator, Page

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.render import html, report
from mlflow_evalplus.results import Evaluation
from tests.browser import ui
from tests.render.test_report import RUN, hostile

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(ui.CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FRAME = """text => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.style = "width: 100%; height: 900px; border: 0";
    frame.src = URL.createObjectURL(new Blob([text], { type: "text/html" }));
    document.body.replaceChildren(frame);
}"""


@contextmanager
def framed(text: str, width: int = 1000) -> Iterator[tuple[Page, FrameLocator, list[str]]]:
    """Yield a page with the report in a sandboxed frame, the frame, and what the console says."""
    with ui.browser_page(width=width, height=1000) as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.evaluate(FRAME, text)
        frame = page.frame_locator("iframe")
        frame.locator("h1").wait_for()
        yield page, frame, said


@pytest.fixture
def evaluation(frame: pd.DataFrame) -> Evaluation:
    return ep.evaluate(frame, text="text", slices=["channel", "language"])


def test_a_click_or_enter_on_a_cell_lists_its_examples(evaluation: Evaluation, frame: pd.DataFrame) -> None:
    labels = evaluation.labels
    with framed(ep.report(evaluation)) as (page, shown, said):
        for i, j, press in ((0, 1, "click"), (1, 2, "Enter"), (2, 2, "Space")):
            cell = shown.locator(f'.matrix button[data-cell="{i},{j}"]')
            if press == "click":
                cell.click()
            else:
                cell.focus()
                page.keyboard.press(press)
            rows = frame[frame["label"].eq(labels[i]) & frame["prediction"].eq(labels[j])]
            wanted = min(len(rows), 10 if i == j else 30)
            title = shown.locator("#examples-title").inner_text()
            assert title.startswith(labels[i])
            assert f"{wanted} of {len(rows)} shown" in title
            assert cell.get_attribute("aria-pressed") == "true"
            assert shown.locator('.matrix button[aria-pressed="true"]').count() == 1
            more = shown.locator("#examples-more")
            if more.is_visible():
                more.click()
            texts = shown.locator("#examples-list .lines").all_inner_texts()
            assert len(texts) == wanted
            assert set(texts) <= set(rows["text"])
        assert said == []


def test_the_cells_show_counts_or_shares(evaluation: Evaluation) -> None:
    with framed(ep.report(evaluation)) as (_, shown, said):
        cell = shown.locator('.matrix button[data-cell="0,0"]')
        count = f"{evaluation.confusion.counts[0][0]:,.0f}"
        for mode, of in (("share of label", "label"), ("share of prediction", "prediction"), ("share of all", "all")):
            shown.get_by_label(mode).check()
            share = html.percent(evaluation.confusion.shares(of)[0][0], 1 if of == "all" else 0)
            assert set(cell.inner_text().split("\n")) == {share, count}
        assert said == []


def test_slices_are_sorted_and_filtered(evaluation: Evaluation) -> None:
    with framed(ep.report(evaluation)) as (page, shown, said):
        table = shown.locator("#slices-table")
        header = table.locator("th", has_text="examples")
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == "descending"
        sizes = [int(cell.get_attribute("data-value") or 0) for cell in table.locator("tbody td:last-child").all()]
        assert sizes == sorted((row.n for row in evaluation.slices.rows), reverse=True)
        page.keyboard.press("Enter")
        assert header.get_attribute("aria-sort") == "ascending"
        assert table.locator("th[aria-sort=none]").count() == 4
        shown.get_by_label("Filter").fill("zh web")
        wanted = [row.name for row in evaluation.slices.rows if {"zh", "web"} <= set(row.values)]
        assert table.locator("tbody tr:visible th bdi").all_inner_texts() == wanted
        assert shown.get_by_text(f"1 of {len(evaluation.slices.rows)} shown").is_visible()
        assert said == []


def test_links_of_the_contents_stay_inside_the_frame(evaluation: Evaluation) -> None:
    with framed(ep.report(evaluation)) as (_, shown, said):
        shown.get_by_role("link", name="Classes").click()
        assert shown.locator("#classes-title").evaluate("element => document.activeElement === element")
        assert said == []


def test_hostile_strings_are_text_and_run_nothing() -> None:
    with framed(report.page(hostile(), RUN)) as (_, shown, said):
        for button in shown.locator(".matrix button").all()[:12]:
            button.click()
            assert shown.locator("#examples-list :is(script, img, i, b:not(.about b))").count() == 0
        assert shown.locator("script").count() == 2
        assert html.visible(RUN) in shown.locator(".eyebrow").inner_text()
        assert said == []


def test_mlflow_shows_the_report_of_a_run_and_a_click_lists_examples(store: str, evaluation: Evaluation) -> None:
    with mlflow.start_run(run_name="first & last") as run:
        ep.log(evaluation)
    folder = Path(store.removeprefix("sqlite:///")).parent
    with ui.server(folder) as address, ui.browser_page() as page:
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/{names.REPORT}")
        shown = page.frame_locator("iframe")
        shown.get_by_text("Evaluation report of first & last").wait_for(timeout=30_000)
        shown.locator('.matrix button[data-cell="1,0"]').click()
        assert shown.locator("#examples-title").inner_text().startswith(evaluation.labels[1])
        assert shown.locator("#examples-list li").count() == 5
        assert said == []


@pytest.mark.parametrize("width", [300, 800, 1600])
def test_the_page_fits_every_width(width: int, evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(ep.report(evaluation, "a run"), encoding="utf-8")
    with ui.browser_page(width=width, height=900) as page:
        page.goto(path.as_uri())
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_matters_is_unfolded_in_print(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(ep.report(evaluation), encoding="utf-8")
    with ui.browser_page(width=720, height=900) as page:
        page.goto(path.as_uri())
        assert not page.get_by_role("row", name="MCC").is_visible()
        page.emulate_media(media="print")
        assert page.get_by_role("row", name="MCC").is_visible()
        assert not page.locator("nav, .filter, fieldset").filter(visible=True).count()
        assert page.locator("#slices-table tbody tr").last.is_visible()
