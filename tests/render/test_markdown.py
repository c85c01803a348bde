"""Whatever a label is, it shows as it is and stays in its cell: held against a Markdown parser of its own."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mlflow_evalplus.render import markdown
from tests.generated import inputs

TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
JOINERS = "\u200c\u200d"  # of Persian and of emoji: without them other signs are shown
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = (
    "a|b", "||", "\\", "\\|", "ends with \\", "\\\\|", "<script>alert(1)</script>", "<!-- never closed", "a < b > c",
    "<img src=x onerror=alert(1)>", "</td></tr></table>", "&lt;b&gt; &amp; &#60;", "line\nbreak", "carriage\r\nreturn",
    "para\n\n# heading", "\u2028separated\u2029", "\u202egnirts\u202c", "\u2067rtl\u2069", "\u200fعربي\u200f",
    "\u200e\u061c\ufeffzero\u200bwidth\u2060\u2064\xad", "می\u200cخواهم 👩\u200d👧",
    "null\x00byte", "bell\x07", "`code`", "``", "```\nfence", "a`|`b", "**bold** _it_ ~~no~~", "# heading", "- item",
    "1. item", "> quote", "---", "|---|", ":--", "[link](javascript:alert(1))", "![image](http://x)", "[ref]: x",
    "<http://auto.link>", "$x$", "  spaces  ", "", "中文｜标签", "🤖", "x" * 100_000, "|" * 100_000,
)  # fmt: skip


def is_hidden(character: str) -> bool:
    """Say by Unicode's own tables whether a reader cannot see a character, or it turns the reading order around.

    Of the format characters (Cf) those that have a picture, such as the Arabic number signs, stand in other classes of
    direction than these, but for the three marks, which stand in those of letters.
    """
    direction, category = unicodedata.bidirectional(character), unicodedata.category(character)
    marks = ("ARABIC LETTER MARK", "LEFT-TO-RIGHT MARK", "RIGHT-TO-LEFT MARK")
    mark = unicodedata.name(character, "") in marks
    unseen = category == "Cf" and direction in ("BN", "ON") and character not in JOINERS
    return direction in TURNS or category in ("Cc", "Cs", "Zl", "Zp") or mark or unseen


CONTROL = {c for c in map(chr, range(sys.maxunicode + 1)) if is_hidden(c)}


def shown(token: Token) -> str:
    """Return what a reader sees of an inline token; anything but plain text is markup that got through."""
    assert all(child.type == "text" for child in token.children or ()), token.content
    return "".join(child.content for child in token.children or ())


def tables(text: str) -> list[list[list[str]]]:
    """Return each table of a page as rows of shown cells, the header first."""
    found: list[list[list[str]]] = []
    tokens = PARSER.parse(text)
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("td_open", "th_open"):
            found[-1][-1].append(shown(tokens[place + 1]))
    return found


def collapsed(text: str) -> str:
    """Return a text on one line, without the narrow spaces that keep addresses from being links."""
    return " ".join("".join(" " if c in CONTROL else c for c in text.replace(markdown.GAP, "")).split())


def assert_stays_in_its_cell(rows: Sequence[Sequence[str]]) -> None:
    (table,) = tables(markdown.table(["one", "two", "three"], rows))
    assert [len(row) for row in table] == [3] * (len(rows) + 1)
    for row, cells in zip(rows, table[1:], strict=True):
        for given_text, cell in zip(row, cells, strict=True):
            if len(given_text) <= markdown.MAX_CELL:
                assert collapsed(cell) == collapsed(given_text)
            else:
                assert len(cell) <= markdown.MAX_CELL
                assert collapsed(given_text).startswith(collapsed(cell.removesuffix("…")))


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_a_hostile_string_shows_as_it_is_in_its_own_cell(text: str) -> None:
    assert_stays_in_its_cell([[text, "1", text], ["below", text, "3"]])
    escaped = markdown.escape(text)
    assert "<" not in escaped
    assert not CONTROL & set(escaped)


@settings(deadline=None, max_examples=inputs(150))
@given(st.lists(st.tuples(*[st.text(max_size=30)] * 3), max_size=4))
@example([("\\", "|", "`")])
def test_any_string_shows_as_it_is_in_its_own_cell(rows: list[tuple[str, str, str]]) -> None:
    assert_stays_in_its_cell(rows)


@settings(deadline=None, max_examples=inputs(150))
@given(st.text(alphabet="\\`*_[]()|~#<>&;!-+.:=\"' \n1ab", max_size=25))
def test_any_mix_of_markup_shows_as_it_is_in_a_paragraph_of_ours(text: str) -> None:
    """Notes, reasons and titles are escaped by the same function, outside of tables."""
    tokens = PARSER.parse(f"- look at {markdown.escape(text)}\n\n### Slice {markdown.escape(text)} moved")
    inline = [token for token in tokens if token.type == "inline"]
    assert [collapsed(shown(token)) for token in inline] == [
        collapsed(f"look at {text}"),
        collapsed(f"Slice {text} moved"),
    ]


@settings(deadline=None, max_examples=inputs(60))
@given(st.text(max_size=60), st.integers(2, 20))
def test_a_long_text_is_cut_before_it_is_escaped(text: str, limit: int) -> None:
    """Cut after escaping, an entity or a backslash could be halved."""
    (cell,) = tables(f"| {markdown.escape(text, limit)} |\n|---|")[0][0]
    assert len(cell) <= limit
    assert cell.endswith("…") or collapsed(cell) == collapsed(text)


def test_numbers_are_right_aligned_and_words_left() -> None:
    lines = markdown.table(["slice", "verdict", "n"], [["app", "pass", 12]], numbers_from=2).splitlines()
    assert lines == ["| slice | verdict | n |", "|:---|:---|---:|", "| app | pass | 12 |"]
