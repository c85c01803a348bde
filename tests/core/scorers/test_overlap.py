"""Overlap of texts: held against sacrebleu and rouge_score called by themselves."""

from __future__ import annotations

import math

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from mlflow_evalplus.core.scorers.overlap import best_overlap, find, overlap
from mlflow_evalplus.core.words import folded
from tests.core.scorers.asked import asked, score
from tests.generated import inputs

TEXTS = st.lists(
    st.sampled_from(["refunds", "take", "14", "days", "退款", "需要", "十四天", ".", "。", " "]), min_size=1, max_size=9
).map(" ".join)


@settings(max_examples=inputs(100), deadline=None)
@given(TEXTS.filter(str.strip), TEXTS.filter(str.strip))
def test_the_figures_are_sacrebleu_s(text: str, gold: str) -> None:
    found = overlap(text, gold)
    given_, wanted = folded(text), folded(gold)
    assert found.chrf == pytest.approx(sacrebleu.sentence_chrf(given_, [wanted]).score / 100)
    bleu = sacrebleu.sentence_bleu(given_, [wanted], tokenize="zh", use_effective_order=True)
    assert found.bleu == pytest.approx(min(bleu.score / 100, 1))


@settings(max_examples=inputs(100), deadline=None)
@given(
    st.lists(st.sampled_from(["refunds", "take", "14", "days"]), min_size=1).map(" ".join),
    st.sampled_from(["take 14 days", "days"]),
)
def test_rouge_l_is_rouge_score_s_for_english(text: str, gold: str) -> None:
    expected = rouge_scorer.RougeScorer(["rougeL"]).score(gold, text)["rougeL"].fmeasure
    assert overlap(text, gold).rouge_l == pytest.approx(expected)


@settings(max_examples=inputs(100), deadline=None)
@given(st.text(st.sampled_from("退款需要十四天"), min_size=1), st.text(st.sampled_from("退款需要十四天"), min_size=1))
def test_rouge_l_is_the_longest_common_subsequence_of_characters_for_chinese(text: str, gold: str) -> None:
    table = [[0] * (len(gold) + 1) for _ in range(len(text) + 1)]
    for i, one in enumerate(text):
        for j, other in enumerate(gold):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    assert overlap(text, gold).rouge_l == pytest.approx(2 * table[-1][-1] / (len(text) + len(gold)))


def test_value_is_the_best_chrf_over_the_golds() -> None:
    question = asked("text", "Two weeks.", "It takes 14 days.")
    found = score(question, "It takes 14 days")
    assert found.value == found.relaxed == max(overlap("It takes 14 days", gold).chrf for gold in question.gold)
    assert (found.passed, found.status, found.extracted, found.format_ok) == (True, "right", "", None)
    assert best_overlap(question, "It takes 14 days").chrf == found.value
    partly = score(question, "It may last long")
    assert (partly.passed, partly.status) == (False, "partial")
    assert score(asked("text", "Two weeks.", pass_mark=0.99), "Two week").status == "partial"


def test_no_text_is_no_answer_and_without_gold_a_verdict_is_needed() -> None:
    assert score(asked("text", "Two weeks."), " ").status == "no_answer"
    assert score(asked("text"), "Two weeks.").status == "missing"
    assert score(asked("text"), "Two weeks.", verdict=0.5).status == "right"
    assert score(asked("text", "Two weeks."), "Two weeks.", verdict=0.25).value == 0.25  # the judges' word wins


@settings(max_examples=inputs(100), deadline=None)
@given(st.text(min_size=1).filter(lambda text: bool(folded(text))))
def test_the_gold_is_right_whatever_its_case_and_width(gold: str) -> None:
    for text in (gold, f" {gold}\n"):
        assert find(asked("text", gold), text).value == pytest.approx(1, abs=1e-9)


@settings(max_examples=inputs(100), deadline=None)
@given(st.text())
def test_any_text_has_a_score(text: str) -> None:
    assert 0 <= find(asked("text", "Two weeks.", "十四天"), text).value <= 1
    assert not any(math.isnan(figure) or not 0 <= figure <= 1 for figure in overlap(text, "十四天"))
