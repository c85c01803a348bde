"""Whether the champion has learnt the rows that it is compared on: from what its run lists, against sets of texts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mlflow
import pandas as pd
import pyarrow as pa
import pytest

from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import TrackingError
from recipes.data.inputs import log_inputs
from recipes.data.sources import load
from recipes.flywheel import learnt as module
from recipes.flywheel.champion import Champion
from recipes.flywheel.learnt import Learnt, learnt_by

TEXTS = [
    f"{adjective} {noun}" for adjective in ("late", "fine", "odd", "broken") for noun in ("parcel", "sofa", "lamp")
]
ROWS = pd.DataFrame({"text": TEXTS, "label": ["bad", "good"] * 6})
NEVER = pd.DataFrame({"text": ["nobody wrote this", "nor that one"]})


def champion(
    monkeypatch: pytest.MonkeyPatch, source: str | None, train: pd.DataFrame, tested: pd.DataFrame | None
) -> Champion:
    """Return a version whose run lists these inputs; its model and its evaluation are not looked at otherwise."""
    with mlflow.start_run() as run:
        if source:
            log_inputs(train, ROWS.head(1), load(source).source, text="text", label="label")
    client = mlflow.MlflowClient()
    client.create_registered_model("sentiment")
    version = client.create_model_version("sentiment", "file:///nowhere", run.info.run_id)

    def evaluation(run_id: str) -> SimpleNamespace:
        if tested is None:
            raise TrackingError("no evaluation")
        return SimpleNamespace(requirements=None, predictions=SimpleNamespace(table=pa.table({"text": tested["text"]})))

    monkeypatch.setattr(module, "load_run", evaluation)
    return Champion("sentiment", str(version.version))


@pytest.mark.parametrize("tested", [ROWS.iloc[8:], NEVER, None], ids=["parted", "all", "not evaluated"])
def test_the_very_rows_are_found_among_those_of_a_file(
    store: str, monkeypatch: pytest.MonkeyPatch, tested: pd.DataFrame | None
) -> None:
    """As `mlflow run .` leaves it: one file, of which a part was trained on."""
    ROWS.to_csv("all.csv", index=False)
    train = ROWS[~ROWS["text"].isin(tested["text"])] if tested is not None else ROWS
    given = champion(monkeypatch, "all.csv", train, tested)
    asked = pd.concat([ROWS.iloc[6:10], NEVER, pd.DataFrame({"text": ["LATE parcel!!"]})])
    found = learnt_by(given, {"test rows": asked, "collected cases": NEVER.head(0)}, "text")
    n = len(set(asked["text"]) & set(train["text"])) + 1
    assert (dict(found.counts), found.exact) == ({"test rows": (n, 7)}, True)
    assert found.sentence.startswith(f"{n} of 7 test rows were learnt by the champion, word for word or nearly: the ")


def test_of_retrained_models_the_rows_that_its_test_set_kept_out_are_not_counted(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = TrainingData.create("training", ROWS, text="text", label="label", source="first.csv")
    data.add(pd.DataFrame({"text": ["a later one"], "label": ["bad"]}), source="later.csv")
    kept_out = pd.DataFrame({"text": [text.upper() + " !" for text in TEXTS[:3]]})
    given = champion(monkeypatch, "training@1", ROWS.iloc[3:], kept_out)
    found = learnt_by(given, {"test rows": kept_out}, "text")
    assert found.sentence == "The champion has learnt from none of the 3 test rows."
    later = pd.DataFrame({"text": ["a later one", TEXTS[5]]})  # the version that it learnt from, not the newest
    assert learnt_by(given, {"test rows": later}, "text").counts == {"test rows": (1, 2)}


def test_where_the_very_rows_or_the_data_are_unknown_that_is_said(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ROWS.to_csv("all.csv", index=False)
    given = champion(monkeypatch, "all.csv", ROWS.head(5), NEVER)
    found = learnt_by(given, {"test rows": ROWS, "collected cases": ROWS.head(1)}, "text")
    assert (found.exact, found.favoured) == (False, True)
    assert "12 of 12 test rows and 1 of 1 collected cases are in the data" in found.sentence
    assert "it may have learnt from them" in found.sentence
    Path("all.csv").unlink()
    gone = learnt_by(given, {"test rows": ROWS}, "text")
    assert not gone.favoured
    assert gone.sentence.startswith("Whether the champion has learnt from the test rows is not known: ")
    assert "all.csv" in gone.sentence


def test_a_model_that_lists_no_training_data_is_said_to_be_unknown(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = champion(monkeypatch, None, ROWS, None)
    found = learnt_by(given, {"test rows": ROWS}, "text")
    assert found == Learnt({}, True, found.why)
    assert "lists no training data" in found.sentence
