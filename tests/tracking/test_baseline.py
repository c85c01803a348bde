from __future__ import annotations

import time
from collections.abc import Callable

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking.baseline import find_baseline, run_of_model


@pytest.fixture
def log(store: str, frame: pd.DataFrame) -> Callable[..., Run]:
    def logged(name: str, *, model: bool = False, rows: pd.DataFrame = frame) -> Run:
        with mlflow.start_run(run_name=name) as run:
            if model:
                mlflow.pyfunc.log_model(name="m", python_model=lambda model_input: model_input, pip_requirements=[])
            ep.log(ep.evaluate(rows, text="text"))
        time.sleep(0.002)  # runs are told apart by milliseconds
        return mlflow.get_run(run.info.run_id)

    return logged


def test_the_previous_run_is_the_newest_one_before_on_the_same_test_set(
    log: Callable[..., Run], frame: pd.DataFrame
) -> None:
    first, second = log("first"), log("second")
    log("elsewhere", rows=frame.head(300))
    third, fourth = log("third"), log("fourth")
    assert find_baseline("previous", [fourth]).info.run_id == third.info.run_id
    assert find_baseline("previous", [fourth, third]).info.run_id == second.info.run_id
    with pytest.raises(TrackingError, match="no evaluated run before 'first' on the same test set"):
        find_baseline("previous", [first])


def test_a_run_that_is_called_so_is_given_by_its_id(log: Callable[..., Run]) -> None:
    named = log("champion")
    other = log("previous")
    assert find_baseline("previous", [other]).info.run_id == named.info.run_id
    with pytest.raises(TrackingError, match="which champion"):
        find_baseline("champion", [other])
    assert find_baseline(named.info.run_id[:8], [other]).info.run_id == named.info.run_id


@pytest.mark.filterwarnings("ignore")
def test_a_champion_is_the_run_behind_its_version(log: Callable[..., Run]) -> None:
    run = log("good", model=True)
    with pytest.raises(TrackingError, match="which champion"):
        find_baseline("champion", [run])
    client = mlflow.MlflowClient()
    version = mlflow.register_model(f"models:/{run.outputs.model_outputs[0].model_id}", "sentiment")
    client.set_registered_model_alias("sentiment", "champion", version.version)
    for given in ("champion", "models:/sentiment@champion", "models:/sentiment/1"):
        assert find_baseline(given, [run]).info.run_id == run.info.run_id
    client.create_registered_model("other")
    for missing, said in {
        "models:/other@champion": "'other' has no alias 'champion'; it has none",
        "models:/nobody/1": "no registered model is called 'nobody'; models are",
        "models:/sentiment/7": "'sentiment' has no version 7; versions are",
    }.items():
        with pytest.raises(TrackingError, match=said):
            find_baseline(missing, [run])
    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            name="unseen", python_model=lambda model_input: model_input, pip_requirements=[],
            registered_model_name="other",
        )  # fmt: skip
    with pytest.raises(TrackingError, match="no evaluated run of version 1 of 'other' was found; evaluate it with"):
        run_of_model("other", version="1")
    client.set_registered_model_alias("other", "champion", "1")
    with pytest.raises(TrackingError, match=r"which champion\? the models"):
        find_baseline("champion", [run])


@pytest.mark.slow
def test_a_model_that_was_evaluated_by_other_runs_is_found_by_its_figures_and_its_test_set(
    log: Callable[..., Run], frame: pd.DataFrame
) -> None:
    """A search for runs does not tell what models they took; the champion may be evaluated again on newer data."""
    rows = frame[["text", "label"]]

    def always(model_input: list[str]) -> list[str]:
        return ["neutral"] * len(model_input)

    with mlflow.start_run() as made:
        info = mlflow.pyfunc.log_model(
            name="m", python_model=always, pip_requirements=[], registered_model_name="other"
        )

    def judged(n: int) -> Run:
        with mlflow.start_run(run_name="judge") as judge:
            mlflow.models.evaluate(
                f"models:/{info.model_id}", rows.head(n), targets="label", model_type="classifier",
                evaluators=["evalplus"], evaluator_config={"evalplus": {"latency_requests": 0, "footprint": False}},
            )  # fmt: skip
        return mlflow.get_run(judge.info.run_id)

    promoted = judged(60)
    assert promoted.info.run_id != made.info.run_id
    assert run_of_model("other", version="1").info.run_id == promoted.info.run_id
    client = mlflow.MlflowClient()
    client.set_model_version_tag("other", "1", names.TAG_RUN, promoted.info.run_id)
    client.set_registered_model_alias("other", "champion", "1")
    newer, elsewhere = judged(70), log("elsewhere")
    for given in ("champion", "models:/other/1"):
        for candidate, baseline in ((promoted, promoted), (newer, newer), (elsewhere, promoted)):
            assert find_baseline(given, [candidate]).info.run_id == baseline.info.run_id
    client.create_registered_model("another")
    client.create_model_version("another", f"models:/{info.model_id}")
    client.set_registered_model_alias("another", "champion", "1")
    assert find_baseline("champion", [newer], name="another").info.run_id == newer.info.run_id
