"""The words that push, on a page: the right figures, and no way out of a cell for words and labels."""

from __future__ import annotations

import math

import pytest

from mlflow_evalplus.render.word_attribution import MAX_PAIRS, page_part
from mlflow_evalplus.results.word_attribution import WordAttribution, WordContribution
from tests.render.test_markdown import HOSTILE, tables


def row(label: str, prediction: str, word: str = "not", right: float = -0.02) -> WordContribution:
    return WordContribution(label, prediction, word, 1200, 0.25, right, ("r1",))


def test_a_table_for_each_of_the_three_pairs_with_most_errors() -> None:
    rows = tuple(row(f"l{i}", f"p{i}", f"word {j}") for i in range(5) for j in range(4))
    shown = page_part(WordAttribution("exact", 1500, 2000, 0, rows))
    assert [len(found) for found in tables(shown)] == [5] * MAX_PAIRS
    assert tables(shown)[0][1] == ["word 0 (1,200)", "+0.250 / -0.020"]
    assert shown.index("**l0 → p0**") < shown.index("**l1 → p1**") < shown.index("**l2 → p2**")
    assert "l3" not in shown
    assert "1,500 of 2,000 errors explained, by the model's own coefficients" in shown


def test_it_says_what_the_figures_are_and_which_errors_others_made() -> None:
    rows = (row("a", "b"),)
    own = page_part(WordAttribution("exact", 15, 20, 0, rows))
    assert "log-odds towards the prediction" in own
    assert "not explained" not in own
    other = page_part(WordAttribution("exact", 15, 20, 0, rows, 5, "decision"))
    assert "log-odds" not in other
    assert "differences of decision values towards the prediction" in other
    assert "5 errors are not explained, as these coefficients say otherwise: rules on top, or another model" in other
    none = page_part(WordAttribution("exact", 0, 20, 0, (), 1))
    assert "1 error is not explained" in none
    assert "Every pair's words" not in none
    assert not tables(none)


def test_where_words_were_left_out_it_says_what_that_took() -> None:
    shown = page_part(WordAttribution("occlusion", 15, 20, 19_999, (row("a", "b", right=math.nan),)))
    assert "15 of 20 errors explained, by leaving out a word at a time (19,999 predictions asked for)" in shown
    assert tables(shown)[0][1][1] == "+0.250 / –"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_and_labels_stay_where_they_belong(text: str) -> None:
    rows = (row(text, text, text), row("a", "b", text))
    shown = page_part(WordAttribution("exact", 1, 1, 0, rows))
    assert "<" not in shown
    found = tables(shown)
    assert [len(table) for table in found] == [2, 2]
    assert all(len(cells) == 2 for table in found for cells in table)
