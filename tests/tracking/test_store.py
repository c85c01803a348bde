from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.models import infer_signature
from sklearn.dummy import DummyClassifier

import mlflow_evalplus as ep
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import store as stores
from mlflow_evalplus.tracking.diagnosis import diagnose
from mlflow_evalplus.tracking.reader import find_runs

SECRET = "s3cr3t"


def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def elsewhere(store: str) -> Iterator[pytest.MonkeyPatch]:
    """Let a test point MLflow to another store, and back again."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    mlflow.set_tracking_uri(store)


def point_to(uri: str) -> None:
    mlflow.set_tracking_uri(uri)


class Stranger(BaseHTTPRequestHandler):
    """Some other web server: it answers, but knows nothing of MLflow."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


class Dropper(Stranger):
    """A server that dies after the health check: MLflow's error then repeats the whole address."""

    def do_GET(self) -> None:
        if self.path == "/health":
            super().do_GET()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    do_POST = do_GET


@pytest.fixture
def serve() -> Iterator[object]:
    servers = []

    def start(handler: type[BaseHTTPRequestHandler]) -> int:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_that_does_not_answer_is_said_so_within_seconds(
    elsewhere: pytest.MonkeyPatch, frame: pd.DataFrame
) -> None:
    """MLflow's own client retries for minutes."""
    uri = f"http://me:{SECRET}@127.0.0.1:{closed_port()}"
    point_to(uri)
    evaluation = ep.evaluate(frame)
    start = time.perf_counter()
    for call in (
        lambda: ep.log(evaluation),
        lambda: ep.load("0123"),
        lambda: ep.promote("0123", "sentiment"),
        lambda: ep.compare("0123", evaluation),
        find_runs,
    ):
        with pytest.raises(TrackingError, match=r"http://127.0.0.1:\d+ does not answer.*mlflow server") as caught:
            call()
        assert SECRET not in str(caught.value)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("handler", [Stranger, Dropper])
def test_no_password_is_shown_where_a_server_misbehaves(
    elsewhere: pytest.MonkeyPatch, serve: object, handler: type[BaseHTTPRequestHandler]
) -> None:
    elsewhere.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    port = serve(handler)
    point_to(f"http://me:{SECRET}@127.0.0.1:{port}")
    with pytest.raises(TrackingError, match=f"MLflow at http://127.0.0.1:{port} answered") as caught:
        ep.load("0123")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [f"postgresql+nodriver://me:{SECRET}@127.0.0.1:1/db", f"ftp://me:{SECRET}@127.0.0.1", "sqlite:////dev/null/x/y.db"],
)
def test_a_store_that_cannot_be_opened_is_one_clear_error(elsewhere: pytest.MonkeyPatch, uri: str) -> None:
    point_to(uri)
    with pytest.raises(TrackingError, match=f"MLflow at {uri.split(':')[0]}".replace("+", r"\+")) as caught:
        stores.client()
    assert SECRET not in str(caught.value)
    checks = {check.name: check for check in diagnose()}
    assert not checks["store"].ok
    assert SECRET not in checks["store"].detail


def test_a_damaged_database_is_one_clear_error(elsewhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(os.urandom(4096))
    point_to(f"sqlite:///{tmp_path}/bad.db")
    with pytest.raises(TrackingError, match="file is not a database"):
        find_runs()


@contextmanager
def locked(database: Path, seconds: float) -> Iterator[None]:
    """Keep a database locked for so long, as a process does that writes on a busy disk."""
    begun = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            begun.set()
            time.sleep(seconds)
            connection.execute("COMMIT")

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(timeout=60)
    yield
    thread.join(timeout=60)


@pytest.mark.slow
def test_a_database_that_another_process_writes_to_is_waited_for(
    elsewhere: pytest.MonkeyPatch, empty_store: Path, tmp_path: Path
) -> None:
    """Where MLflow opens a database it waits for five seconds, here for a tenth of one, and then gives up."""
    database = tmp_path / "busy.db"
    database.write_bytes(empty_store.read_bytes())
    point_to(f"sqlite:///{database}?timeout=0.1")
    elsewhere.setattr(stores, "LOCKED_S", 0.3)
    with locked(database, 3), pytest.raises(TrackingError, match="database is locked"):
        stores.client()
    elsewhere.setattr(stores, "LOCKED_S", 30)
    with locked(database, 1):
        assert [found.name for found in stores.client().search_experiments()] == ["Default"]


def test_artifacts_that_cannot_be_written_are_one_clear_error(store: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    """The commonest fault of a server whose artifact folder is its own: MLflow answers with a bare OSError."""
    (tmp_path / "file").write_text("")
    experiment = mlflow.create_experiment("elsewhere", artifact_location=f"{tmp_path}/file/artifacts")
    with mlflow.start_run(experiment_id=experiment), pytest.raises(TrackingError, match=r"answered: .*file"):
        ep.log(ep.evaluate(frame))


def test_doctor_is_content_with_a_store_that_answers(store: str) -> None:
    checks = diagnose()
    assert [check.ok for check in checks] == [True, True, True]
    assert "2 experiments" in checks[-1].detail


plain_words = st.text("abcXYZ019-._~", min_size=1, max_size=8)


@given(plain_words, st.text("abcXYZ019-._~!$&*+=:@", min_size=1, max_size=8), plain_words)
@settings(deadline=None)
def test_an_address_is_shown_without_user_and_password(user: str, password: str, host: str) -> None:
    shown = stores.without_password(f"https://{user}:{password}@{host}:5000/path")
    assert shown == f"https://{host}:5000/path"
    assert stores.without_password(shown) == shown


@pytest.mark.slow
def test_everything_works_through_a_real_server(
    elsewhere: pytest.MonkeyPatch, tmp_path: Path, frame: pd.DataFrame
) -> None:
    """Over HTTP artifacts go through the server and errors come in other words than from SQLite."""
    port = closed_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *(
            "--backend-store-uri",
            f"sqlite:///{tmp_path}/server.db",
            "--artifacts-destination",
            str(tmp_path / "artifacts"),
        ),
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    log = (tmp_path / "server.log").open("w")
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        uri = f"http://127.0.0.1:{port}"
        wait_for(f"{uri}/health", server)
        elsewhere.setenv("MLFLOW_TRACKING_URI", uri)
        elsewhere.delenv("MLFLOW_EXPERIMENT_ID")
        point_to(uri)
        mlflow.set_experiment("over http")
        inputs = frame[["channel"]]
        model = DummyClassifier(strategy="prior").fit(inputs, frame["label"])
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(
                model, name="prior", signature=infer_signature(inputs), pip_requirements=["scikit-learn"]
            )
            result = mlflow.models.evaluate(
                info.model_uri, frame.drop(columns="prediction"), targets="label", model_type="classifier",
                evaluators="evalplus",
                evaluator_config={"slices": ["channel"], "latency_requests": 5, "footprint": False},
            )  # fmt: skip
        evaluation = ep.load(run.info.run_id)
        accuracy = (frame["label"] == frame["label"].mode()[0]).mean()
        assert result.metrics["quality/accuracy"] == pytest.approx(accuracy)
        assert evaluation.metrics["accuracy"].value == pytest.approx(accuracy)
        assert len(mlflow.load_table("evalplus/slices.json", run_ids=[run.info.run_id])) == 3
        done = [ep.promote(run.info.run_id, "sentiment") for _ in range(2)]
        assert [(d.version, d.alias, d.created) for d in done] == [
            ("1", "challenger", True),
            ("1", "challenger", False),
        ]
        assert [found.info.run_id for found in find_runs()] == [run.info.run_id]
        with pytest.raises(TrackingError, match="0123"):
            ep.load("0123")
        assert all(check.ok for check in diagnose())
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)
        log.close()


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    stop = time.monotonic() + 60
    while time.monotonic() < stop and server.poll() is None:
        try:
            requests.get(address, timeout=1).raise_for_status()
            return
        except requests.RequestException:
            time.sleep(0.2)
    raise AssertionError(f"the MLflow server did not start at {address}")
