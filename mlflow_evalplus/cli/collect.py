"""`mlflow-evalplus collect`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import (
    columns,
    console,
    epilog,
    json_option,
    print_json,
    steps,
    store_text_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from mlflow_evalplus.requirements import StoreText
    from mlflow_evalplus.results.queue import Queue
    from mlflow_evalplus.tracking.collecting.review_queue import ReviewQueues
    from mlflow_evalplus.tracking.collecting.rows import Log
    from mlflow_evalplus.tracking.collecting.runs import LoggedQueue


@click.command(
    epilog=epilog(
        "mlflow-evalplus collect log.parquet --n 200 --train train.csv --slices channel,language",
        "mlflow-evalplus collect log.csv --feedback corrected --challenger new_answer --weak words_chars",
        "mlflow-evalplus collect traces:production --out july --exclude june/queue.jsonl --review-queue july",
    )
)
@click.argument("log", metavar="LOG")
@click.option("--n", type=click.IntRange(min=1), default=200, show_default=True, help="Cases to label, about.")
@click.option("--out", default="queue", show_default=True, metavar="FOLDER", help="Where the files of the queue go.")
@click.option("--text", metavar="COLUMN", help="Text column.  [default: the requirements', else 'text']")
@click.option("--prediction", metavar="COLUMN", help="Column of the answers.  [default: prediction]")
@click.option("--feedback", metavar="COLUMN", help="Column of labels that somebody gave, empty where nobody did; "
              "of traces an assessment.  [default: of traces any]")  # fmt: skip
@click.option("--challenger", metavar="COLUMN", help="Column of another model's answers.")
@click.option("--time", metavar="COLUMN", help="Column of the time.  [default: of traces and inference tables theirs]")
@click.option("--slices", metavar="COLUMN,...", help="Slice columns.  [default: the requirements']")
@click.option(
    "--train", metavar="FILE", help="The training rows, or the folder of their versions: tell which words are new."
)
@click.option("--weak", metavar="RUN", help="The evaluated run that tells which slices are weak.")
@click.option("--audit", type=click.FloatRange(0, 1), default=0.2, show_default=True, metavar="SHARE",
              help="Of the cases, drawn at random: they alone tell how good the model is.")  # fmt: skip
@click.option("--exclude", multiple=True, metavar="FILE", help="A queue or labelled data, not to be labelled again; "
              "may be given several times.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@click.option("--annotators", type=click.IntRange(min=2), default=2, show_default=True, help="Columns for votes.")
@click.option("--per-annotator", is_flag=True, help="One CSV for each annotator, so that nobody sees another's labels.")
@click.option("--force", is_flag=True, help="Replace the queue that FOLDER holds.")
@click.option("--review-queue", metavar="NAME", help="Make review queues of MLflow as well, one for each annotator.")
@click.option("--requirements", "requirements_file", metavar="FILE",
              help="requirements.yaml: tells the text column, the labels and the slices.")  # fmt: skip
@click.option("--experiment", metavar="NAME", help="Log into this one.  [default: the active one, or the traces']")
@click.option("--no-log", is_flag=True, help="Write the files only, and nothing to MLflow.")
@store_text_option
@json_option
def command(log: str, n: int, out: str, force: bool, as_json: bool, **given: Any) -> None:
    """Choose the cases of a production log that are worth a label, and write them as a queue for annotators.

    LOG is a CSV, TSV, JSONL or Parquet file; an inference table (columns request and response); or traces:EXPERIMENT.
    Columns named score.<label> are taken as probabilities.
    """
    from mlflow_evalplus.core.collecting.collect import collect
    from mlflow_evalplus.core.collecting.queue_files import check_target, write_queue
    from mlflow_evalplus.core.privacy.flywheel import stored_queue
    from mlflow_evalplus.requirements import load as load_requirements
    from mlflow_evalplus.tracking import store
    from mlflow_evalplus.tracking.collecting.logs import read_log

    check_target(out, force=force)
    if given["no_log"] and given["review_queue"]:
        raise click.UsageError("a review queue is in MLflow: leave --no-log or --review-queue out")
    wanted = load_requirements(given["requirements_file"])
    text = given["text"] or wanted.task.text
    given["store_text"] = mode = given["store_text"] or wanted.store_text
    if mode in ("hash", "none") and given["review_queue"]:
        raise click.UsageError(
            f"a review queue shows the texts in MLflow, and store_text {mode} keeps them out; leave --review-queue out"
        )
    if not given["no_log"]:
        store.client()
    with steps() as on_step:
        rows = read_log(
            log, text=text, prediction=given["prediction"], feedback=given["feedback"], labels=wanted.task.labels,
            on_step=on_step,
        )  # fmt: skip
        on_step(f"choosing among {len(rows.frame):,} rows")
        asked = {**_columns(given, rows, text), **_beside(given, text or "text")}
        queue = collect(rows.frame, n, audit=given["audit"], seed=given["seed"], **asked)
        queue = replace(queue, notes=(*queue.notes, *rows.notes))
        labels = wanted.task.labels or _labels(rows, queue, asked["prediction"], mode)
        shown = stored_queue(queue, mode, labels)
        queue = shown if mode == "masked" else queue
        files = write_queue(
            queue, out, annotators=given["annotators"], per_annotator=given["per_annotator"], labels=labels,
            force=force,
        )  # fmt: skip
        logged, reviewed = _log(given, n, queue, labels, rows, on_step)
    if as_json:
        print_json(_plain(shown, labels, files, logged, reviewed))
    else:
        _print(shown, files, logged, reviewed)


def _columns(given: dict[str, Any], rows: Log, text: str | None) -> dict[str, Any]:
    """Return the columns of the log: what is read of requests and traces has names of its own."""
    chosen = {"slices": columns(given["slices"]) if given["slices"] else None, "challenger": given["challenger"]}
    if rows.kind == "file":
        return {
            **chosen, "text": text, "prediction": given["prediction"] or "prediction", "label": given["feedback"],
            "time": given["time"],
        }  # fmt: skip
    label = given["feedback"] if rows.kind != "traces" else "label" if "label" in rows.frame else None
    return {**chosen, "text": "text", "prediction": "prediction", "label": label, "time": given["time"] or "time"}


def _training_rows(path: str, text: str) -> pd.DataFrame:
    """Return the rows of a file, or of the newest version in a folder of training data, its texts under `text`."""
    from pathlib import Path

    from mlflow_evalplus.core.files import read_file
    from mlflow_evalplus.core.training_data.training_data import TrainingData

    if not Path(path).is_dir():
        return read_file(path)
    data = TrainingData.open(path)
    return data.rows().rename(columns={data.settings.text: text})


def _beside(given: dict[str, Any], text: str) -> dict[str, Any]:
    """Return what else tells of the rows: training texts, the weak slices of a run, what is labelled already."""
    from mlflow_evalplus.core.columns import require_columns

    found: dict[str, Any] = {"requirements": given["requirements_file"]}
    if given["train"]:
        training = _training_rows(given["train"], text)
        require_columns(training, [text])
        found["training"] = training[text].dropna().astype(str).tolist()
    if given["weak"]:
        from mlflow_evalplus.tracking.reader import find_runs, load

        found["weak"] = load(find_runs([given["weak"]])[0].info.run_id, predictions=False)
    if given["exclude"]:
        found["exclude"] = [name for path in given["exclude"] for name in _labelled(path, text)]
    return found


def _labelled(path: str, text: str) -> list[str]:
    """Return the ids of a queue, or of a file that was made of one, else the texts of a data file."""
    from mlflow_evalplus.core.collecting.queue_files import is_queue, read_queue
    from mlflow_evalplus.core.columns import require_columns
    from mlflow_evalplus.core.files import read_file

    if is_queue(path):
        return [case.case_id for case in read_queue(path).cases]
    frame = read_file(path)
    column = "case_id" if "case_id" in frame.columns else text
    require_columns(frame, [column])
    return [str(value) for value in frame[column].dropna()]


def _labels(rows: Log, queue: Queue, prediction: str, mode: StoreText) -> tuple[str, ...]:
    """Return the labels that the log names: those with scores, those that were answered, those that feedback gave.

    An answer may repeat its text. Where texts are not kept, one that few rows have is no label.
    """
    from collections import Counter

    from mlflow_evalplus.core.collecting.queue_files import labels_of
    from mlflow_evalplus.core.columns import as_labels
    from mlflow_evalplus.core.privacy.answers import FEW
    from mlflow_evalplus.core.privacy.masking import mask

    answered = Counter(label for label in as_labels(rows.frame, prediction) if label)
    answered.update(case.label for case in queue.cases if case.label)
    if mode in ("hash", "none"):
        return tuple(sorted({*rows.scores, *(label for label, n in answered.items() if n >= FEW)}))
    found = {*rows.scores, *answered, *labels_of(queue)}
    return tuple(sorted(found if mode == "full" else set(map(mask, found))))


def _log(
    given: dict[str, Any], n: int, queue: Queue, labels: Sequence[str], rows: Log, on_step: Callable[[str], None]
) -> tuple[LoggedQueue | None, ReviewQueues | None]:
    if given["no_log"]:
        return None, None
    from mlflow_evalplus.tracking.collecting.review_queue import make_review_queues
    from mlflow_evalplus.tracking.collecting.rows import TRACES
    from mlflow_evalplus.tracking.collecting.runs import log_queue

    on_step("logging the queue")
    experiment = given["experiment"] or (rows.source.removeprefix(TRACES) if rows.kind == "traces" else None)
    params = {"n": n, "audit": given["audit"]}
    logged = log_queue(
        queue, experiment=experiment, labels=labels, annotators=given["annotators"], params=params, log=rows,
        store_text=given["store_text"],
    )  # fmt: skip
    if not given["review_queue"]:
        return logged, None
    made = make_review_queues(
        queue, given["review_queue"], logged.experiment_id, labels=labels, annotators=given["annotators"], log=rows,
        on_step=on_step,
    )  # fmt: skip
    return logged, made


def _plain(
    queue: Queue, labels: Sequence[str], files: Sequence[Path], logged: LoggedQueue | None, made: ReviewQueues | None
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "n_cases": len(queue.cases), "n_audit": queue.n_audit, "n_rows": queue.n_rows, "n_texts": queue.n_texts,
        "seed": queue.seed, "labels": labels, "reasons": [asdict(reason) for reason in queue.reasons],
        "notes": queue.notes, "files": list(map(str, files)), "run_id": logged.run_id if logged else None,
        "link": logged.link if logged else None, "review_queues": asdict(made) if made else None,
    }  # fmt: skip


def _print(queue: Queue, files: Sequence[Path], logged: LoggedQueue | None, made: ReviewQueues | None) -> None:
    from mlflow_evalplus.render.queue import terminal

    screen = console()
    for part in terminal(queue):
        screen.print(part)
    *sheets, machine = (str(path) for path in files)
    lines = [f"For the annotators: {', '.join(sheets)}", f"Afterwards: mlflow-evalplus adjudicate {shlex.join(sheets)} "
             f"--queue {shlex.quote(machine)}"]  # fmt: skip
    if logged:
        from mlflow_evalplus.tracking.links import serve_command

        serve = serve_command()
        lines += [f"The queue is run {logged.run_id}.", f"Look{f', after `{serve}`' if serve else ''}: {logged.link}"]
    if made:
        lines += [made.sentence, *([f"Work through them at {made.link}"] if made.link else [])]
    screen.print("\n".join(lines), markup=False)
