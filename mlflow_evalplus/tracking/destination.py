"""The run into which something is logged: one that MLflow has, or one that is still to be made."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient, fluent
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import store

MISSING = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
open_runs: ContextVar[tuple[Destination, ...]] = ContextVar("open_runs", default=())
_kept: set[str] = set()


@dataclass(frozen=True)
class Destination:
    """A run.

    Attributes
    ----------
    run_id : str
        Empty where it is still to be made.
    name : str
    address : dict
        Its id, or of what it is to be made; as the spool keeps it.
    run : Run or None
        As MLflow has it; None where it does not answer.
    error : Exception or None
        Why not.
    client : MlflowClient or None
        By which it has just been read, so that nobody need ask again whether MLflow answers.
    """

    run_id: str
    name: str
    address: Mapping[str, Any]
    run: Run | None = None
    error: Exception | None = field(default=None, repr=False)
    client: MlflowClient | None = field(default=None, repr=False)

    @property
    def made(self) -> Run:
        """The run; it raises where there is none yet."""
        if self.run is None:
            raise store.failure(self.error or TrackingError("the run is still to be made"))
        return self.run

    @property
    def tags(self) -> dict[str, str]:
        """Its tags, where they are known."""
        return dict(self.run.data.tags) if self.run else {}

    @property
    def params(self) -> dict[str, str]:
        """Its params, where they are known."""
        return dict(self.run.data.params) if self.run else {}

    def refuse_others(self, kind: str) -> None:
        """Raise where the run carries another kind of result of ours."""
        found = self.tags.get(names.TAG_KIND, kind)
        if found != kind:
            raise TrackingError(f"run {self.run_id} is of kind {found!r}; log a {kind} into a run of its own")


def destination(run_id: str | None = None) -> Destination:
    """Return a run by its id, by default the active one; one is started where none is active.

    Raises
    ------
    TrackingError
        MLflow answers that there is no such run.
    """
    waiting = open_runs.get()[-1:]
    if waiting and waiting[0].error and run_id in (None, waiting[0].run_id):
        return waiting[0]
    active = mlflow.active_run()
    if run_id is None and active is None:
        return _started(None, resolve_tags({}), {"end": "FINISHED"})
    run_id = str(run_id or active.info.run_id)
    try:
        with store.briefly():
            client = store.client()
            return replace(known(client.get_run(run_id)), client=client)
    except Exception as error:
        if is_missing(error):
            raise store.failure(error) from error
        name = active.info.run_name if active and active.info.run_id == run_id else ""
        return Destination(run_id, name or "", {"id": run_id}, error=error)


def note_kept(run: Destination) -> None:
    """Remember that something of this run is kept: it is not whole."""
    _kept.add(run.run_id)


def is_kept(run: Destination) -> bool:
    """Say whether something of this run is kept."""
    return run.run_id in _kept


def forget_kept(run_ids: Collection[str]) -> None:
    """Forget this of runs of which everything has been delivered."""
    _kept.difference_update(run_ids)


def known(run: Run) -> Destination:
    """Return a run that has just been read."""
    return Destination(run.info.run_id, run.info.run_name or "", {"id": run.info.run_id}, run)


def _started(name: str | None, tags: Mapping[str, str], more: Mapping[str, str]) -> Destination:
    """Start a run that stays active, as MLflow's own log functions do."""
    recipe = {**recipe_of(name, tags, {}), **more}
    try:
        with store.briefly():
            store.client()
            return known(mlflow.start_run(tags={names.TAG_DELIVERY: recipe["ticket"]}))
    except Exception as error:
        if is_missing(error):
            raise store.failure(error) from error
        return Destination("", name or "", {"create": recipe}, error=error)


def recipe_of(name: str | None, tags: Mapping[str, str], where: Mapping[str, str | None]) -> dict[str, Any]:
    """Return of what ``resume`` makes a run that MLflow could not make."""
    parent = open_runs.get()[-1].address if open_runs.get() else {}
    if not any(where.values()) and "create" in parent:
        where = parent["create"]
    active = mlflow.active_run()
    return {
        "ticket": secrets.token_hex(16), "name": name, "start_time": int(1000 * time.time()),
        "tags": {**tags, **({MLFLOW_RUN_NAME: name} if name else {})},
        "experiment": where.get("experiment") or os.environ.get("MLFLOW_EXPERIMENT_NAME"),
        "experiment_id": where.get("experiment_id") or (
            None if where.get("experiment") else fluent._active_experiment_id or os.environ.get("MLFLOW_EXPERIMENT_ID")
        ),
        "parent": {"id": active.info.run_id} if active else parent or None,
    }  # fmt: skip


def is_missing(error: Exception) -> bool:
    """Say whether MLflow answers that there is no such run or experiment."""
    return isinstance(error, MlflowException) and error.error_code == MISSING
