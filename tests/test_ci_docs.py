"""The pages about CI and requirements: every command and option in them exists, and what they say is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlflow_evalplus import requirements
from mlflow_evalplus.cli import group
from mlflow_evalplus.cli.options import EXIT_CODES

DOCS = Path(__file__).parents[1] / "docs"
CI, REQUIREMENTS = ((DOCS / name).read_text(encoding="utf-8") for name in ("ci.md", "requirements.md"))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.S)


def strings(content: Any) -> Iterator[str]:
    """Yield every text in a workflow."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, (dict, list)):
        for part in content.values() if isinstance(content, dict) else content:
            yield from strings(part)


def commands(page: str) -> list[list[str]]:
    """Return every call of ours in the page's YAML, its shell and its text, as words."""
    said = [text for block in blocks(page, "yaml") for text in strings(yaml.safe_load(block))]
    said += [line for block in blocks(page, "bash") for line in block.splitlines()]
    prose = re.sub(r"```.*?```", "", page, flags=re.S)
    said += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    return [shlex.split(text)[1:] for text in said if text.startswith("mlflow-evalplus ")]


@pytest.mark.parametrize(("page", "least"), [(CI, 8), (REQUIREMENTS, 4)])
def test_every_command_and_option_exists(page: str, least: int) -> None:
    found = commands(page)
    assert len(found) >= least
    for name, *words in found:
        command = group.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None, name
        command.make_context(name, words)  # raises where click would refuse it


def test_the_workflow_gates_after_it_evaluated_and_keeps_what_was_found() -> None:
    workflow = yaml.safe_load(blocks(CI, "yaml")[0])
    steps = workflow["jobs"]["gate"]["steps"]
    ours = [step["run"].split()[1] for step in steps if step.get("run", "").startswith("mlflow-evalplus")]
    assert ours == ["requirements", "evaluate", "gate"]
    assert "--exit-zero" in steps[4]["run"]
    assert '--summary "$GITHUB_STEP_SUMMARY"' in steps[5]["run"]
    last = steps[-1]
    assert last["if"] == "always()"
    assert set(last["with"]["path"].split()) == {"gate.xml", "report.html"}


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    said = dict(re.findall(r"^\| (\d) \| (\w+)", CI, re.M))
    assert {word: int(code) for code, word in said.items() if word in EXIT_CODES} == EXIT_CODES


def test_every_key_of_the_requirements_is_explained() -> None:
    for field in (*requirements.Requirements.model_fields, *requirements.Threshold.model_fields):
        if field != "schema_version":
            assert f"`{field.rstrip('_')}" in REQUIREMENTS, field


@pytest.mark.parametrize("page", [CI, REQUIREMENTS])
def test_the_pages_are_short(page: str) -> None:
    assert len(page.splitlines()) < 120
