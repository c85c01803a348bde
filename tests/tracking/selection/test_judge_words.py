from __future__ import annotations

import math

from mlflow_evalplus.results.answers import Answer
from mlflow_evalplus.tracking.selection.judge_words import read_told, verdict_of, winner_of


def test_what_is_kept_can_be_read_whatever_it_is() -> None:
    assert read_told(None) == (None, "")
    assert read_told(Answer("j", "q", text="[1]")) == (None, "unusable: [1]")
    assert [math.isnan(verdict_of(said)) for said in ([1], 10**400, 1.5, "0.8/1", "80%", "nan", -0.1)] == [True] * 7
    assert winner_of(None) == ""
