from __future__ import annotations

from collections.abc import Callable

import mlflow
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking.entry import Request, evaluate_file, evaluate_model, read_labelled
from tests.tracking.watching.bare import ROWS, Broken, Good, write


@pytest.fixture
def saved() -> Callable[[object], str]:
    def save(model: object) -> str:
        mlflow.pyfunc.save_model("model", python_model=model, pip_requirements=["pandas"])
        return "model"

    return save


def test_a_run_that_is_there_takes_the_evaluation_and_keeps_its_name(store: str) -> None:
    client = mlflow.MlflowClient()
    elsewhere = client.create_experiment("elsewhere")
    run_id = client.create_run(elsewhere, run_name="mine").info.run_id
    write(ROWS.assign(prediction="good"))
    request = Request(run_id=run_id, run_name="other", experiment="another")
    assert evaluate_file("test.csv", request)[1] == run_id
    run = client.get_run(run_id)
    assert (run.info.status, run.info.run_name, run.info.experiment_id) == ("FINISHED", "mine", elsewhere)
    assert run.data.metrics["quality/accuracy"] == 0.5
    assert client.get_experiment_by_name("another") is None
    client.delete_run(run_id)
    with pytest.raises(TrackingError, match="deleted state"):
        evaluate_file("test.csv", request)


def test_a_model_that_fails_marks_the_run_that_was_given(store: str, saved: Callable[[object], str]) -> None:
    client = mlflow.MlflowClient()
    run_id = client.create_run(client.get_experiment_by_name("tests").experiment_id).info.run_id
    with pytest.raises(ep.EvalPlusError, match="the model failed"):
        evaluate_model(saved(Broken()), write(ROWS), Request(run_id=run_id))
    assert client.get_run(run_id).info.status == "FAILED"
    assert mlflow.active_run() is None


def test_labelled_data_are_read_once_for_many_models(store: str, saved: Callable[[object], str]) -> None:
    request = Request(log=False, slices=["text_length"], text="text", timing=False)
    rows = read_labelled(write(ROWS), request)
    before = rows.frame.copy()
    model = mlflow.pyfunc.load_model(saved(Good()))
    found = [rows.evaluate_without_run(model, rows.config) for _ in range(2)]
    assert found[0].latency.single == {}
    assert found[0].data_digest == found[1].data_digest == rows.digest()
    assert found[0].metrics["accuracy"] == found[1].metrics["accuracy"]
    assert found[0].metrics["accuracy"].value == 0.5
    pd.testing.assert_frame_equal(rows.frame, before)
