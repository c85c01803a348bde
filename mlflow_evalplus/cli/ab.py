"""`mlflow-evalplus ab`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlflow_evalplus.cli.options import columns, console, epilog, experiment_option, json_option, print_json

if TYPE_CHECKING:
    from mlflow_evalplus.results.ab_test import ABTest
    from mlflow_evalplus.results.ratings import Ratings


@click.command(
    epilog=epilog(
        "mlflow-evalplus ab outcomes.csv --outcome resolved --cluster user",
        "mlflow-evalplus ab outcomes.csv --control A --treatment B --slices channel,language",
        "mlflow-evalplus ab outcomes.csv --outcome handling_s --lower-is-better --run words_rules",
        "mlflow-evalplus ab outcomes.csv --split control=0.9,new=0.1 --planned 50000",
    )
)
@click.argument("data", metavar="FILE")
@click.option("--variant", default="variant", show_default=True, metavar="COLUMN", help="Column of the variants.")
@click.option(
    "--outcome", default="outcome", show_default=True, metavar="COLUMN", help="Column of numbers, or of yes and no."
)
@click.option("--control", metavar="NAME", help="[default: the one named control, baseline, champion or A]")
@click.option("--treatment", metavar="NAME", help="The variant held against it.  [default: the only other one]")
@click.option("--cluster", metavar="COLUMN", help="Column of who met the variants, such as a user of several rows.")
@click.option("--slices", metavar="COLUMN,...", help="Slice columns.")
@click.option("--split", metavar="NAME=SHARE,...", help="Intended share of each variant.  [default: equal]")
@click.option(
    "--planned", type=click.IntRange(min=1), default=10_000, show_default=True, metavar="ROWS",
    help="Rows at which the interval is to be tightest; choose it before the first look, and keep it.",
)  # fmt: skip
@click.option("--confidence", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), default=0.95,
              show_default=True, metavar="SHARE", help="Of every interval.")  # fmt: skip
@click.option(
    "--lower-is-better", is_flag=True, help="A smaller outcome is a better one; requirements see how much smaller."
)
@click.option("--run", metavar="RUN", help="Log it on this evaluated run, and renew its verdict.")
@experiment_option
@json_option
def command(
    data: str,
    variant: str,
    outcome: str,
    control: str | None,
    treatment: str | None,
    cluster: str | None,
    slices: str | None,
    split: str | None,
    planned: int,
    confidence: float,
    lower_is_better: bool,
    run: str | None,
    experiment: str | None,
    as_json: bool,
) -> None:
    """Compare two variants of an online experiment; it may be looked at every day.

    FILE is a CSV, JSONL or Parquet file with a row for each event.
    """
    from mlflow_evalplus.core.files import read_file
    from mlflow_evalplus.core.online.ab_test import ab_test

    found = ab_test(
        read_file(data), variant=variant, outcome=outcome, control=control or None, treatment=treatment or None,
        cluster=cluster or None, slices=columns(slices), confidence=confidence, lower_is_better=lower_is_better,
        planned=planned, split=_shares(split),
    )  # fmt: skip
    show(found, run, experiment, as_json=as_json)


def show(found: ABTest | Ratings, run: str | None, experiment: str | None, *, as_json: bool) -> None:
    """Log what was found where a run is named, and print it."""
    from dataclasses import asdict

    from mlflow_evalplus.render.evidence import printed

    logged = None
    if run:
        from mlflow_evalplus.tracking.evidence import log_evidence
        from mlflow_evalplus.tracking.reader import find_runs

        logged = log_evidence(found, find_runs([run], experiment)[0].info.run_id)
    if as_json:
        added = {"run_id": logged.run_id, "verdict": logged.verdict} if logged else {"run_id": None}
        print_json({**added, "sentence": found.sentence, **asdict(found)})
        return
    screen = console()
    for part in printed(found.evidence):
        screen.print(part)
    if logged:
        screen.print(f"Logged on run {logged.run_id}. {logged.sentence}".strip(), markup=False)


def _shares(text: str | None) -> dict[str, float] | None:
    if not text:
        return None
    pairs = [pair.rpartition("=") for pair in columns(text)]
    try:
        return {name.strip(): float(share) for name, _, share in pairs}
    except ValueError:
        raise click.UsageError(f"--split takes NAME=SHARE,…, such as control=0.9,new=0.1, not {text!r}") from None
