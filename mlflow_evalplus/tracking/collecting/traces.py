"""The traces of an MLflow experiment → the rows of a production log."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mlflow.entities import Experiment, Trace
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus.errors import DataError, TrackingError, did_you_mean, shorten
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.collecting.payloads import Row, answered, requested
from mlflow_evalplus.tracking.collecting.rows import TRACES, Log, frame_of, iso, notes_of, paired

PAGE = 500
INTERNAL = "mlflow."
# A label that a person gave comes before one that a program gave; what a model thinks of a model is no label.
SOURCES = ("HUMAN", "CODE")


def read_traces(
    experiment: str,
    *,
    text: str | None = None,
    prediction: str | None = None,
    feedback: str | None = None,
    labels: Iterable[str] = (),
    on_step: Callable[[str], None] = lambda step: None,
) -> Log:
    """Read all traces of an experiment, the oldest first.

    Parameters
    ----------
    experiment : str
        Its name or id.
    text, prediction, feedback, labels, on_step
        As in `read_log`. An expectation or feedback that names one of the labels is the row's ``label``: people's
        before programs', expectations before feedback, the newest first; a judge's (``LLM_JUDGE``) is none. Tags and
        metadata, but for MLflow's own, become columns.

    Raises
    ------
    TrackingError
        There is no such experiment, or MLflow does not answer.
    DataError
        It has no traces, or none that holds a text with its answer.
    """
    client = store.client()
    with store.reaching():
        found = find_experiment(client, experiment)
        rows: list[Row] = []
        said: list[list[tuple[Any, ...]]] = []
        left_out: Counter[str] = Counter()
        n = 0
        for trace in all_traces(client, found.experiment_id):
            n += 1
            if n % PAGE == 1:
                on_step(f"reading traces: {n - 1:,}")
            fresh = list(_rows(trace, text, prediction, left_out))
            rows += fresh
            said += [_votes(trace, feedback) if len(fresh) == 1 else []] * len(fresh)
    if not n:
        raise DataError(f"experiment {found.name!r} has no traces")
    frame = frame_of(rows, "trace", left_out, text)
    known = {_folded(label): str(label) for label in (*labels, *frame["prediction"])}
    feedback_labels = [next((known[v] for *_, v in sorted(votes) if v in known), None) for votes in said]
    if any(feedback_labels):
        frame.insert(2, "label", feedback_labels)
    digest = hashlib.sha256("\n".join([*frame["trace_id"], *map(str, feedback_labels)]).encode()).hexdigest()[:16]
    return Log(frame, f"{TRACES}{found.name}", "traces", digest, notes_of(left_out, n, "traces"), found.experiment_id)


def find_experiment(client: MlflowClient, name: str) -> Experiment:
    """Return an experiment by its name or id.

    Raises
    ------
    TrackingError
        There is none; the message says which there are.
    """
    known = client.search_experiments()
    for experiment in known:
        if name in (experiment.name, experiment.experiment_id):
            return experiment
    there = [experiment.name for experiment in known]
    raise TrackingError(
        f"there is no experiment {name!r}; experiments are {shorten(there)}." + did_you_mean(name, there)
    )


def all_traces(client: MlflowClient, experiment_id: str, query: str | None = None) -> Iterator[Trace]:
    """Yield every trace once, page by page, the oldest first: those that come meanwhile stand behind the last page."""
    token: str | None = None
    seen: set[str] = set()
    while True:
        page = client.search_traces(
            [experiment_id], query, max_results=PAGE, order_by=["timestamp ASC"], page_token=token
        )
        for trace in page:
            if trace.info.trace_id not in seen:
                seen.add(trace.info.trace_id)
                yield trace
        token = page.token
        if not token:
            return


def _rows(trace: Trace, text: str | None, prediction: str | None, left_out: Counter[str]) -> Iterator[Row]:
    root = next((span for span in trace.data.spans if span.parent_id is None), None)
    if root is None:
        left_out["have no spans"] += 1
        return
    if names.TAG_CASE in trace.info.tags and root.outputs is None:
        left_out["were made of an earlier queue, for review"] += 1
        return
    about = {**(trace.info.trace_metadata or {}), **trace.info.tags}
    beside = {k: v for k, v in about.items() if not k.startswith((INTERNAL, "evalplus."))}
    own = {"time": iso(trace.info.request_time), "trace_id": trace.info.trace_id}
    for row in paired(requested(root.inputs, text), answered(root.outputs, prediction), left_out):
        yield {**beside, **row, **own}


def _votes(trace: Trace, feedback: str | None) -> list[tuple[Any, ...]]:
    """Return what assessments say, the one to believe first once they are sorted."""
    votes = []
    for one in trace.info.assessments:
        kind = one.source.source_type if one.source else ""
        value = one.expectation or one.feedback
        if value is None or one.valid is False or kind not in SOURCES or feedback not in (None, one.name):
            continue
        if feedback is None and one.name.startswith(names.ANNOTATOR):  # one of two votes, and not settled
            continue
        newest_first = -(one.last_update_time_ms or one.create_time_ms or 0)
        votes.append((SOURCES.index(kind), one.expectation is None, newest_first, _folded(value.value)))
    return votes


def _folded(label: Any) -> str:
    return str(label).strip().casefold()
