"""The command line: each command parses, calls the Python API, prints, exits."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

COMMANDS = {
    "compare": "Compare runs side by side and choose one.",
    "decide": "Hold a run against its requirements; the exit code is the verdict.",
    "doctor": "Check that MLflow sees the plugin and its store answers.",
    "evaluate": "Evaluate a registered model or a file of predictions.",
    "init": "Draft a requirements.yaml from a data file.",
    "labels": "Measure how far annotators agree, and the accuracy ceiling.",
    "promote": "Register the winner with its evidence.",
}


class _Lazy(click.Group):
    """Commands are imported when they are run, so that ``--help`` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"mlflow_evalplus.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mlflow-evalplus")
def group() -> None:
    r"""Evaluate classifiers in MLflow: how good, why, at what cost, and what now.

    \b
    Examples:
      mlflow-evalplus evaluate --predictions file.csv --requirements requirements.yaml
      mlflow-evalplus compare
      mlflow-evalplus promote --name sentiment
    """


def main() -> None:
    """Run a command; our own errors become one line and exit code 1."""
    from mlflow_evalplus.errors import EvalPlusError

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    try:
        group(prog_name="mlflow-evalplus")
    except EvalPlusError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
