"""Every block of Python in the pages runs and prints what it says there, and every link leads somewhere."""

from __future__ import annotations

import ast
import re

import pytest

from tests.documentation.pages import PAGES, README, ROOT, blocks


def run_blocks(page: str) -> list[str]:
    return [block.text for block in blocks("python", page=page) if not block.not_run]


def said(block: str) -> list[str]:
    """Return the comments that follow a call of print, on one line or on several: what it prints."""
    lines = block.splitlines()
    calls = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    ends = {
        call.end_lineno - 1: call.end_col_offset
        for call in calls
        if ast.unparse(call.func) == "print" and call.end_lineno and call.end_col_offset
    }
    after = [lines[line].encode()[column:].decode() for line, column in sorted(ends.items())]
    return [comment.split("# ", 1)[1] for comment in after if comment.strip().startswith("# ")]


@pytest.mark.parametrize("page", [page for page in PAGES if page != README and run_blocks(page)])
def test_python_blocks_run_and_print_what_their_comments_say(
    page: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scope: dict[str, object] = {}
    for block in run_blocks(page):
        exec(block, scope)
    printed = iter(capsys.readouterr().out.splitlines())
    for line in [line for block in run_blocks(page) for line in said(block)]:
        assert line in printed, f"{page} says, at this place: {line}"


def test_what_is_said_is_read_off_the_comments() -> None:
    block = 'print(1)  # 1\nprint(\n    "é"\n)  # é\nfor i in (2, 3):\n    print(i)\n# no\nx = 1  # no\n'
    assert said(block) == ["1", "é"]


def test_every_environment_variable_is_in_the_contract() -> None:
    """Those of limits share one row there; the page on bad input has a row for each."""
    files = [path for room in ("mlflow_evalplus", "recipes") for path in (ROOT / room).rglob("*.py")]
    named = {name for path in files for name in re.findall(r"EVALPLUS_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8"))}
    pages = [(ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("contract.md", "bad_input.md")]
    rows = {name for page in pages for name in re.findall(r"^\| `(EVALPLUS_\w+)", page, re.M)}
    assert named - {"EVALPLUS_MAX"} == {name.rstrip("_") for name in rows} - {"EVALPLUS_MAX"}


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([\w/.-]+\.(?:md|png))[#)]", text):
            assert ((ROOT / page).parent / target).exists(), f"{page} → {target}"
