from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mlflow_evalplus.core.selection.layouts import layouts
from mlflow_evalplus.core.selection.tags import tag_scores
from tests.core.selection.worlds import found, questions


def test_the_gap_is_that_of_the_score_against_the_rest_and_tested_as_two_shares_are() -> None:
    rng = np.random.default_rng(0)
    asked = questions(200, ("all",), twins=False)
    zh = np.array([question.language == "zh" for question in asked])
    values = (rng.random(200) < np.where(zh, 0.6, 0.8)) * 1.0
    rows = {row.name: row for row in tag_scores({"a": found(asked, values)}, layouts(asked, {}))["a"]}
    row = rows["language=zh"]
    assert row.score.value == pytest.approx(values[zh].mean())
    assert row.gap == pytest.approx(values[zh].mean() - values[~zh].mean())
    table = [[int(values[side].sum()), int((1 - values[side]).sum())] for side in (zh, ~zh)]
    assert row.p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=0.3)
    assert row.weak
    assert rows["language=en"].gap == -row.gap
    assert not rows["language=en"].weak


def test_a_question_counts_as_it_does_in_the_score() -> None:
    """Where all questions of a dimension have a tag, the tag's score is the dimension's, and the two make the score."""
    asked = questions(60, ("a", "b", "b"), twins=False)
    rng = np.random.default_rng(1)
    facts = found(asked, rng.random(60))
    made = layouts(asked, {"a": 3})
    [low, *_] = [row for row in tag_scores({"x": facts}, made)["x"] if row.name == "level=easy"]
    values, inside = facts["score"], made.tags["level"] == "easy"
    weights = made.score.in_mean(values)
    assert weights.sum() == pytest.approx(1)
    assert low.score.value == pytest.approx((weights * values)[inside].sum() / weights[inside].sum())


def test_twins_are_not_counted_twice() -> None:
    asked, lone = questions(80, ("a",)), questions(80, ("a",), twins=False)
    values = np.repeat(np.arange(40) % 3 != 0, 2) * 1.0  # level=easy is every third pair: all of its questions fail
    twice, once = (
        next(row for row in tag_scores({"x": found(each, values)}, layouts(each, {}))["x"] if row.name == "level=easy")
        for each in (asked, lone)
    )
    assert twice.gap == once.gap == -1
    assert twice.p_value > once.p_value
    assert twice.score.upper > once.score.upper


def test_too_few_questions_or_clusters_are_not_tested() -> None:
    asked = questions(24, ("a",))
    rows = tag_scores({"x": found(asked, np.arange(24) % 2 * 1.0)}, layouts(asked, {}))["x"]
    assert {row.name for row in rows} == {"language=en", "language=zh", "level=easy", "level=hard", "level=odd"}
    assert all(math.isnan(row.p_value) for row in rows if row.tag == "level"), "8 questions in 4 clusters"
    few = questions(9, ("a",), twins=False)
    assert tag_scores({"x": found(few, np.ones(9))}, layouts(few, {}))["x"] == ()


def test_where_nothing_varies_nothing_is_weak() -> None:
    asked = questions(100, ("a",))
    rows = tag_scores({"x": found(asked, np.ones(100)), "y": found(asked, np.full(100, math.nan))}, layouts(asked, {}))
    assert all((row.gap, row.p_value, row.weak) == (0, 1, False) for row in rows["x"])
    assert rows["y"] == ()


@pytest.mark.slow
def test_candidates_without_a_weak_tag_are_seldom_said_to_have_one() -> None:
    rng, wrong = np.random.default_rng(2), 0
    asked = questions(120, ("a", "b"))
    made = layouts(asked, {})
    for _ in range(60):
        facts = {name: found(asked, (rng.random(120) < 0.8) * 1.0) for name in "abc"}
        wrong += any(row.weak for rows in tag_scores(facts, made).values() for row in rows)
    assert wrong <= 7


def test_what_twins_have_in_common_falls_out_of_their_languages_gap() -> None:
    """The standard error is that of the pairs' own differences; hard questions are hard in both languages."""
    rng, asked = np.random.default_rng(7), questions(200, ("a",))
    hard = np.repeat(rng.random(100) < 0.4, 2)
    values = np.where(hard, 0.0, 1.0)
    values[1::2] = np.where(rng.random(100) < 0.08, 0.0, values[1::2])
    rows = {row.name: row for row in tag_scores({"x": found(asked, values)}, layouts(asked, {}))["x"]}
    pairs = values[1::2] - values[::2]
    zh = rows["language=zh"]
    assert zh.gap == pytest.approx(pairs.mean())
    assert zh.p_value == pytest.approx(stats.ttest_1samp(pairs, 0).pvalue, rel=0.5)
    assert zh.p_value < 0.05 < stats.ttest_ind(values[::2], values[1::2]).pvalue
