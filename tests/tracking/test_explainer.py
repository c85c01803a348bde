"""What explains an MLflow model: its own coefficients where it is linear, its answers where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow.models import ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, Schema
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline

from mlflow_evalplus.core.attribution.linear_text import LinearText
from mlflow_evalplus.core.attribution.word_attribution import attribute_words
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.word_attribution import WordAttribution
from mlflow_evalplus.tracking.explainer import Explainer, explainer_of
from mlflow_evalplus.tracking.scoring import ask
from tests.core.attribution.test_word_attribution import LABELS, WORDS, messages
from tests.tracking.test_scoring import saved

pytestmark = pytest.mark.filterwarnings("ignore:.*An input example was not provided")
RECIPE = Path(__file__).parents[2] / "recipes" / "classifiers" / "serving.py"
TEXT_ONLY = ModelSignature(Schema([ColSpec("string", "text")]))
CODE = """
import mlflow
import pandas as pd

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        texts, channels = model_input["text"], model_input["channel"]
        great = ["great" in t and c == "app" for t, c in zip(texts, channels)]
{body}

mlflow.models.set_model(Model())
"""
BODIES = {
    "labels": '        return ["positive" if g else "negative" for g in great]',
    "scores": """
        return pd.DataFrame({
            "prediction": ["positive" if g else "negative" for g in great],
            "score.negative": [0.2 if g else 0.7 for g in great], "score.positive": [0.8 if g else 0.3 for g in great],
        })""",
    "as a transformers pipeline": """
        return pd.DataFrame({
            "label": ["positive" if g else "negative" for g in great], "score": [0.8 if g else 0.7 for g in great],
        })""",
}
PUSH = np.log(0.8 / 0.2) - np.log(0.3 / 0.7)


def columns(classifier: Any, frame: pd.DataFrame) -> Any:
    pipeline = make_pipeline(ColumnTransformer([("words", CountVectorizer(), "text")]), classifier)
    return pipeline.fit(frame[["text", "channel"]], frame["label"])


def explained(
    model: PyFuncModel, frame: pd.DataFrame, **options: Any
) -> tuple[Explainer, Predictions, WordAttribution | None]:
    features = frame[["text", "channel"]]
    answers = ask(model, features, requests=0)
    scores = {name: f"s{name}" for name in answers.scores}
    rows = frame.assign(prediction=answers.predictions, **{f"s{name}": v for name, v in answers.scores.items()})
    predictions = read(rows, text="text", scores=scores, labels=LABELS)
    explainer = explainer_of(model, features, "text", predictions.labels)
    assert explainer
    return explainer, predictions, attribute_words(predictions, explainer.model, inputs=explainer.inputs, **options)


def test_a_linear_scikit_learn_model_is_explained_by_its_coefficients(tmp_path: Path) -> None:
    frame = messages()
    pipeline = columns(LogisticRegression(), frame)
    explainer, predictions, found = explained(saved(pipeline, tmp_path / "model"), frame)
    assert isinstance(explainer.model, LinearText)
    np.testing.assert_array_equal(explainer.model.coefficients, pipeline[-1].coef_)
    assert found
    assert found.method == "exact"
    assert {row.word for row in found.rows} <= set(WORDS)
    assert found.n_errors == (predictions.label_codes("label") != predictions.label_codes("prediction")).sum()


def test_any_other_scikit_learn_model_is_asked_for_probabilities(tmp_path: Path) -> None:
    frame = messages(100)
    pipeline = columns(BernoulliNB(), frame)
    explainer, _, found = explained(saved(pipeline, tmp_path / "model"), frame, max_predictions=300)
    assert callable(explainer.model)
    scores = explainer.model(frame["text"].tolist(), np.arange(100))
    np.testing.assert_allclose(scores, pipeline.predict_proba(frame))
    assert found
    assert (found.method, found.n_predictions <= 300) == ("occlusion", True)


@pytest.mark.parametrize("rules", [False, True])
def test_the_recipes_model_is_explained_by_the_pipeline_that_it_keeps(rules: bool, tmp_path: Path) -> None:
    frame = messages()
    pipeline = make_pipeline(CountVectorizer(), LogisticRegression()).fit(frame["text"], frame["label"])
    folder = tmp_path / "fitted"
    folder.mkdir()
    skops.io.dump(pipeline, folder / "pipeline.skops")
    on_top = [{"pattern": "great", "label": "negative", "weight": 9.0}] if rules else []
    content = {"kind": "linear", "labels": pipeline.classes_.tolist(), "rules": on_top}
    (folder / "model.json").write_text(json.dumps(content))
    mlflow.pyfunc.save_model(
        str(tmp_path / "model"), python_model=str(RECIPE), artifacts={"model": str(folder)}, signature=TEXT_ONLY,
        pip_requirements=["skops"],
    )  # fmt: skip
    frame.loc[3, "text"] = ""
    explainer, _, found = explained(mlflow.pyfunc.load_model(str(tmp_path / "model")), frame)
    assert isinstance(explainer.model, LinearText)
    assert explainer.inputs == frame["text"].tolist()
    assert found
    assert found.method == "exact"
    # what the rules decide is not explained by the coefficients below them
    assert (found.n_not_reproduced > 0) == rules
    assert found.n_explained + found.n_not_reproduced == found.n_errors


def coded(kind: str, folder: Path, signature: ModelSignature | None = None) -> PyFuncModel:
    code = folder / "model.py"
    code.write_text(CODE.format(body=BODIES.get(kind, kind)))
    path = str(folder / "model")
    mlflow.pyfunc.save_model(path, python_model=str(code), signature=signature, pip_requirements=["pandas"])
    return mlflow.pyfunc.load_model(path)


@pytest.mark.parametrize(("kind", "push"), [("labels", 2.0), ("scores", PUSH), ("as a transformers pipeline", PUSH)])
def test_a_black_box_is_asked_without_each_word_and_with_the_rows_other_columns(
    kind: str, push: float, tmp_path: Path
) -> None:
    frame = pd.DataFrame({
        "text": ["great, late", "great app", "late", "not great"], "channel": ["app", "app", "app", "web"],
        "label": ["negative", "positive", "negative", "negative"],
    })  # fmt: skip
    model = coded(kind, tmp_path)
    features = frame[["text", "channel"]]
    answers = ask(model, features, requests=0).predictions
    predictions = read(frame.assign(prediction=answers), text="text", labels=("negative", "positive"))
    explainer = explainer_of(model, features, "text", predictions.labels)
    assert explainer
    assert explainer.inputs is None
    found = attribute_words(predictions, explainer.model)
    assert found
    # of the web row the channel decides, so "great" does nothing there
    assert [(row.word, row.n, row.contribution_right) for row in found.rows] == [("great", 1, 0.0)]
    assert found.rows[0].contribution == pytest.approx(push)


def test_a_confident_answer_of_three_labels_leaves_the_rest_to_the_others(tmp_path: Path) -> None:
    explainer = explainer_of(coded("as a transformers pipeline", tmp_path), messages(2), "text", LABELS)
    assert explainer
    assert callable(explainer.model)
    scores = explainer.model(["great", "late"], np.array([0, 0]))
    np.testing.assert_allclose(scores, [[0.1, 0.1, 0.8], [0.7, 0.15, 0.15]])


def test_labels_that_are_no_strings_are_read_as_predictions_are(tmp_path: Path) -> None:
    body = '        return [1.0 if "great" in t else 0.0 for t in texts]'
    explainer = explainer_of(coded(body, tmp_path), messages(2), "text", ("0", "1"))
    assert explainer
    assert callable(explainer.model)
    assert explainer.model(["great", "late"], np.array([0, 1])).tolist() == [[0, 1], [1, 0]]


def test_a_model_that_is_not_given_the_text_has_no_explainer(tmp_path: Path) -> None:
    signature = ModelSignature(Schema([ColSpec("string", "channel")]))
    model = coded("labels", tmp_path, signature)
    assert explainer_of(model, messages(2), "text", LABELS) is None
    (tmp_path / "unsigned").mkdir()
    assert explainer_of(coded("labels", tmp_path / "unsigned"), messages(2), "body", LABELS) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('        raise KeyError("no weights")', "the model failed on the columns .*KeyError: 'no weights'"),
        ('        return ["negative"]', "returned 1 predictions for 2 rows"),
        ("        return [[[0.5, 0.5]], [[0.5, 0.5]]]", r"array of shape \(2, 1, 2\)"),
    ],
)
def test_a_model_that_fails_or_answers_nonsense_is_said_to(body: str, message: str, tmp_path: Path) -> None:
    explainer = explainer_of(coded(body, tmp_path), messages(2)[["text", "channel"]], "text", LABELS)
    assert explainer
    assert callable(explainer.model)
    with pytest.raises(DataError, match=message):
        explainer.model(["a", "b"], np.array([0, 1]))
