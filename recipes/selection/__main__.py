"""`python -m recipes.selection`: what ``mlflow run . -e select`` runs."""

from __future__ import annotations

import os
import sys

import click

from mlflow_evalplus.cli.options import echo, epilog
from mlflow_evalplus.errors import EvalPlusError
from recipes.flywheel.retrain import quieten
from recipes.selection import CANDIDATES, QUESTIONS, REQUIREMENTS


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=epilog(
        "mlflow run . -e select --env-manager local",
        "mlflow run . -e select --env-manager local -P questions=questions.jsonl -P candidates=candidates.yaml",
        "python -m recipes.selection --only large,tuned",
    ),
)
@click.option("--questions", default="", help="JSONL or CSV.  [default: the 120 shipped ones]")
@click.option("--candidates", default="", help="candidates.yaml.  [default: the shipped, recorded answers]")
@click.option("--requirements", "requirements_file", default="", help="requirements.yaml.  [default: the shipped one]")
@click.option("--only", default="", help="Names of candidates, comma-separated.  [default: all]")
@click.option("--repeats", default="", help="How often each question is asked.  [default: the candidates file's]")
@click.option("--budget", default="", help="Money that may be spent.  [default: the candidates file's]")
@click.option("--journal", default="", help="File of the answers.  [default: the candidates file's]")
@click.option("--register", default="", help="Register the chosen model under this name.")
@click.option("--experiment", default="", help="Experiment; inside mlflow run it is MLflow's.")
def main(questions: str, candidates: str, requirements_file: str, repeats: str, budget: str, **given: str) -> None:
    """Ask the candidates the questions, say how good, why and at what cost, and choose one."""
    quieten()
    from mlflow_evalplus.cli.select import run

    own = bool(questions or candidates)
    try:
        run(
            questions or str(QUESTIONS), candidates or str(CANDIDATES),
            requirements_file=requirements_file or (None if own else str(REQUIREMENTS)),
            repeats=_number(int, repeats, "repeats"), budget=_number(float, budget, "budget"),
            **{key: value or None for key, value in given.items()},  # type: ignore[arg-type]
        )  # fmt: skip
    except EvalPlusError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(1)


def _number(kind: type[int] | type[float], text: str, name: str) -> float | None:
    """Return what an MLproject passes as a text; nothing where it is empty."""
    try:
        value = kind(text) if text else None
    except ValueError:
        value = 0
    if value is not None and not value > 0:
        raise EvalPlusError(f"--{name} is {text!r}; give a number above 0")
    return value


if __name__ == "__main__":
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    main()
