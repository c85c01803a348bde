from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mlflow_evalplus import requirements
from mlflow_evalplus.render.requirements import page
from recipes.sentiment.data import SHIPPED
from tests.cli import test_commands
from tests.cli.test_commands import MISTAKES, Cli

cli = test_commands.cli


@pytest.fixture
def asked(cli: Cli) -> str:
    text = SHIPPED.with_name("requirements.yaml").read_text(encoding="utf-8")
    Path("requirements.yaml").write_text(text, encoding="utf-8")
    return "requirements.yaml"


def test_requirements_are_checked_and_shown(cli: Cli, asked: str) -> None:
    ended = cli("requirements")
    assert ended.code == 0
    assert "recall of negative at least 0.92" in ended.out
    assert "examples in each business_line" in ended.out
    assert requirements.load(asked).digest in ended.out


def test_the_page_is_printed_or_written(cli: Cli, asked: str) -> None:
    expected = page(requirements.load(asked))
    assert cli("requirements", "--markdown").out == expected
    ended = cli("requirements", asked, "--output", "page.md")
    assert Path("page.md").read_text(encoding="utf-8") == expected
    assert ended.err == "The page: page.md\n"
    assert "cannot write 'none/page.md'" in cli("requirements", "--output", "none/page.md").error


def test_requirements_print_json_for_machines(cli: Cli, asked: str) -> None:
    found = cli("requirements", "--json").json
    wanted = requirements.load(asked)
    assert found["digest"] == wanted.digest
    assert requirements.load(found["content"]) == wanted
    assert [row["requirement"] for row in found["requirements"]] == [str(t) for t in wanted.thresholds]
    assert (found["points"], found["power"]) == ([0.01, 0.02, 0.03, 0.05], 0.8)
    planned = {row["number"]: row["examples_needed"] for row in found["requirements"] if "counted" in row}
    assert sorted(planned) == [1, 2, 3, 4]  # not the latency
    assert all(numbers == sorted(numbers, reverse=True) for numbers in planned.values())


def test_every_mistake_is_named_with_its_line(cli: Cli) -> None:
    Path("r.yaml").write_text(MISTAKES, encoding="utf-8")
    ended = cli("requirements", "r.yaml", "--output", "page.md")
    assert ended.code == 1
    first, *listed = ended.err.splitlines()
    assert first == "Error: r.yaml has 3 mistakes:"
    assert [line.split(":")[0] for line in listed] == ["  line 4", "  line 5", "  line 6"]
    assert not Path("page.md").exists()


def test_a_missing_file_says_how_to_draft_one(cli: Cli) -> None:
    ended = cli("requirements")
    assert ended.code == 1
    assert "cannot read requirements 'requirements.yaml'" in ended.error
    assert "mlflow-evalplus init" in ended.error


def test_names_from_the_file_are_no_markup_of_the_terminal(cli: Cli) -> None:
    content = {
        "slices": ["[red]\x1b[31m"],
        "thresholds": [{"metric": "accuracy", "every": "[red]\x1b[31m", "min": 0.9}],
    }
    Path("r.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    ended = cli("requirements", "r.yaml")
    assert "accuracy at least 0.9 in every [red]␛[31m" in ended.out
    assert "\x1b" not in ended.out
