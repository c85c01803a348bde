"""A queue that came back, as an MLflow run: page, accepted table, open cases, agreement."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import mlflow

from mlflow_evalplus import names
from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.adjudicating.open_sheet import open_sheet
from mlflow_evalplus.core.privacy.flywheel import stored_adjudication
from mlflow_evalplus.core.privacy.keeping import are_kept
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import adjudication as pages
from mlflow_evalplus.render import markdown
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results.adjudication import Adjudication
from mlflow_evalplus.tracking import links, store, writer
from mlflow_evalplus.tracking.collecting.review_queue import with_reviews
from mlflow_evalplus.tracking.collecting.runs import find_queue_run, load_queue
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import Destination, destination
from mlflow_evalplus.tracking.items import File, Page, Table, headed
from mlflow_evalplus.tracking.writer import NOTE, send

NAME = "adjudication"
MAX_NOTE = 2000
MAX_PARAM = 500


def adjudicate_run(run: str, filled: Any, **options: Any) -> tuple[Adjudication, str]:
    """Return what became of the queue that a run carries, and the run's id.

    Parameters
    ----------
    run : str
        Its id, a unique beginning of it, or its name.
    filled : path, data frame, or sequence of these
        ``reviews:EXPERIMENT`` is what was answered in the review queues there.
    **options
        As of ``adjudicate``.

    Raises
    ------
    TrackingError
        There is no such run, or it carries no queue, or one without texts.
    DataError
        As ``adjudicate``.
    """
    run_id = str(find_queue_run(run).info.run_id)
    queue = load_queue(run_id)
    if queue.cases and not are_kept(case.text for case in queue.cases):
        raise TrackingError(
            f"run {run_id} keeps no texts of its queue (store_text), so nobody can see whether labels stand beside the "
            "right ones; give the queue.jsonl that collect wrote beside it, with --queue FILE"
        )
    return adjudicate(queue, with_reviews(queue, filled), **options), run_id


def log_adjudication(
    found: Adjudication,
    run_id: str | None = None,
    *,
    queue_run: str = "",
    experiment: str | None = None,
    adjudicated: str = "adjudicated",
    store_text: StoreText = "full",
) -> str:
    """Log what became of a queue as a run, and return its id.

    Parameters
    ----------
    found : Adjudication
    run_id : str, optional
        The run to take. By default a new one, within the active run where there is one.
    queue_run : str
        Id of the run of the queue, where it is known.
    experiment : str, optional
        Of a new run; by default that of the queue's run, else the active one.
    adjudicated : str
        Column of decisions, for the file of open cases.
    store_text : str
        What is stored of the texts: ``full``, ``masked``, ``hash`` or ``none``.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses.
    """
    found = stored_adjudication(found, store_text)
    if run_id:
        return _logged(destination(run_id), found, queue_run, adjudicated)
    beside = None
    if queue_run and not experiment and "MLFLOW_RUN_ID" not in os.environ and mlflow.active_run() is None:
        queue = destination(queue_run).run
        beside = queue.info.experiment_id if queue else None
    own = experiment if mlflow.active_run() is None else None
    with writer.run(NAME, experiment=own, experiment_id=beside) as run:
        return _logged(run, found, queue_run, adjudicated)


def _logged(run: Destination, found: Adjudication, queue_run: str, adjudicated: str) -> str:
    files: list[File] = [
        headed(Page(names.ADJUDICATION_PAGE, pages.page(found)), "" if run.name == NAME else run.name),
        Table(names.ACCEPTED_TABLE, found.frame()),
    ]
    files += [Table(names.LABELS_TABLE, found.quality.frame())] if found.quality else []
    files += [Page(names.DISPUTED_CSV, open_sheet(found, adjudicated))] if found.open else []
    send(run, Delivery(files, metrics=dict(_metrics(found)), params=_params(found), tags=_tags(found, queue_run)))
    return run.run_id


def where_to_look(run_id: str) -> str:
    """Return where an adjudication can be looked at, and after which command, as a line for a terminal."""
    with store.reaching():
        link = links.artifact_page(store.client().get_run(run_id), names.ADJUDICATION_PAGE)
    serve = links.serve_command()
    return f"Look{f', after `{serve}`' if serve else ''}: {link}"


def _metrics(found: Adjudication) -> Iterator[tuple[str, float]]:
    counts = {"n_cases": found.n, "n_accepted": len(found.accepted), "n_open": len(found.open)}
    for name, n in {**counts, "n_problems": len(found.problems)}.items():
        yield f"adjudication/{name}", float(n)
    for quality, end in ((found.quality, ""), (found.audit_quality, "_audit")):
        for measure in ("percent_agreement", "krippendorff_alpha"):
            for estimate in quality.of("all", measure).values() if quality else ():
                bounds = {"": estimate.value, "_lower": estimate.lower, "_upper": estimate.upper}
                yield from ((f"labels/{measure}{end}{side}", v) for side, v in bounds.items() if math.isfinite(v))


def _params(found: Adjudication) -> dict[str, str]:
    given = {"annotators": ", ".join(found.annotators), "labels": ", ".join(found.labels)}
    return {name: value[:MAX_PARAM] for name, value in given.items()}


def _tags(found: Adjudication, queue_run: str) -> dict[str, str]:
    tags = {
        names.TAG_KIND: names.KIND_ADJUDICATION, names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION),
        NOTE: "\n\n".join(markdown.escape(text, MAX_NOTE) for text in (found.sentence, *found.notes))[: 3 * MAX_NOTE],
    }  # fmt: skip
    return {**tags, names.TAG_QUEUE_RUN: queue_run} if queue_run else tags
