"""`mlflow-evalplus versions`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import EXIT_CODES, check_folder, console, echo, epilog, json_option, print_json

if TYPE_CHECKING:
    from mlflow_evalplus.core.training_data.training_data import TrainingData

DEFAULTS = {"text": "text", "label": "label"}
_TOLD = ("test", "source", "note")
# What is asked for → the options that go with it; `test` alone is asked for where nothing else is.
GOES_WITH = {
    "create": ("text", "label", "time", "held_out", "seed", *_TOLD),
    "add": ("held_out", "seed", *_TOLD),
    "retire_before": ("time", "note"),
    "verify": (),
    "export": ("number", "part"),
    "test": _TOLD,
    "": (),
}


@click.command(
    epilog=epilog(
        "mlflow-evalplus versions training --create messages.csv --test test.csv --time month",
        "mlflow-evalplus versions training --add accepted.csv --held-out 0.2",
        "mlflow-evalplus versions training --test newer-test.csv",
        "mlflow-evalplus versions training --retire-before 2025-07-01",
        "mlflow-evalplus versions training --export rows.csv --version 2",
        "mlflow-evalplus versions training --verify",
    )
)
@click.argument("folder", metavar="FOLDER")
@click.option("--create", metavar="FILE", help="Make version 1 of the rows of this file.")
@click.option("--add", metavar="FILE", help="Add the rows of this file as a new version.")
@click.option("--retire-before", metavar="DATE", help="Take training rows older than this date out of use.")
@click.option("--verify", is_flag=True, help="Make every digest anew; exit with 3 where a file was changed.")
@click.option("--export", metavar="FILE", help="Write the rows in use to a CSV, JSONL or Parquet file.")
@click.option("--test", multiple=True, metavar="FILE", help="A test set that no row may be like; may be repeated. "
              "Alone it is held against the rows that are there.")  # fmt: skip
@click.option("--text", metavar="COLUMN", help="With --create: column of the texts.  [default: text]")
@click.option("--label", metavar="COLUMN", help="With --create: column of the labels.  [default: label]")
@click.option("--time", metavar="COLUMN", help="With --create and --retire-before: column of each row's date.")
@click.option("--held-out", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True,
              metavar="SHARE", help="Share of the new texts to keep apart as a test.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of what is kept apart.")
@click.option("--source", metavar="NAME", help="Where the rows or tests are from.  [default: the file's name]")
@click.option("--note", default="", metavar="TEXT", help="To remember the version by.")
@click.option("--version", "number", type=int, metavar="N", help="With --export: the version.  [default: the newest]")
@click.option("--part", type=click.Choice(["train", "held_out", "all"]), default="train", show_default=True,
              help="With --export: which rows.")  # fmt: skip
@json_option
def command(folder: str, as_json: bool, **given: Any) -> None:
    """List the versions of the training data in FOLDER, or make a new one.

    No row whose text is, or nearly is, in a test set becomes a training row. Files that were written are never
    changed.
    """
    from dataclasses import asdict

    from mlflow_evalplus.core.training_data.training_data import TrainingData
    from mlflow_evalplus.render.training_data import terminal

    asked = _asked(given)
    data = None if given["create"] else TrainingData.open(folder)
    if data and given["verify"]:
        _verify(data, as_json)
    elif data and given["export"]:
        _export(data, given, as_json)
    elif asked:
        made = _made(folder, data, given)
        print_json(asdict(made)) if as_json else echo(made.sentence)
    elif data and as_json:
        print_json([asdict(version) for version in data.versions])
    elif data:
        console().print(terminal(data.versions))


def _asked(given: dict[str, Any]) -> str:
    """Return what is asked for; an error where that is two things, or an option does not go with it."""
    from click.core import ParameterSource

    from mlflow_evalplus.errors import EvalPlusError

    context = click.get_current_context()
    flags = {param.name: param.opts[0] for param in context.command.params}
    several = [name for name in ("create", "add", "retire_before", "verify", "export") if given[name]]
    if len(several) > 1:
        raise EvalPlusError(f"give one of {', '.join(flags[name] for name in several)} at a time")
    asked = several[0] if several else "test" if given["test"] else ""
    for name in given:
        set_here = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if set_here and name != asked and name not in GOES_WITH[asked]:
            fits = [flags[action] for action, options in GOES_WITH.items() if action and name in options]
            raise EvalPlusError(f"{flags[name]} does not go with {flags[asked] if asked else 'a list of the versions'};"
                                f" give it with {', '.join(fits)}")  # fmt: skip
    return asked


def _made(folder: str, data: TrainingData | None, given: dict[str, Any]) -> Any:
    from pathlib import Path

    from mlflow_evalplus.core.files import read_file
    from mlflow_evalplus.core.training_data.training_data import TrainingData

    if data and given["retire_before"]:
        return data.retire(before=given["retire_before"], column=given["time"], note=given["note"])
    told = {name: given[name] for name in ("held_out", "seed", "note")}
    path = given["create"] or given["add"]
    of_files = ", ".join(Path(name).name for name in ([path] if path else given["test"]))
    told |= {"source": given["source"] or of_files, "test": list(given["test"])}
    if data:
        return data.add(read_file(path) if path else _no_rows(data), **told)
    columns: dict[str, Any] = {name: given[name] or default for name, default in DEFAULTS.items()}
    return TrainingData.create(folder, read_file(path), time=given["time"], **columns, **told).newest


def _no_rows(data: TrainingData) -> Any:
    import pandas as pd

    return pd.DataFrame({data.settings.text: [], data.settings.label: []}, dtype=object)


def _verify(data: TrainingData, as_json: bool) -> None:
    found = data.verify()
    if as_json:
        print_json({"versions": len(data.versions), "digest": data.newest.digest, "problems": found})
    else:
        echo("\n".join(found) or f"All {len(data.versions)} versions are as they were made; the newest has the "
             f"digest {data.newest.digest}.")  # fmt: skip
    if found:
        sys.exit(EXIT_CODES["fail"])


def _export(data: TrainingData, given: dict[str, Any], as_json: bool) -> None:
    from mlflow_evalplus.core.training_data.export import export

    check_folder(given["export"])
    n, number = export(data, given["export"], version=given["number"], part=given["part"])
    if as_json:
        print_json({"file": given["export"], "version": number, "part": given["part"], "rows": n})
    else:
        click.echo(f"Wrote {n:,} rows of version {number} to {given['export']}.")
