"""`mlflow-evalplus labels`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlflow_evalplus.cli.options import columns, console, epilog, json_option, print_json, write_text

if TYPE_CHECKING:
    import pandas as pd


@click.command(
    epilog=epilog(
        "mlflow-evalplus labels data.csv --annotators annotator_a annotator_b",
        "mlflow-evalplus labels data.csv --annotators a,b,c --slices channel,language --launch 0.9",
        "mlflow-evalplus labels data.csv --annotators a b --id message_id --output queue.csv",
    )
)
@click.argument("data", metavar="FILE")
@click.argument("more", nargs=-1, metavar="")
@click.option("--annotators", multiple=True, required=True, metavar="COLUMN...", help="Columns of votes, two or more.")
@click.option("--label", metavar="COLUMN", help="Column of the gold answers.  [default: 'label' if every row has one]")
@click.option("--slices", metavar="COLUMN,...", help="Slice columns.")
@click.option("--weight", metavar="COLUMN", help="Column of how much each row counts.")
@click.option("--cluster", metavar="COLUMN", help="Column of what rows belong together by, such as a customer.")
@click.option("--id", "example_id", metavar="COLUMN", help="Column that names each row.  [default: row numbers from 0]")
@click.option(
    "--launch", type=click.FloatRange(0, 1), metavar="ACCURACY", help="Is this accuracy, such as 0.9, in reach?"
)
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write the rows to adjudicate as CSV.")
@json_option
def command(
    data: str,
    more: tuple[str, ...],
    annotators: tuple[str, ...],
    label: str | None,
    slices: str | None,
    weight: str | None,
    cluster: str | None,
    example_id: str | None,
    launch: float | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Measure how far annotators agree, and the accuracy that their labels allow.

    FILE, a CSV, JSONL or Parquet file, comes first.
    """
    from dataclasses import asdict
    from pathlib import Path

    from mlflow_evalplus.core.files import read_file
    from mlflow_evalplus.core.labels import MAX_STORED, label_quality
    from mlflow_evalplus.errors import DataError
    from mlflow_evalplus.render.terminal import labels

    if more and Path(more[-1]).suffix and not Path(data).suffix and not Path(data).exists():
        named = " ".join([*annotators, data, *more[:-1]])
        raise DataError(f"FILE comes first: mlflow-evalplus labels {more[-1]} --annotators {named}")
    frame = read_file(data)
    if not label and "label" in frame and frame["label"].notna().all():
        label = "label"
    quality = label_quality(
        frame, columns(",".join([*annotators, *more])), label=label or None, slices=columns(slices),
        example_id=example_id or None, weight=weight or None, cluster=cluster or None,
        max_adjudicate=len(frame) if output else MAX_STORED,
    )  # fmt: skip
    if output:
        queue = frame.iloc[[row.row for row in quality.adjudicate]]
        suggested = [row.suggested for row in quality.adjudicate]
        _write(output, queue.assign(row=queue.index, suggested=suggested))
    if as_json:
        print_json({**asdict(quality), "reachable": None if launch is None else quality.reachable(launch)})
        return
    screen = console()
    for part in labels(quality, launch):
        screen.print(part)
    if output:
        screen.print(f"Wrote {len(quality.adjudicate):,} rows to adjudicate to {output}.", markup=False)


def _write(path: str, rows: pd.DataFrame) -> None:
    """Write rows for people, who open them in a spreadsheet: no text is a formula there, numbers stay numbers."""
    from mlflow_evalplus.core.collecting.queue_sheet import guarded

    shown = rows.map(lambda cell: guarded(cell) if isinstance(cell, str) else cell).rename(columns=guarded)
    write_text(path, shown.to_csv(index=False, lineterminator="\r\n"))
