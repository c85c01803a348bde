"""Make the README's pictures: run the recipe into a fresh store, and photograph MLflow's pages.

Run from the repository root, with chromium installed: ``python docs/screenshots.py``.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mlflow_evalplus import names  # noqa: E402
from recipes.selection import CANDIDATES as CANDIDATES_FILE  # noqa: E402
from recipes.selection import QUESTIONS, REQUIREMENTS  # noqa: E402
from tests.browser import ui  # noqa: E402

IMAGES = Path(__file__).with_name("images")
CANDIDATES = "majority,words,words_chars,consensus"
LOOK = "http://127.0.0.1:5000"
LIMIT = 330_000  # bytes, all pictures together
COLOURS = 64
HEIGHTS = {"Leaderboard": 285, "Dimensions": 535, "Why questions fail": 255}  # of the selection's sections, pixels


def main() -> None:
    """Write docs/images/*.png and print their sizes."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        printed = run_recipe(Path(folder))
        with ui.server(Path(folder)) as address:
            for name, picture in pictures(address, printed):
                write(name, picture)
        write("selection", selection(Path(folder)))
    sizes = {path.name: path.stat().st_size for path in sorted(IMAGES.glob("*.png"))}
    for file, size in {**sizes, "together": sum(sizes.values())}.items():
        print(f"{size / 1000:6.0f} KB  {file}")
    if sum(sizes.values()) > LIMIT:
        raise SystemExit(f"the pictures are to be under {LIMIT / 1000:.0f} KB together")


def write(name: str, picture: Image.Image) -> None:
    """Write one picture, small."""
    picture.quantize(COLOURS).save(IMAGES / f"{name}.png", optimize=True)


def selection(folder: Path) -> Image.Image:
    """Return the page of the shipped selection: the decision, the dimensions, why questions fail."""
    program = str(Path(sys.executable).with_name("mlflow-evalplus"))
    command = [program, "select", str(QUESTIONS), "--candidates", str(CANDIDATES_FILE)]
    more = ["--requirements", str(REQUIREMENTS), "--no-log", "--output", "selection.html"]
    subprocess.run([*command, *more], cwd=folder, check=True, capture_output=True)
    with ui.browser_page(width=1300, height=900) as page:
        page.goto((folder / "selection.html").as_uri())
        page.wait_for_timeout(500)
        whole = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
        tops = {name: page.get_by_role("heading", name=name, exact=True).bounding_box() for name in HEIGHTS}
    parts = [(round(box["y"]) - 12, HEIGHTS[name]) for name, box in tops.items() if box]
    return _below(*(whole.crop((0, top, 1300, top + height)) for top, height in [(0, 450), *parts]))


def run_recipe(folder: Path) -> str:
    """Run the recipe with a store in the folder; return what it printed."""
    command = [sys.executable, "-m", "recipes.sentiment", "--candidates", CANDIDATES]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "1000"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the recipe failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def pictures(address: str, printed: str) -> Iterator[tuple[str, Image.Image]]:
    """Yield each picture with its name."""
    links = {name: _link(printed, name) for name in ("side by side", "charts", "report")}
    with ui.browser_page(width=1500, height=1500) as page:
        ui.open_compare_page(page, address + links["side by side"])
        matrices = _artifact(page, names.CONFUSION_FIGURE, height=290)
        yield "compare", _below(matrices, _artifact(page, names.SUMMARY, height=615))
    with ui.browser_page(width=1800, height=1180) as page:
        page.goto(address + links["charts"])
        page.locator(".js-plotly-plot .bars").nth(3).wait_for(timeout=60_000)
        page.wait_for_timeout(2000)
        yield "charts", _shot(page, (200, 0, 1600, 1180))
    winner = re.search(r"promote (\w+)", printed)
    assert winner
    run_page = re.sub(r"/runs/\w+/artifacts/.*\?", f"/runs/{winner[1]}/artifacts/{names.REPORT}?", links["report"])
    for name, path, section in (
        ("report", run_page, "Confusion matrix"),
        ("comparison", links["report"], "Accuracy against cost"),
    ):
        with ui.browser_page(width=1500, height=1100) as page:
            page.goto(address + path)
            heading = page.frame_locator("iframe").get_by_role("heading", name=section, exact=True)
            heading.wait_for(timeout=60_000)
            page.get_by_text("Path:").first.evaluate("element => element.style.visibility = 'hidden'")
            top = _shot(page, (200, 0, 1300, 590))
            heading.evaluate("element => element.scrollIntoView()")
            page.wait_for_timeout(500)
            frame = page.locator("iframe").bounding_box()
            left = round(frame["x"]) if frame else 200
            yield name, _below(top, _shot(page, (left, 200, 1500 - left, 700)))


def _link(printed: str, name: str) -> str:
    found = re.search(rf"{name}\s+{LOOK}(\S+)", printed)
    if not found:
        raise SystemExit(f"the recipe printed no link to {name!r}:\n{printed}")
    return found[1]


def _artifact(page: Page, name: str, *, height: int) -> Image.Image:
    ui.open_compared_artifact(page, name)
    page.wait_for_timeout(3000)
    return _shot(page, (200, 320, 1300, height))


def _shot(page: Page, box: tuple[int, int, int, int]) -> Image.Image:
    """Return a part of the page: left, top, width, height."""
    left, top, width, height = box
    page.add_style_tag(content="[data-component-id*='assistant'] { visibility: hidden }")
    picture = page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})
    return Image.open(io.BytesIO(picture)).convert("RGB")


def _below(*images: Image.Image) -> Image.Image:
    """Put pictures below each other, at the right."""
    whole = Image.new("RGB", (max(i.width for i in images), sum(i.height for i in images)), "white")
    top = 0
    for image in images:
        whole.paste(image, (whole.width - image.width, top))
        top += image.height
    return whole


if __name__ == "__main__":
    main()
