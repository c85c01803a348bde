from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest

from mlflow_evalplus.tracking import awaited, delivery, resume, spool
from mlflow_evalplus.tracking.delivery import Delivery
from tests.tracking.test_spool import HERE, away


def keep(run_id: str) -> None:
    def write(folder: Path) -> dict[str, object]:
        return {"run": {"id": run_id}, **delivery.write(Delivery(metrics={"a": 1.0}), folder)}

    with spool.pack("delivery", write) as held:
        awaited.keep(held.parcel)
        held.remove()


def test_at_exit_only_what_is_not_on_its_run_is_said_to_be_kept_wherever_mlflow_logs_by_then(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with mlflow.start_run() as run:
        keep(run.info.run_id)
        mlflow.log_metric("a", 1.0)
    with away(store):
        awaited._leave(os.getpid())
    assert capsys.readouterr().err == ""
    assert not HERE.exists()

    with mlflow.start_run() as other:
        keep(other.info.run_id)
    awaited._leave(os.getpid())
    assert f"mlflow-evalplus resume --spool {HERE.absolute()}" in capsys.readouterr().err
    assert [one.state for one in resume.resume()] == ["delivered"]
    assert mlflow.get_run(other.info.run_id).data.metrics == {"a": 1.0}
    assert not HERE.exists()
