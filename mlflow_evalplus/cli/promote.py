"""`mlflow-evalplus promote`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import console, epilog, experiment_option, json_option, print_json


@click.command(
    epilog=epilog(
        "mlflow-evalplus promote --name sentiment         # the winner of the newest series",
        "mlflow-evalplus promote words_rules --name sentiment --why 'fewest missed complaints'",
    )
)
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--name", required=True, help="Registered model; made where it does not exist.")
@experiment_option
@click.option("--why", default="", help="A sentence that is recorded on the version.")
@json_option
def command(run: str | None, name: str, experiment: str | None, why: str, as_json: bool) -> None:
    """Register the model of RUN, by default the winner of the newest series, with its evidence.

    The alias is 'champion' where the verdict is pass, else 'challenger', not cleared for launch.
    """
    from dataclasses import asdict

    from mlflow_evalplus.tracking.reader import find_runs
    from mlflow_evalplus.tracking.registry import promote
    from mlflow_evalplus.tracking.series import compare_runs

    if run:
        run_id = find_runs([run], experiment)[0].info.run_id
    else:
        series = compare_runs(find_runs((), experiment))
        run_id, why = series.runs[series.winner].info.run_id, why or series.reason
    done = promote(run_id, name, why=why)
    if as_json:
        print_json(asdict(done))
        return
    made = "is now" if done.created else "was registered before and is"
    console().print(
        f"{done.name} version {done.version} {made} '{done.alias}': {done.reason}\n"
        f"See it: mlflow ui, then Model registry > {done.name} > Version {done.version}",
        markup=False,
    )
