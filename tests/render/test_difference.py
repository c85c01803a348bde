"""The page of a difference: the right figures, few rows, and no way out of a cell for names and ids."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.core.difference import split_difference
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.render.difference import MAX_ROWS, page_part, terminal
from mlflow_evalplus.results import Difference
from mlflow_evalplus.results.difference import DifferencePart, DifferenceSplit
from tests.render.test_markdown import HOSTILE, PARSER, tables

UP = Difference(0.02, 0.01, 0.03, 0.001, 1200)


def part(level: str, name: str, gain: float = 0.01, examples: tuple[str, ...] = ("r1",)) -> DifferencePart:
    accuracy = Difference(gain, gain - 0.01, gain + 0.01, 0.05, 1200)
    return DifferencePart(level, level, name, 300, accuracy, 0.5 * gain, 12, 3, examples, examples)


def split(*parts: DifferencePart, a: str = "new", b: str = "old", accuracy: Difference = UP) -> DifferenceSplit:
    total = {"accuracy": accuracy, "f1_macro": UP}
    return DifferenceSplit(a, b, 1200, total, 24, 2, tuple(f"f{i}" for i in range(20)), ("b0", "b1"), parts)


def test_the_page_says_where_the_difference_comes_from() -> None:
    label = np.resize(["no", "yes"], 400)
    frame = pd.DataFrame({"label": label, "id": [f"row {i}" for i in range(400)]})
    frame["channel"] = np.repeat(["app", "web", "mail"], [100, 200, 100])
    frame["new"] = np.where(np.arange(400) == 100, "yes", label)
    frame["old"] = np.where(np.arange(400) < 40, "yes", label)
    new, old = (evaluate(frame, prediction=m, slices=["channel"], example_id="id") for m in ("new", "old"))
    shown = page_part(split_difference(new, old, names=("my_model", "old")))
    assert shown.startswith(r"### Where the difference of my\_model and old comes from")
    assert r"my\_model is better than old: +4.8 \[" in shown
    assert "of 400 examples 20 fixed, 1 broken." in shown
    pairs, slices, examples = tables(shown)
    assert [row[0] for row in pairs[1:]] == ["no → yes"]
    assert re.fullmatch(r"\+4\.8 \[\+\d\.\d, \+\d\.\d\] \(20 / 1\)", pairs[1][1])
    assert [row[0] for row in slices[1:]] == ["channel=app (100)", "channel=web (200)"]
    assert slices[2][1].startswith("-0.2 [")
    assert examples[1:] == [["fixed (20)", "row 0, row 2, row 4, row 6, row 8, …"], ["broken (1)", "row 100"]]


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [(0.01, 0.03, "new is better than old"), (-0.03, -0.01, "new is worse than old"),
     (-0.01, 0.03, "new cannot be told apart from old"), (float("nan"), float("nan"), "cannot be told apart")],
)  # fmt: skip
def test_the_sentence_follows_the_interval(lower: float, upper: float, expected: str) -> None:
    assert expected in page_part(split(accuracy=Difference(0.0, lower, upper, 0.1, 1200)))


def test_no_difference_has_no_tables() -> None:
    same = DifferenceSplit("a", "b", 10, {"accuracy": UP, "f1_macro": UP}, 0, 0, (), (), ())
    assert not tables(page_part(same))
    assert len(str(terminal(same)).splitlines()) == 1


def test_tables_are_cut_and_the_largest_come_first() -> None:
    parts = [part(level, f"{level} {i}", 0.001 * i) for level in ("class_pair", "slice") for i in range(1, 13)]
    shown = page_part(split(*parts))
    pairs, slices, _ = tables(shown)
    assert [len(pairs), len(slices)] == [MAX_ROWS + 1] * 2
    assert pairs[1][0] == "class_pair 12"
    assert slices[1][0] == "slice 12 (300)"
    assert shown.count("… 4 more in") == 2


def test_the_terminal_shows_three_of_each_and_takes_brackets_as_they_are() -> None:
    parts = [part(level, f"[bold]{level}[/] {i}", 0.001 * i) for level in ("class_pair", "slice") for i in range(1, 6)]
    sentence, pairs, slices = str(terminal(split(*parts))).splitlines()
    assert sentence.startswith("new is better than old: +2.0 [+1.0, +3.0] points of accuracy")
    assert "[bold]class_pair[/] 5 +0.5 (12 / 3), [bold]class_pair[/] 4" in pairs
    assert slices.endswith("… 2 more")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_ids_stay_in_their_cells(text: str) -> None:
    parts = [part(level, text, examples=(text,)) for level in ("class_pair", "slice")]
    total = {"accuracy": UP, "f1_macro": UP}
    hostile = DifferenceSplit(text, text, 1200, total, 12, 3, (text,), (text,), tuple(parts))
    shown = page_part(hostile)
    assert "<" not in shown
    found = tables(shown)
    assert len(found) == 3
    assert all(len(row) == 2 for rows in found for row in rows)
    kinds = {token.type for token in PARSER.parse(shown)}
    assert not kinds & {"html_block", "fence", "code_block", "hr", "bullet_list_open", "blockquote_open"}
