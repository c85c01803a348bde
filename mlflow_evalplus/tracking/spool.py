"""What MLflow has not taken yet, kept on disk: a folder for each delivery, locked by whoever works on it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.watching import claim

VARIABLE = "EVALPLUS_SPOOL"
FOLDER = "evalplus-spool"
CONTENT = "delivery.json"
ARTIFACTS = "artifacts"
LOCK = ".lock"
VERSION = 1
NAME = re.compile(r"\d{8}T\d{6}\.\d{6}-[0-9a-f]{6}")  # of a parcel; other folders are not ours, and left alone
MADE = "%Y%m%dT%H%M%S.%f"
LOCKED_WITHIN_S = 2.0
NEEDED = {
    "delivery": {"timestamp", "metrics", "steps", "params", "tags", "tables", "data", "by_mlflow", "answers"},
    "answers": {"labels", "digest", "metrics", "requirements", "by_mlflow"},
    "run": set[str](),
}


class NotLogged(TrackingError):
    """MLflow did not take something; it is kept in the spool, and ``mlflow-evalplus resume`` logs it.

    Attributes
    ----------
    evaluation : Evaluation or None
        What was computed, where whoever raises it has it at hand.
    """

    evaluation: Evaluation | None = None


@dataclass(frozen=True)
class Parcel:
    """A folder of the spool.

    Attributes
    ----------
    folder : pathlib.Path
    content : dict
        Of its ``delivery.json``; empty where that is missing or damaged.
    """

    folder: Path
    content: dict[str, Any]

    @property
    def id(self) -> str:
        """Its name, which sorts by time."""
        return self.folder.name

    @property
    def still_new_s(self) -> float:
        """How much longer its maker may need to lock it, in seconds: until then nobody else may; 0 for a whole one."""
        if self.content:
            return 0.0
        made = datetime.strptime(self.id[:22], MADE).replace(tzinfo=timezone.utc)
        return max(0.0, LOCKED_WITHIN_S - (datetime.now(timezone.utc) - made).total_seconds())

    @property
    def artifacts(self) -> Path:
        """The folder of what becomes the run's artifacts."""
        return self.folder / ARTIFACTS

    @property
    def n_bytes(self) -> int:
        """Its size."""
        n_bytes = 0
        with suppress(OSError):  # it may just be removed
            n_bytes += sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        return n_bytes


@dataclass
class Held:
    """A parcel on which this process works; others leave it alone."""

    parcel: Parcel
    lock: FileLock = field(repr=False)

    def note(self, **changes: Any) -> None:
        """Write something more into ``delivery.json``."""
        self.parcel = _seal(self.parcel.folder, {**self.parcel.content, **changes})

    def remove(self) -> None:
        """Remove the parcel, and the spool where it is empty now; from the first step on it is no delivery any more."""
        with suppress(OSError):
            (self.parcel.folder / CONTENT).unlink()
        self.release()
        _sweep(self.parcel.folder)

    def release(self) -> None:
        """Let others work on it."""
        self.lock.release()

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


def pack(kind: str, write: Callable[[Path], Mapping[str, Any]]) -> Held:
    """Make a parcel in the first place that has room for it.

    Parameters
    ----------
    kind : str
        ``delivery``, ``answers`` or ``run``.
    write : callable
        Is given the empty folder, writes files into it, and returns the content of ``delivery.json``.

    Raises
    ------
    TrackingError
        There is no such place.
    """
    trouble, n_bytes = [], 0
    for place in places():
        try:
            held = _new(place)
        except (OSError, NotImplementedError, Timeout) as error:
            trouble.append(f"{place}: {_reason(error)}")
            continue
        folder = held.parcel.folder
        try:
            about = {
                "version": VERSION, "kind": kind, "created": int(1000 * time.time()), "owner": claim.me(),
                "tracking_uri": store.address(),
            }  # fmt: skip
            held.parcel = _seal(folder, {**about, **write(folder)})
            return held
        except BaseException as error:
            with suppress(OSError):
                n_bytes = max(n_bytes, held.parcel.n_bytes)
            held.remove()
            if not isinstance(error, OSError):
                raise
            trouble.append(f"{place}: {_reason(error)}")
    raise TrackingError(
        f"there is no room to write the results before they are logged, more than {n_bytes:,} bytes: "
        f"{'; '.join(trouble)}. Nothing was logged. Make room, or name another folder in {VARIABLE}; "
        "in Python the result is still there: mlflow_evalplus.log(result)"
    )


def places() -> list[Path]:
    """Return where parcels are kept: the folder that the environment names, else `evalplus-spool` here; then others."""
    own = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    given = Path(os.environ.get(VARIABLE) or FOLDER).expanduser().absolute()
    return list(dict.fromkeys([given, Path(own).expanduser() / FOLDER, _temporary()]))


def parcels(place: Path) -> list[Parcel]:
    """Return the parcels of a place that are this user's, the oldest first; nothing else in it is touched."""
    try:
        owners = _owners(place)
        folders = sorted(
            folder for folder in place.iterdir()
            if NAME.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink()
            and (not owners or _owner(folder) in owners)
        )  # fmt: skip
    except OSError:
        return []
    return [Parcel(folder, read(folder)) for folder in folders]


def read(folder: Path) -> dict[str, Any]:
    """Return the content of a parcel; nothing where there is none, or it cannot be read."""
    try:
        content = loads((folder / CONTENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and _is_whole(content) else {}


def _is_whole(content: dict[str, Any]) -> bool:
    run, kind = content.get("run"), content.get("kind")
    return (
        content.get("version") == VERSION
        and all(isinstance(content.get(key), str) for key in ("owner", "tracking_uri"))
        and isinstance(content.get("created"), int)
        and isinstance(run, dict) and isinstance(run.get("id", ""), str) and isinstance(run.get("create", {}), dict)
        and kind in NEEDED and NEEDED[kind] <= content.keys()
    )  # fmt: skip


@contextmanager
def taking(parcel: Parcel) -> Iterator[Held | None]:
    """Hold a parcel that was found; None where another process works on it."""
    lock = _lock(parcel.folder)
    try:
        parcel.folder.stat()  # a lock would make a folder that is gone anew
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        yield None
        return
    with Held(Parcel(parcel.folder, read(parcel.folder)), lock) as held:
        yield held


def in_words(error: Exception, parcel: Parcel | None) -> NotLogged:
    """Return the error that says what MLflow answered, where the results are kept, and how they are logged later."""
    said = str(store.failure(error)).rstrip(".")
    if parcel is None:
        return NotLogged(said)
    return NotLogged(f"{said}. {where(parcel)}")


def where(parcel: Parcel) -> str:
    """Return the sentence that says where something is kept, and how it is logged later."""
    later = f"mlflow-evalplus resume --spool {shlex.quote(str(parcel.folder.parent))}"
    return f"Nothing is lost, it is kept in {parcel.folder}; log it later with: {later}"


def is_gone(owner: str, *, free: bool = False) -> bool:
    """Say whether the process that wrote a parcel has ended; one of another machine is taken for alive.

    A parcel whose lock its process never lets go and that is `free` tells it where processes cannot be looked at.
    """
    alive = claim.lives(owner)
    here, there = (who.split(" ") for who in (claim.me(), owner))
    if free and here[:2] == there[:2] and here[1] == "-":
        return True
    rebooted = len(there) == 4 and here[0] == there[0] and here[1].split("/")[0] != there[1].split("/")[0]
    return alive is False or (rebooted and "-" not in (here[1], there[1]))


def _temporary() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Path(tempfile.gettempdir()) / f"{FOLDER}-{user}"


def _owner(folder: Path) -> int | None:
    with suppress(FileNotFoundError):  # another process has just delivered it
        return folder.stat().st_uid
    return None


def _owners(place: Path) -> set[int]:
    """Return the users whose folders are taken for ours; empty where the system has none.

    Where nobody has named the place another user may have put one there, to have files of ours logged for him.
    """
    if not hasattr(os, "getuid"):
        return set()
    unnamed = place == _temporary() or (place == Path(FOLDER).absolute() and not os.environ.get(VARIABLE))
    return {os.getuid(), 0} | (set() if unnamed else {place.stat().st_uid})


def _new(place: Path) -> Held:
    for _ in range(5):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (owners := _owners(place)) and place.lstat().st_uid not in owners:
            raise PermissionError(f"{place} is another user's")
        now = datetime.now(timezone.utc)
        folder = place / f"{now:{MADE}}-{secrets.token_hex(3)}"
        with suppress(FileNotFoundError):  # another process has just removed the empty spool
            folder.mkdir(mode=0o700)
            lock = _lock(folder)
            lock.acquire(timeout=0)
            return Held(Parcel(folder, {}), lock)
    raise FileNotFoundError(f"{place} is removed again and again")


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, thread_local=False)


def _seal(folder: Path, content: dict[str, Any]) -> Parcel:
    part = folder / f".{CONTENT}.part"
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(folder / CONTENT)
    return Parcel(folder, content)


def _sweep(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.name.startswith(FOLDER):  # another folder its user has made
        with suppress(OSError):
            folder.parent.rmdir()


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
