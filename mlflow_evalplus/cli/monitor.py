"""`mlflow-evalplus monitor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import (
    EXIT_CODES,
    check_folder,
    columns,
    console,
    echo,
    epilog,
    json_option,
    print_json,
    requirements_option,
    steps,
    store_text_option,
    write_text,
)
from mlflow_evalplus.errors import EvalPlusError

if TYPE_CHECKING:
    import pandas as pd

    from mlflow_evalplus.results import Monitoring

RANK = ("fail", "undecided", "pass")


@click.command(
    epilog=epilog(
        "mlflow-evalplus monitor log.csv --time created_at --requirements requirements.yaml",
        "mlflow-evalplus monitor 2025-*.parquet --time created_at --window week --reference test_answers.csv",
        "mlflow-evalplus monitor log.csv --time month --slices channel,language --output monitor.html --no-log",
    )
)
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--reference", metavar="FILE|RUN|N", help="Rows, an evaluated run, or the first N windows, to hold it "
              "against.  [default: half of the windows, at most 6]")  # fmt: skip
@click.option("--time", metavar="COLUMN", help="Column of the time.  [default: the requirements'; else rows in order]")
@click.option("--window", metavar="WINDOW", help="day, week, month, quarter, or a number of rows.  "
              "[default: the requirements', else month]")  # fmt: skip
@click.option("--label", metavar="COLUMN", help="Column of the labels, empty where not known.  "
              "[default: the requirements', else 'label']")  # fmt: skip
@click.option("--prediction", metavar="COLUMN", default="prediction", show_default=True, help="Column of the answers.")
@click.option("--slices", metavar="COLUMN,...", help="Slice columns.  [default: the requirements']")
@click.option("--text", metavar="COLUMN", help="Text column.  [default: the requirements', else 'text' if there]")
@click.option("--audit", metavar="COLUMN", help="Column that is true for labelled rows drawn at random; only these "
              "tell how good the model is.")  # fmt: skip
@click.option("--weight", metavar="COLUMN", help="Column of how many rows a labelled row stands for.")
@click.option("--cluster", metavar="COLUMN", help="Column of what rows belong together by, such as a customer.")
@requirements_option
@click.option("--run-name", metavar="NAME", help="Name of the MLflow run.  [default: monitor, the newest window]")
@click.option("--experiment", metavar="NAME", help="Experiment to log into.")
@click.option("--no-log", is_flag=True, help="Print only; write no MLflow run.")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False),
              help="Also write the page: a name ending in .html or .md.")  # fmt: skip
@click.option("--all", "any_window", is_flag=True, help="Exit by any window, not only by the newest.")
@store_text_option
@json_option
def command(
    logs: tuple[str, ...],
    reference: str | None,
    requirements_file: str | None,
    run_name: str | None,
    experiment: str | None,
    no_log: bool,
    output: str | None,
    any_window: bool,
    store_text: Any,
    as_json: bool,
    **given: str | None,
) -> None:
    """Watch a production log, window by window: accuracy, drift, new words, alerts.

    LOG is a CSV, TSV, JSONL or Parquet file; several are taken as one. Columns score.<label> are taken as scores.

    Exit code by the newest window: 0 no alert, 3 alert, 4 undecided, 1 error.
    """
    from mlflow_evalplus import requirements as asked
    from mlflow_evalplus.core.monitoring.monitor import monitor
    from mlflow_evalplus.core.privacy.flywheel import stored_monitoring

    check_folder(output)
    _check_ending(output)
    with steps() as on_step:
        on_step("reading")
        rows, other = _rows(logs), _reference(reference)
        on_step("looking at the windows")
        wanted = asked.changed(asked.load(requirements_file), store_text=store_text)
        found = monitor(rows, reference=other, requirements=wanted, **_options(rows, given))
        found = stored_monitoring(found, wanted.store_text)
    if not as_json:
        _print(found)
    run_id, problem = None, None
    try:
        if output:
            _write(found, output, run_name or "")
        if not no_log:
            with steps() as on_step:
                on_step("logging")
                run_id = _log(found, run_name or None, experiment or None, quiet=as_json)
    except EvalPlusError as error:  # which must not hide an alert
        problem = error
    windows = found.windows if any_window else (found.last,)
    outcome = min((window.outcome.value for window in windows), key=RANK.index)
    if as_json:
        _print_json(found, outcome, run_id, problem)
    if problem and outcome != "fail":
        raise problem
    if problem:
        echo(f"Error: {problem}", err=True)
    sys.exit(EXIT_CODES[outcome])


def _rows(logs: tuple[str, ...]) -> pd.DataFrame:
    """Return all files as one; where one lacks a column of the others that is said."""
    import pandas as pd

    from mlflow_evalplus.core.files import read_file

    frames = {path: read_file(path) for path in logs}
    known = list(dict.fromkeys(column for frame in frames.values() for column in frame.columns))
    for path, frame in frames.items():
        if lacking := [column for column in known if column not in frame.columns]:
            echo(f"{path} has no column {', '.join(map(repr, lacking))}; there it is taken as empty.", err=True)
    return pd.concat(frames.values(), ignore_index=True) if len(frames) > 1 else next(iter(frames.values()))


def _reference(given: str | None) -> Any:
    """Return the rows of a file, an evaluated run by id or name, or how many of the first windows."""
    from pathlib import Path

    from mlflow_evalplus.core.files import READERS, read_file

    if not given:
        return None
    if given.isdecimal() and len(given) < 4:
        return int(given)
    if Path(given).suffix.lower() in READERS or Path(given).is_file():
        return read_file(given)
    from mlflow_evalplus.tracking.reader import find_runs, load

    return load(find_runs([given])[0].info.run_id)


def _options(rows: pd.DataFrame, given: dict[str, str | None]) -> dict[str, Any]:
    """Return what was given, under the names of the Python function's arguments."""
    options: dict[str, Any] = {name: value for name, value in given.items() if value}
    if "slices" in options:
        options["slices"] = columns(options["slices"])
    if "window" in options:
        options["window"] = _window(options["window"])
    scores = {str(c).removeprefix("score."): str(c) for c in rows.columns if str(c).startswith("score.")}
    return {**options, **({"scores": scores} if scores else {})}


def _window(given: str) -> str | int:
    from mlflow_evalplus.errors import did_you_mean
    from mlflow_evalplus.requirements.monitor import WINDOWS

    if given.isdecimal():
        return int(given)
    if given not in WINDOWS:
        near = did_you_mean(given, WINDOWS)
        raise EvalPlusError(f"--window is {given!r}; give one of {list(WINDOWS)} or a number of rows.{near}")
    return given


def _check_ending(output: str | None) -> None:
    """Refuse a name whose ending promises what the page is not."""
    from pathlib import Path

    ending = Path(output or "").suffix.lower()
    if ending not in ("", ".html", ".htm", ".md"):
        raise EvalPlusError(
            f"cannot write {output!r}: the page is HTML or Markdown; give a name ending in .html or .md"
        )


def _write(found: Monitoring, output: str, run_name: str) -> None:
    from mlflow_evalplus.render import monitoring, monitoring_report

    markdown = output.lower().endswith(".md")
    write_text(output, monitoring.page(found) if markdown else monitoring_report.page(found, run_name))
    click.echo(f"The page: {output}", err=True)


def _log(found: Monitoring, run_name: str | None, experiment: str | None, *, quiet: bool) -> str:
    from mlflow_evalplus import names
    from mlflow_evalplus.tracking import links
    from mlflow_evalplus.tracking.monitoring import log_as_run

    run = log_as_run(found, run_name=run_name, experiment=experiment)
    if not quiet:
        serve = links.serve_command()
        look = f"Look, after `{serve}`" if serve else "Look"
        click.echo(f"Logged as run {run.info.run_id}. {look}: {links.artifact_page(run, names.MONITOR_REPORT)}")
    return str(run.info.run_id)


def _print(found: Monitoring) -> None:
    from mlflow_evalplus.render.monitoring import terminal

    screen = console()
    for part in terminal(found):
        screen.print(part)


def _print_json(found: Monitoring, outcome: str, run_id: str | None, problem: Exception | None) -> None:
    from mlflow_evalplus.render import monitoring_words as words
    from mlflow_evalplus.render.monitoring_tables import plain

    said = {"sentence": words.headline(found), "cause": words.cause(found.last)}
    print_json({
        "run_id": run_id, "outcome": outcome, **said, "error": str(problem) if problem else None, **plain(found),
    })  # fmt: skip
