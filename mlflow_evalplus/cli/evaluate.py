"""`mlflow-evalplus evaluate`."""

from __future__ import annotations

import sys
from typing import Any

import click

from mlflow_evalplus.cli.options import (
    EXIT_CODES,
    check_folder,
    console,
    epilog,
    json_option,
    print_json,
    row_options,
    write_text,
)


@click.command(
    epilog=epilog(
        "mlflow-evalplus evaluate --predictions answers.csv --label label --slices channel,language",
        "mlflow-evalplus evaluate --model models:/sentiment@champion --data test.csv --requirements requirements.yaml",
        "mlflow-evalplus evaluate --predictions answers.csv --train train.csv --rules rules.yaml",
    )
)
@click.option("--predictions", metavar="FILE", help="CSV, JSONL or Parquet with labels and predictions.")
@click.option("--model", metavar="URI", help="MLflow model, for example models:/sentiment@champion.")
@click.option("--data", metavar="FILE", help="CSV, JSONL or Parquet with the model's inputs and labels.")
@click.option("--prediction", metavar="COLUMN", default="prediction", show_default=True, help="Column of the answers.")
@row_options
@click.option("--run-name", metavar="NAME", help="Name of the MLflow run.")
@click.option("--experiment", metavar="NAME", help="Experiment to log into.")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Also write the report, as HTML.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever the verdict.")
@click.option("--no-log", is_flag=True, help="Print only; write no MLflow run.")
@json_option
def command(
    predictions: str | None,
    model: str | None,
    data: str | None,
    prediction: str,
    run_name: str | None,
    experiment: str | None,
    output: str | None,
    exit_zero: bool,
    no_log: bool,
    as_json: bool,
    **rows: Any,
) -> None:
    """Evaluate a file of predictions, or a model on a file of labelled data, as one MLflow run.

    Exit code with requirements: 0 pass, 3 fail, 4 undecided; 1 error, also where MLflow did not take the results: they
    are kept, and those of --predictions shown all the same.
    """
    check_folder(output)
    from mlflow_evalplus.core.privacy.evaluation import stored
    from mlflow_evalplus.render.terminal import overview
    from mlflow_evalplus.tracking.entry import Request, evaluate_file, evaluate_model
    from mlflow_evalplus.tracking.spool import NotLogged

    if bool(predictions) == bool(model) or bool(model) != bool(data):
        raise click.UsageError("give --predictions FILE, or --model URI with --data FILE")
    request = Request(**rows, run_name=run_name, experiment=experiment or None, log=not no_log)
    not_logged = None
    try:
        if predictions:
            evaluation, run_id = evaluate_file(predictions, request, prediction=prediction)
        else:
            evaluation, run_id = evaluate_model(str(model), str(data), request)
    except NotLogged as error:
        if error.evaluation is None:
            raise
        evaluation, run_id, not_logged = error.evaluation, None, error
    evaluation = stored(evaluation)  # what is printed and written is as little as what is logged
    if output:
        from mlflow_evalplus.render.report import report
        from mlflow_evalplus.tracking.reader import load

        whole = load(run_id) if run_id and evaluation.predictions is None else evaluation
        write_text(output, report(whole, run_name or ""))
        click.echo(f"The report: {output}", err=True)
    if as_json:
        from mlflow_evalplus.tracking.record import plain

        print_json({"run_id": run_id, **plain(evaluation)})
    else:
        screen = console()
        for part in overview(evaluation):
            screen.print(part)
        if run_id:
            screen.print(f"Logged as run {run_id}. See it: mlflow ui", markup=False)
    if not_logged:
        raise not_logged
    if evaluation.verdict.gates and not exit_zero:
        sys.exit(EXIT_CODES[evaluation.verdict.outcome.value])
