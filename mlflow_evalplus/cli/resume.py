"""`mlflow-evalplus resume`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mlflow_evalplus.cli.options import console, epilog, json_option, print_json, steps


@click.command(
    epilog=epilog(
        "mlflow-evalplus resume",
        "mlflow-evalplus resume --list",
        "mlflow-evalplus resume --spool /data/evalplus-spool",
    )
)
@click.option("--spool", metavar="DIR", type=click.Path(file_okay=False), help="Folder to look in.")
@click.option("--list", "only_list", is_flag=True, help="Only show what is kept.")
@click.option("--discard", metavar="ID", help="Remove one of those that --list shows.")
@click.option("--anyway", is_flag=True, help="Log also what was meant for another server: it has moved.")
@json_option
def command(spool: str | None, only_list: bool, discard: str | None, anyway: bool, as_json: bool) -> None:
    """Log what was computed and could not be logged, to the same runs. What MLflow has already does not become double.

    Exit code 0 where nothing is left to log, else 1.
    """
    from dataclasses import asdict

    from mlflow_evalplus.render.resumed import sentence, table
    from mlflow_evalplus.tracking import resume as resuming

    folders = [Path(spool).expanduser().absolute()] if spool else None
    if discard:
        found = [resuming.discard(discard, folders)]
    elif only_list:
        found = resuming.kept(folders)
    else:
        with steps() as step:
            found = resuming.resume(folders, anyway=anyway, on_step=step)
    rows = [asdict(one) for one in found]
    left = sum(one.is_left for one in found)
    if as_json:
        print_json({"left": left, "parcels": rows})
    else:
        if rows:
            console().print(table(rows))
        console().print(sentence(rows, left), markup=False)
    sys.exit(1 if left else 0)
