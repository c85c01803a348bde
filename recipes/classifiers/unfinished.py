"""A long training that was killed goes on where it was, in the same MLflow run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException

from mlflow_evalplus.tracking import store

RUN_FILE = "run.json"
KEPT_S = 30 * 24 * 3600  # what nobody took up again for a month is removed
VARIABLE = "EVALPLUS_WORK"  # where checkpoints lie while a training goes on


@dataclass(frozen=True)
class Work:
    """A folder for the checkpoints of one training, ours alone.

    Attributes
    ----------
    folder : Path
    run_id : str or None
        The run that an interrupted training of the same left behind.
    """

    folder: Path
    run_id: str | None

    def belongs_to(self, run_id: str) -> None:
        """Note the run, so that it is found after a kill."""
        target = self.folder / RUN_FILE
        written = target.with_suffix(".new")
        written.write_text(json.dumps({"run_id": run_id, "store": _store()}), encoding="utf-8")
        written.replace(target)


@contextmanager
def work_on(what: Mapping[str, Any], rows: Sequence[Sequence[str]]) -> Iterator[Work]:
    """Give a folder that the same training, on the same rows, finds again; it is removed when all went well.

    Two processes that train the same at once get a folder each.

    Parameters
    ----------
    what : mapping
        All that tells this training from another.
    rows : sequence of sequence of str
        Columns of the rows: training and test texts and labels.
    """
    base = Path(os.environ.get(VARIABLE) or Path.home() / ".cache" / "mlflow-evalplus") / "training"
    base.mkdir(parents=True, exist_ok=True)
    _tidy(base)
    key = _digest({**what, "store": _store()}, rows)
    number = 1
    while True:
        folder = base / (key if number == 1 else f"{key}-{number}")
        lock = FileLock(base / f"{folder.name}.lock")
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            number += 1
    try:
        folder.mkdir(exist_ok=True)
        yield Work(folder, _left_behind(folder))
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
        if not folder.exists():
            Path(lock.lock_file).unlink(missing_ok=True)


def _store() -> str:
    """Return what tells one store from another, without a password: a relative path is one in this folder."""
    uri = store.without_password(str(mlflow.get_tracking_uri()))
    scheme, _, path = uri.rpartition(":///") if ":///" in uri else ("", "", uri)
    return f"{scheme}:///{Path(path).resolve()}" if scheme.startswith(("sqlite", "file")) or "://" not in uri else uri


def _digest(what: Mapping[str, Any], rows: Sequence[Sequence[str]]) -> str:
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode())
    for column in rows:
        digest.update(json.dumps(list(column)).encode())
    return digest.hexdigest()[:16]


def _left_behind(folder: Path) -> str | None:
    """Return the run of an interrupted training; what cannot be taken up again is removed."""
    try:
        run_id = str(json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))["run_id"])
        info = mlflow.MlflowClient().get_run(run_id).info
        if info.status != "FINISHED" and info.lifecycle_stage == "active":
            return run_id
    except (OSError, ValueError, KeyError):  # there is none
        pass
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # a store that does not answer costs no checkpoint
            raise
    shutil.rmtree(folder)
    folder.mkdir()
    return None


def _tidy(base: Path) -> None:
    for path in base.iterdir():
        try:
            if time.time() - path.stat().st_mtime > KEPT_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:
            continue
