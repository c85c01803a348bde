"""The page of a CI job: the verdict, each gate, what to label; and no markup of the data's."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from mlflow_evalplus import evaluate
from mlflow_evalplus.render.gate_summary import MAX_GATES, MAX_PLAN, page
from mlflow_evalplus.results import Estimate, Evaluation, Gate, Outcome, Sampling, Verdict
from tests.render.test_markdown import HOSTILE, PARSER, collapsed, tables


@pytest.fixture
def judged(frame: pd.DataFrame) -> Evaluation:
    return evaluate(
        frame,
        requirements={
            "slices": ["channel"],
            "thresholds": [
                {"metric": "accuracy", "min": 0.5},
                {"metric": "latency_ms_p95", "max": 50},
                {"metric": "accuracy", "min": 0.99},
                {"metric": "accuracy", "slice": "channel=app", "min": 0.94},
            ],
        },
    )


def test_it_opens_with_the_verdict_and_the_gates_that_fail(judged: Evaluation) -> None:
    text = page(judged, "words", "3f2a")
    assert text.startswith("## ✘ fail: words\n\nFAIL (1 pass, 1 fail, 2 undecided): accuracy at least 0.99: ")
    (table,) = tables(text)
    assert table[0] == ["requirement", "measured [95% interval]", "verdict", "what decides"]
    assert [row[2] for row in table[1:]] == ["✘ fail", "? undecided", "? undecided", "✔ pass"]
    gates = {gate.requirement: gate for gate in judged.verdict.gates}
    for row in table[1:]:
        gate = gates[row[0]]
        assert collapsed(gate.reason).endswith(row[3])
        assert (row[1] == "not measured") == (gate.estimate is None)
        if gate.estimate:
            assert row[1].startswith(f"{gate.estimate.value:.3f}")
            assert row[3].startswith(f"on {gate.estimate.n} examples ")


def test_it_says_what_to_label_and_what_was_judged(judged: Evaluation) -> None:
    text = page(judged, "words", "3f2a")
    assert judged.verdict.plan
    for sampling in judged.verdict.plan:
        assert f"- {sampling.text}" in text.replace("\\", "")
    assert judged.requirements
    origin = f"run 3f2a · requirements {judged.requirements.digest} · test set {judged.data_digest} · 600 examples"
    assert text.endswith(f"{origin}\n")


def test_without_thresholds_it_says_what_to_do(frame: pd.DataFrame) -> None:
    text = page(evaluate(frame), "words")
    assert "UNDECIDED: no threshold was given." in text
    assert "Add `thresholds` to requirements.yaml" in text
    assert "What to label" not in text


def test_hostile_text_is_text(judged: Evaluation) -> None:
    gates = tuple(Gate(text, Outcome.FAIL, f"{text}: {text}", Estimate(0.5, 0.4, 0.6, 10)) for text in HOSTILE)
    plan = tuple(Sampling(text, 5, text) for text in HOSTILE[:MAX_PLAN])
    hostile = replace(judged, verdict=Verdict(Outcome.FAIL, gates, HOSTILE, plan), notes=HOSTILE)
    for run in HOSTILE:
        text = page(hostile, run, run)
        (table,) = tables(text)  # raises where a cell holds markup
        assert [len(row) for row in table] == [4] * (len(gates) + 1)
        tokens = PARSER.parse(text)
        assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2", "h3"]
        assert not [token for token in tokens if token.type in ("html_block", "fence", "code_block")]
        inner = [child.type for token in tokens for child in token.children or ()]
        assert set(inner) <= {"text", "softbreak"}


def test_it_stays_within_the_megabyte_that_github_takes(judged: Evaluation) -> None:
    gates = tuple(Gate("&" * 1000, Outcome.FAIL, "|" * 1000) for _ in range(10_000))
    plan = tuple(Sampling("", 5, "<" * 1000) for _ in range(10_000))
    text = page(replace(judged, verdict=Verdict(Outcome.FAIL, gates, ("&" * 10_000,) * 1000, plan)), "words")
    assert len(text.encode()) < 2**20
    assert f"… {10_000 - MAX_GATES} more." in text
    assert f"… {10_000 - MAX_PLAN} more." in text
