"""`python -m recipes.sentiment`: what ``mlflow run .`` runs."""

from __future__ import annotations

import logging
import os
import sys
import warnings

import click

from mlflow_evalplus.errors import EvalPlusError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", default="", help="CSV, TSV, JSONL, Parquet, or hf:owner/name.  [default: the shipped messages]")
@click.option("--text", default="", help="Text column.  [default: the requirements', else 'text']")
@click.option("--label", default="", help="Label column.  [default: the requirements', else 'label']")
@click.option("--slices", default="", help="Slice columns, comma-separated.  [default: the requirements']")
@click.option(
    "--split", "split_column", default="", help="Column that names train and test.  [default: 'split' or 80/20]"
)
@click.option("--test-size", default=0.2, type=click.FloatRange(0.01, 0.99), help="Share of a random test part.")
@click.option("--annotators", default="", help="Columns with the annotators' votes, comma-separated.")
@click.option("--candidates", default="", help="Iterations, comma-separated.  [default: all that the data allow]")
@click.option("--requirements", "requirements_file", default="", help="requirements.yaml.  [default: the shipped one]")
@click.option("--seed", default=0, type=int, help="Of the split and of training.")
@click.option("--experiment", default="", help="Experiment; inside mlflow run it is MLflow's.")
def main(**options: object) -> None:
    r"""Train the iterations of a sentiment classifier, evaluate, log, compare and decide.

    \b
    Examples:
      mlflow run . --env-manager local
      mlflow run . --env-manager local -P data=tickets.csv -P label=sentiment -P slices=channel,language
      python -m recipes.sentiment --candidates words,words_chars_rules
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")  # its remarks on what is meant
    logging.getLogger("alembic").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
    from recipes.sentiment.run import run

    try:
        run(**options)  # type: ignore[arg-type]
    except EvalPlusError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
