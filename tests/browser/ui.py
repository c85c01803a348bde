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

from playwright.sync_api import Locator, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Serve the store in `folder` with a real ``mlflow server`` on a free port; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
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
        yield page
        browser.close()


def open_compare_page(page: Page, link: str) -> None:
    """Open MLflow's compare page and leave only its artifacts and tags unfolded."""
    page.goto(link)
    sections = page.locator(".du-bois-light-collapse-header")
    sections.filter(has_text="Artifacts").first.wait_for(timeout=30_000)
    close_assistant(page)
    for name in ("Visualizations", "Run details", "Parameters", "Metrics"):
        press(sections.filter(has_text=name).first)
    page.wait_for_timeout(500)


def open_compared_artifact(page: Page, name: str) -> None:
    """Choose a file in the compare page's list of common artifacts."""
    entry = page.get_by_text(name, exact=True).first
    entry.wait_for(timeout=30_000)
    press(entry)
    page.wait_for_timeout(2500)


def close_assistant(page: Page) -> None:
    """Close the panel that a fresh browser opens once."""
    close = page.get_by_label("Close").first
    if close.count():
        press(close)


def press(element: Locator) -> None:
    """Click without waiting for animations."""
    element.evaluate("element => element.click()")
