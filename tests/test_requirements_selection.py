"""The section ``selection:`` of requirements.yaml: what it takes, and how each mistake in it is named with its line."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from mlflow_evalplus import requirements
from mlflow_evalplus.errors import RequirementsError
from mlflow_evalplus.requirements import Requirements, SelectionGate, SelectionRules
from mlflow_evalplus.requirements.selection import GATED, LESS_IS_BETTER, OF_QUESTIONS, OF_TIME

EXAMPLE = """\
priority: cost
selection:
  dimensions: {policy: 2, loans: 1, tone: 0}
  weights: {accuracy: 3, cost: 1}
  gates:
    - {metric: score, min: 0.80}
    - {metric: score, dimension: policy, tag: language=zh, min: 0.7, min_questions: 40}
    - {metric: refusal_rate, max: 0.02}
    - {metric: score, not_worse_than: big, margin: 0.03}
    - {metric: cost_per_1000, not_worse_than: big}
    - {metric: latency_ms_p95, max: 3000}
    - {metric: tokens_per_s, min: 20}
"""
WORDS = [
    "score at least 0.8",
    "score in policy & language=zh at least 0.7",
    "refusal rate at most 0.02",
    "score not worse than that of big by more than 0.03",
    "cost per 1,000 questions not worse than that of big",
    "p95 latency at most 3,000 ms",
    "tokens per second at least 20",
]


def test_the_section_is_read_and_says_itself_in_words() -> None:
    rules = requirements.parse(EXAMPLE).selection
    assert rules.dimensions == {"policy": 2, "loans": 1, "tone": 0}
    assert rules.weights == {"accuracy": 3, "cost": 1}
    assert [str(gate) for gate in rules.gates] == WORDS
    assert rules.gates[1].where == "policy & language=zh"
    assert [(gate.falling, gate.bound) for gate in rules.gates] == [
        (False, 0.8), (False, 0.7), (True, 0.02), (False, -0.03), (True, 0.0), (True, 3000), (False, 20)
    ]  # fmt: skip


def test_without_the_section_the_defaults_hold_and_the_digest_is_as_before() -> None:
    assert Requirements().selection == SelectionRules()
    assert requirements.parse("selection: {}").digest == Requirements().digest
    assert requirements.parse(EXAMPLE).digest != Requirements().digest
    assert [str(gate) for gate in Requirements().selection.asked] == ["coverage at least 0.9"]
    assert len(requirements.parse(EXAMPLE).selection.asked) == len(WORDS)


def test_every_mistake_is_named_with_its_line() -> None:
    text = """\
    selection:
      dimensions: {policy: -1, loans: yes}
      weights: {acuracy: 1}
      gate: []
      gates:
        - {metric: scor, min: 0.9}
        - {metric: score, min: 90}
        - {metric: score, min: 0.9, max: 0.95}
        - {metric: score}
        - {metric: latency_ms_p95, not_worse_than: big}
        - {metric: score, min: 0.9, margin: 0.1}
        - {metric: score, tag: zh, min: 0.9}
        - {metric: score, dimensions: policy, min: 0.9}
        - {metric: score, not_worse_than: big, margin: 1}
        - {metric: cost_per_1000, max: -1}
        - {metric: score, min: no}
        - {metric: score, min: 0.5, min_questions: 0}
    """
    with pytest.raises(RequirementsError) as caught:
        requirements.parse(textwrap.dedent(text))
    head, *listed = str(caught.value).splitlines()
    assert head == f"requirements has {len(listed)} mistakes:"
    found = [re.match(r"  line (\d+): (.*)", each).groups() for each in listed]  # type: ignore[union-attr]
    says = [
        (2, "selection.dimensions.loans: YAML reads yes, no, on, off as true and false; give a number"),
        (2, "selection.dimensions.policy: Input should be greater than or equal to 0"),
        (3, "unknown part 'acuracy'; parts are ['accuracy', 'fluency', 'stability', 'cost']. Did you mean 'accuracy'?"),
        (4, "selection.gate: unknown key; keys are ['dimensions', 'gates', 'weights']. Did you mean 'gates'?"),
        (6, "unknown metric 'scor'; metrics are ['score', 'coverage'"),
        (7, "score lies between 0 and 1; 0.9 means 90 % (given: 90)"),
        (8, "give exactly one of min, max and not_worse_than"),
        (9, "give exactly one of min, max and not_worse_than"),
        (10, "metric 'latency_ms_p95' takes min or max; it is not compared question by question"),
        (11, "'margin' belongs to not_worse_than"),
        (12, "a tag is written with its value: language=zh (given: 'zh')"),
        (13, "selection.gates.7.dimensions: unknown key; keys are ['metric', 'dimension', 'tag'"),
        (14, "no candidate is worse by more than that; 0.01 means one point"),
        (15, "cost_per_1000 is never below 0"),
        (16, "YAML reads yes, no, on, off as true and false; give a number"),
        (17, "Input should be greater than or equal to 1"),
    ]  # fmt: skip
    assert [int(line) for line, _ in found] == [line for line, _ in says]
    assert [words for (_, words), (_, said) in zip(found, says, strict=True) if said not in words] == []


def test_weights_that_are_all_0_are_refused() -> None:
    with pytest.raises(RequirementsError, match="every weight is 0"):
        requirements.load({"selection": {"weights": {"accuracy": 0}}})
    # a dimension that is not named counts 1; where there is none, the questions are at hand when that is refused
    assert requirements.load({"selection": {"dimensions": {"tone": 0}}}).selection.dimensions == {"tone": 0}


@pytest.mark.parametrize("metric", GATED)
def test_a_gate_of_any_metric_knows_which_way_is_better(metric: str) -> None:
    assert not SelectionGate(metric=metric, min=0.5).falling
    assert SelectionGate(metric=metric, max=0.5).falling
    if not metric.startswith(("latency", "first_token", "tokens")):
        assert SelectionGate(metric=metric, not_worse_than="x").falling == (metric in LESS_IS_BETTER)


def test_the_page_of_the_contract_lists_what_a_gate_may_name() -> None:
    page = (Path(__file__).parents[1] / "docs" / "contract.md").read_text(encoding="utf-8")
    said = page[page.index("A gate of its section `selection` names") :].partition("\n\n")[0]
    named, of_time = (re.findall(r"`(\w+)`", part) for part in said.split("without `not_worse_than`"))
    assert (tuple(named[1:]), tuple(of_time)) == (OF_QUESTIONS, OF_TIME)
