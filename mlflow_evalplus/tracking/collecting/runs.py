"""A queue as an MLflow run, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Run

from mlflow_evalplus import names
from mlflow_evalplus.core.collecting.queue_files import annotator_columns, jsonl_text, labels_of, read_queue
from mlflow_evalplus.core.collecting.queue_sheet import csv_text
from mlflow_evalplus.core.privacy.flywheel import stored_queue
from mlflow_evalplus.errors import TrackingError, did_you_mean, shorten
from mlflow_evalplus.render import queue as pages
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results.queue import Queue
from mlflow_evalplus.tracking import links, store, writer
from mlflow_evalplus.tracking.collecting.rows import Log
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import Destination, destination
from mlflow_evalplus.tracking.items import File, Page
from mlflow_evalplus.tracking.writer import page_with_note, send

NAME = "queue"


@dataclass(frozen=True)
class LoggedQueue:
    """Where a queue can be looked at.

    Attributes
    ----------
    run_id, experiment_id : str
    link : str
        Address of its page in MLflow.
    """

    run_id: str
    experiment_id: str
    link: str


def log_queue(
    queue: Queue,
    run_id: str | None = None,
    *,
    experiment: str | None = None,
    labels: Sequence[str] = (),
    annotators: int = 2,
    params: Mapping[str, object] | None = None,
    log: Log | None = None,
    store_text: StoreText = "full",
) -> LoggedQueue:
    """Log a queue as a run: its page, which is the run's description too, both files, and how many cases of which kind.

    Parameters
    ----------
    queue : Queue
    run_id : str, optional
        The run to take. By default a new one, within the active run where there is one.
    experiment : str, optional
        Of a new run; by default the active one.
    labels : sequence of str
        The permitted ones; by default those that the cases name.
    annotators : int
        Columns for votes in the CSV.
    params : mapping of str to object, optional
        What was asked.
    log : Log, optional
        The production log, listed as the run's input.
    store_text : str
        What is stored of the texts: ``full``, ``masked``, ``hash`` or ``none``.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    queue = stored_queue(queue, store_text, labels)
    labels = list(labels) or labels_of(queue)
    files = (
        Page(names.QUEUE_CSV, csv_text(queue, annotator_columns(annotators))),
        Page(names.QUEUE_JSONL, jsonl_text(queue, labels)),
    )
    if run_id:
        return _logged(destination(run_id), queue, files, labels, params, log)
    with writer.run(NAME, experiment=experiment if mlflow.active_run() is None else None) as run:
        return _logged(run, queue, files, labels, params, log)


def _logged(
    run: Destination,
    queue: Queue,
    files: Sequence[File],
    labels: Sequence[str],
    params: Mapping[str, object] | None,
    log: Log | None,
) -> LoggedQueue:
    tags = {names.TAG_KIND: names.KIND_QUEUE, names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION)}
    asked = {"seed": queue.seed, **({"log": log.source, "log_digest": log.digest} if log else {}), **(params or {})}
    known = {key: str(value) for key, value in asked.items()}
    whole = Delivery(files, metrics=_metrics(queue), params=known, tags=tags, data=_data(log) if log else None)
    send(run, page_with_note(Page(names.QUEUE_PAGE, pages.page(queue, labels)), whole))
    return LoggedQueue(run.run_id, run.made.info.experiment_id, links.artifact_page(run.made, names.QUEUE_PAGE))


def _metrics(queue: Queue) -> dict[str, float]:
    n = {"n_cases": len(queue.cases), "n_audit": queue.n_audit, "n_rows": queue.n_rows, "n_texts": queue.n_texts}
    reasons = {names.metric_value_key("by_reason", one.reason): one.n_cases for one in queue.reasons}
    return {f"queue/{key}": float(value) for key, value in {**n, **reasons}.items()}


def _data(log: Log) -> DatasetInput:
    kind = {"traces": ("traces", "experiment")}.get(log.kind, ("local", "uri"))
    entity = Dataset(
        name=log.source.rpartition("/")[2][:500], digest=log.digest, source_type=kind[0],
        source=json.dumps({kind[1]: log.source}), profile=json.dumps({"num_rows": len(log.frame)}),
    )  # fmt: skip
    return DatasetInput(entity, [InputTag("mlflow.data.context", "production log")])


def load_queue(run: str, experiment: str | None = None) -> Queue:
    """Return the queue that a run carries.

    Parameters
    ----------
    run : str
        Its id, a unique beginning of it, or its name: the newest of that name.
    experiment : str, optional
        Where to look; by default everywhere.

    Raises
    ------
    TrackingError
        There is no such run, or it carries no queue.
    """
    with TemporaryDirectory(prefix="evalplus-") as folder:
        return read_queue(download_queue(run, folder, experiment))


def download_queue(run: str, folder: str, experiment: str | None = None) -> Path:
    """Download the ``queue.jsonl`` of a run, with the labels in its header, into a folder; return its path.

    Raises
    ------
    TrackingError
        There is no such run, or it carries no queue.
    """
    client = store.client()
    with store.reaching():
        run_id = find_queue_run(run, experiment).info.run_id
        if names.QUEUE_JSONL not in {file.path for file in client.list_artifacts(run_id, "evalplus")}:
            raise TrackingError(f"run {run_id} carries no {names.QUEUE_JSONL}; was it logged by collect?")
        return Path(client.download_artifacts(run_id, names.QUEUE_JSONL, folder))


def find_queue_run(name: str, experiment: str | None = None) -> Run:
    """Return the run of a queue, by its id, a unique beginning of it, or its name.

    Raises
    ------
    TrackingError
        There is none; the message says which there are.
    """
    client = store.client()
    with store.reaching():
        ids = [e.experiment_id for e in client.search_experiments() if experiment in (None, e.name, e.experiment_id)]
        query = f"tags.`{names.TAG_KIND}` = '{names.KIND_QUEUE}'"
        runs = client.search_runs(ids, query, order_by=["attributes.start_time DESC"]) if ids else []
    exact = [run for run in runs if name in (run.info.run_id, run.info.run_name)]
    begins = [run for run in runs if len(name) >= 6 and run.info.run_id.startswith(name)]
    if exact or len(begins) == 1:
        return (exact or begins)[0]
    known = [f"{run.info.run_name} ({run.info.run_id[:8]}…)" for run in runs]
    near = did_you_mean(name, [str(run.info.run_name) for run in runs])
    raise TrackingError(f"no run of a queue has the id or name {name!r}; there are {shorten(known)}.{near}")
