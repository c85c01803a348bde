from __future__ import annotations

import re

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities.model_registry import ModelVersion
from sklearn.linear_model import LogisticRegression

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking.registry import Promotion, promote

EASY = {"thresholds": [{"metric": "accuracy", "min": 0.5}]}
HARD = {"thresholds": [{"metric": "accuracy", "min": 0.99}]}
OPEN = {"thresholds": [{"metric": "accuracy", "min": 0.94}]}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    x = rng.normal(size=300)
    label = np.where(x + rng.normal(scale=0.2, size=300) > 0, "yes", "no")
    return pd.DataFrame({"x": x, "channel": rng.choice(["app", "web"], 300), "label": label})


def evaluated(data: pd.DataFrame, requirements: dict[str, object], models: int = 1) -> str:
    """Return the id of a run that logs models and evaluates the first of them through the plugin."""
    with mlflow.start_run(run_name="the run") as run:
        infos = []
        for number in range(models):
            classifier = LogisticRegression().fit(data[["x"]], data["label"])
            infos.append(mlflow.sklearn.log_model(classifier, name=f"m{number}", pip_requirements=["scikit-learn"]))
        mlflow.models.evaluate(
            infos[0].model_uri, data, targets="label", model_type="classifier", evaluators="evalplus",
            evaluator_config={"slices": ["channel"], "requirements": requirements, "latency_requests": 0},
        )  # fmt: skip
    return str(run.info.run_id)


def version(done: Promotion) -> ModelVersion:
    return mlflow.MlflowClient().get_model_version(done.name, done.version)


def test_a_run_that_passes_becomes_champion(store: str, data: pd.DataFrame) -> None:
    done = promote(evaluated(data, EASY), "sentiment")
    assert (done.name, done.version, done.alias, done.created) == ("sentiment", "1", "champion", True)
    assert done.reason.startswith("cleared for launch. PASS")
    champion = mlflow.MlflowClient().get_model_version_by_alias("sentiment", "champion")
    assert champion.version == 1
    model = mlflow.pyfunc.load_model("models:/sentiment@champion")
    assert (model.predict(data[["x"]]) == data["label"]).mean() > 0.8


@pytest.mark.parametrize(("requirements", "word"), [(HARD, "FAIL"), (OPEN, "UNDECIDED"), ({}, "UNDECIDED")])
def test_what_does_not_pass_is_a_challenger_that_is_not_cleared(
    store: str, data: pd.DataFrame, requirements: dict[str, object], word: str
) -> None:
    done = promote(evaluated(data, requirements), "sentiment")
    assert done.alias == "challenger"
    assert done.reason.startswith(f"not cleared for launch. {word}")
    assert "**Not cleared for launch**" in version(done).description
    assert set(mlflow.MlflowClient().get_registered_model("sentiment").aliases) == {"challenger"}


def test_the_same_run_promoted_twice_is_one_version(store: str, data: pd.DataFrame) -> None:
    run_id = evaluated(data, EASY)
    first, again = promote(run_id, "sentiment"), promote(run_id, "sentiment", why="asked again")
    assert (first.created, again.created) == (True, False)
    assert first.version == again.version
    assert len(mlflow.MlflowClient().search_model_versions("name = 'sentiment'")) == 1
    assert "asked again" in version(again).description
    assert promote(run_id, "other").created


def test_a_new_champion_leaves_the_old_version_in_place(store: str, data: pd.DataFrame) -> None:
    first, second = (promote(evaluated(data, EASY), "sentiment") for _ in range(2))
    assert (first.version, second.version) == ("1", "2")
    champion = mlflow.MlflowClient().get_model_version_by_alias("sentiment", "champion")
    assert str(champion.version) == "2"
    assert version(first).tags[names.TAG_PROMOTED_AS] == "champion"


def test_the_version_carries_its_evidence(store: str, data: pd.DataFrame) -> None:
    """The registry's page shows no metrics."""
    run_id = evaluated(data, EASY)
    evaluation = ep.load(run_id)
    done = version(promote(run_id, "sentiment", why="fewest missed complaints"))
    assert done.tags == {
        names.TAG_RUN: run_id,
        names.TAG_VERDICT: "pass",
        names.TAG_DATA_DIGEST: evaluation.data_digest,
        names.TAG_ACCURACY: str(evaluation.metrics["accuracy"]),
        names.TAG_PROMOTED_AS: "champion",
        names.TAG_REQUIREMENTS_DIGEST: evaluation.requirements.digest,
    }
    for part in (
        "**Cleared for launch**",
        "fewest missed complaints",
        "the run",
        run_id,
        "300 examples",
        "| accuracy |",
    ):
        assert part in done.description
    assert len(done.description) <= 5000  # what a database column holds
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", done.description)
    assert done.run_id == run_id


def test_the_model_that_was_evaluated_is_registered_not_the_last_one_logged(store: str, data: pd.DataFrame) -> None:
    run_id = evaluated(data, EASY, models=2)
    done = version(promote(run_id, "sentiment"))
    assert mlflow.get_logged_model(done.source.removeprefix("models:/")).name == "m0"


def test_a_run_without_a_model_cannot_be_promoted(store: str, frame: pd.DataFrame) -> None:
    with mlflow.start_run() as run:
        ep.log(ep.evaluate(frame))
    with pytest.raises(TrackingError, match=f"run {run.info.run_id} has no logged model to register"):
        promote(run.info.run_id, "sentiment")
    assert mlflow.MlflowClient().search_registered_models() == []


def test_a_run_without_an_evaluation_cannot_be_promoted(store: str, data: pd.DataFrame) -> None:
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            LogisticRegression().fit(data[["x"]], data["label"]), name="m", pip_requirements=["scikit-learn"]
        )
    with pytest.raises(TrackingError, match=r"carries no evalplus/evaluation.json"):
        promote(run.info.run_id, "sentiment")


def test_a_name_that_mlflow_refuses_is_a_clear_error(store: str, data: pd.DataFrame) -> None:
    run_id = evaluated(data, EASY)
    for name, words in (("", "'name'"), ("a/b", "a/b")):
        with pytest.raises(TrackingError, match=f"answered: .*{words}"):
            promote(run_id, name)


def test_promoting_twice_is_one_version_whatever_the_model_is_called(store: str, data: pd.DataFrame) -> None:
    run_id = evaluated(data, EASY)
    for name in ("it's", 'a "name"', "100 %", "情感"):
        assert promote(run_id, name).version == promote(run_id, name).version == "1"
