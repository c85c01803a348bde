"""The documentation site: whole, in the navigation, built without a warning, and it loads nothing from elsewhere."""

from __future__ import annotations

import doctest
import functools
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from runpy import run_path

import pytest
import yaml

import mlflow_evalplus
from mlflow_evalplus import results
from mlflow_evalplus.cli import COMMANDS
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.requirements.models import Prices, Task, Threshold
from mlflow_evalplus.requirements.monitor import Monitor, MonitorAlert
from mlflow_evalplus.requirements.selection import SelectionGate, SelectionRules
from tests.browser import ui

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
LONGER = {"contract.md", "statistics.md"}  # a list of names, and formulas
LIMIT = 200
FOUND = {  # what a reader searches, and a page among those that the search shows
    "confusion": "contract", "undecided": "intervals", "store_text": "privacy", "PII": "privacy", "resume": "resume",
    "f1_weighted": "migration",
}  # fmt: skip


SETTINGS = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))


def in_navigation(entry: object) -> Iterator[str]:
    """Yield the pages of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for inner in entry.values():
            yield from in_navigation(inner)
    elif isinstance(entry, list):
        for inner in entry:
            yield from in_navigation(inner)


def referenced(page: str = "*") -> set[str]:
    """Return the names that the reference documents."""
    texts = [path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob(f"{page}.md")]
    return {name for text in texts for name in re.findall(r"^::: mlflow_evalplus\.(\S+)$", text, re.M)}


def test_every_page_is_in_the_navigation_once() -> None:
    listed = [page for page in in_navigation(SETTINGS["nav"]) if (DOCS / page).exists()]
    assert sorted(listed) == PAGES


def test_every_public_name_is_in_the_reference() -> None:
    assert set(mlflow_evalplus.__all__) <= referenced()
    returned = {name for name in vars(results) if name[0].isupper()} - {"Drawable"}
    assert {f"results.{name}" for name in returned} <= referenced("results")


def test_pages_stay_readable() -> None:
    lengths = {page: len((DOCS / page).read_text(encoding="utf-8").splitlines()) for page in PAGES}
    assert {page: n for page, n in lengths.items() if n > LIMIT and page not in LONGER | {"reference/results.md"}} == {}


def test_generated_lists_name_every_command_and_every_key() -> None:
    pytest.importorskip("mkdocs")
    hook = run_path(str(DOCS / "site_hook.py"))
    examples = doctest.DocTestFinder(recurse=False).find(hook["relinked"], "relinked", globs=hook)
    assert doctest.DocTestRunner().run(*examples).failed == 0
    commands = "\n".join(hook["commands"]())
    assert re.findall(r"^## (.+)$", commands, re.M) == sorted(COMMANDS)
    assert "<code>--junit FILE</code>" in commands
    keys = "\n".join(hook["keys"]())
    parts = (Requirements, Task, Threshold, Prices, Monitor, MonitorAlert, SelectionRules, SelectionGate)
    wanted = {field.alias or name for part in parts for name, field in part.model_fields.items()}
    assert wanted == set(re.findall(r"^\| `(\w+)`", keys, re.M))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as it is published."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def html(site: Path, page: str) -> str:
    return (site / page).with_suffix(".html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_site_builds_without_a_warning_and_lists_commands_and_keys(site: Path) -> None:
    assert re.findall(r'<h2 id="([\w-]+)"', html(site, "reference/commands")) == sorted(COMMANDS)
    assert "<code>not_worse_than</code>" in html(site, "reference/requirements_yaml")
    assert 'id="mlflow_evalplus.evaluate"' in html(site, "reference/evaluate")
    assert "DATA_CARD" not in html(site, "sentiment_data"), "links lead to pages of the site"


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """What a browser fetches by itself: scripts, styles, pictures, frames, fonts."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img|iframe|source)[^>]+src="?([^"\s>]+)', text)
        fetched += re.findall(r'<link[^>]+rel="?(?:stylesheet|icon|preconnect|preload)"?[^>]+href="?([^"\s>]+)', text)
        assert [address for address in fetched if re.match(r"(https?:)?//", address)] == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style.name


def in_browser(test: Callable[..., None]) -> Callable[..., None]:
    return functools.reduce(lambda marked, mark: mark(marked), ui.MARKS, test)


@pytest.fixture(params=["folder", "server"])
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Where a reader opens the site: files of a folder, or a server."""
    if request.param == "folder":
        yield site.as_uri()
        return
    handler = functools.partial(_Silent, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@in_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_reader_sees_and_finds(address: str, width: int) -> None:
    asked: list[str] = []
    errors: list[str] = []
    with ui.browser_page(width=width, height=900) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        for name in ("index", "tutorial", "intervals", "reference/commands", "reference/results", "statistics"):
            page.goto(f"{address}/{name}.html")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} is too wide"
            broken = (
                "[...document.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src)"
            )
            assert page.evaluate(broken) == []
        if width < 1000:
            page.locator("label.md-header__button[for=__search]").click()
        for words, wanted in FOUND.items():
            page.locator(".md-search__input").fill("")
            page.locator(".md-search__input").press_sequentially(words, delay=30)
            page.locator(f".md-search-result__link[href*='/{wanted}.html']").first.wait_for(timeout=15_000)
    assert errors == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:", "about:"))] == []
