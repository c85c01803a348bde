"""MLflow's pages in a real Chromium: what tests and the README's screenshots share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip

MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SCRIPT = "<script>window.spoilt = 1</script>"
CLOSING = "</script><img src=x onerror='window.spoilt = 1'>"
HOSTILE = [
    SCRIPT, CLOSING, "\"double\" 'single' `tick` | pipe", "[link](javascript:window.spoilt=1) **bold** # title",
    "null\x00byte", "right\u202eto left\u2066", "marks\u200fof\u061cno\u200bwidth\ufeff",
    "long " + "x" * 100_000, "👩‍👩‍👧 好评 {{7*7}} ${7*7}",
]  # fmt: skip
# A fresh browser opens the assistant's panel once, over a third of the page.
NO_ASSISTANT = "try { localStorage['mlflow.assistant.fab.autoOpenedOnFirstLoad_v1'] = 'true' } catch {}"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Serve the store in `folder` with a real ``mlflow server`` on a free port; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # else five more processes start
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        try:
            with urlopen(f"{address}/health", timeout=2):
                return
        except (URLError, OSError):
            if process.poll() is not None:
                raise RuntimeError("mlflow server ended; see server.log") from None
            time.sleep(0.25)
    raise RuntimeError("mlflow server does not answer")


@contextmanager
def browser_page(width: int = 1800, height: int = 1100) -> Iterator[Page]:
    """Yield a page of a fresh browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.add_init_script(NO_ASSISTANT)
        yield page
        browser.close()


def open_compare_page(page: Page, link: str) -> None:
    """Open MLflow's compare page and leave only its artifacts and tags unfolded."""
    page.goto(link)
    sections = page.locator(".du-bois-light-collapse-header")
    sections.filter(has_text="Artifacts").first.wait_for(timeout=30_000)
    for name in ("Visualizations", "Run details", "Parameters", "Metrics"):
        press(sections.filter(has_text=name).first)
    page.wait_for_timeout(500)


def open_compared_artifact(page: Page, name: str) -> None:
    """Choose a file in the compare page's list of common artifacts."""
    entry = page.get_by_text(name, exact=True).first
    entry.wait_for(timeout=30_000)
    press(entry)


def open_run_page(page: Page, address: str, experiment: str, run_id: str) -> None:
    """Open the page of one run."""
    page.goto(f"{address}/#/experiments/{experiment}/runs/{run_id}?workflowType=machine_learning")
    page.get_by_text("Description").first.wait_for(timeout=30_000)


def open_table(page: Page, link: str, path: str) -> None:
    """Open the artifact view of a saved view's runs, and choose one table."""
    page.goto(link.replace("compareRunsMode=CHART", "compareRunsMode=ARTIFACT"))
    page.get_by_label("Clear selection").wait_for(timeout=30_000)  # a table is chosen beforehand
    page.get_by_test_id("dropdown-tables").click()
    options = page.get_by_test_id("dropdown-tables-option")
    options.first.wait_for()
    for option in sorted(options.all(), key=lambda option: option.inner_text() != path):
        if (option.get_attribute("aria-selected") == "true") != (option.inner_text() == path):
            press(option)
    page.keyboard.press("Escape")


def columns(elements: Locator, expected: int, *, wider_than: float = 0) -> int:
    """Return how many columns of the page elements stand in, hidden ones left out; wait until they are as expected."""
    for _ in range(100):
        boxes = [element.bounding_box() for element in elements.all()]
        found = len({round(box["x"]) for box in boxes if box and box["width"] > wider_than})
        if found == expected:
            break
        elements.page.wait_for_timeout(100)
    return found


def press(element: Locator) -> None:
    """Click without waiting for animations."""
    element.evaluate("element => element.click()")
