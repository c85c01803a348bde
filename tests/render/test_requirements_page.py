"""The page for the engineering team: all that is asked, judged by the right bound, planned by the right numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mlflow_evalplus import requirements
from mlflow_evalplus.core.power import examples_against_baseline, examples_to_pass, needs
from mlflow_evalplus.render.planning import sentences
from mlflow_evalplus.render.requirements import MAX_COSTS, choice, page, plan, rows
from mlflow_evalplus.requirements import Requirements, load
from recipes.sentiment.data import SHIPPED
from tests.render.test_markdown import HOSTILE, PARSER, tables

ASKED: dict[str, Any] = {
    "task": {"name": "sentiment", "text": "body", "label": "gold", "labels": ["neg", "pos"]},
    "slices": ["channel"],
    "thresholds": [
        {"metric": "accuracy", "min": 0.9},
        {"metric": "accuracy", "every": "channel", "not_worse_than": "baseline", "margin": 0.01},
        {"metric": "log_loss", "not_worse_than": "baseline", "margin": 0.05},
        {"metric": "latency_ms_p95", "max": 50},
    ],
    "error_costs": {"neg": {"pos": 20}},
    "prices": {"currency": "EUR", "label": 0.08},
}


def test_each_requirement_is_judged_by_its_bound() -> None:
    assert [row[2] for row in rows(load(ASKED))] == [
        "the lower bound of the 95% interval is at least 0.9",
        "the lower bound of the paired difference's 95% interval is at least -0.01",
        "the upper bound of the paired difference's 95% interval is at most +0.05",
        "the upper bound of the 95% interval is at most 50",
    ]
    assert "the 99% interval" in rows(load({**ASKED, "confidence": 0.99}))[0][2]


def test_the_page_holds_all_that_is_asked() -> None:
    wanted = load(ASKED)
    text = page(wanted)
    assert text.startswith("# Launch requirements: sentiment\n")
    assert "the column body, as one of 2 labels: neg, pos. The right answer is in the column gold." in text
    asked, costs, prices, planned = tables(text)
    assert [row[1] for row in asked[1:]] == [str(threshold) for threshold in wanted.thresholds]
    assert costs == [["label ↓ answered →", "neg", "pos"], ["neg", "", "20"], ["pos", "0", ""]]
    assert prices[1:] == [["label", "0.08"]]
    assert [row[:2] for row in planned[1:]] == [["1", "examples"], ["2", "examples in each channel"]]
    assert planned[1][2:] == [f"{examples_to_pass(0.9, d):,}" for d in (0.01, 0.02, 0.03, 0.05)] + ["never"]
    assert planned[2][2:] == [
        f"≈ {examples_against_baseline(0.01, d):,}" for d in (0.01, 0.02, 0.03, 0.05, 0.0)
    ]  # fmt: skip
    assert text.endswith(f"Digest of these requirements: `{wanted.digest}`\n")


def test_the_shipped_requirements_make_a_page() -> None:
    wanted = requirements.load(SHIPPED.with_name("requirements.yaml"))
    asked, costs, _, planned = tables(page(wanted))
    assert len(asked) == len(wanted.thresholds) + 1
    assert costs[1][1:] == ["", "5", "20"]
    assert len(planned) == len(needs(wanted)) + 1


def test_without_anything_the_page_says_what_is_missing() -> None:
    text = page(Requirements())
    assert "Nothing yet: add `thresholds`." in text
    assert "Slices: none are declared." in text
    assert not re.search("costs|Prices|examples this takes", text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "the one with the highest accuracy is taken (priority: accuracy)."),
        ({"priority": "stability"}, "the one with the highest worst_slice_accuracy is taken"),
        (
            {"priority": "cost"},
            "lowest total_cost_per_1000 is taken, else the lowest error_cost, else the highest accuracy",
        ),
        ({"weights": {"f1_macro": 1, "error_cost": 3}}, "the best is taken: 25% f1_macro, 75% error_cost, each scaled"),
    ],
)
def test_the_priority_is_said_in_words(content: dict[str, Any], said: str) -> None:
    assert said in choice(load(content))


def test_a_model_that_cannot_be_that_much_better_has_a_dash() -> None:
    wanted = load({"thresholds": [{"metric": "accuracy", "min": 0.98}]})
    assert plan(wanted)[0][4:] == ("–", "–", "never")
    assert "–: no model can be that much better." in page(wanted)


def test_many_labels_list_their_dearest_errors() -> None:
    labels = [f"l{i}" for i in range(20)]
    costs = {a: {b: i + j for j, b in enumerate(labels) if a != b} for i, a in enumerate(labels)}
    _, listed = tables(page(load({"task": {"labels": labels}, "thresholds": [{"metric": "mcc", "min": 0.5}],
                                  "error_costs": costs})))  # fmt: skip
    assert len(listed) == MAX_COSTS + 1
    assert listed[1] in (["l18", "l19", "37"], ["l19", "l18", "37"])


def test_names_of_any_kind_are_text() -> None:
    names = [text for text in HOSTILE if text]
    content = {
        "task": {"name": names[6], "text": names[9], "label": names[10], "labels": names},
        "slices": names, "cluster": names[7],
        "thresholds": [{"metric": "recall", "class": name, "every": name, "min": 0.9} for name in names],
        "error_costs": {names[6]: {names[0]: 1}, names[7]: {names[1]: 2}},
        "prices": {"currency": names[6], "label": 1},
    }  # fmt: skip
    for wanted in (load(content), load({**content, "task": {"name": "x"}, "thresholds": []})):
        text = page(wanted)
        tables(text)  # raises where a cell holds markup
        tokens = PARSER.parse(text)
        assert {token.tag for token in tokens if token.type == "heading_open"} <= {"h1", "h2"}
        assert not [token for token in tokens if token.type in ("html_block", "fence", "code_block")]
        inner = {child.type for token in tokens for child in token.children or ()}
        assert inner <= {"text", "softbreak", "code_inline", "em_open", "em_close"}
        assert len(text) < 100_000


def test_a_plan_for_data_counts_the_rarest_slice_and_the_price() -> None:
    wanted = load(
        {**ASKED, "thresholds": [{"metric": "accuracy", "min": 0.995}, {"metric": "accuracy", "min": 0.985},
                                 {"metric": "accuracy", "every": "channel", "min": 0.9},
                                 {"metric": "accuracy", "not_worse_than": "baseline", "margin": 0.02}]}
    )  # fmt: skip
    said = sentences(wanted, {"neg": 500, "pos": 500}, {"channel": {"app": 750, "web": 250}}, 1000)
    n, equal = examples_to_pass(0.985, 0.01), examples_against_baseline(0.02, 0.0)
    assert said[1:] == [
        "- accuracy at least 0.995: no number of examples shows it",
        f"- accuracy at least 0.985: {n:,}, if it is 1 point better, as more is not possible",
        "- accuracy at least 0.9 in every channel: 740 in each channel, about 2,960 as they come",
        f"- accuracy not worse than the baseline by more than 0.02: {equal:,}, if it is as good, and the two differ in "
        "being right on 10%",
        "So label about 2,960 test examples, for 237 EUR; the file has 1,000 rows.",
    ]
    assert sentences(load({"thresholds": [{"metric": "mcc", "min": 0.5}]}), {"a": 1, "b": 1}, {}, 2) == []
