"""Errors as MLflow really makes them, of a server on this machine that answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from mlflow.utils import rest_utils

from mlflow_evalplus.errors import DataError, TrackingError
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.watching.outage import is_outage

DOWNLOAD = (
    "The following failures occurred while downloading one or more artifacts from {}/api/x:\n##### File a #####\n{}"
)


class Answer(BaseHTTPRequestHandler):
    status, cut, wait_s = 200, False, 0.0

    def do_GET(self) -> None:
        time.sleep(self.wait_s)
        self.send_response(self.status)
        self.send_header("Content-Length", "100" if self.cut else "2")
        self.end_headers()
        with suppress(OSError):  # whoever asked did not wait
            self.wfile.write(b"{}")

    def log_message(self, *given: object) -> None:
        pass


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=lambda: httpd.serve_forever(0.02), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def server(running: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(running)
    yield running
    mlflow.set_tracking_uri(before)


def raised(act: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        act()
    return caught.value


def asked() -> object:
    with store.reaching():
        return mlflow.MlflowClient().get_run("r")


@pytest.mark.parametrize(
    ("status", "away"), [(400, False), (404, False), (413, False), (500, False), (502, True), (503, True), (504, True)]
)
def test_a_server_that_answers_with_an_error_of_its_own_is_not_away(
    server: str, status: int, away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answer, "status", status)
    error = raised(asked)
    assert isinstance(error, TrackingError)
    assert is_outage(error) is away


def test_a_server_that_refuses_or_says_nothing_is_away(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answer, "wait_s", 0.3)
    monkeypatch.setattr(rest_utils, "MLFLOW_HTTP_REQUEST_TIMEOUT", SimpleNamespace(get=lambda: 0.05))
    assert "Read timed out" in str(found := raised(asked))
    assert is_outage(found)
    monkeypatch.setattr(store, "TIMEOUT_S", 0.05)
    assert is_outage(raised(store.client))
    mlflow.set_tracking_uri("http://me:secret@127.0.0.1:9")
    assert is_outage(raised(asked))
    assert is_outage(raised(store.client))


def test_a_download_that_breaks_off_is_an_outage(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow makes one text of what failed in the threads that load a folder."""
    monkeypatch.setattr(Answer, "cut", True)
    broken = str(raised(lambda: requests.get(server, timeout=5).content))
    refused = str(raised(lambda: mlflow.MlflowClient("http://127.0.0.1:9").get_run("r")))
    refused = refused.replace("http://127.0.0.1:9/", f"{server}/")
    for found in (broken, refused):
        assert is_outage(MlflowException(DOWNLOAD.format(server, found)))
    assert not is_outage(MlflowException(DOWNLOAD.format("http://127.0.0.1:9", broken)))
    assert not is_outage(MlflowException(DOWNLOAD.format(server, "No such file")))


def test_what_a_model_cannot_reach_is_its_own_failure(server: str) -> None:
    def model(url: str) -> None:
        try:
            requests.get(url, timeout=5)
        except requests.RequestException as error:
            raise DataError("the model failed") from error

    assert not is_outage(raised(lambda: model("http://127.0.0.1:9/score")))
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    assert is_outage(raised(lambda: model("http://127.0.0.1:9/prompts")))
    for odd in (OSError("no file"), TrackingError("MLflow answered"), SystemExit(1), requests.ConnectionError("odd")):
        assert not is_outage(odd)
    for text in ("API request to http://[ failed with exception x", "API request to http://h:x/ failed with exception"):
        assert not is_outage(MlflowException(text))


def test_a_database_counts_only_where_mlflow_asked_it() -> None:
    locked = MlflowException("database is locked", error_code=TEMPORARILY_UNAVAILABLE)

    def ask() -> None:
        with store.reaching():
            raise locked

    assert is_outage(raised(ask))
    model = DataError("the model failed")
    model.__cause__ = locked
    assert not is_outage(model)


def test_errors_that_were_raised_from_each_other_are_each_looked_at_once() -> None:
    first, second = TrackingError("a"), TrackingError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_outage(first)
