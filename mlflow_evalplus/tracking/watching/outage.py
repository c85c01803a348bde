"""Whether an evaluation failed because MLflow's store did not answer, or for what the model does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE, ErrorCode

from mlflow_evalplus.errors import TrackingError

UNAVAILABLE = ErrorCode.Name(TEMPORARILY_UNAVAILABLE)  # of a database that MLflow cannot reach, or that is locked
# MLflow keeps no other trace of these errors: the first one of any request, the second one of a folder's download.
NO_ANSWER = re.compile(r"API request to (\S+) failed with (?:timeout )?exception(?!.*too many 500 error)", re.DOTALL)
BROKEN_DOWNLOAD = re.compile(r"artifacts from (\S+):\n.*(?:Connection broken|Read timed out)", re.DOTALL)


def is_outage(error: BaseException) -> bool:
    """Say whether the tracking server, or the database, did not answer, by the error and all that led to it.

    Whether it answers now is no sign: it may be back, or gone a moment after a model failed. A server that answers
    with an error (500 too, which the evaluation itself may cause) is not away; 502, 503 and 504 say that it is. Other
    addresses than the server's are the model's own affair, and so is a database, unless MLflow's store asked it.

    Examples
    --------
    >>> is_outage(TrackingError("MLflow answered: no such run"))
    False
    """
    return any(_of_server(cause) or _of_database(error, cause) for cause in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from or while handling, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__context__, found.__cause__]


def _of_server(error: BaseException) -> bool:
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return _is_store(getattr(error.request, "url", None))
    if isinstance(error, MlflowException):
        found = NO_ANSWER.search(str(error)) or BROKEN_DOWNLOAD.search(str(error))
        return bool(found and _is_store(found[1]))
    return False


def _of_database(error: BaseException, cause: BaseException) -> bool:
    return isinstance(error, TrackingError) and isinstance(cause, MlflowException) and cause.error_code == UNAVAILABLE


def _is_store(url: str | None) -> bool:
    """Say whether an address is one of the tracking server."""
    try:
        given, known = (urlsplit(text) for text in (url or "", mlflow.get_tracking_uri()))
        return known.scheme in ("http", "https") and _place(given) == _place(known)
    except ValueError:  # a port that is no number, or a host that is none
        return False


def _place(address: SplitResult) -> tuple[str, str | None, int]:
    return address.scheme, address.hostname, address.port or (443 if address.scheme == "https" else 80)
