"""Commands out of a shell's lines, and whether the programs that they call would take them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import metadata
from itertools import groupby, pairwise
from typing import Any

import click
import yaml
from mlflow.cli import cli as mlflow_cli

from mlflow_evalplus.cli import group
from tests.documentation.pages import ROOT

OURS = "mlflow-evalplus"
OTHERS = {
    "accelerate",
    "cd",
    "curl",
    "docker",
    "echo",
    "export",
    "git",
    "mail",
    "mkdocs",
    "pip-audit",
    "uv",
}  # taken as they are
Words = list[str]


def lines(script: str) -> list[str]:
    """Return the lines of a script that hold commands, continued ones as one."""
    joined = script.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip() and not line.lstrip().startswith("#")]


def commands(line: str) -> Iterator[Words]:
    """Yield each command of a line as its words: without comments, redirections and variables set before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for separator, group_of in groupby(lexer, lambda word: set(word) <= set(";&|()")):
        words = [] if separator else _plain(list(group_of))
        if words:
            yield words


def _plain(words: Words) -> Words:
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    to_files = {at + step for at, word in enumerate(words) if set(word) <= set("<>") for step in (0, 1)}
    return [word for at, word in enumerate(words) if at not in to_files]


def check_line(line: str) -> None:
    """Check every command of a line."""
    for words in commands(line):
        check(words)


def check(words: Words) -> None:
    """Check that the program would take these words.

    Raises
    ------
    AssertionError or click.UsageError
        There is no such program, command, option, parameter, file or test, or an argument is missing.
    """
    if words[0].startswith((".ci/", "./")):
        assert (ROOT / words[0]).is_file(), f"there is no file {words[0]}"
        return
    program = words[0].rsplit("/", 1)[-1]
    if program in OTHERS or "--help" in words:
        return
    assert program in CHECKS, f"{program} is no program that the pages may call: {shlex.join(words)}"
    CHECKS[program](words[1:])


def _ours(words: Words) -> None:
    _parse(group, words)


def _parse(program: click.Group, words: Words) -> click.Context:
    name, *rest = words
    command = program.get_command(click.Context(program), name)
    assert command is not None, f"there is no command {name!r}"
    return command.make_context(name, rest)  # raises where click would refuse it


def _mlflow(words: Words) -> None:
    given = _parse(mlflow_cli, words).params
    if words[0] == "run":
        project(given["entry_point"], given["param_list"])


def project(entry_point: str | None, parameters: Any) -> None:
    """Check parameters, as ``name=value``, against the project's; without an entry point against those of all."""
    entries = entry_points()
    assert entry_point is None or entry_point in entries, f"MLproject has no entry point {entry_point!r}"
    known = set().union(*entries.values()) if entry_point is None else entries[entry_point]
    for parameter in parameters:
        name = parameter.partition("=")[0]
        assert name in known, f"-P {name}: the parameters are {', '.join(sorted(known))}"


@cache
def entry_points() -> dict[str, set[str]]:
    content = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))
    return {name: set(entry["parameters"]) for name, entry in content["entry_points"].items()}


def _pytest(words: Words) -> None:
    markers = re.findall(r'^    "(\w+): ', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    files = [ROOT / word for word in words if word.startswith("tests/")]
    assert [str(file) for file in files if not file.exists()] == []
    for option, text in pairwise(words):
        if option == "-m":
            assert set(re.findall(r"\w+", text)) - {"or", "and", "not"} <= set(markers), text
        if option == "-k":
            assert any(text in file.read_text(encoding="utf-8") for file in files), f"no test is called {text!r}"


def _pip(words: Words) -> None:
    extras = set(metadata(OURS).get_all("Provides-Extra") or ())
    for word in words:
        for named in re.findall(r"^(?:\.|mlflow-evalplus)\[(.*)\]$", word):
            assert set(named.split(",")) <= extras, f"{word}: the extras are {', '.join(sorted(extras))}"
    for option, file in pairwise(words):
        assert option not in ("-c", "-r") or (ROOT / file).is_file(), f"there is no file {file}"


def _python(words: Words) -> None:
    if words[:2] == ["-m", "pytest"]:
        _pytest(words[2:])
    elif words[0] == "-m" and words[1].partition(".")[0] in ("recipes", "tests", "mlflow_evalplus"):
        assert (options := options_of_module(words[1])), f"there is no module {words[1]}"
        assert {word for word in words if word.startswith("--")} <= options, f"its options are {sorted(options)}"
    elif words[0].endswith(".py") and "/" in words[0]:
        assert (ROOT / words[0]).is_file(), f"there is no file {words[0]}"


def options_of_module(name: str) -> set[str]:
    """Return the options that a module of the project names, and ``-m``; nothing where it is not there."""
    module = ROOT / name.replace(".", "/")
    files = [file for file in (module.with_suffix(".py"), module / "__main__.py") if file.is_file()]
    return (
        {"-m"}.union(*(re.findall(r'"(--[\w-]+)"', file.read_text(encoding="utf-8")) for file in files))
        if files
        else set()
    )


CHECKS: dict[str, Callable[[Words], None]] = {
    OURS: _ours, "mlflow": _mlflow, "pytest": _pytest, "pip": _pip, "python": _python,
}  # fmt: skip
