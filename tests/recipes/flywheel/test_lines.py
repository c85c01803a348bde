"""Accuracy by month: what a line is held against, and where there is nothing to hold it against."""

from __future__ import annotations

import pandas as pd
import pytest

from recipes.flywheel import lines as module
from recipes.flywheel.lines import FIRST, OLD, RANDOM, WHEEL, lines
from recipes.flywheel.stream import Stream


class Says:
    """A model that gives one answer to every text."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def predict(self, texts: list[str], /) -> list[str]:
        return [self.answer] * len(texts)


def test_before_the_first_turn_no_line_is_held_against_the_model_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_before", lambda stream: [])
    rows = [(f"{month}-{i}", f"2025-{month:02d}", "text", "ab"[i % 2]) for month in range(7, 13) for i in range(6)]
    frame = pd.DataFrame(rows, columns=["row_id", "month", "text", "label"])
    frame = frame.assign(old_wording="text", phrase=["", "new"] * 18, customer_id=frame["row_id"])
    early = frame.head(6).assign(month=[f"2025-{month:02d}" for month in range(1, 7)], row_id=list("abcdef"))
    both = pd.concat([early, frame], ignore_index=True)
    models = [Says("a"), Says("b"), Says("b"), Says("a")]
    found = lines(Stream(both, pd.Series(False, both.index)), {WHEEL: models, RANDOM: models})
    for line in (WHEEL, RANDOM):
        assert [point.month for point in found.of(line) if point.difference is None] == ["2025-07"]
    assert all(point.difference is None for point in found.of(FIRST))
    assert all(point.difference is not None for point in found.of(OLD))
    assert found.of(WHEEL)[0].summary == str(found.of(WHEEL)[0].accuracy)
