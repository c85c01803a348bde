"""Hostile text in a real browser: in our pages, and in Markdown as MLflow's own pages show it. Nothing calls home."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import mlflow
import pandas as pd
import pytest
from playwright.sync_api import Page

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.tracking import links
from tests.browser import ui
from tests.security.pages import WORD, pages
from tests.security.test_hostile_pages import HOSTILE

pytestmark = ui.MARKS
HOME = "evil.example"
MISSED = (
    "<img src='HOME/x.png' onerror='window.owned = 1'><script>window.owned = 1</script><link rel=stylesheet "
    "href=HOME/x.css><iframe src=HOME></iframe><style>body { background: url(HOME/y.png) }</style>"
    "<script src=HOME/x.js></script><object data=HOME></object>"
)
FRAME = """text => {
    document.body.innerHTML = '<iframe sandbox="allow-scripts"></iframe>';
    document.querySelector('iframe').srcdoc = text;
}"""


class Home(BaseHTTPRequestHandler):
    """What serves a page, and what it reaches where it calls home."""

    shown: ClassVar[str] = ""
    reached: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if self.path != "/page":
            self.reached.append(self.path)
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.shown.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def home() -> Iterator[str]:
    Home.reached.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Home) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with ui.browser_page() as page:
        yield page


def asked_of(page: Page) -> list[str]:
    """Return the list to which every address that the page asks for is added."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


@pytest.mark.parametrize("text", HOSTILE[:2] + HOSTILE[5:6], ids=range(3))
def test_no_page_runs_or_loads_what_the_data_say(page: Page, tmp_path: Path, text: str) -> None:
    asked = asked_of(page)
    shown = {name: content for name, content in pages(text).items() if name.endswith(".html")}
    assert len(shown) == 4
    for name, content in shown.items():
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        page.goto(path.as_uri())
        page.get_by_role("heading", level=1).wait_for()
        assert page.evaluate("window.owned") is None
        assert page.locator("img, iframe, object, a:not([href^='#'])").count() == 0
    assert {url for url in asked if not url.startswith(tmp_path.as_uri())} == set()


def test_even_a_text_that_nobody_escaped_runs_and_loads_nothing(page: Page, home: str) -> None:
    missed = MISSED.replace("HOME", home)
    for frame in (False, True):  # without our policy it does both
        assert _owned(page, home, f"<h1>x</h1><main>{missed}</main>", frame=frame) == 1
        assert {"/x.png", "/x.css", "/x.js"} <= set(Home.reached)
        Home.reached.clear()
    for name, content in pages(WORD).items():
        if name.endswith(".html"):
            for frame in (False, True):
                spoilt = content.replace("</main>", f"{missed}</main>")
                assert _owned(page, home, spoilt, frame=frame) is None, name
    assert set(Home.reached) <= {"/favicon.ico"}


def _owned(page: Page, home: str, content: str, *, frame: bool) -> object:
    """Show a page, alone or in a frame as MLflow shows it; return what its missed script has set."""
    Home.shown = "<p>outside</p>" if frame else content
    page.goto(f"{home}/page")
    inside = page.main_frame
    if frame:
        page.evaluate(FRAME, content)
        inside = page.frames[1]
    inside.get_by_role("heading", level=1).first.wait_for()
    inside.locator("main img").wait_for(state="attached")
    page.wait_for_timeout(1_000)
    return inside.evaluate("window.owned")


def test_descriptions_and_markdown_in_mlflow_load_and_link_nothing(
    page: Page, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri := f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_tracking_uri(uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", mlflow.create_experiment("hostile"))
    frame = pd.DataFrame({"text": HOSTILE * 10, "label": HOSTILE * 10, "prediction": HOSTILE[::-1] * 10})
    asked_for = {"thresholds": [{"metric": "recall", "class": text, "min": 0.9} for text in HOSTILE[:-1]]}
    found = ep.evaluate(frame.assign(channel=frame["label"]), text="text", slices=["channel"], requirements=asked_for)
    runs = []
    for name in (HOSTILE[4], HOSTILE[2]):
        with mlflow.start_run(run_name=name) as run:
            ep.log(found)
        runs.append(run.info.run_id)
    with ui.server(tmp_path) as address:
        asked = asked_of(page)
        ui.open_run_page(page, address, run.info.experiment_id, runs[0])
        page.get_by_text("Show more").first.click()
        assert_links_nothing(page)
        ui.open_compare_page(page, links.compare_page(address, runs, [run.info.experiment_id]))
        for name in (names.SUMMARY, names.CONFUSION_PAGE, names.CLASSES_PAGE, names.SLICES_PAGE):
            ui.open_compared_artifact(page, name)
            page.get_by_role("cell").filter(has_text=HOME).first.wait_for(timeout=30_000)
            assert_links_nothing(page)
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def assert_links_nothing(page: Page) -> None:
    assert page.evaluate("window.owned") is None
    wanted = (HOME, "javascript:", "github.com/somebody", "mailto:", "assets-cdn")
    bad = ", ".join(f"a[href*='{one}']:not([href^='#']), img[src*='{one}']" for one in wanted)
    found = page.locator(bad).evaluate_all("all => all.map(e => e.outerHTML + ' in ' + e.parentElement.outerHTML)")
    assert [text[:400] for text in found] == []
