"""The tables of a selection: public columns, one row for each thing, and what is not known is nan."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import pytest

from mlflow_evalplus import names
from mlflow_evalplus.render import selection_tables as tables
from tests.render import selections


def test_the_leaderboard_has_the_public_columns_in_the_order_of_the_candidates() -> None:
    found = selections.selection()
    frame = tables.leaderboard(found)
    assert tuple(frame.columns) == names.LEADERBOARD_COLUMNS
    assert list(frame["candidate"]) == [candidate.name for candidate in found.candidates]
    assert list(frame["chosen"]) == [True, False, False, False]
    assert not frame["tied"].any()
    best = frame.iloc[0]
    assert (best["score"], best["score_lower"], best["coverage"]) == (
        found.candidates[0].score.value, found.candidates[0].score.lower, pytest.approx(119 / 120),
    )  # fmt: skip
    assert list(frame["per_1000"]) == [0.42, 0.07, 3.84, 0.004]


def test_of_a_tied_set_all_are_tied_and_one_may_be_chosen() -> None:
    frame = tables.leaderboard(selections.tied()).set_index("candidate")
    assert frame["tied"].to_dict() == {
        "atlas-large": True, "atlas-mini": True, "borealis-7b": False, "keyword-bot": False,
    }  # fmt: skip
    assert list(frame.index[frame["chosen"]]) == ["atlas-mini"]


def test_dimensions_tags_and_pairs_have_the_public_columns() -> None:
    found = selections.selection()
    own = found["borealis-7b"]
    dimensions, tags, pairs = tables.dimensions(found, own), tables.tags(own), tables.pairs(found)
    assert tuple(dimensions.columns) == names.DIMENSION_COLUMNS
    assert tuple(tags.columns) == names.TAG_COLUMNS
    assert tuple(pairs.columns) == names.PAIR_COLUMNS
    assert list(dimensions["dimension"]) == list(selections.DIMENSIONS)
    assert dimensions["weight"].sum() == pytest.approx(1)
    assert list(tags["tag"][tags["weak"]]) == ["skill=multi-step"]
    assert list(pairs["pair"])[1] == "atlas-mini less atlas-large"
    assert len(pairs) == 6


def test_failures_and_failed_questions_account_for_each_other() -> None:
    """What the rows of the causes count is what the failed questions list."""
    found, asked = selections.selection(), selections.questions()
    for candidate in found.candidates:
        failures, failed = tables.failures(candidate), tables.failed(candidate, asked)
        assert tuple(failures.columns) == names.FAILURE_COLUMNS
        assert tuple(failed.columns) == names.FAILED_COLUMNS
        whole = failures[(failures["dimension"] == "") & (failures["language"] == "")]
        assert dict(zip(whole["cause"], whole["n"], strict=True)) == failed["cause"].value_counts().to_dict()


def test_a_failed_question_shows_its_texts_and_the_answer_that_fails() -> None:
    candidate, asked = selections.selection()["atlas-mini"], selections.questions()
    row = tables.failed(candidate, asked).set_index("question").loc["q001-en"]
    assert row["text"].startswith("A loan of 101,000")
    assert (row["gold"], row["answer"], row["value"]) == ("101,000 × 1.06", "101,600", 0.0)
    assert row["summary"] == "reasoning: passes when asked step by step"


def test_a_question_that_is_not_at_hand_leaves_its_texts_empty() -> None:
    candidate, none = selections.selection()["atlas-mini"], replace(selections.questions(), questions=())
    frame = tables.failed(candidate, none)
    assert set(frame["text"]) == {""}
    assert len(frame) == len(candidate.causes.items)


def test_nothing_known_is_nan_or_empty() -> None:
    found = selections.least()
    row = tables.leaderboard(found).iloc[0]
    assert all(isnan(row[name]) for name in ("utility", "score", "coverage", "per_1000", "latency_ms_p95"))
    assert tables.pairs(found).empty
    assert tables.tags(found.candidates[0]).empty
    assert tables.failures(found.candidates[0]).empty
