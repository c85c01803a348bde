from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.models import ModelSignature, infer_signature
from mlflow.models.evaluation.base import _get_model_from_function
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, Schema
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.tracking.scoring import ask, read_output
from tests.generated import inputs

MODEL_CODE = """
import json
import mlflow
import pandas as pd
from mlflow.models import set_model

class Spy(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        with open({log!r}, "a") as file:
            file.write(json.dumps([len(model_input), list(model_input.columns)]) + "\\n")
        good = model_input["text"].str.contains("lovely").to_numpy()
        return pd.DataFrame({{
            "prediction": ["good" if g else "bad" for g in good],
            "score.bad": [0.1 if g else 0.8 for g in good],
            "score.good": [0.9 if g else 0.2 for g in good],
        }})

set_model(Spy())
"""


def numbers(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})


def saved(estimator: Any, path: Path, **options: Any) -> PyFuncModel:
    mlflow.sklearn.save_model(estimator, str(path), pip_requirements=["scikit-learn"], **options)
    return mlflow.pyfunc.load_model(str(path))


def spy(folder: Path, signature: ModelSignature | None = None) -> tuple[PyFuncModel, Callable[[], list[Any]]]:
    """Return a model from code and what it was asked: rows and columns of each call."""
    log, code = folder / "calls.jsonl", folder / "model.py"
    code.write_text(MODEL_CODE.format(log=str(log)))
    mlflow.pyfunc.save_model(
        str(folder / "model"), python_model=str(code), signature=signature, pip_requirements=["pandas"]
    )
    model = mlflow.pyfunc.load_model(str(folder / "model"))
    return model, lambda: pd.read_json(log, lines=True).to_numpy().tolist() if log.exists() else []


TEXTS = pd.DataFrame({"text": ["lovely", "awful", "a lovely thing"] * 10, "channel": ["app"] * 30})


def test_a_model_is_asked_for_all_rows_in_one_call_and_then_timed_on_single_rows(tmp_path: Path) -> None:
    model, calls = spy(tmp_path)
    answers = ask(model, TEXTS, requests=7)
    rows = [n for n, _ in calls()]
    assert rows[0] == len(TEXTS)
    assert rows[1 : 1 + 5 + 7] == [1] * 12
    assert set(rows[13:]) == {8, 32, 128}
    assert {e.n for e in answers.latency.single.values()} == {7}
    assert answers.latency.batch_size == len(TEXTS)
    assert answers.latency.throughput[1].value == pytest.approx(1000 / answers.latency.single["latency_ms_p50"].value)
    # one call of each size warms up
    assert {size: rows.count(size) - 1 for size in (8, 32, 128)} == {
        size: rate.n for size, rate in answers.latency.throughput.items() if size > 1
    }


def test_nothing_is_timed_where_no_requests_are_wanted(tmp_path: Path) -> None:
    model, calls = spy(tmp_path)
    answers = ask(model, TEXTS, requests=0)
    assert [n for n, _ in calls()] == [len(TEXTS)]
    assert answers.latency.single == {}
    assert answers.latency.throughput == {}
    assert answers.latency.footprint is None
    assert answers.latency.throughput_per_s > 0


def test_a_model_that_fails_on_single_rows_keeps_its_answers() -> None:
    def model(inputs: pd.DataFrame) -> list[str]:
        if len(inputs) == 1:
            raise ValueError("a batch is wanted")
        return ["good"] * len(inputs)

    answers = ask(_get_model_from_function(model), TEXTS, requests=5)
    assert list(answers.predictions) == ["good"] * 30
    assert answers.latency.single == {}
    assert answers.notes == (
        "The latency is not known: the model failed on a part of the rows: ValueError: a batch is wanted",
    )


def test_cpu_time_is_that_of_all_threads_of_the_batch_call() -> None:
    def model(inputs: pd.DataFrame) -> list[str]:
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass
        return ["good"] * len(inputs)

    answers = ask(_get_model_from_function(model), TEXTS, requests=0)
    assert answers.latency.cpu_s_per_1000 is not None
    assert answers.latency.cpu_s_per_1000 * 30 / 1000 == pytest.approx(0.1, rel=0.2)


def test_a_footprint_that_is_no_switch_is_refused_before_the_model_is_asked(tmp_path: Path) -> None:
    model, calls = spy(tmp_path)
    with pytest.raises(DataError, match="footprint is 3; give True, False, or the folder"):
        ask(model, TEXTS, footprint=3)  # type: ignore[arg-type]
    assert calls() == []


@pytest.mark.filterwarnings("ignore:.*An input example was not provided")
def test_a_model_sees_only_the_columns_of_its_signature(tmp_path: Path) -> None:
    signature = ModelSignature(Schema([ColSpec("string", "text")]))
    model, calls = spy(tmp_path, signature)
    ask(model, TEXTS, requests=2)
    assert {tuple(columns) for _, columns in calls()} == {("text",)}


def test_hidden_columns_reach_only_a_model_whose_signature_names_them(tmp_path: Path) -> None:
    """A slice column is often a feature as well; a model without a signature must not be handed what it never saw."""
    data = numbers()
    classifier = LogisticRegression().fit(data, data["x"] > data["z"])
    plain = saved(classifier, tmp_path / "plain")
    wider = data.assign(channel="app")
    assert list(ask(plain, wider, hidden=["channel"], requests=2).predictions) == classifier.predict(data).tolist()
    signed = saved(classifier, tmp_path / "signed", signature=infer_signature(data, classifier.predict(data)))
    assert list(ask(signed, wider, hidden=["z"], requests=2).predictions) == classifier.predict(data).tolist()


@pytest.mark.filterwarnings("ignore:.*An input example was not provided")
def test_an_input_that_is_missing_is_named_before_the_model_is_asked(tmp_path: Path) -> None:
    model, calls = spy(tmp_path, ModelSignature(Schema([ColSpec("string", "text")])))
    with pytest.raises(ColumnNotFound, match=r"'text' is not in the data.*Did you mean 'texts'\?"):
        ask(model, TEXTS.rename(columns={"text": "texts"}))
    assert calls() == []


def test_a_model_that_fails_is_said_to_with_the_columns_that_it_was_given(tmp_path: Path) -> None:
    model, _ = spy(tmp_path)
    with pytest.raises(DataError, match=r"the model failed on the columns \['channel'\]: KeyError: 'text'"):
        ask(model, TEXTS[["channel"]])


def test_prediction_and_score_columns_are_read_by_name(tmp_path: Path) -> None:
    model, _ = spy(tmp_path)
    answers = ask(model, TEXTS, requests=0)
    assert list(answers.predictions) == ["good", "bad", "good"] * 10
    assert answers.scores == {"bad": [0.1, 0.8, 0.1] * 10, "good": [0.9, 0.2, 0.9] * 10}


def test_a_text_pipeline_that_iterates_columns_is_told_what_to_do(tmp_path: Path) -> None:
    """scikit-learn's silent trap: a data frame is iterated by column, so one prediction comes for all rows."""
    data = TEXTS[["text"]]
    labels = ["good", "bad", "good"] * 10
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(data["text"], labels)
    with pytest.raises(DataError, match=r"returned 1 predictions for 30 rows.*ColumnTransformer"):
        ask(saved(pipeline, tmp_path / "model"), data)


@pytest.mark.parametrize("kind", [str, int, float, bool])
def test_probabilities_of_a_classifier_name_the_label_that_it_predicts(
    kind: Callable[[Any], Any], tmp_path: Path
) -> None:
    data = numbers()
    labels = [kind(v) for v in (data["x"] > 0).astype(int)]
    classifier = LogisticRegression().fit(data, labels)
    answers = ask(saved(classifier, tmp_path / "model"), data, requests=0)
    assert list(answers.predictions) == classifier.predict(data).tolist()
    first, second = (np.array(scores) for scores in answers.scores.values())
    np.testing.assert_allclose(np.column_stack([first, second]), classifier.predict_proba(data))


def test_a_decision_threshold_of_the_models_own_is_kept(tmp_path: Path) -> None:
    """What is launched is ``predict``: a classifier tuned to a threshold of 0.9 must not be judged at 0.5."""
    data = numbers()
    labels = np.where(data["x"] > 0, "yes", "no")
    tuned = FixedThresholdClassifier(LogisticRegression(C=0.05), threshold=0.9, pos_label="yes").fit(data, labels)
    model = saved(tuned, tmp_path / "model", skops_trusted_types=["sklearn.metrics._scorer._Scorer"])
    assert (tuned.predict(data) != tuned.classes_[tuned.predict_proba(data).argmax(axis=1)]).sum() > 20
    assert list(ask(model, data, requests=0).predictions) == tuned.predict(data).tolist()


def test_a_logged_probability_matrix_keeps_the_classifiers_order_of_classes(tmp_path: Path) -> None:
    """The business may list its labels in another order than scikit-learn, which sorts them."""
    data = numbers()
    classifier = LogisticRegression().fit(data, np.where(data["x"] > 0, "yes", "no"))
    model = saved(classifier, tmp_path / "model", pyfunc_predict_fn="predict_proba")
    answers = ask(model, data, labels=("yes", "no"), requests=0)
    assert list(answers.predictions) == classifier.predict(data).tolist()


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_a_model_trained_on_arrays_is_asked_with_named_columns(tmp_path: Path) -> None:
    data = numbers()
    classifier = LogisticRegression().fit(data.to_numpy(), data["x"] > 0)
    signature = infer_signature(data.to_numpy(), classifier.predict(data.to_numpy()))
    answers = ask(saved(classifier, tmp_path / "model", signature=signature), data, requests=3)
    assert list(answers.predictions) == classifier.predict(data.to_numpy()).tolist()


def test_missing_answers_stay_missing() -> None:
    predictions, scores = read_output(["a", None, "b"])
    assert list(predictions) == ["a", None, "b"]
    assert scores == {}


@pytest.mark.parametrize(
    "raw",
    [
        ["no", "yes"],
        np.array(["no", "yes"], dtype=object),
        np.array([["no"], ["yes"]]),
        pd.Series(["no", "yes"], index=[7, 3]),
        pd.DataFrame({"answer": ["no", "yes"]}),
        pd.DataFrame({"label": ["no", "yes"], "score": [0.5, 0.6]}),
        pd.DataFrame({0: [1, 2], "prediction": ["no", "yes"]}, index=[5, 5]),
        [{"label": "no", "score": 0.9}, {"label": "yes", "score": 0.7}],
    ],
)
def test_what_mlflow_models_return_is_read(raw: Any) -> None:
    assert read_output(raw) == (["no", "yes"], {})


def test_the_named_output_column_is_taken() -> None:
    frame = pd.DataFrame({"prediction": ["no"], "second": ["yes"]})
    assert read_output(frame, output="second") == (["yes"], {})
    with pytest.raises(DataError, match=r"\['prediction', 'second'\].*predictions='<column>'"):
        read_output(frame, output="third")


def test_columns_of_which_none_is_the_prediction_are_refused() -> None:
    with pytest.raises(DataError, match="no column of the model's output"):
        read_output(pd.DataFrame({"a": [1], "b": [2]}))


@given(
    st.integers(2, 5).flatmap(
        lambda k: st.lists(st.lists(st.integers(1, 1000), min_size=k, max_size=k), min_size=1, max_size=20)
    )
)
@settings(deadline=None, max_examples=inputs(50))
def test_the_label_of_the_largest_probability_is_the_prediction(rows: list[list[int]]) -> None:
    matrix = np.array([[n / sum(row) for n in row] for row in rows])
    labels = [f"label {i}" for i in range(len(rows[0]))]
    predictions, scores = read_output(matrix, labels)
    assert list(predictions) == [labels[max(range(len(row)), key=row.__getitem__)] for row in matrix.tolist()]
    assert [[scores[label][i] for label in labels] for i in range(len(rows))] == matrix.tolist()


@pytest.mark.parametrize(
    ("raw", "labels"),
    [
        (np.ones((4, 3)), ()),
        (np.ones((4, 3)), ("a", "b")),
        (np.ones((2, 2, 2)), ("a", "b")),
        (np.eye(2, dtype=int), ("a", "b")),
    ],
)
def test_a_matrix_that_is_not_one_probability_per_label_is_refused(raw: np.ndarray, labels: Sequence[str]) -> None:
    with pytest.raises(DataError, match="one label per row is read"):
        read_output(raw, labels)


def test_a_column_transformer_over_text_and_category_is_asked_with_both(tmp_path: Path) -> None:
    data = TEXTS.assign(channel=["app", "web", "web"] * 10)
    encoders = [("text", TfidfVectorizer(), "text"), ("channel", OneHotEncoder(), ["channel"])]
    labels = ["good", "bad", "good"] * 10
    pipeline = make_pipeline(ColumnTransformer(encoders), LogisticRegression()).fit(data, labels)
    assert list(ask(saved(pipeline, tmp_path / "model"), data, requests=2).predictions) == labels
