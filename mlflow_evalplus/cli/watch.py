"""`mlflow-evalplus watch`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

import click

from mlflow_evalplus.cli.interrupts import interruptible
from mlflow_evalplus.cli.options import epilog, json_option, print_json, row_options

if TYPE_CHECKING:
    from mlflow_evalplus.results.watched import WatchEvent


@click.command(
    epilog=epilog(
        "mlflow-evalplus watch --experiment sentiment --data test.csv --requirements requirements.yaml",
        "mlflow-evalplus watch --experiment sentiment --data test.csv --once --newest 20",
        "mlflow-evalplus watch --experiment sentiment --data test.csv --json | tee -a evaluations.jsonl",
    )
)
@click.option("--experiment", metavar="NAME", required=True, help="Experiment, by name or id.")
@click.option("--data", metavar="FILE", required=True, help="CSV, JSONL or Parquet with the models' inputs and labels.")
@row_options
@click.option("--newest", metavar="N", type=click.IntRange(min=1), help="Only the N newest models.  [default: all]")
@click.option("--tries", metavar="N", type=click.IntRange(min=1), default=3, show_default=True,
              help="A model that failed so often is left alone.")  # fmt: skip
@click.option("--once", is_flag=True, help="Evaluate what waits, then end: for cron.")
@click.option("--interval", metavar="SECONDS", type=click.FloatRange(min=1), default=60, show_default=True,
              help="Time between two looks.")  # fmt: skip
@json_option
def command(
    experiment: str,
    data: str,
    newest: int | None,
    tries: int,
    once: bool,
    interval: float,
    as_json: bool,
    **rows: Any,
) -> None:
    """Evaluate every logged model of an experiment that has no evaluation on the present version of FILE.

    Runs until it is stopped, and may run several times at once. Exit code with --once: 0 when nothing failed, whatever
    the verdicts, else 1; 130 after Ctrl-C, 143 after SIGTERM. --json prints one object a line.
    """
    from mlflow_evalplus.render import watched
    from mlflow_evalplus.tracking.entry import Request
    from mlflow_evalplus.tracking.watching.evaluation_set import EvaluationSet
    from mlflow_evalplus.tracking.watching.watch import Watcher

    tell = partial(_tell, _json if as_json else _print, sys.stdout)
    watcher = Watcher(experiment, EvaluationSet(data, Request(**rows)), newest, tries, tell)
    try:
        # what models print is no line of ours
        with interruptible(watcher.stop), redirect_stdout(sys.stderr):
            if not once:
                watcher.forever(interval)
            done = watcher.once()
    except KeyboardInterrupt as stop:
        click.echo("Stopped.", err=True)
        sys.exit(128 + getattr(stop, "number", signal.SIGINT))
    if as_json:
        print_json({"event": "done", **watched.counts(done)}, indent=None)
    else:
        click.echo(watched.end(done))
    sys.exit(0 if done.ok else 1)


def _tell(show: Callable[[WatchEvent], None], output: TextIO, event: WatchEvent) -> None:
    with redirect_stdout(output):
        show(event)


def _json(event: WatchEvent) -> None:
    from dataclasses import asdict

    print_json({"event": event.event, **asdict(event)}, indent=None)


def _print(event: WatchEvent) -> None:
    from mlflow_evalplus.render.watched import line

    click.echo(line(event), err=event.event in ("evaluating", "problem", "recovered"))
