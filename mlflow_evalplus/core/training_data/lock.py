"""One writer at a time in a folder, also where the one before was killed."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.json_text import loads
from mlflow_evalplus.errors import DataError

NAME = ".lock"
UNREADABLE_S = 10  # a lock that says nothing after so long is of a process that was killed as it wrote it
_ours: set[str] = set()  # tokens of the locks that this process holds


@contextmanager
def only_writer(folder: Path, name: str = NAME) -> Iterator[None]:
    """Hold the folder's lock file, which says who holds it; a lock of a process that is gone is taken over.

    `name` is that of the lock file, for one that guards a single file of the folder.

    Raises
    ------
    DataError
        Another process writes there, or it may not be written to.
    """
    path = folder / name
    token = secrets.token_hex(8)
    who = {"pid": os.getpid(), "host": socket.gethostname(), "where": where(), "begun": _begun(os.getpid()),
           "token": token}  # fmt: skip
    for _ in range(3):
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            _take_over(path)
            continue
        except OSError as error:
            raise DataError(f"{str(folder)!r} cannot be written to: {error.strerror}") from None
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(who, file)
        break
    else:
        raise DataError(f"{str(folder)!r} is being written by others; try again")
    _ours.add(token)
    try:
        yield
    finally:
        _ours.discard(token)
        if _holder(path).get("token") == token:
            path.unlink(missing_ok=True)


def _take_over(path: Path) -> None:
    """Remove a lock that nobody holds; raise where somebody does."""
    holder = _holder(path)
    if holder and _is_held(holder):
        raise DataError(
            f"{_guarded(path)!r} is being written by process {holder.get('pid')} on {holder.get('host')}; "
            f"try again when it has ended. If it is gone for good, delete {str(path)!r}."
        )
    with suppress(FileNotFoundError):
        if not holder and time.time() - path.stat().st_mtime < UNREADABLE_S:
            raise DataError(f"{_guarded(path)!r} is being written by another process; try again when it has ended")
        aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        path.rename(aside)
        if _holder(aside) != holder:  # another one took it over meanwhile: give it back
            aside.rename(path)
            return
        aside.unlink()


def _guarded(lock: Path) -> str:
    return str(lock.parent if lock.name == NAME else lock.with_name(lock.name.removesuffix(NAME)))


def _holder(path: Path) -> dict[str, Any]:
    try:
        found = loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_held(holder: dict[str, Any]) -> bool:
    if holder.get("token") in _ours:
        return True
    pid = holder.get("pid")
    if holder.get("where") != where() or not isinstance(pid, int):
        return True  # nobody here can know
    if os.name == "nt":
        return True  # signal 0 is Ctrl-C there
    if pid != os.getpid():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass  # another user's
    begun = _begun(pid)
    if pid == os.getpid() and not begun:
        return False  # a process of the same number, before this one
    return begun == holder.get("begun")


def where() -> str:
    """Return within what numbers of processes are of one count: the machine since it began, and the container.

    Containers may have one host name, and each has a process 1.
    """
    boot, container = "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        container = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {boot} {container}"


def _begun(pid: int) -> str:
    """Return when a process began, where the system tells: numbers of processes are used again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
