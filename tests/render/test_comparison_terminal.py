"""The comparison in terminals of every width: no number is cut."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from io import StringIO

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

import mlflow_evalplus as ep
from mlflow_evalplus.render import comparison
from mlflow_evalplus.results.side_by_side import SideBySide
from tests.core.data.frames import clean
from tests.render.test_comparison_report import beside, timed

NAMES = ("words_chars+temperature+rules", "[red]很长的名字很长的名字很长的名字[/red]", "words")


@cache
def found() -> SideBySide:
    rows = clean(400, np.random.default_rng(0)).assign(id=range(400))
    wrong = np.random.default_rng(1).random((3, 400)) < 0.2
    answers = [rows["label"].mask(mask, "neutral") for mask in wrong]
    evaluations = [
        ep.evaluate(rows.assign(prediction=answer), example_id="id", slices=["channel"]) for answer in answers
    ]
    return beside({name: timed(one, 12.5) for name, one in zip(NAMES, evaluations, strict=True)})


def printed(width: int, shown: SideBySide) -> str:
    screen = Console(width=width, record=True, file=StringIO(), highlight=False, soft_wrap=True)
    screen.print(comparison.terminal(shown))
    return screen.export_text()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160, 200])
def test_no_number_is_cut_nor_broken_and_no_line_is_too_long(width: int) -> None:
    text = printed(width, found())
    rows = comparison.rows(found())
    for row in rows:
        assert text.count(row[2]) >= 1
        assert row[4] in text
    if width >= 60:
        assert max(map(cell_len, text.splitlines())) <= width
    assert "★" in text
    assert "\n  words " in text or "\nwords" in text


def test_the_wider_the_more_columns() -> None:
    heads = [sum(head.split()[0] in printed(width, found()) for head in comparison.HEADERS) for width in (80, 100, 160)]
    assert heads == sorted(heads)
    assert heads[-1] == len(comparison.HEADERS)
    assert all(name in printed(160, found()) for name in NAMES[::2])


def test_long_names_are_cut_in_the_middle() -> None:
    assert all("words_c" in printed(width, found()) and "rules" in printed(width, found()) for width in (80, 100))
    for width in range(8, 40):
        for name in NAMES:
            assert cell_len(comparison.shortened(name, width)) <= width


def test_one_run_alone_fits_everywhere() -> None:
    alone = replace(found(), evaluations=dict([next(iter(found().evaluations.items()))]), comparisons={}, family=None)
    assert "baseline" in printed(80, alone)
