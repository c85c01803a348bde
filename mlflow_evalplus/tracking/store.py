"""MLflow's store: whether it can be reached, and its errors in our words."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import mlflow
import requests
from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.uri import resolve_uri_if_local

from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.errors import TrackingError

TIMEOUT_S = 5
# MLflow waits 20 seconds for a database that another process writes to, but 5 where it opens it: too few on a busy disk
LOCKED_S = 30.0
PAUSE_S = 0.2
# MLflow asks a server that does not answer seven times more, for 120 seconds each. Nothing is lost by giving up sooner:
# what was to be logged is in the spool. Whoever has set these variables is obeyed.
RETRIES = ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", 2)
REQUEST_S = ("MLFLOW_HTTP_REQUEST_TIMEOUT", 30)
BYTES_PER_S = 500_000  # of an upload, at worst
_patient = threading.Lock()
_n_patient = 0
_lowered: set[str] = set()


@contextmanager
def reaching() -> Iterator[None]:
    """Turn the errors of MLflow, the network and the artifacts' folder into a `TrackingError` that names the store."""
    try:
        yield
    except (MlflowException, OSError) as error:
        raise failure(error) from error


@contextmanager
def briefly(n_bytes: int = 0) -> Iterator[None]:
    """Let MLflow's requests give up after a minute or so; one that uploads `n_bytes` gets the time that it needs."""
    global _n_patient
    with _patient:
        _n_patient += 1
        for name, value in (RETRIES, (REQUEST_S[0], REQUEST_S[1] + n_bytes // BYTES_PER_S)):
            if name not in os.environ or (name in _lowered and int(os.environ[name]) < value):
                os.environ[name] = str(value)
                _lowered.add(name)
    try:
        yield
    finally:
        with _patient:
            _n_patient -= 1
            while not _n_patient and _lowered:
                os.environ.pop(_lowered.pop(), None)


def failure(error: Exception) -> TrackingError:
    """Return an error as a `TrackingError` that names the store and repeats no password."""
    if isinstance(error, TrackingError):
        return error
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    # MLflow repeats the address, with the password in it
    return TrackingError(f"MLflow at {without_password(mlflow.get_tracking_uri())} answered: {hidden(first)}")


def client(given: str | None = None) -> MlflowClient:
    """Return a client whose store has been seen to answer; by default of the present one.

    Raises
    ------
    TrackingError
        The tracking server does not answer within 5 seconds (MLflow's own retries take minutes), or the
        database cannot be opened; where others keep it locked, within 30 seconds.
    """
    uri = given or mlflow.get_tracking_uri()
    if urlsplit(uri).scheme in ("http", "https"):
        try:
            requests.get(f"{uri.rstrip('/')}/health", timeout=TIMEOUT_S, verify=_certificates())
        except requests.RequestException as error:
            raise TrackingError(
                f"the tracking server {without_password(uri)} does not answer ({type(error).__name__}). Is it running? "
                "Set MLFLOW_TRACKING_URI, or start one with: mlflow server"
            ) from None
    patient = time.monotonic() + LOCKED_S
    while True:
        try:
            # Two processes would both make the tables of a SQLite file.
            with alone(uri) if urlsplit(uri).scheme == "sqlite" else nullcontext():
                return MlflowClient(given)
        # a missing driver, a damaged file, an unknown scheme: every store fails in its own way
        except Exception as error:
            if "database is locked" not in str(error) or time.monotonic() > patient:
                raise failure(error) from error
        time.sleep(PAUSE_S)


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Let one process of a user at a time do what two must not do at once to a store."""
    which = hashlib.sha256(f"{Path.home()}\n{uri}".encode(errors="replace")).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir()) / f"evalplus-{which}.lock")
    with suppress(OSError):  # whoever holds it so long hangs; or there is no place for it
        lock.acquire(timeout=LOCKED_S)
    try:
        yield
    finally:
        lock.release()


def _certificates() -> str | bool:
    """Return what MLflow itself verifies a server's certificate with."""
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() == "true":
        return False
    return os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True


def address() -> str:
    """Return where MLflow logs to, without a password, and the same from every folder."""
    uri = mlflow.get_tracking_uri()
    file = uri.removeprefix("sqlite:///")
    if file != uri and file and not file.startswith(("/", ":", "file:")):
        uri = f"sqlite:///{Path(file).absolute()}"
    return without_password(resolve_uri_if_local(uri))


def without_password(uri: str) -> str:
    """Return the address without user, password, and keys in its query.

    Examples
    --------
    >>> without_password("https://me:secret@host/path")
    'https://host/path'
    """
    parts = urlsplit(uri)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else uri
    return hidden(bare)
