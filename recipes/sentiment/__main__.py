"""`python -m recipes.sentiment`: what ``mlflow run .`` runs."""

from __future__ import annotations

import logging
import os
import sys
import warnings

import click

from mlflow_evalplus.cli.options import echo, epilog
from mlflow_evalplus.errors import EvalPlusError


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        "mlflow run . --env-manager local",
        "mlflow run . --env-manager local -P data=tickets.csv -P label=sentiment -P slices=channel,language",
        "mlflow run . --env-manager local -P candidates=words,embedding,transformer,scenario",
        "python -m recipes.sentiment --candidates words,words_chars+rules,scenario:language+temperature",
    ),
)
@click.option(
    "--data",
    default="",
    help="File, folder, hf:owner/name[/config][@revision][#split], URI, or run:ID.  [default: the shipped messages]",
)
@click.option("--text", default="", help="Text column.  [default: the requirements', else 'text']")
@click.option("--label", default="", help="Label column.  [default: the requirements', else 'label']")
@click.option("--slices", default="", help="Slice columns, comma-separated.  [default: the requirements']")
@click.option(
    "--split", "split_column", default="", help="Column that names train and test.  [default: 'split' or 80/20]"
)
@click.option("--test-size", default=0.2, type=click.FloatRange(0.01, 0.99), help="Share of a random test part.")
@click.option("--annotators", default="", help="Columns with the annotators' votes, comma-separated.")
@click.option(
    "--candidates",
    default="",
    help="Iterations, comma-separated: words,transformer+rules.  [default: those without torch]",
)
@click.option("--rules", default="", help="Keyword rules, YAML.  [default: the shipped ones]")
@click.option("--settings", default="", help="Of transformers and embeddings: epochs=2,learning_rate=3e-5.")
@click.option("--learning-curve", default="", type=click.Choice(["", "true", "false"], case_sensitive=False),
              help="true: fit parts of the rows, too, and say what more labels would buy.")  # fmt: skip
@click.option("--requirements", "requirements_file", default="", help="requirements.yaml.  [default: the shipped one]")
@click.option("--seed", default=0, type=int, help="Of the split and of training.")
@click.option("--experiment", default="", help="Experiment; inside mlflow run it is MLflow's.")
def main(**options: object) -> None:
    """Train the iterations of a sentiment classifier, evaluate, log, compare and decide."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")  # its remarks on what is meant
    logging.getLogger("alembic").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer")
    from recipes.sentiment.run import run

    try:
        run(**{**options, "learning_curve": options["learning_curve"] == "true"})  # type: ignore[arg-type]
    except EvalPlusError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
