"""`mlflow-evalplus adjudicate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import (
    EXIT_CODES,
    check_folder,
    columns,
    console,
    epilog,
    json_option,
    print_json,
    store_text_option,
    write_text,
)

if TYPE_CHECKING:
    from mlflow_evalplus.core.training_data.training_data import TrainingData
    from mlflow_evalplus.results.adjudication import Adjudication


@click.command(
    epilog=epilog(
        "mlflow-evalplus adjudicate queue/queue.csv --queue queue/queue.jsonl",
        "mlflow-evalplus adjudicate anna.csv bo.csv --queue queue --disputed disputed.csv",
        "mlflow-evalplus adjudicate anna.csv bo.csv disputed.csv --queue 3f2a… --add-to training --test test.csv",
        "mlflow-evalplus adjudicate reviews:production --queue 3f2a…",
    )
)
@click.argument("filled", metavar="FILLED...", nargs=-1, required=True)
@click.option(
    "--queue",
    "queue_source",
    metavar="FILE|RUN",
    required=True,
    help="queue.jsonl, its folder, or the run of the queue.",
)
@click.option("--annotators", metavar="COLUMN,...", help="Columns of votes.  [default: those named annotator_…]")
@click.option(
    "--adjudicated",
    metavar="COLUMN",
    default="adjudicated",
    show_default=True,
    help="Column of decisions where annotators differ.",
)
@click.option(
    "--labels", metavar="LABEL,...", help="The permitted ones.  [default: the requirements', else the queue's]"
)
@click.option(
    "--requirements", "requirements_file", metavar="FILE", help="requirements.yaml: its labels are permitted."
)
@click.option("--majority", is_flag=True, help="Of three votes or more, more than half settle a case.")
@click.option("--out", metavar="FILE", help="Write the settled labels, CSV or a name ending in .jsonl.")
@click.option("--disputed", metavar="FILE", help="Write the open cases with their votes, a CSV to decide them in.")
@click.option("--add-to", metavar="FOLDER", help="Add the settled labels to this training data as a new version.")
@click.option(
    "--test",
    "tests",
    metavar="FILE",
    multiple=True,
    help="Test rows; texts like theirs are never added. May be given several times.",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="SHARE",
    help="Of what is added, keep this share apart as a test of the collected cases.",
)
@click.option("--experiment", metavar="NAME", help="Of the run.  [default: the queue's run's, else the active one]")
@click.option("--no-log", is_flag=True, help="Write nothing to MLflow.")
@store_text_option
@json_option
def command(
    filled: tuple[str, ...],
    queue_source: str,
    annotators: str | None,
    adjudicated: str,
    labels: str | None,
    requirements_file: str | None,
    majority: bool,
    out: str | None,
    disputed: str | None,
    add_to: str | None,
    tests: tuple[str, ...],
    held_out: float,
    experiment: str | None,
    no_log: bool,
    store_text: Any,
    as_json: bool,
) -> None:
    """Take a filled queue back: settled labels, open cases, agreement, and what is wrong with the files.

    FILLED are all files that came back, old and new: run it as often as you like. reviews:EXPERIMENT is what was
    answered in the review queues of MLflow. Exit code 0: every case has a label, 4: cases are open, 3: rows or votes
    are wrong, 1: error.
    """
    from mlflow_evalplus import requirements as asked
    from mlflow_evalplus.core.adjudicating.open_sheet import open_sheet
    from mlflow_evalplus.core.privacy.flywheel import stored_adjudication

    for path in (out, disputed):
        _check_output(path, filled, queue_source)
    data = _training_data(add_to, tests, held_out)
    found, queue_run = _adjudicated(
        queue_source, filled, annotators=columns(annotators) if annotators else None, adjudicated=adjudicated,
        labels=columns(labels) or None, requirements=requirements_file, majority=majority,
    )  # fmt: skip
    said = []
    if out:
        write_text(out, _accepted(found, out))
        said.append(f"Wrote {len(found.accepted):,} settled labels to {out}.")
    if disputed and found.open:
        _write_once(disputed, open_sheet(found, adjudicated))
        said.append(f"Wrote {len(found.open):,} open cases to {disputed}.")
    store_text = store_text or asked.load(requirements_file).store_text
    run_id = None
    if not no_log:
        from mlflow_evalplus.tracking.adjudication import log_adjudication, where_to_look

        run_id = log_adjudication(found, queue_run=queue_run, experiment=experiment, adjudicated=adjudicated,
                                  store_text=store_text)  # fmt: skip
        said += [f"The adjudication is run {run_id}.", where_to_look(run_id)]
    if data:
        said.append(_added(data, found, run_id or ", ".join(filled), tests, held_out))
    _print(stored_adjudication(found, store_text), run_id, said, as_json)
    sys.exit(EXIT_CODES["fail"] if found.problems else EXIT_CODES["undecided"] if found.open else 0)


def _adjudicated(queue: str, filled: tuple[str, ...], **options: Any) -> tuple[Adjudication, str]:
    """Return what became of the queue, and the id of its run; an empty one where the queue is a file."""
    from pathlib import Path

    if not (Path(queue).exists() or Path(queue).suffix):
        from mlflow_evalplus.tracking.adjudication import adjudicate_run

        return adjudicate_run(queue, filled, **options)
    from mlflow_evalplus import names
    from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
    from mlflow_evalplus.core.collecting.queue_files import read_queue

    known = read_queue(queue)
    if not any(one.startswith(names.REVIEWS) for one in filled):
        return adjudicate(known, filled, **options), ""
    from mlflow_evalplus.tracking.collecting.review_queue import with_reviews

    return adjudicate(known, with_reviews(known, filled), **options), ""


def _training_data(folder: str | None, tests: tuple[str, ...], held_out: float) -> TrainingData | None:
    """Return the data to add to, once all that this needs was seen to be there: before anything is logged."""
    from mlflow_evalplus.core.training_data.rows import texts_in
    from mlflow_evalplus.core.training_data.training_data import TrainingData
    from mlflow_evalplus.errors import DataError

    if not folder:
        if tests or held_out:
            raise DataError("--test and --held-out are about the training data: name its folder with --add-to")
        return None
    data = TrainingData.open(folder)
    data.rows()
    for path in tests:
        texts_in(path, data.settings.text)
    return data


def _check_output(path: str | None, filled: tuple[str, ...], queue: str) -> None:
    """Check that a file can be written, and that it is none of those that people filled in, nor one of the queue."""
    from pathlib import Path

    from mlflow_evalplus.core.collecting.queue_files import files_in
    from mlflow_evalplus.errors import DataError

    check_folder(path)
    if not path:
        return
    if any(_is_same(path, given) for given in filled):
        raise DataError(f"{path!r} is one of the files that came back; write to another, or labels in it are lost")
    folder = Path(queue) if Path(queue).is_dir() else Path(queue).parent
    if any(_is_same(path, one) for one in (queue, *(str(folder / name) for name in files_in(folder)))):
        raise DataError(f"{path!r} is a file of the queue; write to another, or labels in it are lost")


def _is_same(path: str, other: str) -> bool:
    from pathlib import Path

    one, two = Path(path), Path(other)
    return one.samefile(two) if one.exists() and two.exists() else one.resolve() == two.resolve()


def _write_once(path: str, text: str) -> None:
    """Write a file that people fill in; never over one that they may have begun to."""
    from pathlib import Path

    from mlflow_evalplus.errors import DataError

    if Path(path).is_file() and Path(path).read_bytes() != text.encode():
        raise DataError(
            f"{path!r} is there already, and somebody may have filled it in; give it among the files, and name another "
            "one for what is open now"
        )
    write_text(path, text)


def _accepted(found: Adjudication, path: str) -> str:
    """Return the settled labels as a file for machines: texts stand in it as they are."""
    frame = found.frame()
    if path.endswith(".jsonl"):
        return str(frame.to_json(orient="records", lines=True, force_ascii=False))
    return str(frame.to_csv(index=False, lineterminator="\r\n"))


def _added(data: TrainingData, found: Adjudication, source: str, tests: tuple[str, ...], held_out: float) -> str:
    if not found.accepted:
        return f"No label is settled, so nothing was added to {data.folder}."
    return f"{data.folder}: {data.add(found, source=source, test=list(tests), held_out=held_out).sentence}"


def _print(found: Adjudication, run_id: str | None, said: list[str], as_json: bool) -> None:
    from dataclasses import asdict

    from mlflow_evalplus.render.adjudication import terminal

    if as_json:
        print_json({**asdict(found), "run_id": run_id, "done": said})
        return
    screen = console()
    for part in terminal(found):
        screen.print(part)
    for line in said:
        screen.print(line, markup=False)
