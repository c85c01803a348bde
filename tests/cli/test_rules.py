"""`mlflow-evalplus rules`: what it prints, as JSON too, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

import mlflow_evalplus as ep
from tests.cli import test_commands
from tests.cli.test_commands import Cli
from tests.core.test_rule_effects import planted

cli = test_commands.cli


@pytest.fixture
def run(store: str) -> str:
    with mlflow.start_run(run_name="words") as run:
        ep.log(ep.evaluate(planted(), text="text", slices=["channel"]))
    Path("rules.yaml").write_text("- {pattern: refund, label: bad}\n- {pattern: 'late|😀', label: good}\n", "utf-8")
    return str(run.info.run_id)


def test_rules_are_tried_on_a_run_and_what_each_does_is_printed(cli: Cli, run: str) -> None:
    ended = cli("rules", "words", "rules.yaml", "--texts", "2")
    assert ended.code == 0
    assert ended.out.startswith(f"run words ({run[:8]}…) of experiment ")
    assert ", 400 examples\n" in ended.out
    assert "2 rules on the run's own predictions fired on 60 of 400 rows, fixed 30 answers and broke 30." in ended.out
    assert "Drop rule 2 (late|😀): it broke 30 and fixed 0." in ended.out
    assert "rule 1 (refund) fixed:" in ended.out
    assert ended.out.count(": my refund") == ended.out.count(": so late") == 2
    shown = cli("rules", "words", "rules.yaml", "--json").json
    assert (shown["run_id"], shown["run"], shown["n"]) == (run, "words", 400)
    assert [rule["verdict"] for rule in shown["rules"]] == ["keep", "drop"]
    assert len(shown["rules"][1]["broken_examples"]) == 20
    assert len(test_commands.runs()) == 1  # nothing is logged
    assert cli("rules", "wordz", "rules.yaml").error.endswith("Did you mean 'words'?")
    Path("rules.yaml").write_text("- {pattern: refund, label: bad, weight: 2}\n", "utf-8")
    assert "keyword rule 1 has a weight" in cli("rules", "words", "rules.yaml").error
    assert cli("rules", "words", "none.yaml").code == 1
