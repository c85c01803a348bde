"""Log one of everything, then write down what each run holds.

``python -m tests.tracking.reproducing FOLDER [SHUFFLED]`` uses a database in the working folder. Each run becomes a
folder by its name: its artifacts, and ``run.json`` with metrics, params, tags and inputs. ``ids.json`` says which id
was which run. With SHUFFLED the rows of the test set and of the production log come in another order.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

import mlflow_evalplus as ep
from mlflow_evalplus.core.rule_effects import with_rule_effects
from mlflow_evalplus.tracking.collecting.runs import log_queue
from mlflow_evalplus.tracking.comparison_run import log_comparison
from mlflow_evalplus.tracking.data_checks import Columns, with_data_checks
from mlflow_evalplus.tracking.series import compare_runs
from recipes.selection import CANDIDATES, QUESTIONS, REQUIREMENTS

LABELS = ["negative", "neutral", "positive"]
WORDS = {
    "negative": ["refund", "late", "broken", "angry", "退款"],
    "neutral": ["invoice", "address", "when", "please", "发票"],
    "positive": ["great", "thanks", "quick", "love", "好评"],
}
FILLERS = ["the", "parcel", "order", "is", "my", "now", "again", "very"]
RULES = [{"pattern": "refund", "label": "negative"}, {"pattern": "quick|love", "label": "positive"}]
WANTED: dict[str, Any] = {
    "task": {"name": "messages", "labels": LABELS}, "slices": ["channel", "language", "text_length"],
    "cluster": "customer", "discover": 2, "error_costs": {"negative": {"positive": 20}}, "prices": {"currency": "EUR"},
    "thresholds": [{"metric": "accuracy", "min": 0.7}, {"metric": "accuracy", "every": "channel", "min": 0.6}],
}  # fmt: skip
SCORES = {label: f"p.{label}" for label in LABELS}
TIMED = "timed"  # the run whose model is timed


def messages(n: int, seed: int) -> pd.DataFrame:
    """Return customers' messages; on the web the words say less."""
    rng = np.random.default_rng(seed)
    label, channel = rng.choice(LABELS, n, p=[0.5, 0.3, 0.2]), rng.choice(["app", "web", "mail"], n)
    meant = np.where(rng.random(n) < np.where(channel == "web", 0.5, 0.1), rng.choice(LABELS, n), label)
    texts = [" ".join([*rng.choice(FILLERS, 4), *rng.choice(WORDS[word], 2)]) for word in meant]
    votes = {f"vote_{k}": np.where(rng.random(n) < 0.1, rng.choice(LABELS, n), label) for k in (1, 2)}
    days = zip(rng.integers(0, 8, n), rng.integers(0, 28, n), strict=True)
    return pd.DataFrame(
        {
            "text": texts, "label": label, "channel": channel, "language": rng.choice(["en", "zh"], n),
            "customer": [f"c{k}" for k in rng.integers(0, n // 3, n)], **votes,
            "time": [f"2025-{1 + month:02}-{1 + day:02}" for month, day in days],
            "id": [f"m{place}" for place in range(n)],
        }
    )  # fmt: skip


def model(training: pd.DataFrame) -> Any:
    return make_pipeline(CountVectorizer(), MultinomialNB()).fit(training["text"], training["label"])


def answered(fitted: Any, frame: pd.DataFrame) -> pd.DataFrame:
    scores = fitted.predict_proba(frame["text"])
    named = dict(zip(SCORES.values(), scores.T, strict=True))
    return frame.assign(prediction=np.array(LABELS)[scores.argmax(axis=1)], **named)


def log_all(order: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    training, test = messages(500, 1), order(messages(600, 2))
    fitted = model(training)
    rows = answered(fitted, test)
    mlflow.set_experiment("all")
    evaluation = _evaluations(fitted, training, rows)
    _timed(fitted, test)
    series = compare_runs([_logged(name, share, rows) for name, share in (("first", 0.0), ("second", 0.3))])
    log_comparison(series)
    _production(training, order(answered(fitted, messages(2000, 3))), evaluation)
    chosen = ep.select(QUESTIONS, CANDIDATES, REQUIREMENTS)
    ep.log_selection(chosen.selection, chosen.questions, traces=0)


def _evaluations(fitted: Any, training: pd.DataFrame, rows: pd.DataFrame) -> Any:
    evaluation = ep.evaluate(
        rows, scores=SCORES, annotators=["vote_1", "vote_2"], example_id="id", requirements=WANTED
    )  # fmt: skip
    evaluation = ep.attribute(evaluation, training=training, rules=RULES, model=fitted)
    evaluation = with_rule_effects(evaluation, RULES)
    columns = Columns("text", "label", ("channel", "language"), "customer", ["text"])
    evaluation = with_data_checks(evaluation, training, rows, columns, ["vote_1", "vote_2"])
    with mlflow.start_run(run_name="everything") as run:
        ep.log(evaluation)
        rng = np.random.default_rng(5)
        test = pd.DataFrame({"variant": ["a", "b"] * 300, "outcome": rng.integers(0, 2, 600)})
        ep.log_evidence(ep.ab_test(test, control="a", treatment="b"), run.info.run_id)
    return evaluation


def _timed(fitted: Any, test: pd.DataFrame) -> None:
    def predict(inputs: pd.DataFrame) -> Any:
        return fitted.predict(inputs["text"])

    config = {"evalplus": {"latency_requests": 20, "footprint": False}}
    with mlflow.start_run(run_name=TIMED):
        mlflow.models.evaluate(
            predict, test[["text", "label"]], targets="label", model_type="classifier", evaluators=["evalplus"],
            evaluator_config=config,
        )  # fmt: skip


def _logged(name: str, share: float, rows: pd.DataFrame) -> Any:
    mended = rows["id"].str[1:].astype(int) < share * len(rows)
    frame = rows.assign(prediction=rows["prediction"].where(~mended, rows["label"]))
    with mlflow.start_run(run_name=name) as run:
        ep.log(ep.evaluate(frame, slices=["channel", "language"], example_id="id"))
    return mlflow.get_run(run.info.run_id)


def _production(training: pd.DataFrame, log: pd.DataFrame, evaluation: Any) -> None:
    with mlflow.start_run(run_name="monitor"):
        ep.log_monitoring(ep.monitor(log, time="time", slices=["channel", "language"], scores=SCORES, text="text"))
    queue = ep.collect(log, 60, scores=SCORES, time="time", slices=["channel"], training=training, weak=evaluation)
    logged = log_queue(queue, labels=LABELS)
    votes = [LABELS[int(case.case_id, 36) % 3] if case.case_id.isalnum() else "neutral" for case in queue.cases]
    filled = pd.DataFrame(
        {
            "case_id": [case.case_id for case in queue.cases], "text": [case.text for case in queue.cases],
            "annotator_1": votes, "annotator_2": [*votes[:-9], *["neutral"] * 9],
        }
    )  # fmt: skip
    ep.log_adjudication(ep.adjudicate(queue, filled), queue_run=logged.run_id)


def write_down(folder: Path) -> None:
    client, ids = mlflow.MlflowClient(), {}
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for run in client.search_runs(experiments, max_results=1000):
        own = folder / str(run.info.run_name)
        own.mkdir(parents=True)  # fails where two have one name
        ids[run.info.run_id] = run.info.run_name
        client.download_artifacts(run.info.run_id, "", str(own))
        tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.source")}
        data = [[data.dataset.name, data.dataset.digest, data.dataset.profile] for data in run.inputs.dataset_inputs]
        held = {"metrics": run.data.metrics, "params": run.data.params, "tags": tags, "inputs": data}
        (own / "run.json").write_text(json.dumps(held, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    (folder / "ids.json").write_text(json.dumps(ids), encoding="utf-8")


def main(folder: str, shuffled: bool) -> None:
    logging.getLogger("alembic").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(f"sqlite:///{Path.cwd()}/mlflow.db")
    order = (lambda frame: frame.sample(frac=1, random_state=9)) if shuffled else (lambda frame: frame)
    log_all(order)
    write_down(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1], len(sys.argv) > 2)
