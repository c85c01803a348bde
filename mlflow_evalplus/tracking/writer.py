"""The only way into a run of MLflow's: everything is written to the spool first, then delivered from there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Dataset as LoggedDataset
from mlflow.entities import DatasetInput, InputTag
from mlflow.types import ColSpec, Schema

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.core.privacy.evaluation import stored
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import summary
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import awaited, delivery, spool, store
from mlflow_evalplus.tracking.delivery import Delivery, OfModel
from mlflow_evalplus.tracking.destination import Destination, destination, note_kept
from mlflow_evalplus.tracking.items import Page, describe
from mlflow_evalplus.tracking.opened import begun

NOTE = "mlflow.note.content"
IMAGES = "mlflow.loggedImages"  # the tag by which MLflow's chart view finds images
_failures: ContextVar[list[spool.NotLogged] | None] = ContextVar("failures", default=None)


def log(
    evaluation: Evaluation, run_id: str | None = None, *, metrics: bool = True, data: bool = True
) -> dict[str, float]:
    """Log an evaluation into an MLflow run.

    Parameters
    ----------
    evaluation : Evaluation
        Where its rows are at hand and nobody has asked ``attribute`` yet, its errors are attributed first.
    run_id : str, optional
        The active run by default; one is started where none is active.
    metrics : bool
        False where the caller logs the returned metrics itself.
    data : bool
        False where the run carries its data set already; else it is logged as an input, with our digest and schema.

    Returns
    -------
    dict of str to float
        The metrics, finite ones only, at most 200.

    Raises
    ------
    TrackingError
        MLflow does not answer or refuses. The evaluation is kept then, and ``mlflow-evalplus resume`` logs it.
    """
    return log_evaluation(evaluation, run_id, metrics=metrics, data=data)


def log_evaluation(
    evaluation: Evaluation,
    run_id: str | None,
    *,
    metrics: bool = True,
    data: bool = True,
    by_mlflow: OfModel | None = None,
    answers: spool.Held | None = None,
    again: bool = False,
) -> dict[str, float]:
    """Log as `log` does, with what MLflow and an earlier try do besides.

    Parameters
    ----------
    by_mlflow : OfModel, optional
        MLflow logs the returned metrics itself, as figures of this model.
    answers : Held, optional
        The answers that were kept for this evaluation, which is on disk before these are removed.
    again : bool
        A first try may have logged some of it already; and MLflow itself logs no metrics any more.
    """
    if evaluation.attribution is None and evaluation.predictions is not None:
        evaluation = attribute(evaluation)
    evaluation = stored(evaluation)
    run = destination(run_id)
    values, files = describe(evaluation, run.name)
    send(run, Delivery(
        files, evaluation, values if metrics else {}, tags={**_tags(evaluation), IMAGES: "True"},
        data=_data(evaluation) if data else None, by_mlflow=by_mlflow, answers=answers,
    ), again=again)  # fmt: skip
    return values


def send(run: Destination, what: Delivery, *, again: bool = False) -> bool:
    """Deliver into a run, by way of the spool; say whether it has arrived.

    Raises
    ------
    NotLogged
        MLflow does not answer or refuses; it is kept. Within `gathering` this is raised at the end.
    TrackingError
        The spool cannot be written to.
    """
    awaited.look()
    with spool.pack("delivery", lambda folder: {"run": run.address, **delivery.write(what, folder)}) as held:
        if what.answers:
            what.answers.remove()
        earlier = _failures.get()
        error: Exception | None = earlier[-1] if earlier else run.error
        if error is None:
            with _telling(run, held.parcel):
                error = _tried(partial(_deliver, held.parcel, run, again), held.parcel.n_bytes)
        if error is None:
            if what.by_mlflow and not again:
                awaited.keep(held.parcel)
            held.remove()
            return True
        note_kept(run)
        with suppress(OSError):
            held.note(error=str(store.failure(_cause(error))))
    _not_logged(error, held.parcel)
    return False


@contextmanager
def _telling(run: Destination, parcel: spool.Parcel) -> Iterator[None]:
    """Say that something is kept where its user stops the process while it is logged."""
    try:
        yield
    except KeyboardInterrupt:
        note_kept(run)
        print(f"Stopped. {spool.where(parcel)}", file=sys.stderr)
        raise


def page_with_note(page: Page, what: Delivery) -> Delivery:
    """Return a delivery with a page, which becomes the run's description too."""
    return replace(what, files=[page, *what.files], tags={**what.tags, NOTE: page.text})


@contextmanager
def gathering() -> Iterator[None]:
    """Deliver several things; after the first that MLflow does not take the others are kept untried, and it raises."""
    if _failures.get() is not None:
        yield
        return
    failures: list[spool.NotLogged] = []
    token = _failures.set(failures)
    try:
        yield
    except TrackingError:
        if not failures:  # else it comes of the first failure, which says what is kept
            raise
    finally:
        _failures.reset(token)
    if failures:
        raise failures[0] from failures[0].__cause__


@contextmanager
def run(name: str | None = None, **options: Any) -> Iterator[Destination]:
    """Begin a run, take up the one given or that ``mlflow run`` began, and end it: FAILED after an error.

    Where MLflow does not answer there is no run yet: what is sent there is kept, and ``resume`` makes the run.

    Parameters
    ----------
    name : str, optional
    **options
        ``run_id``, ``experiment`` (its name), ``experiment_id``, ``tags`` and ``description``, as of
        ``mlflow.start_run``; `needed`, where there must be a run. Within another run it becomes a child of that one.

    Raises
    ------
    TrackingError
        MLflow refuses the given run; or it does not take the end of the run, which is kept then.
    """
    with begun(name, **{"untried": _failures.get(), **options}) as opened:
        status, stopped = "FAILED", False
        try:
            yield opened.destination
            status = "FINISHED"
        except KeyboardInterrupt:
            stopped = True
            raise
        except spool.NotLogged:
            status = "FINISHED"  # all that the run gets is kept
            raise
        finally:
            error = opened.end(status, stopped=stopped)
        if error:
            _not_logged(error, opened.parcel)


def _not_logged(error: Exception, parcel: spool.Parcel | None) -> None:
    """Raise, or gather, that something could not be logged, and how it is logged later."""
    failures = _failures.get()
    found = error if isinstance(error, spool.NotLogged) else spool.in_words(error, parcel)
    if failures is None:
        raise found from _cause(error)
    found.__cause__ = _cause(error)
    failures.append(found)


def _cause(error: Exception) -> Exception:
    return error.__cause__ if isinstance(error, spool.NotLogged) and isinstance(error.__cause__, Exception) else error


def _deliver(parcel: spool.Parcel, run: Destination, again: bool) -> None:
    delivery.perform(run.client or store.client(), parcel, run.run_id, run.run, again=again)


def _tried(act: Callable[[], object], n_bytes: int) -> Exception | None:
    """Return what went wrong, of whatever kind: every store, driver and artifact store fails in its own way."""
    try:
        with store.briefly(n_bytes):
            act()
    except Exception as error:
        return error
    return None


def _data(evaluation: Evaluation) -> DatasetInput:
    slices = {column for row in evaluation.slices.rows for column in row.columns}
    name = evaluation.requirements.task.name if evaluation.requirements else "evaluation"
    return data_input(name, evaluation.data_digest, ("label", "prediction", *sorted(slices)), evaluation.n)


def data_input(name: str, digest: str, columns: Sequence[str], n: int) -> DatasetInput:
    """Return a data set of `n` rows as MLflow lists it; its own digest and schema would read every row for seconds."""
    schema = Schema([ColSpec("string", column) for column in columns])
    source = CodeDatasetSource(mlflow.tracking.context.registry.resolve_tags())
    entity = LoggedDataset(
        name=name,
        digest=digest,
        source_type=source._get_source_type(),
        source=source.to_json(),
        schema=json.dumps({"mlflow_colspec": schema.to_dict()}),
        profile=json.dumps({"num_rows": n}),
    )
    return DatasetInput(entity, [InputTag("mlflow.data.context", "evaluation")])


def _tags(evaluation: Evaluation) -> dict[str, str]:
    tags = {
        names.TAG_KIND: names.KIND_EVALUATION,
        names.TAG_SCHEMA_VERSION: str(names.SCHEMA_VERSION),
        names.TAG_DATA_DIGEST: evaluation.data_digest,
        names.TAG_VERDICT: evaluation.verdict.outcome.value,
        NOTE: summary.description(evaluation),
    }
    if evaluation.requirements is not None:
        tags[names.TAG_REQUIREMENTS_DIGEST] = evaluation.requirements.digest
    return tags
