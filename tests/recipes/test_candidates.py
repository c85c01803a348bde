"""The iterations: what they learn from, what their rules shift, and the model that MLflow serves."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from mlflow_evalplus.errors import DataError
from mlflow_evalplus.requirements import Requirements
from recipes.sentiment import data
from recipes.sentiment.candidates import CANDIDATES, RULES, TOKEN, choose, training_rows
from recipes.sentiment.train import Task, _log_model

TASK = Task(Requirements(), "text", "label", ("annotator_a", "annotator_b"), seed=0, source="tests")
LOAD_AND_ANSWER = """
import json, sys
import mlflow, pandas as pd
rows = pd.DataFrame({"text": json.load(sys.stdin)})
print(json.dumps([mlflow.pyfunc.load_model(uri).predict(rows).to_dict("list") for uri in sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def messages() -> pd.DataFrame:
    return data.load(data.SHIPPED)


def fitted(name: str, rows: pd.DataFrame) -> Pipeline:
    with threadpool_limits(1, "blas"):
        return CANDIDATES[name].make(0).fit(rows["text"], rows["label"])


def logged(name: str, rows: pd.DataFrame) -> tuple[Pipeline, str]:
    pipeline = fitted(name, rows)
    with mlflow.start_run():
        return pipeline, _log_model(CANDIDATES[name], pipeline, TASK, "a message").model_uri


def rules_of(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load(RULES.read_text(encoding="utf-8")) if CANDIDATES[name].rules else []


def assert_same(served: dict[str, list[Any]], expected: list[dict[str, float]]) -> None:
    assert served["prediction"] == [max(shares, key=shares.__getitem__) for shares in expected]
    for label in expected[0]:
        assert served[f"score.{label}"] == pytest.approx([shares[label] for shares in expected], rel=0, abs=1e-12)


def answered(pipeline: Pipeline, texts: list[str], rules: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Return each text's probabilities by Bayes' rule in plain Python: every match multiplies a label's odds."""
    answers = []
    for text, shares in zip(texts, pipeline.predict_proba(texts).tolist(), strict=True):
        odds = dict(zip(pipeline.classes_, shares, strict=True))
        factors: dict[str, float] = defaultdict(lambda: 1.0)
        for rule in rules:
            if re.search(rule["pattern"], text, re.IGNORECASE):
                factors[rule["label"]] *= math.exp(rule["weight"])
        odds = {label: max(p, 1e-12) * factors[label] for label, p in odds.items()}
        answers.append({label: p / sum(odds.values()) for label, p in odds.items()})
    return answers


def test_chinese_is_not_split_at_spaces() -> None:
    """At spaces a whole Chinese sentence would be one token that no other message holds."""
    assert re.findall(TOKEN, "客服很好!") == ["客", "服", "很", "好", "!"]
    assert re.findall(TOKEN, "I can't wait, 退款to我？") == ["I", "can't", "wait", "退", "款", "to", "我", "？"]
    texts = pd.DataFrame(
        {"text": ["服务很差，我要退款", "退款很慢，差", "服务很好，谢谢", "谢谢，很好"], "label": list("nnpp")}
    )
    features = fitted("words", texts).named_steps["features"]
    assert {"退 款", "谢 谢", "很 好"} <= set(features.get_feature_names_out())
    assert fitted("words", texts).predict(["你们的退款太差", "谢谢你们"]).tolist() == ["n", "p"]


def test_rules_name_labels_that_exist_and_point_the_right_way(messages: pd.DataFrame) -> None:
    """Held against the training part only, as the rules were written from it, label by label: one rule is rare."""
    train = data.split(messages, text="text", label="label").train
    matching = defaultdict(list)
    for rule in rules_of("words_chars_rules"):
        assert rule["weight"] > 0
        hits = train["text"].map(lambda text, rule=rule: re.search(rule["pattern"], text, re.IGNORECASE) is not None)
        assert hits.any(), rule
        matching[rule["label"]] += train["label"][hits].tolist()
    assert set(matching) == set(messages["label"])
    for label, found in matching.items():
        assert found.count(label) / len(found) > train["label"].eq(label).mean() + 0.2


def test_unknown_candidate_is_named_with_the_nearest() -> None:
    with pytest.raises(
        DataError, match=r"unknown candidate 'word'; candidates are \['majority',.*Did you mean 'words'\?"
    ):
        choose("majority, word")
    assert [c.name for c in choose(" words_chars ,words,words")] == ["words_chars", "words"]
    assert [c.name for c in choose("")] == list(CANDIDATES)


def test_consensus_learns_only_from_rows_whose_annotators_agree(messages: pd.DataFrame) -> None:
    votes = ("annotator_a", "annotator_b")
    rows = training_rows(CANDIDATES["consensus"], messages, votes)
    agreeing = [r["message_id"] for r in messages.to_dict("records") if r["annotator_a"] == r["annotator_b"]]
    assert rows["message_id"].tolist() == agreeing
    assert training_rows(CANDIDATES["words"], messages, votes) is messages
    with pytest.raises(DataError, match="'consensus' needs the votes of two annotators"):
        training_rows(CANDIDATES["consensus"], messages, votes[:1])


def test_the_same_seed_gives_the_same_model(messages: pd.DataFrame) -> None:
    rows = messages.head(150)
    first, second = (fitted("words_chars", rows).predict_proba(messages["text"].tail(50)) for _ in range(2))
    assert np.array_equal(first, second)


def test_logged_model_holds_no_pickle_and_answers_as_the_fitted_pipeline(store: str, messages: pd.DataFrame) -> None:
    pipeline, uri = logged("words_chars_rules", messages.head(300))
    files = [f for f in Path(mlflow.artifacts.download_artifacts(uri)).rglob("*") if f.is_file()]
    assert {file.name for file in files} >= {"pipeline.skops", "rules.yaml", "model.py", "MLmodel"}
    assert not [file for file in files if file.suffix in (".pkl", ".pickle", ".joblib", ".cloudpickle")]
    # what a pickle begins with, whatever it is called
    assert not [file for file in files if file.read_bytes()[:1] == b"\x80"]
    texts = [*messages["text"].tail(300), "", "请问能不能投诉？", "COMPLAINT: unacceptable, still no answer 谢谢你们"]
    served = mlflow.pyfunc.load_model(uri).predict(pd.DataFrame({"text": texts}))
    assert_same(served.to_dict("list"), answered(pipeline, texts, rules_of("words_chars_rules")))


@pytest.mark.slow
def test_logged_models_answer_the_same_in_a_fresh_process(store: str, messages: pd.DataFrame) -> None:
    models = {name: logged(name, messages.head(300)) for name in CANDIDATES}
    texts = messages["text"].tail(300).tolist()
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD_AND_ANSWER, *(uri for _, uri in models.values())],
        input=json.dumps(texts), capture_output=True, text=True, check=True,
    )  # fmt: skip
    served = json.loads(run.stdout.splitlines()[-1])
    for (name, (pipeline, _)), answers in zip(models.items(), served, strict=True):
        assert_same(answers, answered(pipeline, texts, rules_of(name)))


def test_rules_raise_their_label_and_lower_the_others(messages: pd.DataFrame, store: str) -> None:
    pipeline, uri = logged("words_chars_rules", messages.head(300))
    texts = ["This is a disgrace.", "Well done, thank you so much", "请问怎么设置？", "A delivery."]
    before = answered(pipeline, texts, [])
    served = mlflow.pyfunc.load_model(uri).predict(pd.DataFrame({"text": texts})).to_dict("list")
    for place, label in enumerate(["negative", "positive", "neutral"]):
        assert served[f"score.{label}"][place] > before[place][label] + 0.02
        for other in {"negative", "neutral", "positive"} - {label}:
            assert served[f"score.{other}"][place] < before[place][other]
    assert served["score.neutral"][3] == pytest.approx(before[3]["neutral"], abs=1e-12)


def test_rules_for_labels_that_the_data_lack_do_nothing(store: str) -> None:
    """The rules are about negative, neutral and positive; another task's labels must not break on them."""
    rows = pd.DataFrame({"text": ["good thing", "bad thing", "good one", "bad one"], "label": ["up", "down"] * 2})
    pipeline = CANDIDATES["words"].make(0).fit(rows["text"], rows["label"])
    with mlflow.start_run():
        model = _log_model(CANDIDATES["words_chars_rules"], pipeline, TASK, "a")
    served = mlflow.pyfunc.load_model(model.model_uri).predict(pd.DataFrame({"text": ["good complaint", "bad"]}))
    assert served["prediction"].tolist() == pipeline.predict(["good complaint", "bad"]).tolist()
