"""The command line: each command parses, calls the Python API, prints, exits."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from mlflow_evalplus.cli.options import echo, epilog

COMMANDS = {
    "adjudicate": "Take a filled queue back: settled labels, open cases.",
    "ab": "Compare two variants of an online experiment, at any time.",
    "collect": "Choose the production cases worth a label, for annotators.",
    "compare": "Compare runs side by side and choose one.",
    "data": "Check labelled data: duplicates, leaks, drift and more.",
    "doctor": "Check that MLflow sees the plugin and its store answers.",
    "evaluate": "Evaluate a registered model or a file of predictions.",
    "gate": "Hold a run against its requirements; exit with the verdict.",
    "history": "Show who replaced whom in the registry, and why.",
    "init": "Draft a requirements.yaml from a data file, by your answers.",
    "labels": "Measure how far annotators agree, and the accuracy ceiling.",
    "load": "Put one endpoint under a stated load: latency, errors, rate.",
    "monitor": "Watch a production log: decay, drift, new words, alerts.",
    "questions": "Check a question set, or bring one in from another tool.",
    "ratings": "Estimate what human raters think, and how far they agree.",
    "promote": "Register the winner with its evidence.",
    "resume": "Log what MLflow has not taken: it is kept on disk.",
    "rollback": "Return to the previous champion.",
    "requirements": "Check requirements.yaml, and render it as a page.",
    "select": "Choose a model by your own questions: why, what cost, which.",
    "rules": "Show what keyword rules would do on top of a run.",
    "versions": "List the versions of the training data, or make one.",
    "watch": "Evaluate each new model of an experiment, and all on new data.",
}
ALIASES = {"decide": "gate"}  # old scripts run; not listed


class _Lazy(click.Group):
    """Commands are imported when they are run, so that ``--help`` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"mlflow_evalplus.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        "mlflow-evalplus evaluate --predictions file.csv --requirements requirements.yaml",
        "mlflow-evalplus compare --baseline champion",
        "mlflow-evalplus promote --name sentiment",
    ),
)  # fmt: skip
@click.version_option(package_name="mlflow-evalplus")
def group() -> None:
    """Evaluate classifiers in MLflow: how good, why, at what cost, and what now."""


def main() -> None:
    """Run a command; our own errors become one line and exit code 1."""
    from mlflow_evalplus.errors import EvalPlusError

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # into what --json prints
    try:
        group(prog_name="mlflow-evalplus")
    except EvalPlusError as error:
        from mlflow_evalplus.asking.secrets import hidden

        echo(f"Error: {hidden(str(error))}", err=True)
        sys.exit(1)
