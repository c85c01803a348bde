"""The table of what to do next: where it stands, what it shows, and no way out of a cell for words and slices."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.render import markdown, summary
from mlflow_evalplus.render.actions import MAX_ROWS, MAX_TEXT, table
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.attribution import Attribution
from mlflow_evalplus.results.causes import Action, Actions
from tests.render.test_markdown import CONTROL, HOSTILE, tables


def action(
    text: str, kind: str = "collect", price: float | None = None, currency: str = "USD", at_most: bool = False
) -> Action:
    return Action(kind, text, 20, Estimate(0.031, 0.019, 0.0421, 400), price, currency, (), at_most)


def test_an_action_shows_its_gain_and_price() -> None:
    shown = table(Actions((action("Collect 20 rows", price=3.2), action("Try another model", "model", at_most=True))))
    (rows,) = tables(shown)
    assert rows == [
        ["what to do next", "expected gain"],
        ["1. Collect 20 rows", "+3.1 points [+1.9, +4.2], 3.20 USD"],
        ["2. Try another model", "up to +3.1 points [+1.9, +4.2]"],
    ]
    assert "more in" not in shown


def test_only_the_first_five_are_shown_and_the_others_counted() -> None:
    shown = table(Actions(tuple(action(f"Do {i}") for i in range(8))))
    (rows,) = tables(shown)
    assert len(rows) == 1 + MAX_ROWS
    assert shown.endswith("… 3 more in `evalplus/actions.json`.")
    assert table(Actions()) == ""


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_and_slices_stay_in_their_cells(text: str) -> None:
    shown = table(Actions((action(f"Collect rows for channel={text}", price=1.0, currency=text),)))
    (rows,) = tables(shown)
    assert [len(row) for row in rows] == [2, 2]
    assert len(rows[1][0]) <= MAX_TEXT
    assert "<" not in shown
    assert not CONTROL - {"\n"} & set(shown)


def test_the_table_opens_the_summary_and_the_ceiling_is_said(frame: pd.DataFrame) -> None:
    """What to do comes right after the verdict and the figures, whose rows stand side by side in several runs."""
    votes = frame.assign(x=frame["label"], y=frame["label"].where(frame.index % 10 > 0, "neutral"))
    wanted = {"thresholds": [{"metric": "accuracy", "min": 0.9}]}
    found = ep.attribute(ep.evaluate(votes, slices=["channel"], annotators=["x", "y"], requirements=wanted))
    assert found.attribution is not None
    parts = summary.page(found).split("\n\n")
    assert parts[1].startswith("| 600 examples | value")
    assert parts[3].startswith("| what to do next | expected gain")
    assert len(tables(parts[3])[0]) == 1 + min(len(found.attribution.actions.rows), MAX_ROWS)
    said = summary._ceiling(found)
    assert said.startswith("A perfect model would score 0.9")
    assert "The launch threshold of 0.9 is in reach." in said
    assert said in parts


def test_the_description_says_the_first_action_before_it_is_folded(frame: pd.DataFrame) -> None:
    found = ep.attribute(ep.evaluate(frame, slices=["channel"]))
    assert found.attribution
    action = found.attribution.actions.rows[0]
    heading, answer, *rest = summary.description(found).split("\n\n")
    assert answer.startswith("Accuracy 0.")
    assert f"**Next:** {markdown.escape(f'{action.text} ({action.summary})', limit=300)}." in answer
    assert [heading, *rest] == summary.page(found).split("\n\n")
    perfect = ep.evaluate(frame.assign(prediction=frame["label"]))
    assert "Next" not in summary.description(perfect)


def test_without_attribution_and_without_a_ceiling_the_summary_has_neither(frame: pd.DataFrame) -> None:
    plain = ep.evaluate(frame, slices=["channel"])
    assert "what to do next" not in summary.page(plain)
    assert summary._ceiling(plain) == ""
    # a weak slice stands in the table of actions, else among the next steps
    assert any("slice channel=web" in step for step in summary.next_steps(plain))
    assert not any("slice channel=web" in step for step in summary.next_steps(ep.attribute(plain)))
    nothing = replace(plain, attribution=Attribution(600, 0, ()))
    assert "what to do next" not in summary.page(nothing)
