"""The pages of the documentation, and what stands in them: blocks, and code within sentences.

A comment right before a block tells what a reader does not need to see::

    <!-- not run: the reason -->
    <!-- setting: sentiment -->   the folder (see `folders`) in which the page's commands run
    <!-- exits: 4, 0 -->          the exit codes of the block's commands, where they are not all 0
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = [
    page.relative_to(ROOT).as_posix()
    for page in sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "recipes").glob("*/*.md")])
    if page.name != "CHANGELOG.md"  # which speaks of what is no more
]
README = "README.md"  # tests/test_readme.py runs it


@dataclass(frozen=True)
class Block:
    """A fenced or indented block of a page; `language` is empty where none is named.

    `told` is what the comments before it say, by their first word.
    """

    page: str
    line: int
    language: str
    text: str
    told: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def not_run(self) -> str:
        """Return the reason why it is not run; empty where it is."""
        return self.told.get("not run", "")

    @property
    def exits(self) -> list[int]:
        return [int(code) for code in self.told.get("exits", "").split(",") if code.strip()]


@cache
def tokens(page: str) -> Sequence[Token]:
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8"))


def blocks(*languages: str, page: str | None = None) -> list[Block]:
    """Return the blocks in these languages, of a page or of all."""
    return [block for name in ([page] if page else PAGES) for block in _blocks(name) if block.language in languages]


@cache
def _blocks(page: str) -> list[Block]:
    found, told = [], {}
    for token in tokens(page):
        if token.type == "html_block":
            told |= _comments(token.content)
        elif token.type in ("fence", "code_block"):
            line = token.map[0] + 1 if token.map else 0
            found.append(Block(page, line, token.info.split(" ")[0], token.content, told))
        if token.type not in ("html_block", "list_item_open"):
            told = {}
    return found


def _comments(html: str) -> dict[str, str]:
    return dict(re.findall(r"<!-- (not run|setting|exits): (.*?) -->", html, re.S))


def setting(page: str) -> str:
    """Return the setting that a page names, wherever; else its own name."""
    named = [_comments(token.content).get("setting") for token in tokens(page) if token.type == "html_block"]
    return next(filter(None, named), Path(page).stem)


def code_in_sentences(page: str) -> Iterator[str]:
    """Yield the code within sentences and tables, each as one line."""
    for token in tokens(page):
        yield from (" ".join(child.content.split()) for child in token.children or () if child.type == "code_inline")
