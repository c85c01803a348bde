"""The model that MLflow serves: no pickle, the same answers everywhere, and rules that do what they say."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from recipes.classifiers import serving
from recipes.classifiers.candidate import parse
from recipes.classifiers.logged import log_model, model_name
from tests.recipes.classifiers.conftest import RULES, fitted

ROOT = Path(__file__).parents[3]
LOAD_AND_ANSWER = """
import json, socket, sys
def refused(*_, **__): raise OSError("no network here")
socket.socket.connect = refused
import mlflow, pandas as pd
rows = pd.DataFrame(json.load(sys.stdin))
print(json.dumps([mlflow.pyfunc.load_model(path).predict(rows).to_dict("list") for path in sys.argv[1:]]))
"""


def logged(line: str, rows: pd.DataFrame, folder: Path, **training: Any) -> str:
    """Fit and log a candidate; return the folder of the logged model."""
    fitted(line, rows, folder, **training)
    with mlflow.start_run():
        uri = log_model(parse(line), folder, text="text", example="a message").model_uri
    return str(mlflow.artifacts.download_artifacts(uri))


def answered(scores: Any, labels: Sequence[str], texts: Sequence[str], rules: Any) -> list[dict[str, float]]:
    """Return each text's probabilities by Bayes' rule in plain Python: every match multiplies a label's odds."""
    answers = []
    for text, shares in zip(texts, scores.tolist(), strict=True):
        factors: dict[str, float] = defaultdict(lambda: 1.0)
        for rule in rules:
            if re.search(rule["pattern"], text, re.IGNORECASE):
                factors[rule["label"]] *= math.exp(rule["weight"])
        odds = {label: max(p, 1e-12) * factors[label] for label, p in zip(labels, shares, strict=True)}
        answers.append({label: p / sum(odds.values()) for label, p in odds.items()})
    return answers


def assert_same(served: dict[str, list[Any]], expected: list[dict[str, float]]) -> None:
    assert served["prediction"] == [max(shares, key=shares.__getitem__) for shares in expected]
    for label in expected[0]:
        assert served[f"score.{label}"] == pytest.approx([shares[label] for shares in expected], rel=0, abs=1e-12)


@pytest.mark.slow
def test_a_logged_model_holds_no_pickle_and_answers_as_the_fitted_one(
    store: str, messages: pd.DataFrame, tmp_path: Path
) -> None:
    path = logged("words_chars+rules", messages.head(300), tmp_path / "model")
    files = [file for file in Path(path).rglob("*") if file.is_file()]
    assert {file.name for file in files} >= {"pipeline.skops", "model.json", "serving.py", "MLmodel"}
    assert not [file for file in files if file.suffix in (".pkl", ".pickle", ".joblib", ".cloudpickle")]
    # what a pickle begins with, whatever it is called
    assert not [file for file in files if file.read_bytes()[:1] == b"\x80"]
    texts = [*messages["text"].tail(300), "", "请问能不能投诉？", "COMPLAINT: unacceptable, still no answer 谢谢你们"]
    served = mlflow.pyfunc.load_model(path).predict(pd.DataFrame({"text": texts})).to_dict("list")
    model = serving.load(tmp_path / "model")
    assert_same(served, answered(model.scores(texts), model.labels, texts, RULES))
    base = {"prediction": [], **{f"score.{label}": served[f"base.{label}"] for label in model.labels}}
    plain = answered(model.scores(texts), model.labels, texts, ())
    assert_same({**base, "prediction": [max(shares, key=shares.__getitem__) for shares in plain]}, plain)


@pytest.mark.slow
def test_logged_models_answer_the_same_in_a_fresh_process_without_us_and_without_a_network(
    store: str, messages: pd.DataFrame, tmp_path: Path
) -> None:
    lines = ["majority", "words", "words_chars+temperature+rules", "words+by:language+rules"]
    paths = {line: logged(line, messages.head(400), tmp_path / str(place)) for place, line in enumerate(lines)}
    rows = messages[["text", "language"]].tail(200)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD_AND_ANSWER, *paths.values()],
        input=rows.to_json(orient="records"), capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    for path, served in zip(paths.values(), json.loads(run.stdout.splitlines()[-1]), strict=True):
        assert served == mlflow.pyfunc.load_model(path).predict(rows).to_dict("list")


def test_rules_raise_their_label_and_lower_the_others(messages: pd.DataFrame, tmp_path: Path) -> None:
    fitted("words_chars+rules", messages.head(300), tmp_path / "model")
    model = serving.TextClassifier()
    model.load_folder(tmp_path / "model")
    served = model.predict(None, pd.DataFrame({"text": ["My COMPLAINT.", "thanks", "A delivery."]}))
    for place, label in enumerate(["negative", "positive"]):
        assert served[f"score.{label}"][place] > served[f"base.{label}"][place] + 0.02
        for other in {"negative", "neutral", "positive"} - {label}:
            assert served[f"score.{other}"][place] < served[f"base.{other}"][place]
    assert served.filter(like="score.").loc[2].tolist() == pytest.approx(served.filter(like="base.").loc[2].tolist())


def test_the_first_matching_rule_without_weight_decides_alone(messages: pd.DataFrame, tmp_path: Path) -> None:
    rules = [
        {"pattern": "cat", "label": "neutral", "weight": 9.0},
        {"pattern": "dog", "label": "positive"},
        {"pattern": "dog|cat", "label": "negative"},
    ]
    fitted("words+rules", messages.head(300), tmp_path / "model", rules=rules)
    model = serving.TextClassifier()
    model.load_folder(tmp_path / "model")
    served = model.predict(None, pd.DataFrame({"text": ["a dog and a cat", "a cat", "a cow"]}))
    assert served["prediction"].tolist()[:2] == ["positive", "negative"]
    assert served["score.positive"][0] == served["score.negative"][1] == 1
    assert served["score.neutral"][2] == pytest.approx(served["base.neutral"][2])


def test_rules_for_labels_that_the_data_lack_do_nothing(tmp_path: Path) -> None:
    """The rules are about negative, neutral and positive; another task's labels must not break on them."""
    rows = pd.DataFrame({"text": ["good thing", "bad thing", "good one", "bad one"], "label": ["up", "down"] * 2})
    fitted("words+rules", rows, tmp_path / "model")
    model = serving.TextClassifier()
    model.load_folder(tmp_path / "model")
    served = model.predict(None, pd.DataFrame({"text": ["good complaint", "bad"]}))
    assert served["prediction"].tolist() == ["up", "down"]
    assert served["score.up"].tolist() == pytest.approx(served["base.up"].tolist())


@pytest.mark.slow
def test_the_column_of_a_scenario_may_be_left_out(store: str, messages: pd.DataFrame, tmp_path: Path) -> None:
    path = logged("words+by:language", messages, tmp_path / "model")
    model = mlflow.pyfunc.load_model(path)
    assert [column.name for column in model.metadata.get_input_schema()] == ["text", "language"]
    rows = messages[["text", "language"]].tail(50)
    whole = serving.load(tmp_path / "model").fallback.scores(rows["text"].tolist())
    alone = model.predict(rows[["text"]]).filter(like="score.").to_numpy()
    assert alone == pytest.approx(whole, abs=0)
    assert model.predict(rows).filter(like="score.").to_numpy() != pytest.approx(whole)


@pytest.mark.slow
@pytest.mark.parametrize("values", [[1.0, 2.0], [True, False]])
def test_a_column_of_numbers_or_truths_is_given_as_the_user_has_it(
    values: list[Any], store: str, messages: pd.DataFrame, tmp_path: Path
) -> None:
    kind = messages["language"].map(dict(zip(["en", "zh"], values, strict=True)))
    written = kind.map(lambda value: str(int(value)) if isinstance(value, float) else str(value))
    path = logged("words+by:kind", messages.assign(kind=written), tmp_path / "model")
    rows = messages[["text"]].assign(kind=kind).tail(40)
    scores = mlflow.pyfunc.load_model(path).predict(rows).filter(like="score.").to_numpy()
    fitted_scores = serving.load(tmp_path / "model").scores(rows["text"].tolist(), written.tail(40).tolist())
    assert scores == pytest.approx(fitted_scores, abs=0)


def test_missing_texts_of_any_kind_are_empty_ones(messages: pd.DataFrame, tmp_path: Path) -> None:
    fitted("words", messages.head(200), tmp_path / "model")
    model = serving.TextClassifier()
    model.load_folder(tmp_path / "model")
    texts = pd.DataFrame({"text": pd.array(["", None, "late"], dtype="string")})
    scores = model.predict(None, texts).filter(like="score.").to_numpy()
    assert scores[0].tolist() == scores[1].tolist() != scores[2].tolist()


def test_serving_code_imports_nothing_of_ours() -> None:
    text = Path(serving.__file__).read_text(encoding="utf-8")
    assert "import" in text
    assert not re.search(r"^\s*(from|import) (mlflow_evalplus|recipes)", text, re.MULTILINE)


def test_a_model_is_called_what_mlflow_takes() -> None:
    assert model_name("embedding:a/b.c+rules") == "embedding_a_b_c+rules"
