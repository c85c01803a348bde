"""The page of the year: one sentence, lines that end where they are named, nothing loaded."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlflow_evalplus import names
from mlflow_evalplus.results import Difference, Estimate
from recipes.flywheel import page as pages
from recipes.flywheel.lines import FIRST, OLD, RANDOM, WHEEL, Lines, Point
from recipes.flywheel.recovery import Recovery

MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]


def difference(value: float) -> Difference:
    return Difference(value, value - 0.03, value + 0.03, 0.01, 450)


def recovered(share: float, lower: float = 0.4) -> Recovery:
    return Recovery(0.73, 0.6, 0.68, difference(0.13), difference(0.08), Estimate(share, lower, 0.8, 450))


def year(**changed: Any) -> Any:
    points = [Point(month, FIRST, Estimate(0.8 - 0.02 * i, 0.6, 0.9, 150), None) for i, month in enumerate(MONTHS)]
    for line, level in ((OLD, 0.75), (WHEEL, 0.7), (RANDOM, 0.69)):
        points += [Point(month, line, Estimate(level, 0.6, 0.8, 150), difference(0.05)) for month in MONTHS[6:]]
    found = Lines(tuple(points), recovered(0.62), recovered(0.45), recovered(0.1), recovered(0.9), recovered(nan, nan))
    part = SimpleNamespace(name="collected cases", summary="+3.0 points, better: 5 fixed, 1 broken of 30")
    retrained = SimpleNamespace(parts=[part], n_train=780, run_id="r" * 32)
    turns = [
        SimpleNamespace(
            month=month, queue_run="q" * 32, adjudication_run="a" * 32, n_labels=60, n_agreed=50, retrained=retrained,
            version=SimpleNamespace(number=2),
        )
        for month in MONTHS[6:9]
    ]  # fmt: skip
    content = {"turns": turns, "lines": found, "budget": 60, "seed": 0, "folder": Path(), "run_id": ""}
    return SimpleNamespace(**{**content, **changed})


def test_one_sentence_says_what_share_came_back_with_its_interval() -> None:
    assert pages.sentence(year()) == (
        "Three turns of 60 labels brought back 62 % [40 %, 80 %] of the 13.0 points of accuracy that new ways of "
        "speaking took."
    )
    none = pages.sentence(year(lines=replace(year().lines, wheel=recovered(0.2, -0.05))))
    assert none == (
        "What three turns of 60 labels brought back of the 13.0 points of accuracy that new ways of speaking took is "
        "not told apart from nothing: 20 % [−5 %, 80 %]."
    )
    unbounded = replace(year().lines, wheel=recovered(0.5, nan))
    assert "50 % (the loss is too small to bound it)" in pages.sentence(year(lines=unbounded))


def test_the_markdown_page_has_every_month_and_the_runs_of_every_turn() -> None:
    text = pages.page(year())
    assert all(f"| {month} | " in text for month in MONTHS)
    assert text.count("| " + "q" * 32) == 3
    assert "+5.0 \\[+2.0, +8.0\\]" in text


def test_the_html_page_names_each_line_at_its_end_and_no_two_names_overlap() -> None:
    text = pages.report(year())
    found = re.findall(r'<text class="end (\w+)[^"]*" x="608" y="([\d.]+)">', text)
    assert {style for style, _ in found} == {"old", "first", "wheel", "random"}
    heights = sorted(float(y) for _, y in found)
    assert min(b - a for a, b in pairwise(heights)) >= pages.GAP - 0.1
    assert not re.search(r'(src|href)="(?!#)', text)


def test_a_line_is_drawn_where_its_accuracy_is() -> None:
    text = pages.report(year())
    (path,) = re.findall(r'class="line first" d="M([^"]+)"', text)
    drawn = [tuple(map(float, pair.split())) for pair in path.split("L")]
    ticks = {
        float(t): float(y) + 0
        for y, t in re.findall(r'<path class="grid" d="M46 ([\d.]+)H600"/><text[^>]*>([\d.]+)<', text)
    }
    low, high = min(ticks), max(ticks)
    for (x, y), place in zip(drawn, range(12), strict=True):
        assert x == pytest.approx(46 + (600 - 46) / 11 * place, abs=0.1)
        accuracy = low + (high - low) * (ticks[low] - y) / (ticks[low] - ticks[high])
        assert accuracy == pytest.approx(0.8 - 0.02 * place, abs=1e-3)


def test_the_table_has_the_columns_of_the_contract() -> None:
    frame = year().lines.frame()
    assert list(frame.columns) == list(names.FLYWHEEL_COLUMNS)
    assert len(frame) == 12 + 3 * 6
    assert pages.figure(year()).get_suptitle().startswith("share recovered: 62 %")
