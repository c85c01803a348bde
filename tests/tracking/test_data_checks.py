"""The training rows against the test rows, from the evaluator's configuration to a run and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.data.evaluation_dataset import EvaluationDataset

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.evaluation import evaluate_again
from mlflow_evalplus.render import summary
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import record
from mlflow_evalplus.tracking.entry import Request, evaluate_file
from mlflow_evalplus.tracking.evaluator import evaluation_of
from mlflow_evalplus.tracking.items import describe
from tests.core.data.frames import clean


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rows = clean(300, np.random.default_rng(0), n_clusters=80)
    return rows.assign(prediction=rows["label"].where(rows["amount"] < 1, "neutral"), vote=rows["label"])


def evaluated(test: pd.DataFrame, model: Any = None, **config: Any) -> Evaluation:
    data = EvaluationDataset(test, targets="label", predictions=None if model else "prediction")
    return evaluation_of(model, data, {"latency_requests": 0, "footprint": False, "text": "text", **config})


class Telling(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is untyped
    """Says what the column `vote` says."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input["vote"].to_numpy()


def test_without_training_rows_nothing_is_checked(rows: pd.DataFrame) -> None:
    assert evaluated(rows[200:]).data_checks is None


def test_the_checks_are_those_of_the_two_frames(rows: pd.DataFrame) -> None:
    known: dict[str, Any] = {"slices": ["channel"], "cluster": "customer_id"}
    found = evaluated(rows[200:], training=rows[:200], annotators=["vote"], **known).data_checks
    shared = rows.drop(columns=["vote", "prediction"])
    assert repr(found) == repr(ep.check_data(shared[:200], shared[200:], text="text", features=[], **known))
    assert found is not None
    assert found.of("leaks")[0].level.value == "not applicable"


def test_an_error_in_the_data_is_said_where_the_verdict_is_read(rows: pd.DataFrame) -> None:
    evaluation = evaluated(rows[190:], training=rows[:200])
    assert evaluation.notes[0].startswith("The data have an error, so the figures cannot be trusted: 10 of 110 (9.1 %)")
    assert "cannot be trusted: 10 of 110" in summary.page(evaluation)
    assert not [note for note in evaluated(rows[200:], training=rows[:200]).notes if "cannot be trusted" in note]


def test_a_leak_counts_where_the_model_sees_it(rows: pd.DataFrame) -> None:
    model = Telling()
    signature = mlflow.models.infer_signature(rows[["vote"]], rows["label"])

    class Wrapped:
        def __init__(self, inputs: Any) -> None:
            self.metadata = mlflow.models.Model(signature=inputs)
            self.loader_module = None

        def predict(self, data: pd.DataFrame) -> Any:
            return model.predict(None, data)

    sees = evaluated(rows[200:].drop(columns="prediction"), Wrapped(signature), training=rows[:200])
    assert [row.column for row in sees.data_checks.of("leaks")] == ["vote"]  # type: ignore[union-attr]
    assert "'vote' is the label under another name" in sees.notes[0]


def test_what_the_training_rows_lack_is_not_looked_at(rows: pd.DataFrame) -> None:
    known: dict[str, Any] = {"slices": ["channel", "text_length"], "cluster": "customer_id"}
    found = evaluated(rows[200:], training=rows[["text"]][:200], **known).data_checks
    assert found is not None
    levels = {row.check: row.level.value for row in found.rows}
    assert levels["duplicates_across"] == "ok"
    assert {levels[c] for c in ("missing_labels", "unseen_slices", "cluster_overlap", "leaks")} == {"not applicable"}
    empty = evaluated(rows[200:], training=rows[:0])
    assert empty.data_checks is None
    assert empty.notes[-1] == (
        "The training rows were not checked against the test rows: the train data have no rows; nothing can be checked"
    )


def test_columns_that_arrow_does_not_know_do_not_break_the_evaluation(rows: pd.DataFrame) -> None:
    odd = rows.assign(band=pd.cut(rows["amount"], 4), wave=rows["amount"] + 1j)
    odd["flag"] = pd.arrays.SparseArray(np.arange(300) % 2)
    found, plain = (evaluated(frame[200:], training=frame[:200]).data_checks for frame in (odd, rows))
    assert found is not None
    assert plain is not None
    left = [row for row in found.rows if row.column in ("band", "wave", "flag")]
    assert sorted(row.name for row in left) == ["drift[band]", "drift[flag]", "drift[wave]"]
    assert {row.level.value for row in left} == {"not applicable"}
    assert repr([row for row in found.rows if row not in left]) == repr(list(plain.rows))


def test_a_check_that_fails_does_not_lose_the_evaluation(rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError("a check\nof ours")

    monkeypatch.setattr("mlflow_evalplus.tracking.data_checks.check_known", fail)
    evaluation = evaluated(rows[200:], training=rows[:200])
    assert evaluation.data_checks is None
    assert evaluation.notes[-1].endswith("not checked against the test rows: ZeroDivisionError: a check")


def test_a_file_of_predictions_is_checked_against_its_training_file(rows: pd.DataFrame, tmp_path: Path) -> None:
    train, test = str(tmp_path / "train.csv"), str(tmp_path / "test.csv")
    rows[:200].to_csv(train, index=False)
    rows[190:].to_csv(test, index=False)
    request = Request(training=train, slices=["channel"], annotators=["vote"], log=False)
    evaluation, _ = evaluate_file(test, request)
    frames = (pd.read_csv(file).drop(columns=["vote"]) for file in (train, test))
    expected = ep.check_data(*frames, text="text", slices=["channel"], features=[])
    assert repr(evaluation.data_checks) == repr(expected)
    assert "cannot be trusted" in evaluation.notes[0]


def test_a_run_gives_the_checks_back(store: str, rows: pd.DataFrame) -> None:
    evaluation = evaluated(rows[190:], training=rows[:200], cluster="customer_id")
    with mlflow.start_run() as run:
        metrics = ep.log(evaluation)
    loaded = ep.load(run.info.run_id)
    assert loaded == evaluation
    assert repr(loaded.data_checks) == repr(evaluation.data_checks)
    assert metrics["data/n_errors"] == len(evaluation.data_checks.errors) == 1  # type: ignore[union-attr]
    assert metrics["data/duplicates_across"] == pytest.approx(10 / 110)
    page = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{names.DATA_PAGE}")
    assert "### Data" in page
    table = mlflow.load_table(names.DATA_TABLE, run_ids=[run.info.run_id])
    assert list(table) == list(names.DATA_COLUMNS)
    assert table["key"].tolist() == [row.name for row in evaluation.data_checks.rows]  # type: ignore[union-attr]
    assert table["summary"][table["check"] == "duplicates_across"].item().startswith("error: 10 of 110")


def test_an_evaluation_without_checks_logs_none_of_it(rows: pd.DataFrame) -> None:
    evaluation = evaluated(rows[200:])
    metrics, files = describe(evaluation)
    assert not [key for key in metrics if key.startswith("data/")]
    assert not {names.DATA_PAGE, names.DATA_TABLE} & {file.path for file in files}
    assert record.parse(record.dump(evaluation), "it") == evaluation


def test_checks_survive_another_look_at_the_same_rows(rows: pd.DataFrame) -> None:
    evaluation = evaluated(rows[200:], training=rows[:200])
    assert evaluate_again(evaluation).data_checks is evaluation.data_checks is not None
    assert evaluate_again(replace(evaluation, data_checks=None)).data_checks is None
