"""Retraining as runs: on the newest data, beside the champion, never on a text of the test set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner

from mlflow_evalplus import names
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError, TrackingError
from mlflow_evalplus.tracking.registry.promotion import promote
from recipes.flywheel import retraining
from recipes.flywheel.champion import find_champion
from recipes.flywheel.parts import COLLECTED, OVERALL, REST
from recipes.flywheel.retrain import main
from recipes.flywheel.retraining import Settings, retrain

WORDS = {"good": ("fine", "nice", "lovely"), "bad": ("awful", "sad", "broken")}
QUICK = Settings(
    requirements={"task": {"labels": ["bad", "good"]}, "thresholds": [{"metric": "accuracy", "min": 0.5}]},
    latency_requests=0, footprint=False,
)  # fmt: skip


def rows_of(words: dict[str, tuple[str, ...]], n: int, first: int = 0) -> pd.DataFrame:
    """Return n distinct texts of each label."""
    named = [
        "alpha",
        "bravo",
        "carol",
        "delta",
        "ember",
        "falcon",
        "garnet",
        "harbor",
        "indigo",
        "jasmine",
        "kelvin",
        "lumen",
    ]
    rows = [
        (f"{words[label][i % len(words[label])]} {named[(i + first) % 12]} {named[(i * 5 + first + k) % 12]}", label)
        for label in words
        for k, i in enumerate(range(n))
    ]
    return pd.DataFrame(rows, columns=["text", "label"]).drop_duplicates("text", ignore_index=True)


@pytest.fixture
def data(store: str) -> tuple[TrainingData, Path]:
    """Return training data of one version, and a test file that shares a text with them."""
    train = rows_of(WORDS, 24)
    test = pd.concat([rows_of(WORDS, 12, first=7), train.head(1).assign(text=train["text"].iloc[0].upper() + " !!")])
    test = test.drop_duplicates("text")
    test.to_csv("test.csv", index=False)
    return TrainingData.create("training", train, text="text", label="label", source="first.csv"), Path("test.csv")


@pytest.mark.slow
def test_a_retrained_model_is_held_against_the_champion_on_three_parts(data: tuple[TrainingData, Path]) -> None:
    training, test = data
    first = retrain("training", test, QUICK)
    assert first.champion is None
    assert [part.name for part in first.parts] == [REST]
    assert first.n_refused >= 1
    promote(first.run_id, "sentiment", alias="champion", force=True, why="the first")

    new = rows_of({"good": ("zing",), "bad": ("zorp",)}, 12)
    version = training.add(new, source="july.csv", held_out=0.3)
    second = retrain("training@2", test, QUICK)
    assert [part.name for part in second.parts] == [OVERALL, COLLECTED, REST]
    assert second.learnt is not None
    assert second.learnt.exact  # of the first model the rows that this very test set kept out are not counted
    assert second.learnt.sentence.startswith("The champion has learnt from none of the ")
    assert (second.version.number, second.champion and second.champion.version) == (2, "1")
    collected = second.parts[1]
    assert collected.n == version.n_held_out > 0
    assert collected.fixed >= collected.broken
    assert sum(part.n for part in second.parts[1:]) == second.parts[0].n

    client = mlflow.MlflowClient()
    run = client.get_run(second.run_id)
    assert run.data.tags[names.TAG_DATASET_VERSION] == "2"
    assert run.data.tags[names.TAG_DATASET_DIGEST] == version.digest
    assert run.data.params["dataset_version"] == "2"
    assert run.data.tags[names.TAG_BASELINE_RUN] == first.run_id  # evaluated on these rows before: not once more
    assert {one.tags[0].value for one in run.inputs.dataset_inputs} == {"training", "evaluation"}
    for run_id in (second.run_id, second.comparison.run_id):
        page = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=names.RETRAIN_PAGE)).read_text()
        assert "Were they fixed?" in page
        assert second.promote in page
        table = json.loads(
            Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=names.RETRAIN_TABLE)).read_text()
        )
        assert table["columns"] == list(names.RETRAIN_COLUMNS)


def test_no_text_of_the_test_set_is_ever_trained_on(
    data: tuple[TrainingData, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training data know nothing of this test set: the guard of the recipe alone keeps its texts out."""
    _, path = data
    seen: list[pd.DataFrame] = []

    def stop(candidate: object, split: object, *rest: object) -> None:
        seen.append(split.train)  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(retraining, "_compared", stop)
    with pytest.raises(KeyboardInterrupt):
        retrain("training", path, QUICK)
    tests = pd.read_csv(path)["text"].str.lower().str.replace(" !!", "", regex=False)
    assert len(seen[0]) > 10
    assert not set(seen[0]["text"]) & set(tests)


def test_rows_that_belong_to_no_known_customer_count_as_one_each(
    data: tuple[TrainingData, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    training, path = data
    training.add(rows_of({"good": ("zing",), "bad": ("zorp",)}, 12), source="july.csv", held_out=0.3)
    test = pd.read_csv(path)
    test.assign(customer_id=[None, None, *[7] * (len(test) - 2)]).to_csv(path, index=False)
    seen: list[pd.DataFrame] = []
    said: list[str] = []

    def stop(candidate: object, split: object, *rest: object) -> None:
        seen.append(split.test)  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(retraining, "_compared", stop)
    with pytest.raises(KeyboardInterrupt):
        retrain("training", path, replace(QUICK, requirements={"cluster": "customer_id"}), said.append)
    assert seen[0]["customer_id"].value_counts().tolist() == [len(test) - 2, 1, 1]
    assert said[0].startswith(f"2 of {len(test)} test rows have no value in the cluster column 'customer_id'")


def test_mistakes_are_told_before_anything_is_trained(data: tuple[TrainingData, Path]) -> None:
    training, test = data
    with pytest.raises(DataError, match=r"there is no version 9 in 'training'; versions are 1 to 1"):
        retrain("training@9", test, QUICK)
    with pytest.raises(DataError, match="'training@²' holds no training data"):  # a digit, and no number
        retrain("training@²", test, QUICK)
    with pytest.raises(DataError, match="one candidate"):
        retrain("training", test, Settings(requirements=QUICK.requirements, candidate="words,majority"))
    training.rows().to_csv("same.csv", index=False)
    with pytest.raises(DataError, match="every training row"):
        retrain("training", "same.csv", QUICK)
    assert find_champion("", "sentiment") is None
    with pytest.raises(TrackingError, match="names no registered model; write models:/NAME@champion"):
        find_champion("words", "sentiment")
    with pytest.raises(TrackingError, match="no registered model is called 'other'"):
        find_champion("models:/other@champion", "sentiment")
    done = CliRunner().invoke(main, ["--dataset", "nothing", "--test", str(test)])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert mlflow.search_runs(search_all_experiments=True).empty
