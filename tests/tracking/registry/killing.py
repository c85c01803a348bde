"""Promotions and rollbacks in processes of their own that are killed at a chosen step, or run at once.

``python -m tests.tracking.registry.killing`` prepares one process, which forks for each case: SQLite's connections are
opened after the fork only. It reads a case a line from standard input and answers with a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

from mlflow_evalplus.tracking.registry.promotion import history, promote, rollback
from tests.tracking.registry.registering import NAME, champion, versions_of

WRITES = [
    *((RegistryStore, name) for name in (
        "create_registered_model", "create_model_version", "update_model_version", "delete_model_version",
        "set_model_version_tag", "delete_model_version_tag", "set_registered_model_tag", "delete_registered_model_tag",
        "set_registered_model_alias", "delete_registered_model_alias", "update_registered_model",
    )),
    (TrackingStore, "set_logged_model_tags"),
]  # fmt: skip


@contextmanager
def counted(on_write: Callable[[int, str], None]) -> Iterator[list[str]]:
    """Call `on_write` with the number and name of each writing call, before it and after it; yield the names."""
    calls: list[str] = []
    originals = [(store, name, getattr(store, name)) for store, name in WRITES]

    def wrap(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            number = len(calls)
            on_write(2 * number - 1, name)
            try:
                return original(*arguments, **options)
            finally:
                on_write(2 * number, name)

        return call

    for store, name, original in originals:
        setattr(store, name, wrap(name, original))
    try:
        yield calls
    finally:
        for store, name, original in originals:
            setattr(store, name, original)


def act(what: list[Any]) -> None:
    """Promote a run, or roll back to a version."""
    kind, argument = what
    if kind == "promote":
        promote(argument, NAME, why=f"why {argument}")
    else:
        rollback(NAME, to=argument)


def seen(run_ids: list[str]) -> dict[str, Any]:
    """Return the champion, the history and the versions of runs."""
    told = history(NAME)
    rows = [(event.kind, event.alias, event.replaced, event.version, bool(event.done)) for event in told.rows]
    return {"champion": champion(), "rows": rows, "versions": {run_id: versions_of(run_id) for run_id in run_ids}}


def forked(folder: str, work: Callable[[], Any], answer: Path | None = None) -> int:
    """Do something in a process of its own, over the store in a folder; its result goes to a file."""
    child = os.fork()
    if child:
        return child
    try:
        os.chdir(folder)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
        result = work()
        if answer:
            answer.write_text(json.dumps(result), encoding="utf-8")
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def _dying(what: list[Any], dies_at: int) -> None:
    def die(number: int, name: str) -> None:
        if number == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with counted(die):
        act(what)


def _together(what: list[Any], start: float) -> None:
    time.sleep(max(0, start - time.time()))
    act(what)


def killed_case(folder: str, before: list[Any], what: list[Any], dies_at: int, runs: list[str]) -> dict[str, Any]:
    """Do `before`, kill `what` at a step, look, do it again, look."""
    answer = Path(folder) / "answer.json"
    for done in before:
        os.waitpid(forked(folder, partial(act, done)), 0)
    _, status = os.waitpid(forked(folder, partial(_dying, what, dies_at)), 0)
    found: dict[str, Any] = {"killed": os.WIFSIGNALED(status), "champion": None}
    for moment, work in (("champion", champion), ("again", partial(act, what)), ("after", partial(seen, runs))):
        _, ended = os.waitpid(forked(folder, work, answer), 0)
        assert ended == 0, moment
        found[moment] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def together_case(folder: str, before: list[Any], whats: list[list[Any]], runs: list[str]) -> dict[str, Any]:
    """Do several things at once, then look."""
    for done in before:
        os.waitpid(forked(folder, partial(act, done)), 0)
    start = time.time() + 0.3
    children = [forked(folder, partial(_together, what, start)) for what in whats]
    ended = [os.waitpid(child, 0)[1] for child in children]
    answer = Path(folder) / "answer.json"
    os.waitpid(forked(folder, partial(seen, runs), answer), 0)
    return {"ended": ended, **json.loads(answer.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps({"killed": killed_case, "together": together_case}[case.pop("case")](**case)), flush=True)
