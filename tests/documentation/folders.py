"""The settings of the pages: what lies in the working folder, and in the store, before a page's commands run.

A setting is a function in `SETTINGS` under the name of the page, or under the one that the page names itself. All have
the project beside them (`mlflow run .`), and an empty store.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

import mlflow_evalplus as ep
from mlflow_evalplus.core.collecting.queue_files import write_queue
from tests.asking.fake_server import FakeServer
from tests.core.adjudicating.queues import filled, small
from tests.core.questions.test_importing import evalscope
from tests.documentation.pages import ROOT

Setting = Callable[[ExitStack], None]
RECIPES = ROOT / "recipes"
LABELS = ["negative", "neutral", "positive"]
REQUIRED = {"slices": ["channel"], "thresholds": [{"metric": "accuracy", "min": 0.4}]}


def project() -> None:
    """Put the project into the working folder."""
    for name in ("MLproject", "python_env.yaml", "recipes"):
        Path(name).symlink_to(ROOT / name)


def messages() -> pd.DataFrame:
    """Return the 1,800 messages that ship with the project."""
    return pd.read_csv(RECIPES / "sentiment" / "messages.csv", keep_default_na=False)


def answered(rows: pd.DataFrame, right: float = 0.92) -> pd.DataFrame:
    """Return the rows with a model's answers, so many of them right."""
    rng = np.random.default_rng(0)
    other = rows["label"].map(dict(zip(LABELS, LABELS[1:] + LABELS[:1], strict=True)))
    return rows.assign(prediction=rows["label"].where(rng.random(len(rows)) < right, other))


def required(**more: object) -> None:
    """Write requirements that these models pass."""
    Path("requirements.yaml").write_text(yaml.safe_dump({**REQUIRED, **more}), encoding="utf-8")


def adjudicate(stack: ExitStack) -> None:
    """A queue that came back: filled by both, and in two files that differ in one case."""
    queue = small(8)
    write_queue(queue, "queue", labels=["neg", "pos"])
    votes = ["neg"] * 4 + ["pos"] * 4
    filled(queue, annotator_1=votes, annotator_2=votes).to_csv("queue.csv", index=False)
    filled(queue, annotator_1=votes).to_csv("anna.csv", index=False)
    filled(queue, annotator_2=[*votes[:-1], "neg"]).to_csv("bo.csv", index=False)
    first = pd.DataFrame({"text": ["the first one"], "label": ["neg"]})
    ep.TrainingData.create("training", first, text="text", label="label", source="first.csv")
    pd.DataFrame({"text": ["a test text"], "label": ["pos"]}).to_csv("test.csv", index=False)


def ci(stack: ExitStack) -> None:
    """Answers of a new model, and a champion that was evaluated on the same rows."""
    rows = messages().iloc[1440:]
    mlflow.set_experiment("sentiment")
    promoted("first", rows, answered(rows, 0.9))
    answered(rows, 0.95).to_csv("answers.csv", index=False)
    required()


def collect(stack: ExitStack) -> None:
    """A log, and what the model has learnt."""
    rows = messages()
    rows.iloc[:1000].to_csv("train.csv", index=False)
    answered(rows.iloc[1000:]).drop(columns="label").to_parquet("log.parquet")


def load(stack: ExitStack) -> None:
    """An endpoint on loopback, and two questions."""
    server = stack.enter_context(FakeServer({}, latency=0.01))
    candidate = {"name": "small", "endpoint": server.base_url, "model": "fake", "stream": True}
    Path("candidates.yaml").write_text(yaml.safe_dump({"candidates": [candidate]}), encoding="utf-8")
    shutil.copy(RECIPES / "selection" / "questions.jsonl", "questions.jsonl")


def monitor(stack: ExitStack) -> None:
    """A log of months in which nothing changed, and the answers on the test rows."""
    rows = answered(messages()).rename(columns={"month": "created_at"})
    rows.iloc[1440:].to_csv("test_answers.csv", index=False)
    rows.iloc[:1440].to_parquet("log.parquet")
    required(monitor={"time": "created_at", "alerts": [{"metric": "accuracy", "min": 0.6}]})


def questions(stack: ExitStack) -> None:
    """A question set, and a folder that EvalScope left."""
    shutil.copy(RECIPES / "selection" / "questions.jsonl", "questions.jsonl")
    evalscope(Path("outputs/20260826_101500"))


def selection(stack: ExitStack) -> None:
    """A question set with recorded answers."""
    for name in ("questions.jsonl", "candidates.yaml", "requirements.yaml"):
        shutil.copy(RECIPES / "selection" / name, name)
    Path("recorded").symlink_to(RECIPES / "selection" / "recorded")


def training_data(stack: ExitStack) -> None:
    """Messages, labels that were settled later, and two test sets."""
    rows = messages()
    rows.iloc[:1000].to_csv("messages.csv", index=False)
    rows.iloc[1000:1100].to_csv("accepted.csv", index=False)
    rows.iloc[1440:1600].to_csv("test.csv", index=False)
    rows.iloc[1600:].to_csv("newer-test.csv", index=False)


def launched(stack: ExitStack) -> None:
    """Two evaluated runs with their models, `first` and `words`; `first` is champion."""
    mlflow.set_experiment("sentiment")
    rows = messages()
    trained, tested = rows.iloc[:1440], rows.iloc[1440:]
    for name, weight in (("first", 0.3), ("words", 3.0)):
        words = ColumnTransformer([("words", TfidfVectorizer(), "text")])
        model = make_pipeline(words, LogisticRegression(C=weight)).fit(trained[["text"]], trained["label"])
        scores = pd.DataFrame(model.predict_proba(tested[["text"]]), columns=LABELS, index=tested.index)
        answers = tested.assign(prediction=scores.idxmax(axis=1)).join(scores.add_prefix("score."))
        promoted(name, tested, answers, model, promote=name == "first")
    tested.assign(channel="web").iloc[:200].to_csv("test.csv", index=False)
    required()
    Path("stricter.yaml").write_text(yaml.safe_dump({**REQUIRED, "confidence": 0.99}), encoding="utf-8")
    shutil.copy(RECIPES / "sentiment" / "rules.yaml", "rules.yaml")


def promoted(
    name: str, rows: pd.DataFrame, answers: pd.DataFrame, model: Pipeline | None = None, *, promote: bool = True
) -> None:
    """Log the evaluation of these answers with its model; make it the champion."""
    scores = {label: f"score.{label}" for label in LABELS if f"score.{label}" in answers}
    with mlflow.start_run(run_name=name) as run:
        ep.log(ep.evaluate(answers, scores=scores or None, requirements=REQUIRED, text="text"))
        fitted = model or make_pipeline(
            ColumnTransformer([("words", TfidfVectorizer(), "text")]), LogisticRegression()
        ).fit(rows[["text"]], rows["label"])
        mlflow.sklearn.log_model(fitted, name=name, pip_requirements=["scikit-learn"])
    if promote:
        ep.promote(run.info.run_id, "sentiment", why="the first")


def resume(stack: ExitStack) -> None:
    """A run whose files could not be uploaded, since a file lies where their folder should be."""
    location = Path(mlflow.set_experiment("refused").artifact_location.removeprefix("file:"))
    location.parent.mkdir(exist_ok=True)
    location.write_text("", encoding="utf-8")
    with pytest.raises(ep.EvalPlusError), mlflow.start_run():
        ep.log(ep.evaluate(answered(messages()), requirements=REQUIRED))
    location.unlink()


def spoken_of(stack: ExitStack) -> None:
    """Whatever the commands within sentences name; the queue is filled by both annotators."""
    launched(stack)
    training_data(stack)
    rows = answered(messages().rename(columns={"month": "created_at"}))
    rows.to_csv("log.csv", index=False)
    rows.to_parquet("2025-all.parquet")
    rows.rename(columns={"annotator_a": "a", "annotator_b": "b"}).to_csv("data.csv", index=False)
    rows.iloc[:1000].to_csv("train.csv", index=False)
    mlflow.MlflowClient().set_registered_model_alias("sentiment", "challenger", "1")
    queue = ep.collect(rows, 200)  # as the command will choose them
    votes = ["positive"] * len(queue.cases)
    filled(queue, annotator_1=votes, annotator_2=votes).to_csv("filled.csv", index=False)
    rng = np.random.default_rng(0)
    events = pd.DataFrame({"user": np.arange(400) // 2, "variant": ["A", "A", "B", "B"] * 100, "channel": "app"})
    events.assign(resolved=rng.random(400) < 0.7).to_csv("events.csv", index=False)
    rated = {"example": np.arange(400) // 2, "rater": ["r1", "r2"] * 200, "rating": rng.integers(1, 6, 400)}
    events.assign(**rated)[["example", "variant", "rater", "rating"]].to_csv("ratings.csv", index=False)


def nothing(stack: ExitStack) -> None:
    """The project alone."""


SETTINGS: dict[str, Setting] = {
    "adjudicate": adjudicate, "candidates": nothing, "ci": ci, "collect": collect, "launched": launched, "load": load,
    "monitor": monitor, "nothing": nothing, "questions": questions, "registry": launched, "resume": resume,
    "rules": launched, "selection": selection, "training_data": training_data, "watch": launched,
}  # fmt: skip
