"""Figures that MLflow logs itself, after our evaluator has returned them: they are kept until they are on the run."""

from __future__ import annotations

import atexit
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import spool, store

PATIENCE_S = 60.0  # after which MLflow is not about to log them any more
_awaited: list[spool.Held] = []
_stores: dict[str, str] = {}  # parcel → where MLflow logs it; it is on no disk, for a password may be in it


def keep(parcel: spool.Parcel) -> None:
    """Keep the metrics of a parcel of which everything else has been delivered."""
    _at_exit()
    nothing: dict[str, Any] = {"steps": {}, "params": {}, "tags": {}, "tables": [], "data": None, "answers": None}
    with suppress(TrackingError):
        held = spool.pack("delivery", lambda folder: {**parcel.content, **nothing})
        _awaited.append(held)
        _stores[held.parcel.id] = mlflow.get_tracking_uri()


@contextmanager
def logging_into(run_id: str) -> Iterator[None]:
    """Forget the metrics of a run when MLflow has logged them; raise that they are kept where it has not."""
    try:
        yield
    except spool.NotLogged:
        raise
    except (MlflowException, OSError) as error:
        for held in _of(run_id):
            raise spool.in_words(error, held.parcel) from error
        raise
    for held in _of(run_id):
        held.remove()
        _awaited.remove(held)


def _of(run_id: str) -> list[spool.Held]:
    return [held for held in _awaited if held.parcel.content["run"].get("id") == run_id]


def look(at_last: bool = False) -> None:
    """Forget the metrics that are on their runs by now; leave the others to ``resume`` after a while, or `at_last`."""
    for held in list(_awaited):
        if _is_there(held.parcel):
            held.remove()
        elif not at_last and time.time() - held.parcel.content["created"] / 1000 < PATIENCE_S:
            continue
        held.release()
        _awaited.remove(held)


def _is_there(parcel: spool.Parcel) -> bool:
    try:
        with store.briefly():
            run = store.client(_stores[parcel.id]).get_run(parcel.content["run"]["id"])
    except Exception:  # whatever it is, it cannot be seen now
        return False
    return not set(parcel.content["metrics"]).isdisjoint(run.data.metrics)


@cache
def _at_exit() -> None:
    atexit.register(_leave, os.getpid())


def _leave(process: int) -> None:
    if process != os.getpid():  # one that was forked; the parent holds them
        return
    waiting = list(_awaited)
    look(at_last=True)
    for held in waiting:
        if held.parcel.folder.exists():
            later = f"mlflow-evalplus resume --spool {shlex.quote(str(held.parcel.folder.parent))}"
            print(f"MLflow has not logged figures that it was given; they are kept: {later}", file=sys.stderr)
