"""`python -m recipes.flywheel.retrain`: what ``mlflow run . -e retrain`` runs."""

from __future__ import annotations

import logging
import os
import sys
import warnings

import click

from mlflow_evalplus.cli.options import console, echo, epilog
from mlflow_evalplus.errors import EvalPlusError


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        "mlflow run . -e retrain --env-manager local -P dataset=training -P test=test.csv",
        "python -m recipes.flywheel.retrain --dataset training@3 --test test.csv --candidate words_chars+rules",
        "python -m recipes.flywheel.retrain --dataset training --test test.csv --champion models:/sentiment/2",
    ),
)
@click.option("--dataset", required=True, help="Folder of the training data, or FOLDER@3 for its version 3.")
@click.option("--test", required=True, help="Labelled test rows: a file, hf:owner/name, a URI, or run:ID/evaluation.")
@click.option("--candidate", default="words", help="What to train, such as words, words_chars+rules, transformer.")
@click.option(
    "--champion", default="", help="Model to compare with.  [default: models:/NAME@champion, if there is one]"
)
@click.option(
    "--requirements", default="", help="requirements.yaml.  [default: what the champion was asked, else a draft]"
)
@click.option("--name", default="sentiment", help="Registered model.")
@click.option("--seed", default=0, type=int, help="Of training.")
@click.option("--experiment", default="", help="Experiment; inside mlflow run it is MLflow's.")
def main(experiment: str, dataset: str, test: str, **options: object) -> None:
    """Train on the newest version of the data, and compare with the champion: what was fixed, what broke."""
    quieten()
    import mlflow

    from mlflow_evalplus.tracking import store
    from mlflow_evalplus.tracking.comparison_run import words
    from recipes.flywheel import retrain_page
    from recipes.flywheel.retraining import Settings, retrain

    screen = console()

    def say(line: str) -> None:
        screen.print(line, markup=False)

    try:
        store.client()
        if experiment and "MLFLOW_RUN_ID" not in os.environ:
            mlflow.set_experiment(experiment)
        done = retrain(dataset, test, Settings(**options), say)  # type: ignore[arg-type]
    except EvalPlusError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(1)
    for line in (*retrain_page.terminal(done), "", *words(done.series, done.comparison)):
        say(line)


def quieten() -> None:
    """Silence what MLflow remarks on what is meant."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("alembic").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")


if __name__ == "__main__":
    main()
