"""The rules of the house: imports go one way, only tracking knows MLflow, what is public is explained."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from click.testing import CliRunner

import mlflow_evalplus
from mlflow_evalplus import names
from mlflow_evalplus.cli import COMMANDS, group

ROOT = Path(__file__).parents[1]
PACKAGE = "mlflow_evalplus"
# A room imports from its own floor and from those before it; the recipes print as the command line does.
FLOORS = (
    ("errors", "limits", "names", "results", "requirements"), ("core",), ("asking",), ("render",), ("tracking",),
    ("cli",), ("recipes",),
)  # fmt: skip
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# The one arrow against the stream: a result draws itself, bound when it is asked to.
LATE = (f"{PACKAGE}.results.estimate", f"{PACKAGE}.render")


@cache
def modules() -> dict[str, ast.Module]:
    """Return the tree of every module of the package and the recipes, by its dotted name."""
    found = {}
    for path in sorted([*(ROOT / PACKAGE).rglob("*.py"), *(ROOT / "recipes").rglob("*.py")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imports(module: ast.Module, known: set[str]) -> Iterator[tuple[str, bool]]:
    """Yield what a module imports, wherever in it, and whether `import_module` does it; not what only mypy sees."""
    for node in _walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else _home(whole) or str(node.module), False
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield _beginning(node.args[0]), True


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (inner for other in child.orelse for inner in ast.walk(other))
        else:
            yield child
            yield from _walk(child)


def _home(name: str) -> str | None:
    """Return the module that a name of the package's façade is fetched from."""
    package, _, public = name.rpartition(".")
    home = mlflow_evalplus._HOME.get(public)
    return f"{PACKAGE}.{home}" if package == PACKAGE and home else None


def _beginning(argument: ast.expr) -> str:
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
    return str(first.value).rstrip(".") if isinstance(first, ast.Constant) else ast.unparse(argument)


def room(module: str) -> str | None:
    """Return the room of a module of ours; None for the façade and for other packages."""
    parts = module.split(".")
    if parts[0] == "recipes":
        return "recipes"
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else None


def wrong_ways(trees: dict[str, ast.Module]) -> list[tuple[str, str]]:
    return [
        (name, target)
        for name, tree in trees.items()
        for target, late in imports(tree, set(trees))
        if (here := room(name)) and (there := room(target)) and FLOOR[there] > FLOOR[here]
        if not (late and (name, target) == LATE)
    ]


def circle(trees: dict[str, ast.Module]) -> list[str]:
    """Return the modules of a circle of imports, if there is one."""
    arrows = {name: {t for t, late in imports(tree, set(trees)) if not late} for name, tree in trees.items()}
    # a package's own __init__ gathers its modules; they import each other, not it
    onward = {name: {t for t in arrows[name] & set(trees) if not f"{name}.".startswith(f"{t}.")} for name in arrows}
    try:
        TopologicalSorter(onward).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def plant(changed: str, line: str) -> dict[str, ast.Module]:
    """Return the trees of the code with one line added to a function of one module."""
    source = (ROOT / Path(*changed.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    return {**modules(), changed: ast.parse(f"{source}\n\ndef planted():\n    if True:\n        {line}\n")}


def test_every_module_lies_in_a_known_room() -> None:
    names = modules()
    assert len(names) > 40
    assert {room(name) for name in names} - {None} <= set(FLOOR)


def test_imports_go_one_way() -> None:
    assert wrong_ways(modules()) == []


@pytest.mark.parametrize(
    ("module", "line", "target"),
    [
        ("core.metrics", "from mlflow_evalplus.render import markdown", "render.markdown"),
        ("core.metrics", "import mlflow_evalplus.tracking.writer", "tracking.writer"),
        ("core.metrics", "from mlflow_evalplus import load", "tracking.reader"),
        ("errors", "from mlflow_evalplus.core.counts import Counts", "core.counts"),
        ("render.slices", "import_module('mlflow_evalplus.tracking.store')", "tracking.store"),
        ("render.slices", "importlib.import_module(f'mlflow_evalplus.cli.{name}')", "cli"),
        ("tracking.writer", "from mlflow_evalplus.cli import options", "cli.options"),
        ("results.estimate", "from mlflow_evalplus import render", "render"),
        ("results.estimate", "import_module('mlflow_evalplus.tracking')", "tracking"),
    ],
)
def test_an_import_against_the_stream_is_found(module: str, line: str, target: str) -> None:
    planted = plant(f"{PACKAGE}.{module}", line)
    assert wrong_ways(planted) == [(f"{PACKAGE}.{module}", f"{PACKAGE}.{target}")]


def test_the_package_does_not_know_the_recipes() -> None:
    planted = plant(f"{PACKAGE}.cli.doctor", "from recipes.sentiment import data")
    assert wrong_ways(planted) == [(f"{PACKAGE}.cli.doctor", "recipes.sentiment.data")]


def test_the_exception_is_the_one_that_is_documented() -> None:
    tree = modules()[f"{PACKAGE}.results.estimate"]
    bound = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and "import_module" in ast.unparse(function)
    ]
    assert bound == ["figure"]
    statements = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert not [node for node in statements if "render" in ast.unparse(node)]


def test_no_module_imports_itself_in_a_circle() -> None:
    assert circle(modules()) == []
    planted = plant(f"{PACKAGE}.core.counts", "from mlflow_evalplus.core.slices import slices")
    assert {f"{PACKAGE}.core.counts", f"{PACKAGE}.core.slices"} <= set(circle(planted))


def test_only_tracking_knows_mlflow() -> None:
    def knowing(trees: dict[str, ast.Module]) -> list[str]:
        return [
            name
            for name, tree in trees.items()
            if room(name) not in ("tracking", "recipes")
            and any(target.split(".")[0] == "mlflow" for target, _ in imports(tree, set(trees)))
        ]

    assert knowing(modules()) == []
    assert knowing(plant(f"{PACKAGE}.cli.doctor", "from mlflow.entities import Run")) == [f"{PACKAGE}.cli.doctor"]


@pytest.mark.parametrize("arguments", ["--help", "evaluate --help", "--version"])
def test_help_is_instant_because_nothing_heavy_is_imported(arguments: str) -> None:
    script = (
        "import sys; sys.argv[1:] = sys.argv[1].split()\n"
        "from mlflow_evalplus.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('mlflow', 'pandas', 'matplotlib', 'sklearn', 'pydantic') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script, arguments], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    run = CliRunner().invoke(group, [name, "--help"], prog_name="mlflow-evalplus")
    assert run.exit_code == 0
    text, _, examples = run.output.partition("Examples:\n")
    # on lines of their own, not wrapped into each other
    assert any(line.strip().startswith(f"mlflow-evalplus {name}") for line in examples.splitlines()), run.output
    command = group.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.help
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, parameter.name  # type: ignore[attr-defined]
            assert parameter.opts[0] in text


def test_the_command_line_lists_every_command_that_there_is() -> None:
    files = {path.stem for path in (ROOT / PACKAGE / "cli").glob("*.py")} - {"__init__", "interrupts", "options"}
    assert files == set(COMMANDS)
    shown = CliRunner().invoke(group, ["--help"], prog_name="mlflow-evalplus").output
    assert all(f"  {name}" in shown and summary[:30] in shown for name, summary in COMMANDS.items())


def test_the_readme_mentions_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"mlflow-evalplus {name}" not in readme] == []
    assert "mlflow run ." in readme


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    assert sorted(mlflow_evalplus.__all__) == dir(mlflow_evalplus)
    for name in mlflow_evalplus.__all__:
        assert inspect.getdoc(getattr(mlflow_evalplus, name)), name
    with pytest.raises(AttributeError, match="has no attribute 'evalute'"):
        mlflow_evalplus.evalute  # noqa: B018


def test_every_function_and_class_that_is_not_private_has_a_docstring() -> None:
    def undocumented(name: str, node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)) and not child.name.startswith("_"):
                if not ast.get_docstring(child):
                    yield f"{name}.{child.name}"
                if isinstance(child, ast.ClassDef):
                    yield from undocumented(f"{name}.{child.name}", child)

    trees = modules()
    assert [name for name, tree in trees.items() if not ast.get_docstring(tree)] == []
    package = {name: tree for name, tree in trees.items() if name.startswith(PACKAGE)}
    assert [found for name, tree in package.items() for found in undocumented(name, tree)] == []


def test_the_page_of_the_contract_names_all_that_is_public() -> None:
    """One source of truth: what `names` holds is what docs/contract.md tells users."""
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    public = {key: value for key, value in vars(names).items() if key.isupper()}
    words = [word for value in public.values() for word in (value if isinstance(value, tuple) else (value,))]
    wanted = {word for word in words if isinstance(word, str) and not word.startswith("latency_ms_")}
    assert {word for word in wanted if f"`{word}`" not in page and f"/{word}`" not in page} == set()
