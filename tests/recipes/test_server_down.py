"""The tracking server dies in the middle of a series: what was trained stays, what had begun gets its end."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

from mlflow_evalplus import names, requirements
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import resume
from mlflow_evalplus.tracking.spool import FOLDER
from recipes.data.sources import load as load_rows
from recipes.data.split import split
from recipes.sentiment.candidates import choose
from recipes.sentiment.data import SHIPPED
from recipes.sentiment.run import SHIPPED_REQUIREMENTS
from recipes.sentiment.train import Task, run_series
from tests.faults.server import Server
from tests.recipes.test_run import VOTES, all_runs, few_messages

pytestmark = pytest.mark.slow


def kinds() -> dict[str, tuple[str, str | None]]:
    return {run.info.run_name: (run.info.status, run.data.tags.get(names.TAG_KIND)) for run in all_runs()}


def test_server_dies_between_candidates_and_comes_back(store: str, tmp_path: Path) -> None:
    server = Server(tmp_path / "server")
    server.start()
    mlflow.set_tracking_uri(server.address)
    mlflow.set_experiment("series")
    chosen = choose("majority,words")
    task = Task(
        requirements.load(SHIPPED_REQUIREMENTS), "text", "label", VOTES, seed=0, source=load_rows(SHIPPED).source,
        latency_requests=3, footprint=False,
    )  # fmt: skip
    rows = split(few_messages(), text="text", label="label")

    def die(step: str) -> None:
        if step.startswith(chosen[1].name):
            server.kill()

    try:
        with pytest.raises(TrackingError, match="does not answer"):
            run_series(chosen, rows, task, on_step=die)
        server.start()
        resume.resume()
        whole = ("FINISHED", names.KIND_EVALUATION)
        assert kinds() == {chosen[0].name: whole}
        assert not Path(FOLDER).exists()
    finally:
        server.kill()
