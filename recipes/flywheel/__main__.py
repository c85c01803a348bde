"""`python -m recipes.flywheel`: what ``mlflow run . -e flywheel`` runs."""

from __future__ import annotations

import os
import sys

import click

from mlflow_evalplus.cli.options import console, echo, epilog
from mlflow_evalplus.errors import EvalPlusError
from recipes.flywheel import BUDGET
from recipes.flywheel.retrain import quieten


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        "mlflow run . -e flywheel --env-manager local",
        "python -m recipes.flywheel --folder another_year --seed 1 --budget 90",
    ),
)
@click.option("--folder", default="flywheel", help="For the files; new or empty.  [default: flywheel]")
@click.option("--budget", default=BUDGET, show_default=True, type=click.IntRange(10, 140), help="Labels a turn.")
@click.option("--seed", default=0, type=int, help="Of the phrases and of what is drawn at random.")
@click.option("--name", default="flywheel", help="Registered model.")
@click.option("--experiment", default="", help="Experiment; inside mlflow run it is MLflow's.")
def main(folder: str, budget: int, seed: int, name: str, experiment: str) -> None:
    """Simulate a year: drift from July on, three turns of the wheel, and what they bring back."""
    quieten()
    import mlflow

    from mlflow_evalplus import names
    from mlflow_evalplus.tracking import links, store
    from recipes.flywheel import page
    from recipes.flywheel.year import run_year

    screen = console()

    def say(line: str) -> None:
        screen.print(line, markup=False)

    try:
        client = store.client()
        if experiment and "MLFLOW_RUN_ID" not in os.environ:
            mlflow.set_experiment(experiment)
        year = run_year(folder, budget=budget, seed=seed, name=name, say=say)
        run = client.get_run(year.run_id)
    except EvalPlusError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(1)
    serve = links.serve_command()
    for line in ("", page.sentence(year), *page.further(year), "", f"All files are in {folder}; open {folder}/"
                 f"{names.FLYWHEEL_REPORT}", f"Look{f', after `{serve}`' if serve else ''}: "
                 f"{links.artifact_page(run, names.FLYWHEEL_REPORT)}"):  # fmt: skip
        say(line)


if __name__ == "__main__":
    main()
