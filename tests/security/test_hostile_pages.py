"""Whatever the data are called, a page holds the elements, links and pictures that it holds of harmless data."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from html import unescape
from xml.etree import ElementTree as ET

import pytest

from tests.render.test_html import Reader
from tests.render.test_markdown import CONTROL, PARSER
from tests.security.pages import WORD, pages

CALLS_HOME = "https://evil.example/x.png"
HOSTILE = (
    f"<img src={CALLS_HOME} onerror=alert(1)>",
    "</script><script>window.owned=1</script>",
    f"![x]({CALLS_HOME}) [y](javascript:alert(1))",
    f"`![x]({CALLS_HOME})`",
    f"{CALLS_HOME} www.evil.example @somebody a@evil.example :octocat: :+1:",
    '"><b onclick=\'x\' style="background:url(//evil.example)">',
    "a|b\\|c\n\n# title\n\n---\n\x1b]0;owned\x07\u202e\u2066",
    f"[r]: {CALLS_HOME}\n\n![][r] <{CALLS_HOME}>",
)
# What MLflow's two renderers of Markdown make links and pictures of without being asked: showdown, of what is written,
# and GFM's, of what is shown.
LINKS = re.compile(r"\w@[-\w]+\.|\b(?:https?|ftp)://[^\s/]|\bwww\.", re.I)
AUTOMATIC = re.compile(rf":[a-z\d+_-]*[a-z+_-][a-z\d+_-]*:|(?<!\S)@\w|{LINKS.pattern}", re.I)


@cache
def made(text: str) -> dict[str, str]:
    return pages(text)


def built(text: str) -> Counter[str]:
    """Return what a page of HTML is built of: how often each element with these attributes occurs."""
    elements = (e for e in Reader(text).elements if e[0] not in ("bdi", "wbr"))
    links = ("href", "src", "action", "http-equiv", "type")
    return Counter(f"{tag} {sorted(given)} {[given[key] for key in links if key in given]}" for tag, given in elements)


def markup(page: str) -> Counter[str]:
    """Return the elements that a Markdown page becomes, and the links that nobody wrote."""
    assert not CONTROL & set(page.replace("\n", "")), "a character that nobody sees"
    plain = re.sub(r"`[^`\n]*`", "", page)
    # the one renderer looks at what is written, the other at what is shown
    seen = (re.sub(r"<code>.*?</code>|<[^>]*>", " ", PARSER.render(page)), plain)
    links = (LINKS.findall(unescape(seen[0])), AUTOMATIC.findall(seen[1]))
    return built(PARSER.render(page)) + Counter(links[0]) + Counter(links[1])


@pytest.mark.parametrize("text", [HOSTILE[0], *(pytest.param(t, marks=pytest.mark.slow) for t in HOSTILE[1:])])
def test_hostile_text_adds_nothing_to_any_page(text: str) -> None:
    harmless, wrong = made(WORD), []
    for name, page in made(text).items():
        assert len(page) < 500_000
        if name.endswith(".xml"):
            assert [e.tag for e in ET.fromstring(page).iter()] == [e.tag for e in ET.fromstring(harmless[name]).iter()]
            continue
        of = built if name.endswith(".html") else markup
        added = {what: n for what, n in (of(page) - of(harmless[name])).items() if not _is_of_layout(what)}
        wrong += [(name, added)] if added else []
    assert not wrong


def _is_of_layout(element: str) -> bool:
    """Say whether an element is one of those of which a page has more or fewer, such as rows, and that load nothing."""
    return bool(re.fullmatch(r"(?:tr|td|th|p|li|ul|strong|em|dd|dt|span|br|code) .*\[\]", element)) and "on" not in [
        name[:2] for name in re.findall(r"'([\w-]+)'", element)
    ]
