"""Make the README's pictures: run the recipe into a fresh store, and photograph MLflow's pages.

Run from the repository root, with chromium installed: ``python docs/screenshots.py``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import ui  # noqa: E402

IMAGES = Path(__file__).with_name("images")


def main() -> None:
    """Write docs/images/*.png."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "recipes.sentiment", "--candidates", "majority,words,words_chars,consensus"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        path = re.search(r"http://127.0.0.1:5000(\S+)", done.stdout).group(1)
        with ui.server(Path(folder)) as address, ui.browser_page(width=1500, height=1180) as page:
            ui.open_compare_page(page, address + path)
            ui.open_compared_artifact(page, "evalplus_confusion_matrix.png")
            page.screenshot(path=IMAGES / "matrices.png", clip={"x": 200, "y": 0, "width": 1300, "height": 620})
            ui.open_compared_artifact(page, "evalplus_attribution.md")
            page.screenshot(path=IMAGES / "causes.png", clip={"x": 200, "y": 290, "width": 1300, "height": 860})
    _stack(IMAGES / "compare.png", IMAGES / "matrices.png", IMAGES / "causes.png")


def _stack(target: Path, *parts: Path) -> None:
    """Put pictures below each other and reduce the colours, so that the file stays small."""
    images = [Image.open(part) for part in parts]
    whole = Image.new("RGB", (max(i.width for i in images), sum(i.height for i in images)), "white")
    top = 0
    for image in images:
        whole.paste(image, (0, top))
        top += image.height
    whole.quantize(128).save(target, optimize=True)
    for part in parts:
        part.unlink()


if __name__ == "__main__":
    main()
