"""MLflow's store: whether it can be reached, and its errors in our words."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from mlflow_evalplus.errors import TrackingError

TIMEOUT_S = 5
# MLflow waits 20 seconds for a database that another process writes to, but 5 where it opens it: too few on a busy disk
LOCKED_S = 30.0
PAUSE_S = 0.2


@contextmanager
def reaching() -> Iterator[None]:
    """Turn the errors of MLflow, the network and the artifacts' folder into a `TrackingError` that names the store."""
    try:
        yield
    except (MlflowException, OSError) as error:
        raise _error(error) from error


def _error(error: Exception) -> TrackingError:
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    first = re.sub(r"(?<=://)[^/\s]*@", "", first)  # MLflow repeats the address, with the password in it
    return TrackingError(f"MLflow at {without_password(mlflow.get_tracking_uri())} answered: {first}")


def client() -> MlflowClient:
    """Return a client whose store has been seen to answer.

    Raises
    ------
    TrackingError
        The tracking server does not answer within 5 seconds (MLflow's own retries take minutes), or the
        database cannot be opened; where others keep it locked, within 30 seconds.
    """
    uri = mlflow.get_tracking_uri()
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
            return MlflowClient()
        # a missing driver, a damaged file, an unknown scheme: every store fails in its own way
        except Exception as error:
            if "database is locked" not in str(error) or time.monotonic() > patient:
                raise _error(error) from error
        time.sleep(PAUSE_S)


def _certificates() -> str | bool:
    """Return what MLflow itself verifies a server's certificate with."""
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() == "true":
        return False
    return os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True


def without_password(uri: str) -> str:
    """Return the address without user and password.

    Examples
    --------
    >>> without_password("https://me:secret@host/path")
    'https://host/path'
    """
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else uri
