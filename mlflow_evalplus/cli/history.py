"""`mlflow-evalplus history`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import console, epilog, json_option, print_json


@click.command(
    epilog=epilog(
        "mlflow-evalplus history --name sentiment",
        "mlflow-evalplus history --name sentiment --json",
    )
)
@click.option("--name", required=True, help="Registered model.")
@json_option
def command(name: str, as_json: bool) -> None:
    """Show who gave which version the alias 'champion' or 'challenger', when, instead of which, and why."""
    from dataclasses import asdict

    from mlflow_evalplus.render.promotions import table
    from mlflow_evalplus.tracking.registry.promotion import history

    told = history(name)
    if as_json:
        print_json({"name": name, "aliases": told.aliases, "events": [asdict(event) for event in told.rows]})
        return
    console().print(table(told.frame().to_dict("records")))
    for alias, version in sorted(told.aliases.items()):
        console().print(f"'{alias}' is version {version}", markup=False)
