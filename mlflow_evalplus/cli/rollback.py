"""`mlflow-evalplus rollback`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import console, epilog, json_option, print_json


@click.command(
    epilog=epilog(
        "mlflow-evalplus rollback --name sentiment --why 'complaints about refunds rose'",
        "mlflow-evalplus rollback --name sentiment --to 2        # safe to repeat",
    )
)
@click.option("--name", required=True, help="Registered model.")
@click.option("--to", metavar="VERSION", help="A version that has been champion; else the previous one.")
@click.option("--why", default="", help="A sentence that is recorded in the history.")
@json_option
def command(name: str, to: str | None, why: str, as_json: bool) -> None:
    """Return the alias 'champion' to the previous champion, like an undo: after 1, 2, 3 to 2, and then to 1."""
    from dataclasses import asdict

    from mlflow_evalplus.tracking.registry.promotion import rollback

    done = rollback(name, why=why, to=to or None)
    if as_json:
        print_json({"name": name, **asdict(done)})
        return
    instead = f", instead of version {done.replaced}" if done.replaced else ""
    console().print(f"{name} version {done.version} is 'champion'{instead}", markup=False)
