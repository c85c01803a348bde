"""What a selection asks, on the page of requirements and in the terminal: in words, by the right bound."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mlflow_evalplus import requirements
from mlflow_evalplus.core.selection.priorities import PRIORITIES
from mlflow_evalplus.render.requirements import page, terminal
from mlflow_evalplus.render.selection_requirements import MAX_GATES, rows, section, sentences
from mlflow_evalplus.requirements import Requirements, load
from mlflow_evalplus.requirements.selection import GATED
from tests.render.test_markdown import HOSTILE, PARSER, tables

SHIPPED = Path(__file__).parents[2] / "recipes" / "selection" / "requirements.yaml"
ASKED: dict[str, Any] = {
    "priority": "cost",
    "selection": {
        "dimensions": {"policy": 2, "tone": 0},
        "gates": [
            {"metric": "format_compliance", "dimension": "policy", "tag": "language=zh", "min": 0.9},
            {"metric": "score", "not_worse_than": "large", "margin": 0.05},
            {"metric": "cost_per_1000", "not_worse_than": "large", "min_questions": 40},
            {"metric": "latency_ms_p95", "max": 3000},
        ],
    },
}


def shown(wanted: Requirements) -> str:
    screen = Console(file=io.StringIO(), width=200)
    for part in terminal(wanted):
        screen.print(part)
    return screen.file.getvalue()  # type: ignore[attr-defined]


def test_each_gate_is_said_in_words_and_judged_by_its_bound() -> None:
    assert [row[1:] for row in rows(load(ASKED))] == [
        ("format compliance in policy & language=zh at least 0.9",
         "the lower bound of the 95% interval is at least 0.9, on at least 20 questions"),
        ("score not worse than that of large by more than 0.05",
         "the lower bound of the paired difference's 95% interval is at least -0.05, on at least 20 questions"),
        ("cost per 1,000 questions not worse than that of large",
         "the upper bound of the paired difference's 95% interval is at most 0, on at least 40 questions"),
        ("p95 latency at most 3,000 ms",
         "the upper bound of the 95% interval is at most 3,000, on at least 20 questions"),
    ]  # fmt: skip
    assert "the 99% interval" in rows(load({**ASKED, "confidence": 0.99}))[0][2]


@pytest.mark.parametrize("metric", GATED)
def test_no_gate_is_said_by_its_raw_key(metric: str) -> None:
    wanted = load({"selection": {"gates": [{"metric": metric, "min": 0.5}]}})
    assert "_" not in rows(wanted)[0][1]


def test_a_file_for_a_selection_alone_asks_nothing_of_a_classifier() -> None:
    for wanted in (requirements.load(SHIPPED), load(ASKED)):
        for text in (page(wanted), shown(wanted)):
            assert "thresholds" not in text
            assert "labels" not in text
            assert f"(priority: {wanted.priority})" in " ".join(text.split())
        (gates,) = tables(page(wanted))
        assert [row[1] for row in gates[1:]] == [str(gate) for gate in wanted.selection.gates]
        assert f"{len(wanted.selection.gates)} requirements, digest {wanted.digest}" in shown(wanted)


def test_a_file_for_both_shows_both() -> None:
    wanted = load({**ASKED, "thresholds": [{"metric": "accuracy", "min": 0.9}]})
    assert [table[0][1] for table in tables(page(wanted))] == ["requirement", "counted", "gate"]
    said = shown(wanted)
    assert said.index("accuracy at least 0.9") < said.index("format compliance in policy")
    assert "5 requirements, digest" in said


def test_without_the_section_the_page_does_not_speak_of_a_selection() -> None:
    assert list(section(Requirements())) == []
    for text in (page(Requirements()), shown(Requirements())):
        assert "candidate passes" not in text
        assert "question set" not in text


def test_without_gates_the_default_gate_is_said() -> None:
    wanted = load({"selection": {"dimensions": {"policy": 2}}})
    assert [row[1] for row in rows(wanted)] == ["coverage at least 0.9"]
    assert "coverage at least 0.9" in page(wanted)


def test_what_counts_how_much_is_said() -> None:
    said = " ".join(sentences(load(ASKED)))
    assert "policy 2, tone 0; any other dimension 1. Weight 0 is shown and not counted." in said
    for part, weight in PRIORITIES["cost"].items():
        assert f"{weight:.0%} {part}" in said
    assert said.endswith("cheaper beyond doubt, if it measures at most 5 points below the best.")
    own = " ".join(sentences(load({"selection": {"weights": {"accuracy": 3, "cost": 1, "fluency": 0}}})))
    assert "Every dimension counts the same" in own
    assert "75% accuracy, 25% cost (the weights of this file)" in own


def test_names_of_any_kind_are_text() -> None:
    names = [text for text in HOSTILE if text]
    gates = [{"metric": "score", "dimension": name, "min": 0.5} for name in names] * 20
    wanted = load({"selection": {"dimensions": dict.fromkeys(names, 1), "gates": gates}})
    text = page(wanted)
    (found,) = tables(text)
    assert len(found) == MAX_GATES + 1
    assert f"… {len(gates) - MAX_GATES} more." in text
    tokens = PARSER.parse(text)
    assert {token.tag for token in tokens if token.type == "heading_open"} <= {"h1", "h2"}
    assert not [token for token in tokens if token.type in ("html_block", "fence", "code_block")]
    assert "\x1b" not in shown(wanted)
