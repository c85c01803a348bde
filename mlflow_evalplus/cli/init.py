"""`mlflow-evalplus init`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import console, epilog, write_text
from mlflow_evalplus.errors import EvalPlusError


@click.command(
    epilog=epilog(
        "mlflow-evalplus init data.csv",
        "mlflow-evalplus init tickets.parquet --label sentiment --output my-requirements.yaml",
    )
)
@click.argument("data", metavar="FILE")
@click.option("--label", default="label", show_default=True, metavar="COLUMN", help="Column of the labels.")
@click.option("--output", default="requirements.yaml", show_default=True, metavar="FILE", help="Where to write.")
@click.option("--force", is_flag=True, help="Replace the file where it exists.")
def command(data: str, label: str, output: str, force: bool) -> None:
    """Draft a requirements.yaml from a data file (CSV, JSONL or Parquet).

    Finds the labels, likely slice columns, a column that names the customer, and columns that give the label away.
    """
    from pathlib import Path

    from mlflow_evalplus.core.draft import draft
    from mlflow_evalplus.core.files import read_file

    if Path(output).exists() and not force:
        raise EvalPlusError(f"{output!r} exists; give another --output, or --force to replace it")
    text, remarks = draft(read_file(data), label=label, source=Path(data).name)
    write_text(output, text)
    screen = console()
    for remark in remarks:
        screen.print(f"- {remark}", markup=False)
    screen.print(f"Wrote {output}. Set the numbers that your launch needs, then:", markup=False)
    screen.print(f"  mlflow-evalplus evaluate --predictions FILE --requirements {output}", markup=False)
