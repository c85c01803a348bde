"""A run of ours that is open: begun, noted in the spool, and ended, now or by ``resume``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.tracking import fluent
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import spool, store
from mlflow_evalplus.tracking.destination import Destination, is_kept, is_missing, known, open_runs, recipe_of


@dataclass
class Opened:
    """A run that we end; `held` says in the spool that it is open, so that it can be ended when we are gone."""

    destination: Destination
    held: spool.Held | None

    @property
    def parcel(self) -> spool.Parcel | None:
        """What is kept of it."""
        return self.held.parcel if self.held else None

    def end(self, status: str, *, stopped: bool = False) -> Exception | None:
        """End the run; return why that is still to be done.

        Where its user `stopped` it and something of it is kept, what has arrived by then decides how it ends.
        """
        error, now, kept = self.destination.error, status, is_kept(self.destination)
        if error is None:
            now = "FAILED" if kept else status
            try:
                with store.briefly():
                    _terminate(self.destination.run, now)
            except Exception as failed:
                error = failed
        later = None if stopped and kept else status
        if self.held and (error or now != later):
            with suppress(OSError):
                self.held.note(status=later, ended=int(1000 * time.time()), instead=None if error else now)
            self.held.release()
        elif self.held:
            self.held.remove()
        return error


def _terminate(run: Run | None, status: str) -> None:
    if isinstance(run, mlflow.ActiveRun):
        run.__exit__(None if status == "FINISHED" else Exception, None, None)
    elif run:
        store.client().set_terminated(run.info.run_id, status)


@contextmanager
def begun(
    name: str | None = None,
    *,
    run_id: str | None = None,
    experiment: str | None = None,
    experiment_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    description: str | None = None,
    untried: Sequence[Exception] | None = None,
    needed: bool = False,
    apart: bool = False,
    same: tuple[str, str] | None = None,
) -> Iterator[Opened]:
    """Begin a run, or take up the one given or that ``mlflow run`` began.

    `untried` says why MLflow is not asked. A run that is `needed` cannot be made later. One that is `apart` does not
    become the active one; `same` is a tag by which one that serves as well is found.
    """
    run_id = run_id or (None if apart else os.environ.pop("MLFLOW_RUN_ID", None))
    if run_id:
        experiment = experiment_id = None
    all_tags = {**(tags or {}), **({MLFLOW_RUN_NOTE: description} if description else {})}
    where = {"experiment": experiment, "experiment_id": experiment_id}
    recipe = recipe_of(name, all_tags if apart else resolve_tags(all_tags), where)
    if apart:
        recipe |= {"parent": None, "same": same}
    address = {"id": run_id} if run_id else {"create": recipe}
    held = None
    with suppress(TrackingError):
        held = spool.pack("run", lambda folder: {"run": address})
    try:
        begin = _create if apart else _start
        planned = Destination(run_id or "", name or "", address)
        found = _tried(partial(begin, run_id, name, recipe, all_tags, where), planned, untried)
        if needed and found.error:
            raise store.failure(found.error) from found.error
    except BaseException as error:
        if held and isinstance(error, Exception):
            held.remove()
        elif held:  # stopped while MLflow was asked: who knows whether it has made the run
            with suppress(OSError):
                held.note(status="FAILED", ended=int(1000 * time.time()), stopped=True)
            held.release()
        raise
    if held and not found.error and not run_id:
        with suppress(OSError):
            held.note(run=found.address)
    token = open_runs.set((*open_runs.get(), found))
    try:
        yield Opened(found, held)
    finally:
        open_runs.reset(token)


def _tried(begin: Callable[[], Run], planned: Destination, untried: Sequence[Exception] | None) -> Destination:
    """Begin a run; where MLflow does not answer, or did not before, it is still to be made."""
    outer = open_runs.get()[-1:]
    error = untried[-1] if untried else outer[0].error if outer else None
    if error is None:
        try:
            with store.briefly():
                return known(begin())
        except Exception as failed:
            if is_missing(failed):
                raise store.failure(failed) from failed
            error = failed
    return replace(planned, error=error)


def _start(
    run_id: str | None, name: str | None, recipe: Mapping[str, Any], tags: Mapping[str, str],
    where: Mapping[str, str | None],
) -> Run:  # fmt: skip
    client = store.client()
    if run_id:
        experiment_id = client.get_run(run_id).info.experiment_id
        if fluent._active_experiment_id not in (None, experiment_id):
            mlflow.set_experiment(experiment_id=experiment_id)
    elif where["experiment"]:
        mlflow.set_experiment(where["experiment"])
    own = {} if run_id else {names.TAG_DELIVERY: recipe["ticket"]}
    return mlflow.start_run(
        run_id, run_name=name, nested=mlflow.active_run() is not None, experiment_id=where["experiment_id"],
        tags={**tags, **own} or None,
    )  # fmt: skip


def _create(
    run_id: str | None, name: str | None, recipe: Mapping[str, Any], tags: Mapping[str, str],
    where: Mapping[str, str | None],
) -> Run:  # fmt: skip
    client = store.client()
    if run_id:
        return client.get_run(run_id)
    own = {**tags, names.TAG_DELIVERY: recipe["ticket"]}
    return client.create_run(where["experiment_id"], tags=own, run_name=name)
