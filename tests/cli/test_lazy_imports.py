from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "mlflow",
    "pandas",
    "matplotlib",
    "pydantic",
    "numpy",
    "scipy",
    "sklearn",
    "pyarrow",
    "narwhals",
    "yaml",
    "rich",
)


def imported_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh process has after running `code`."""
    script = f"import contextlib, io, sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def command_line(*arguments: str) -> str:
    return (
        f"sys.argv = ['mlflow-evalplus', *{arguments!r}]\n"
        "from mlflow_evalplus.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "assert 'Usage' in out.getvalue() or 'version' in out.getvalue(), out.getvalue()"
    )


@pytest.mark.parametrize("arguments", [("--help",), ("evaluate", "--help"), ("gate", "--help"), ("--version",)])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Completion and ``--help`` must be instant; MLflow alone takes seconds to import."""
    modules = imported_by(command_line(*arguments))
    assert "click" in modules
    assert not modules.intersection(HEAVY)


def test_importing_the_package_imports_nothing_heavy() -> None:
    modules = imported_by("import mlflow_evalplus")
    assert "mlflow_evalplus" in modules
    assert not modules.intersection(HEAVY)


def test_evaluating_without_mlflow_imports_no_mlflow_and_draws_nothing() -> None:
    """``ep.evaluate`` serves those who only want the numbers."""
    code = (
        "import mlflow_evalplus as ep, pandas as pd\nep.evaluate(pd.DataFrame({'label': ['a'], 'prediction': ['a']}))"
    )
    modules = imported_by(code)
    assert "pandas" in modules
    assert not modules.intersection({"mlflow", "matplotlib", "sklearn"})


@pytest.mark.slow
def test_the_plugin_module_adds_nothing_to_mlflow() -> None:
    """MLflow loads every plugin in anybody's process as soon as evaluators are looked for."""
    before = imported_by("import mlflow.models.evaluation.base")
    after = imported_by("import mlflow_evalplus.tracking.evaluator")
    assert after - before == {"mlflow_evalplus"}
