"""What to do with a retrained model: the command that works, by its verdict and by what it was compared with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from mlflow_evalplus.cli.promote import command
from mlflow_evalplus.results import Difference, Estimate, Outcome
from recipes.flywheel import BUDGET, retrain_page
from recipes.flywheel.champion import Champion
from recipes.flywheel.learnt import Learnt
from recipes.flywheel.parts import COLLECTED, REST, Part
from recipes.flywheel.retraining import Retrained

ROOT = Path(__file__).parents[3]
KNOWN = Estimate(0.8, 0.7, 0.9, 155)


def part(name: str, lower: float, upper: float) -> Part:
    return Part(name, 155, KNOWN, KNOWN, Difference((lower + upper) / 2, lower, upper, 0.1, 155), 3, 5)


def retrained(outcome: Outcome, *parts: Part, learnt: Learnt | None = None, name: str = "sentiment") -> Retrained:
    verdict = SimpleNamespace(outcome=outcome, sentence="accuracy at least 0.9: 0.8.")
    series: Any = SimpleNamespace(
        runs={"new": SimpleNamespace(info=SimpleNamespace(run_id="r1"))},
        evaluations={"new": SimpleNamespace(verdict=verdict)},
    )
    version: Any = SimpleNamespace(number=2, digest="d" * 64)
    champion = Champion(name, "1") if learnt else None
    comparison: Any = SimpleNamespace(run_id="c1")
    return Retrained(
        "r1", series, comparison, parts or (Part(REST, 155, KNOWN),), version, 700, 0, champion, name, learnt
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_run_that_passed_is_promoted_without_force(outcome: Outcome) -> None:
    """Without force a run that did not pass becomes challenger, and the next retrain finds no champion again."""
    done = retrained(outcome, name="new model")
    text = "\n".join(retrain_page.terminal(done))
    words = "promote r1 --name 'new model'"
    forced = f'{words} --alias champion --force --why "…"'
    assert words in text
    assert (forced in text) == (f"overrides the verdict {outcome.value}" in text) == (outcome is not Outcome.PASS)
    assert {"--alias", "--force", "--why", "--name"} <= {name for option in command.params for name in option.opts}
    assert (forced in retrain_page.page(done)) == (forced in text)


def test_a_challenger_that_is_told_worse_is_not_to_be_registered() -> None:
    fair = Learnt({"test rows": (0, 155)})
    for outcome in Outcome:
        done = retrained(outcome, part(COLLECTED, -0.1, 0.1), part(REST, -0.2, -0.1), learnt=fair)
        for text in ("\n".join(retrain_page.terminal(done)), retrain_page.page(done)):
            assert "promote" not in text
            assert "Told worse than the champion (everything else): keep the champion." in text.replace("\\", "")
    better = retrained(Outcome.PASS, part(REST, -0.1, 0.2), learnt=fair)
    assert retrain_page.terminal(better)[-1] == "  mlflow-evalplus promote r1 --name sentiment"


def test_rows_that_the_champion_has_learnt_are_told_before_anything_else() -> None:
    done = retrained(Outcome.PASS, part(REST, -0.3, -0.1), learnt=Learnt({"test rows": (125, 155)}))
    said = "125 of 155 test rows were learnt by the champion, word for word or nearly: the comparison favours it."
    assert retrain_page.notes(done)[0].startswith(said)
    assert said in retrain_page.page(done)
    assert "compare on rows that the champion has not learnt from" in retrain_page.terminal(done)[-1]


def test_command_project_and_docs_have_one_budget() -> None:
    entry = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))["entry_points"]["flywheel"]
    assert entry["parameters"]["budget"]["default"] == str(BUDGET)
    assert f"collect {BUDGET} cases" in (ROOT / "docs" / "flywheel.md").read_text(encoding="utf-8")
