"""Every block of Python in the pages of the documentation runs, and every block of requirements is accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from mlflow_evalplus import requirements

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_python_blocks_run_and_print_what_their_comments_say(
    page: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scope: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(block, scope)
    said = [line for block in blocks(page, "python") for line in re.findall(r"^print\(.*\)\s+# (.*)$", block, re.M)]
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in said if line not in printed] == []


def test_blocks_of_requirements_are_accepted() -> None:
    accepted = 0
    for page in PAGES:
        for block in blocks(page, "yaml"):
            content = yaml.safe_load(block)
            if isinstance(content, dict) and set(content) <= set(requirements.Requirements.model_fields):
                requirements.load(content)
                accepted += 1
    assert accepted >= 2


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\(([\w/.-]+\.(?:md|png))\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} → {target}"
