"""`mlflow-evalplus doctor`."""

from __future__ import annotations

import sys

import click

from mlflow_evalplus.cli.options import console, epilog, json_option, print_json


@click.command(epilog=epilog("mlflow-evalplus doctor", "MLFLOW_TRACKING_URI=http://host:5000 mlflow-evalplus doctor"))
@json_option
def command(as_json: bool) -> None:
    """Check that MLflow sees the plugin, the versions, and that the store answers.

    Exit code 1 where something is wrong.
    """
    from mlflow_evalplus.tracking.diagnosis import diagnose

    checks = diagnose()
    if as_json:
        print_json([{"check": c.name, "ok": c.ok, "detail": c.detail} for c in checks])
    else:
        for check in checks:
            mark, colour = ("ok  ", "green") if check.ok else ("FAIL", "red")
            console().print(mark, style=colour, end=" ")
            console().print(f"{check.name:<14} {check.detail}")
    sys.exit(0 if all(check.ok for check in checks) else 1)
