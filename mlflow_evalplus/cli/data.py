"""`mlflow-evalplus data`."""

from __future__ import annotations

import sys

import click

from mlflow_evalplus.cli.options import (
    EXIT_CODES,
    columns,
    console,
    echo,
    epilog,
    json_option,
    print_json,
    requirements_option,
)


@click.command(
    epilog=epilog(
        "mlflow-evalplus data train.csv --test test.csv --cluster customer_id",
        "mlflow-evalplus data messages.csv --split split --requirements requirements.yaml",
        "mlflow-evalplus data train.csv --test test.csv --strict --json",
    )
)
@click.argument("data", metavar="FILE")
@click.option("--test", metavar="FILE", help="The test rows.  [default: only FILE is checked]")
@click.option(
    "--split", metavar="COLUMN", help="Column of FILE that names training and test rows.  [default: 'split' if it does]"
)
@click.option("--parts", metavar="TRAIN,TEST", help="Its two values.  [default: train and test, val or dev]")
@click.option("--text", metavar="COLUMN", help="Text column.  [default: the requirements', else 'text' if there]")
@click.option("--label", metavar="COLUMN", help="Column of the labels.  [default: the requirements', else 'label']")
@click.option("--slices", metavar="COLUMN,...", help="Slice columns.  [default: the requirements']")
@click.option("--cluster", metavar="COLUMN", help="Column of what rows belong together by, such as a customer.")
@click.option("--features", metavar="COLUMN,...", help="What the model sees besides the text.  [default: all columns]")
@click.option("--ignore", metavar="COLUMN,...", help="Columns to leave out, such as annotators' votes and ids.")
@requirements_option
@click.option("--strict", is_flag=True, help="Exit with 3 where there is an error.")
@json_option
def command(
    data: str,
    test: str | None,
    split: str | None,
    parts: str | None,
    text: str | None,
    label: str | None,
    slices: str | None,
    cluster: str | None,
    features: str | None,
    ignore: str | None,
    requirements_file: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Check labelled data before a model is trained: duplicates, leaks, drift and more, training against test rows.

    FILE is a CSV, TSV, JSONL or Parquet file. Exit code 0; with --strict 3 where there is an error.
    """
    from dataclasses import asdict

    from mlflow_evalplus.core.data.checks import check_data
    from mlflow_evalplus.core.data.parts import own_split
    from mlflow_evalplus.core.files import read_file
    from mlflow_evalplus.errors import DataError
    from mlflow_evalplus.render.data_checks import terminal

    named = columns(parts)
    if named and (len(named) != 2 or not split):
        raise DataError(f"--parts is {parts!r}; give two values of the --split column, such as --parts dev,test")
    rows, left_out = read_file(data), columns(ignore)
    if not test and not split and (split := own_split(rows, left_out)):
        echo(f"Training and test rows are parted by the column {split!r}; --ignore {split} takes all.", err=True)
    found = check_data(
        rows, read_file(test) if test else None, text=text or None, label=label or None,
        slices=columns(slices) if slices else None, cluster=cluster or None,
        features=columns(features) if features else None, ignore=left_out, split=split or None,
        parts=(named[0], named[1]) if named else None, requirements=requirements_file,
    )  # fmt: skip
    if as_json:
        print_json(asdict(found))
    else:
        screen = console()
        for part in terminal(found):
            screen.print(part)
    if strict and found.errors:
        sys.exit(EXIT_CODES["fail"])
