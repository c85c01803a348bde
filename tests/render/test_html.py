"""Whatever is printed on a page is shown as text; whatever is embedded comes out of it again."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from mlflow_evalplus.render import charts, html
from tests.render.test_markdown import CONTROL, HOSTILE, JOINERS, is_hidden

# all of Unicode, lone surrogates too
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


class Reader(HTMLParser):
    """What a browser reads: the elements and the texts between them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(anything)
def test_nothing_hides_in_a_visible_text(text: str) -> None:
    assert not [c for c in html.visible(text) if is_hidden(c)]
    assert not [c for c in html.visible(text, newlines=True) if is_hidden(c) and c not in "\n\t"]


def test_every_character_that_hides_is_shown_and_no_other_is_changed() -> None:
    """All of Unicode at once; the marks that issue 5 names are written out, whatever its tables say."""
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert {*"\u200e\u200f\u061c\u200b\u2060\u2064\ufeff\u202e"} <= CONTROL
    assert not set(html.visible(everything, sys.maxunicode + 1)) & CONTROL
    seen = "".join(c for c in everything if c not in CONTROL)
    assert html.visible(seen, len(seen)) == seen
    assert set(JOINERS) <= set(seen)
    assert html.visible("\u200fشكرا") == "[U+200F]شكرا"


@given(anything)
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    plain = "".join(c for c in text if not is_hidden(c))
    assert html.visible(plain) == plain


@given(anything, st.integers(2, 30))
def test_a_text_is_cut_to_its_limit_and_says_so(text: str, limit: int) -> None:
    plain = "".join(c for c in text if not is_hidden(c))
    shown = html.visible(plain, limit)
    assert shown == plain if len(plain) <= limit else shown == plain[: limit - 1] + "…"


def test_line_breaks_stay_only_where_they_are_asked_for() -> None:
    assert html.visible("one\r\ntwo\n") == "one␍␊two␊"
    assert html.visible("one\r\ntwo\n", newlines=True) == "one\ntwo\n"


@settings(deadline=None)
@given(anything)
def test_a_name_is_one_element_around_its_text(text: str) -> None:
    for shown in (html.name(text), html.parts(text), html.lines(text)):
        read = Reader(str(shown))
        assert {tag for tag, _ in read.elements} <= {"bdi", "wbr"}
        assert [tag for tag, _ in read.elements].count("bdi") == 1
    assert "".join(Reader(str(html.parts(text))).texts) == html.visible(text)


@given(
    st.recursive(anything | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(anything, inner))
)
def test_embedded_json_comes_out_as_it_went_in_and_ends_no_element(value: object) -> None:
    text = str(html.embedded(value))
    assert json.loads(text) == value
    assert not re.search("[<>&\u2028\u2029\ud800-\udfff]", text)


def test_a_number_that_is_not_finite_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        html.embedded([float("nan")])


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_a_template_escapes_and_shows_every_text_without_being_asked(text: str) -> None:
    template = html._environment().from_string('<p title="{{ text }}">{{ text }}</p>')
    read = Reader(template.render(text=text))
    assert read.elements == [("p", {"title": html.visible(text)})]
    assert "".join(read.texts) == html.visible(text)


def test_a_name_that_a_template_misses_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="absent"):
        html._environment().from_string("{{ absent }}").render()


def test_only_our_own_script_may_run() -> None:
    page = html.page("base.html.j2")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert policy
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'")


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_even_and_around_the_values(low: float, span: float) -> None:
    found = charts.ticks(low, low + span)
    steps = [b - a for a, b in pairwise(found)]
    assert 2 <= len(found) <= 7
    assert found[0] <= low + 1e-6 * span
    assert found[-1] >= low + span - 1e-6 * span
    assert max(steps) - min(steps) <= 1e-6 * max(steps) + 1e-9 * abs(low)


def test_names_of_points_that_lie_together_are_written_below_each_other() -> None:
    points = [charts.Point(f"run {i}", 1.0, 0.9) for i in range(5)] + [charts.Point("unknown", float("nan"), 0.9)]
    placed = charts.placed(points, *charts.axes(points))
    heights = sorted(height for *_, height in placed)
    assert len(placed) == 5
    assert min(b - a for a, b in pairwise(heights)) >= charts.LINE * 0.999


def test_costs_of_different_sizes_stand_on_a_logarithmic_axis() -> None:
    def axis(*costs: float) -> charts.Axis:
        return charts.axes([charts.Point("run", cost, 0.9) for cost in costs])[0]

    assert [axis(0, 100).logarithmic, axis(6, 100).logarithmic, axis(-5, 100).logarithmic] == [False] * 3
    wide = axis(0.02, 5, 300)
    assert wide == charts.Axis([0.01, 0.1, 1, 10, 100, 1000], logarithmic=True)
    assert [round(wide.at(tick), 9) for tick in wide.ticks] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert wide.at(0) == 0


def test_a_scatter_is_drawn_without_any_point() -> None:
    drawn = html._environment().from_string(
        '{% import "charts.html.j2" as charts %}{{ charts.scatter(points, "cost", "accuracy") }}'
    )
    assert "circle" not in drawn.render(points=[])
    assert drawn.render(points=[charts.Point("<b>", 1, 0.5, 0.4, 0.6, True)]).count("&lt;b&gt;") == 1


def luminance(colour: tuple[float, float, float]) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def colours(scheme: int) -> dict[str, tuple[float, float, float]]:
    """Return the variables of the style sheet that are colours: of the light scheme, the dark one, print."""
    style = (html.TEMPLATES / "style.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\n\s*\}", style, re.DOTALL)[scheme]
    found = re.findall(r"--([\w-]+): #([0-9a-f]{3}(?:[0-9a-f]{3})?);", block)
    whole = {key: value if len(value) == 6 else "".join(2 * c for c in value) for key, value in found}
    return {key: tuple(int(value[i : i + 2], 16) for i in (0, 2, 4)) for key, value in whole.items()}  # type: ignore[misc]


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_every_text_has_the_contrast_of_aa(scheme: int) -> None:
    known = colours(scheme)
    for ink in ("ink", "quiet", "blue-text", "orange-text", "pass"):
        assert contrast(known[ink], known["paper"]) >= 4.5, ink
    for mark in ("blue", "orange"):
        assert contrast(known[mark], known["paper"]) >= 3, mark


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_every_cell_of_the_matrix_can_be_read(scheme: int) -> None:
    known, blue = colours(scheme), (0, 114, 178)
    for step in range(101):
        share = step / 100
        ground = tuple(share * b + (1 - share) * p for b, p in zip(blue, known["paper"], strict=True))
        ink = known["on-strong-cell" if share > 0.93 else "on-cell"]
        assert contrast(ink, ground) >= 4.5, share  # type: ignore[arg-type]
