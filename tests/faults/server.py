"""A real ``mlflow server`` on loopback that can be killed, run out of disk, or find its store locked."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

LOCK = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None) as store:
    store.execute("BEGIN EXCLUSIVE")
    print("locked", flush=True)
    sys.stdin.read()
"""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One ``mlflow server`` over SQLite.

    Parameters
    ----------
    folder : Path
        Holds ``mlflow.db`` and ``artifacts``.
    served : bool
        Whether artifacts pass through the server; else its clients write them into the folder themselves.
    """

    def __init__(self, folder: Path, *, served: bool = True) -> None:
        self.folder, self.served, self.port = folder, served, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.database, self.artifacts = folder / "mlflow.db", folder / "artifacts"
        self.process: subprocess.Popen[bytes] | None = None
        self.artifacts.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start the process and wait until it answers."""
        where = ["--artifacts-destination", str(self.artifacts)]
        if not self.served:
            where = ["--no-serve-artifacts", "--default-artifact-root", self.artifacts.as_uri()]
        command = [
            sys.executable, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.database}", *where,
        ]  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
        environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # else five more processes start
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._wait()

    def _wait(self) -> None:
        for _ in range(480):
            with suppress(OSError), urlopen(f"{self.address}/health", timeout=2):
                return
            if self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"mlflow server ended; see {self.folder / 'server.log'}")
            time.sleep(0.25)
        raise RuntimeError("mlflow server does not answer")

    def kill(self) -> None:
        """Send SIGKILL to the process and its workers."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    @contextmanager
    def no_larger_files(self, size: int) -> Iterator[None]:
        """Let no file of the server's workers grow beyond `size` bytes: writing fails as on a full disk."""
        assert self.process is not None
        workers = [self.process.pid, *_descendants(self.process.pid)]
        before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in workers}
        for pid, (_, hard) in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            for pid, limits in before.items():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def _descendants(pid: int) -> list[int]:
    found = []
    for line in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        found += [int(line), *_descendants(int(line))]
    return found


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold an SQLite store as another writer that does not finish."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    if process.stdout.readline() != b"locked\n":
        raise RuntimeError("the store could not be locked")
    try:
        yield
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(20)


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[bool]:
    """Mount a disk of a few kilobytes at `folder`; yield False where this process may not mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
    mounted = sys.platform == "linux" and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """Mount a folder over itself, read-only; yield False where this process may not mount."""
    bound = ["mount", "--bind", str(folder), str(folder)]
    mounted = sys.platform == "linux" and subprocess.run(bound, capture_output=True, check=False).returncode == 0
    if mounted:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True, capture_output=True)
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
