"""Every command that the pages name, in blocks or in sentences, exists and would be taken by its program."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml
from mlflow.cli import cli as mlflow_cli

import mlflow_evalplus as ep
from mlflow_evalplus.cli import COMMANDS, group
from tests.documentation import shell
from tests.documentation.pages import PAGES, blocks, code_in_sentences

FOREIGN = {"--log_samples", "--help", "--version"}  # lm-eval's; of every program
PROGRAMS = re.compile(rf"({shell.OURS}|mlflow run|pytest|pip|python -m) ")


def of_blocks(page: str) -> Iterator[str]:
    """Yield every line of the page's blocks that is for a shell, wherever such lines stand."""
    for block in blocks("bash", page=page):
        yield from shell.lines(block.text)
    for block in blocks("console", page=page):
        yield from re.findall(r"^\$ (.*)", block.text.replace("\\\n", " "), re.M)
    for block in blocks("yaml", page=page):
        yield from steps(yaml.safe_load(block.text))
    for block in blocks("cron", "ini", page=page):
        yield from re.findall(r"mlflow-evalplus .*", block.text)


def steps(content: Any) -> Iterator[str]:
    """Yield the shell's lines in the workflow of a CI service, or in a part of one."""
    if isinstance(content, dict):
        for key, part in content.items():
            script = "\n".join([part] if isinstance(part, str) else part) if key in ("run", "script") else ""
            yield from shell.lines(script)
            yield from steps(part) if not script else ()
    elif isinstance(content, list):
        for part in content:
            yield from steps(part)


@pytest.mark.parametrize("page", [page for page in PAGES if any(of_blocks(page))])
def test_commands_in_blocks_would_be_taken(page: str) -> None:
    for line in of_blocks(page):
        shell.check_line(line)


def test_commands_in_sentences_would_be_taken() -> None:
    """One whose options have no values there, such as `mlflow-evalplus evaluate --model`, is only spoken of."""
    found = [(page, code) for page in PAGES for code in code_in_sentences(page) if PROGRAMS.match(code)]
    assert len(found) > 70
    for page, code in found:
        for words in shell.commands(code):
            try:
                _check_as_spoken(words)
            except (AssertionError, click.UsageError) as error:
                pytest.fail(f"{page}: {code}: {error}")


def _check_as_spoken(words: list[str]) -> None:
    if words[0] == shell.OURS and set(words[1:]) <= FOREIGN | {"COMMAND"}:
        return
    if words[0] == shell.OURS and all(word.startswith("-") for word in words[2:]):
        command = group.get_command(click.Context(group), words[1])
        assert command is not None, f"there is no command {words[1]!r}"
        assert set(words[2:]) - FOREIGN <= options(command)
    elif words != ["mlflow", "run"]:
        shell.check([word for word in words if word != "…"])


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def test_options_and_parameters_in_sentences_exist() -> None:
    """An option may be that of any of our commands, of `mlflow run` or `server`, or of a module that the page runs."""
    commands = [group.get_command(click.Context(group), name) for name in COMMANDS]
    commands += [mlflow_cli.commands[name] for name in ("run", "server")]
    known = set().union(FOREIGN, *(options(command) for command in commands if command))
    wrong = []
    for page in PAGES:
        of_modules = re.findall(r"python -m (tests\.\w+)", " ".join(of_blocks(page)))
        here = known.union(*map(shell.options_of_module, of_modules))
        for code in code_in_sentences(page):
            named = re.match(r"--[\w-]+", code)
            wrong += [(page, code)] if named and named[0] not in here else []
            if code.startswith("-P "):  # of any entry point
                shell.project(None, [code[3:]])
            elif code.startswith("-e "):
                shell.check_line(f"mlflow run . {code}")
    assert wrong == []


def test_calls_in_sentences_name_functions_and_arguments_that_exist() -> None:
    calls = [code for page in PAGES for code in code_in_sentences(page) if re.match(r"ep\.\w+\(", code)]
    assert len(calls) > 10
    for code in calls:
        tree = ast.parse(
            re.sub(r"(?<![\w\"'.])…|\.\.\.", "_", code.replace(", …", "")).replace("=_", "=0"), mode="eval"
        )
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if ast.unparse(call.func).startswith("ep.") and ast.unparse(call.func).count(".") == 1:
                function = getattr(ep, ast.unparse(call.func)[3:])
                taken = inspect.signature(function).parameters
                free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
                assert free or {keyword.arg for keyword in call.keywords} - {None} <= set(taken), code


def test_a_page_that_is_wrong_is_found_out() -> None:
    """What the tests above stand on refuses a wrong name of each kind."""
    for line in (
        "mlflow-evalplus gaet words", "mlflow-evalplus promote words", "mlflow-evalplus gate words --jnuit gate.xml",
        "mlflow run . -e evaluat", "mlflow run . -P dta=tickets.csv", "mlflow run . --env-mananger local",
        "pytest tests/test_nowhere.py", "pytest -m slwo", "pip install -e '.[recipe]'", "python -m recipes.nowhere",
        "mlflow-evalpus doctor", "EVALPLUS_PEERS=python pytest -m slwo", "echo so || mlflow-evalplus gaet",
    ):  # fmt: skip
        with pytest.raises((AssertionError, click.UsageError)):
            shell.check_line(line)


def test_every_command_is_in_the_pages() -> None:
    said = " ".join(code for page in PAGES for code in [*of_blocks(page), *code_in_sentences(page)])
    assert [name for name in COMMANDS if f"{shell.OURS} {name}" not in said and f"`{name}`" not in said] == []
