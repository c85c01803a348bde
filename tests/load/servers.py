"""Real MLflow servers on loopback: over SQLite, and over PostgreSQL where it is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import requests

PATIENCE_S = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(folder: Path, backend: str) -> Iterator[str]:
    """Run ``mlflow server`` with its usual four workers over a database; yield its address."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--port", str(port), "--backend-store-uri", backend,
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # else five more processes start
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    try:
        _wait(process, lambda: requests.get(f"http://127.0.0.1:{port}/health", timeout=2).raise_for_status())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL of its own, as an unprivileged user where we are root, which it refuses; yield its URI."""
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="evalplus-postgres-"))
    if user:
        shutil.chown(folder, "nobody")
    data, port = folder / "data", free_port()
    tools = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
    try:
        subprocess.run([_tool("initdb"), "-D", data, "-U", "evalplus", "-A", "trust", "--no-sync"], check=True, **tools)
        process = subprocess.Popen([_tool("postgres"), "-D", data, "-p", str(port), "-k", folder], **tools)
        address = f"evalplus@127.0.0.1:{port}/postgres"
        try:
            _wait(process, lambda: psycopg2.connect(f"postgresql://{address}").close())
            yield f"postgresql+psycopg2://{address}"  # SQLAlchemy 2.1 takes another driver where none is named
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def _tool(name: str) -> str:
    """Return the path of a program of PostgreSQL, which Debian keeps beside PATH; empty where it is not there."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(beside[-1]) if beside else "")


def has_postgres() -> bool:
    return bool(_tool("initdb") and _tool("postgres"))


def _wait(process: subprocess.Popen[bytes], answers: Callable[[], None]) -> None:
    patient = time.monotonic() + PATIENCE_S
    while True:
        try:
            return answers()
        except (requests.RequestException, psycopg2.OperationalError):
            if process.poll() is not None or time.monotonic() > patient:
                raise
        time.sleep(0.1)
