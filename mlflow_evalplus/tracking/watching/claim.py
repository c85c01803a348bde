"""Who evaluates a model on a version of the data: claims, which are runs in MLflow, so that no two do the same.

A claim is a RUNNING run with the tag ``evalplus.claim``. Clocks of several machines need not agree to decide between
two claims that are made at once, for MLflow has no "set if nobody has": each makes its run, gives up if another is
at work already, puts up its sign (the first heartbeat), and looks again. Of those that see each other's sign, the
first run wins. So whoever comes after a winner's second look sees its sign in the first, and gives up.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from mlflow.tracking.context.registry import resolve_tags

from mlflow_evalplus import names
from mlflow_evalplus.tracking import store

HEARTBEAT_S = 30.0
UNANSWERED = "MLflow did not answer while this was evaluated."  # of a run that counts as no try
DEAD_AFTER_S = 300.0  # of silence, where the process itself cannot be looked at
PROC = Path("/proc")
_at_work: set[str] = set()  # runs that this process evaluates now


def claim(experiment_id: str, model_id: str, model_name: str, digest: str) -> str | None:
    """Begin a run for this model and this version of the data; None where somebody else does it, or has done it.

    Whoever gets it evaluates inside of `beating`. A claim that was lost is deleted again.
    """
    client, key = store.client(), f"{model_id} {digest}"
    tags = {names.TAG_CLAIM: key, names.TAG_CLAIMED_BY: me(), names.TAG_DATA_DIGEST: digest}
    run = client.create_run(experiment_id, tags=resolve_tags(tags), run_name=model_name)
    run_id = str(run.info.run_id)
    _at_work.add(run_id)
    won = False
    try:
        won = _wins(client, run, key)
    finally:
        if not won:
            _at_work.discard(run_id)
            client.delete_run(run_id)
    return run_id if won else None


def _wins(client: MlflowClient, run: Run, key: str) -> bool:
    if any(_shows_sign(other) for other in _others(client, run, key)):
        return False
    _beat(client, run.info.run_id)
    while True:
        others = _others(client, run, key)
        signed = [other for other in others if _shows_sign(other)]
        if any(is_evaluation(other) or _order(other) < _order(run) for other in signed):
            return False
        if len(signed) == len(others):
            return True
        time.sleep(0.1)  # one is between its run and its sign


def _others(client: MlflowClient, run: Run, key: str) -> list[Run]:
    """Return the other runs of this claim that count: evaluations, and those at work."""
    found = client.search_runs([run.info.experiment_id], f"tags.`{names.TAG_CLAIM}` = '{key}'")
    return [r for r in found if r.info.run_id != run.info.run_id and (is_evaluation(r) or is_at_work(r))]


def _order(run: Run) -> tuple[int, str]:
    return run.info.start_time, run.info.run_id


def _shows_sign(run: Run) -> bool:
    return is_evaluation(run) or names.TAG_HEARTBEAT in run.data.tags


def is_evaluation(run: Run) -> bool:
    """Say whether a run holds a whole evaluation, whoever made it."""
    return bool(run.info.status == "FINISHED" and run.data.tags.get(names.TAG_KIND) == names.KIND_EVALUATION)


def is_at_work(run: Run) -> bool:
    """Say whether the process that claimed this RUNNING run still works on it.

    On this machine the process is looked at, whose number may have been given to another since. Elsewhere the last
    heartbeat counts, by the clocks of both machines, which must agree within minutes.
    """
    if run.info.status != "RUNNING":
        return False
    if is_mine(run):
        return str(run.info.run_id) in _at_work
    alive = lives(run.data.tags.get(names.TAG_CLAIMED_BY, ""))
    return time.time() - _last_seen(run) < DEAD_AFTER_S if alive is None else alive


def lives(who: str) -> bool | None:
    """Say whether the process that `me` named so is still there; None where it cannot be looked at from here."""
    host, machine, pid, begun = (*who.split(" "), "", "", "", "")[:4]
    if machine in ("", "-") or [host, machine] != me().split(" ")[:2]:
        return None
    return pid.isdigit() and _begin_of(int(pid)) == begun


def is_mine(run: Run) -> bool:
    """Say whether this very process claimed the run."""
    return bool(run.data.tags.get(names.TAG_CLAIMED_BY) == me())


def _last_seen(run: Run) -> float:
    try:
        return datetime.fromisoformat(run.data.tags[names.TAG_HEARTBEAT]).timestamp()
    except (KeyError, ValueError):
        return float(run.info.start_time) / 1000


def bury(client: MlflowClient, run: Run) -> Run:
    """End a claim that nobody works on any more, and return it.

    One that never began is deleted, else its run says what happened: FAILED where the process is gone, so that a
    model that takes its process down is not tried for ever.
    """
    if names.TAG_HEARTBEAT not in run.data.tags:
        client.delete_run(run.info.run_id)
    elif is_mine(run):
        end(client, run.info.run_id, "KILLED", UNANSWERED)
    else:
        host, _, pid = (*run.data.tags.get(names.TAG_CLAIMED_BY, "").split(" "), "", "", "")[:3]
        end(client, run.info.run_id, "FAILED",
            f"The process that evaluated this ended without a word (process {pid} on {host}): it was killed, or the "
            "model took it down, for want of memory perhaps.")  # fmt: skip
    return client.get_run(run.info.run_id)


def end(client: MlflowClient, run_id: str, status: str, why: str) -> None:
    """End a run with a description."""
    client.set_tag(run_id, "mlflow.note.content", why)
    client.set_terminated(run_id, status)


@contextmanager
def beating(run_id: str) -> Iterator[None]:
    """Refresh the heartbeat of a claim from a thread of its own; a store that is down for a while does not matter."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_S):
            with suppress(Exception):  # whatever it was, the next beat may get through
                _beat(store.client(), run_id)

    thread = threading.Thread(target=beat, name="evalplus-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        _at_work.discard(run_id)


def _beat(client: MlflowClient, run_id: str) -> None:
    client.set_tag(run_id, names.TAG_HEARTBEAT, datetime.now(timezone.utc).isoformat(timespec="seconds"))


def me() -> str:
    """Return what tells this process from all others: host, machine, number, and when it began.

    Machine and begin are ``-`` where the system does not tell them.
    """
    return f"{socket.gethostname().replace(' ', '_') or '-'} {_machine()} {os.getpid()} {_begin_of(os.getpid())}"


@cache
def _machine() -> str:
    """Return the boot and the process namespace: two containers may have one host name, but not one list of processes.

    ``-`` away from Linux, where heartbeats tell who is at work.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        return f"{boot}/{(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return "-"


def _begin_of(pid: int) -> str:
    """Return when a process began, in ticks since the boot; ``-`` where there is none, or only its corpse."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "-"
    return "-" if fields[0] in "ZX" else fields[19]
