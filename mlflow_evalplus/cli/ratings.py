"""`mlflow-evalplus ratings`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.ab import show
from mlflow_evalplus.cli.options import columns, epilog, experiment_option, json_option


@click.command(
    epilog=epilog(
        "mlflow-evalplus ratings ratings.csv",
        "mlflow-evalplus ratings ratings.csv --example message_id --rating helpful --scale bad,fair,good",
        "mlflow-evalplus ratings ratings.csv --variant model --control A --treatment B --slices channel",
        "mlflow-evalplus ratings ratings.csv --run words_rules",
    )
)
@click.argument("data", metavar="FILE")
@click.option("--rater", default="rater", show_default=True, metavar="COLUMN", help="Column of who rated.")
@click.option("--example", default="example", show_default=True, metavar="COLUMN", help="Column of what was rated.")
@click.option(
    "--rating", default="rating", show_default=True, metavar="COLUMN", help="Column of numbers, or of pass and fail."
)
@click.option("--variant", metavar="COLUMN", help="Column of whose answer was rated, where there are several.")
@click.option("--control", metavar="NAME", help="[default: the one named control, baseline, champion or A]")
@click.option("--treatment", metavar="NAME", help="The variant held against it.  [default: the only other one]")
@click.option("--slices", metavar="COLUMN,...", help="Slice columns.")
@click.option("--scale", metavar="RATING,...", help="The permitted ratings, from the worst to the best.")
@click.option("--level", type=click.Choice(["ordinal", "interval"]), default="ordinal", show_default=True,
              help="What the agreement takes ratings for: only an order, or equal steps.")  # fmt: skip
@click.option("--confidence", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), default=0.95,
              show_default=True, metavar="SHARE", help="Of every interval.")  # fmt: skip
@click.option("--run", metavar="RUN", help="Log it on this evaluated run, and renew its verdict.")
@experiment_option
@json_option
def command(
    data: str,
    rater: str,
    example: str,
    rating: str,
    variant: str | None,
    control: str | None,
    treatment: str | None,
    slices: str | None,
    scale: str | None,
    level: str,
    confidence: float,
    run: str | None,
    experiment: str | None,
    as_json: bool,
) -> None:
    """Estimate what human raters think of a model's answers, and how far they agree.

    FILE is a CSV, JSONL or Parquet file with a row for each rating.
    """
    from mlflow_evalplus.core.files import read_file
    from mlflow_evalplus.core.online.ratings import ratings

    found = ratings(
        read_file(data), rater=rater, example=example, rating=rating, variant=variant or None, control=control or None,
        treatment=treatment or None, slices=columns(slices), scale=columns(scale) or None, level=level,
        confidence=confidence,
    )  # fmt: skip
    show(found, run, experiment, as_json=as_json)
