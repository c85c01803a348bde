"""The same cases as review queues of MLflow, one for each annotator; where the tracking server has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Trace
from mlflow.exceptions import MlflowException

from mlflow_evalplus import names
from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.core.collecting.queue_files import annotator_columns
from mlflow_evalplus.errors import TrackingError, shorten
from mlflow_evalplus.results.queue import Queue, QueuedCase
from mlflow_evalplus.tracking import links, store
from mlflow_evalplus.tracking.collecting.rows import Log
from mlflow_evalplus.tracking.collecting.traces import all_traces, find_experiment

MAX_OPTIONS, MAX_OPTION = 10, 64  # what a question of MLflow holds
AT_ONCE = 100
OF_CASES = f"tag.`{names.TAG_CASE}` LIKE '%'"
INSTRUCTION = "The label of the text, whatever a model said of it. Skip the case if you cannot tell."


class _NoRoom(Exception):
    """A question that is there already cannot take the labels, and MLflow changes none into a free text."""


@dataclass(frozen=True)
class ReviewQueues:
    """What became of the review queues.

    Attributes
    ----------
    names : tuple of str
        Empty where the server has none.
    link : str
        Address of the page where they are worked through.
    sentence : str
        What was made, or why nothing.
    """

    names: tuple[str, ...]
    link: str
    sentence: str


def make_review_queues(
    queue: Queue,
    name: str,
    experiment_id: str,
    *,
    labels: Sequence[str],
    annotators: int = 2,
    log: Log | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> ReviewQueues:
    """Make a review queue for each annotator, of all cases; the same again adds what is missing.

    An item of a review queue is a trace. A row of the log that is one is taken, and it shows what the model said;
    for every other case a trace is made that shows the text and its slices, and nothing else. The tag ``evalplus.case``
    names the case; the answers become expectations ``annotator_1``, ``annotator_2``, … of the traces.

    Parameters
    ----------
    queue : Queue
    name : str
        The queues are called ``<name> annotator_1`` and so on: one reviewer's answer ends a case in a queue.
    experiment_id : str
    labels : sequence of str
        The answers to choose from; a free text where there are more than 10, or one is longer than 64 characters.
    annotators : int
    log : Log, optional
        Where the queue comes from.
    on_step : callable
        Told of what is being done.

    Raises
    ------
    TrackingError
        MLflow does not answer.
    """
    missing = "a review queue was asked for, and not made: {}; the files and the run are whole"
    try:
        queues = import_module("mlflow.genai.review_queues")
        schemas = import_module("mlflow.genai.label_schemas")
    except ImportError:
        return ReviewQueues((), "", missing.format(f"MLflow {mlflow.__version__} has none, it takes 3.14"))
    if not queue.cases:
        return ReviewQueues((), "", missing.format("there is no case"))
    store.client()
    called = annotator_columns(annotators)
    try:
        ids = [_question(schemas, one, labels, experiment_id) for one in called]
        on_step("making traces to review")
        items, seen = _items(queue, experiment_id, log)
        for one, schema in zip(called, ids, strict=True):
            on_step(f"filling the review queue of {one}")
            _fill(queues, f"{name} {one}", schema, items, experiment_id)
    except _NoRoom as error:
        return ReviewQueues((), "", missing.format(error))
    except (MlflowException, ImportError, AttributeError, NotImplementedError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return ReviewQueues((), "", missing.format(f"MLflow answered: {hidden(why)}"))
    made = tuple(f"{name} {one}" for one in called)
    link = f"{links.server()}/#/experiments/{experiment_id}/review-queue"
    shown = f" {seen:,} are traces of the log and show what the model said: the files do not." if seen else ""
    return ReviewQueues(made, link, f"{len(items):,} cases are in the review queues {', '.join(made)}.{shown}")


def with_reviews(queue: Queue, filled: Any) -> list[Any]:
    """Return filled files with each ``reviews:EXPERIMENT`` among them as what was answered there.

    Raises
    ------
    TrackingError
        As `read_reviews`; or no case of the queue is in a review queue there.
    """
    several = list(filled) if isinstance(filled, (list, tuple)) else [filled]
    return [_reviews(queue, one) if isinstance(one, str) and one.startswith(names.REVIEWS) else one for one in several]


def _reviews(queue: Queue, source: str) -> pd.DataFrame:
    found = read_reviews(queue, source.removeprefix(names.REVIEWS))
    if found.empty:
        raise TrackingError(f"{source!r}: the experiment holds no case of this queue to review; name the one that "
                            "collect --review-queue logged into")  # fmt: skip
    return found


def read_reviews(queue: Queue, experiment: str) -> pd.DataFrame:
    """Return what was answered in the review queues, as a filled queue: `adjudicate` takes it.

    Parameters
    ----------
    queue : Queue
    experiment : str
        Where its review queues are, by name or id.

    Returns
    -------
    pandas.DataFrame
        ``case_id``, ``text``, ``annotator_1`` and so on; a person's newest answer counts, and what is not answered yet
        is missing. Cases without any trace are not in it.

    Raises
    ------
    TrackingError
        There is no such experiment, or MLflow does not answer.
    """
    client = store.client()
    texts = {case.case_id: case.text for case in queue.cases}
    rows: dict[str, dict[str, str]] = {}
    with store.reaching():
        where = find_experiment(client, experiment).experiment_id
        for trace in all_traces(client, where, OF_CASES):
            case_id = trace.info.tags[names.TAG_CASE]
            if case_id in texts:
                rows.setdefault(case_id, {"case_id": case_id, "text": texts[case_id]}).update(_answers(trace))
    votes = sorted({name for row in rows.values() for name in row} - {"case_id", "text"})
    return pd.DataFrame(rows.values(), columns=["case_id", "text", *votes])


def _answers(trace: Trace) -> dict[str, str]:
    said = [one for one in trace.info.assessments if one.name.startswith(names.ANNOTATOR) and one.valid is not False]
    said = [one for one in said if one.source and one.source.source_type == "HUMAN"]
    values = [(one.last_update_time_ms or 0, one.name, one.expectation or one.feedback) for one in said]
    return {name: str(value.value) for _, name, value in sorted(values, key=lambda one: one[0]) if value is not None}


def _question(schemas: ModuleType, name: str, labels: Sequence[str], experiment_id: str) -> str:
    found = next((one for one in schemas.list_label_schemas(experiment_id) if one.name == name), None)
    few = 0 < len(labels) <= MAX_OPTIONS and all(0 < len(label) <= MAX_OPTION for label in labels)
    answer: Any = schemas.InputCategorical(options=list(labels)) if few else schemas.InputText()
    if found is None:
        made = schemas.create_label_schema(
            name, type="expectation", input=answer, instruction=INSTRUCTION, experiment_id=experiment_id
        )
        return str(made.schema_id)
    options = getattr(found.input, "options", None)
    if options is None or set(labels) <= set(options):
        return str(found.schema_id)
    both = list(dict.fromkeys([*options, *labels]))
    if not few or len(both) > MAX_OPTIONS:
        raise _NoRoom(
            f"the question {name!r} of this experiment asks for {shorten(options)} and holds {MAX_OPTIONS} labels at "
            f"most, so no room is left for {shorten(sorted(set(labels) - set(options)))}; log into another experiment"
        )
    schemas.update_label_schema(found.schema_id, input=schemas.InputCategorical(options=both))
    return str(found.schema_id)


def _items(queue: Queue, experiment_id: str, log: Log | None) -> tuple[list[str], int]:
    """Return the trace of each case, and how many of them are rows of the log."""
    client = store.client()
    there = {
        str(trace.info.tags[names.TAG_CASE]): trace.info.trace_id
        for trace in all_traces(client, experiment_id, OF_CASES)
    }
    logged = _traces_of(log, experiment_id)
    items, seen = [], 0
    for case in queue.cases:
        if case.row in logged:
            seen += 1
            client.set_trace_tag(logged[case.row], names.TAG_CASE, case.case_id)
            items.append(logged[case.row])
        else:
            items.append(there.get(case.case_id) or _trace(case, experiment_id))
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()
    return items, seen


def _traces_of(log: Log | None, experiment_id: str) -> dict[int, str]:
    """Return row → trace, for the traces of one row in this experiment."""
    if log is None or log.kind != "traces" or log.experiment_id != experiment_id:
        return {}
    ids = log.frame["trace_id"].tolist()
    alone = ~log.frame["trace_id"].duplicated(keep=False)
    return {row: ids[row] for row in range(len(ids)) if alone.iloc[row]}


def _trace(case: QueuedCase, experiment_id: str) -> str:
    span = mlflow.start_span_no_context(
        "case", inputs={"text": case.text, **(case.slices or {})}, tags={names.TAG_CASE: case.case_id},
        experiment_id=experiment_id,
    )  # fmt: skip
    span.end()
    return str(span.trace_id)


def _fill(queues: ModuleType, name: str, schema: str, items: Sequence[str], experiment_id: str) -> None:
    try:
        found = queues.create_review_queue(name, queue_type="custom", schema_ids=[schema], experiment_id=experiment_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        found = queues.get_review_queue(name=name, experiment_id=experiment_id)
    for start in range(0, len(items), AT_ONCE):
        queues.add_items_to_review_queue(found.queue_id, item_ids=list(items[start : start + AT_ONCE]))
