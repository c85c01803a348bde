"""The page of the errors' sources: the right figures, and no way out of a cell for words and slices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.core.attribution.sources import Errors, split_errors
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.render.attribution import MAX_ROWS, page
from mlflow_evalplus.results.attribution import Attribution, Source
from tests.render.test_markdown import HOSTILE, tables

NAN = float("nan")


def source(level: str, name: str, share: float, excess: float = 3.0, q_value: float = 0.001) -> Source:
    pair = level == "class_pair"
    figures = (NAN,) * 4 if pair else (excess, excess - 2, excess + 2, q_value)
    return Source(level, level, name, 1200, 30, 0.1, share, 0.4, NAN if pair else 0.1, *figures, ("r1",))


def test_the_page_says_where_the_errors_come_from() -> None:
    label = np.resize(["negative", "positive"], 400)
    channel = np.repeat(["app", "web"], [100, 300])
    wrong = np.arange(400) < 40
    frame = pd.DataFrame({"label": label, "prediction": np.where(wrong, "positive", label), "channel": channel})
    frame["text"] = np.where(wrong, "my refund", "fine, thanks")
    errors = Errors.of(read(frame, slices=["channel"], text="text"))
    shown = page(Attribution(errors.n, errors.n_errors, split_errors(errors)))
    assert shown.startswith("### Where the errors come from\n\n**20 of 400 examples are wrong**; 100 % of the errors")
    assert "| negative → positive | 100.0 % (20) |" in shown
    assert "channel=app has 15 more than its share" in shown
    assert "| channel=app (100) | +15.0 \\[" in shown
    assert "channel=web" not in shown
    assert "| refund (40) | 0.500 / 0.000 |" in shown
    assert "0 % of the errors hold no word that stands out" in shown


def test_no_errors_are_said_to_be_none() -> None:
    shown = page(Attribution(1200, 0, ()))
    assert "No errors in 1,200 examples" in shown
    assert not tables(shown)


def test_no_slice_and_no_word_that_is_surely_worse() -> None:
    shown = page(
        Attribution(
            9000, 30, (
                source("class_pair", "a → b", 1.0), source("slice", "c=x", 0.2, 2.0, 0.4),
                source("word", "(no word stands out)", 1.0, 0.0, NAN),
            ),
        )
    )  # fmt: skip
    assert "no slice has surely more than its share" in shown
    assert "| c=x (1,200) | +2.0 \\[+0.0, +4.0\\] |" in shown
    assert "No word has an error rate that is surely above" in shown
    assert "0.400 / 0.100" not in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_in_their_cells(text: str) -> None:
    sources = tuple(source(level, text, 0.5) for level in ("class_pair", "slice", "word"))
    shown = page(Attribution(3000, 60, sources))
    assert "<" not in shown.replace("q < 0.05", "")
    found = tables(shown)
    assert [len(rows) for rows in found] == [2, 2, 2]
    assert all(len(row) == 2 for rows in found for row in rows)


def test_tables_are_cut_at_eight_rows() -> None:
    sources = tuple(
        source(level, f"{level} {i}", 1 / 15) for level in ("class_pair", "slice", "word") for i in range(15)
    )
    shown = page(Attribution(3000, 60, sources))
    assert [len(rows) for rows in tables(shown)] == [MAX_ROWS + 1] * 3
    assert shown.count("… 7 more.") == 3
