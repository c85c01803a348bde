"""Train each candidate, evaluate and log it as its own run, compare, decide."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
import skops.io
import yaml
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import ColSpec, Schema
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from mlflow_evalplus import names
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.comparison_run import LoggedComparison, log_comparison
from mlflow_evalplus.tracking.recorded import record_baseline
from mlflow_evalplus.tracking.series import Series, compare_runs
from recipes.sentiment.candidates import RULES, Candidate, training_rows
from recipes.sentiment.data import Split

MODEL_CODE = Path(__file__).with_name("model.py")
PINNED = ("mlflow", "scikit-learn", "skops", "pandas", "numpy", "scipy", "pyyaml")


@dataclass(frozen=True)
class Task:
    """What is the same for all iterations."""

    requirements: Requirements
    text: str
    label: str
    annotators: tuple[str, ...]
    seed: int
    source: str
    latency_requests: int = 200
    footprint: bool = True


def run_series(
    candidates: Sequence[Candidate], split: Split, task: Task, on_step: Callable[[str], None] = lambda step: None
) -> tuple[Series, LoggedComparison]:
    """Train, log and evaluate each candidate as its own run; compare them; log the comparison.

    `on_step` is told what is being done. The run that ``mlflow run`` began for us carries the comparison;
    outside of it a run of that name is made.
    """
    client = store.client()
    project_run = os.environ.pop("MLFLOW_RUN_ID", None)
    series_id = project_run or uuid.uuid4().hex
    runs = []
    for number, candidate in enumerate(candidates, start=1):
        on_step(f"{candidate.name}: {candidate.note}")
        tags = {names.TAG_SERIES: series_id, names.TAG_ITERATION: str(number)}
        with mlflow.start_run(run_name=candidate.name, tags=tags, description=candidate.note) as run:
            _iterate(candidate, split, task)
        runs.append(client.get_run(run.info.run_id))
    on_step("comparing")
    series = compare_runs(runs)
    record_baseline(series)
    return series, log_comparison(series, project_run, tags={names.TAG_SERIES: series_id})


def _iterate(candidate: Candidate, split: Split, task: Task) -> None:
    """Fit, log the model, and evaluate it through the plugin, in the active run."""
    rows = training_rows(candidate, split.train, task.annotators)
    mlflow.log_params({
        "candidate": candidate.name, "n_train": len(rows), "n_test": len(split.test), "split_by": split.how,
        "training_seed": task.seed, "rows_from": task.source, "keyword_rules": candidate.rules,
        "consensus_only": candidate.consensus_only,
    })  # fmt: skip
    with threadpool_limits(1, "blas"):  # on small matrices its threads only wait for each other: up to 40 times slower
        pipeline = candidate.make(task.seed).fit(rows[task.text].astype(str), rows[task.label].astype(str))
    model = _log_model(candidate, pipeline, task, str(rows[task.text].iloc[0]))
    mlflow.models.evaluate(
        model.model_uri,
        mlflow.data.from_pandas(split.test, targets=task.label, name=Path(task.source).stem),
        model_type="classifier",
        evaluators=["evalplus"],
        evaluator_config={
            "evalplus": {
                "requirements": task.requirements, "text": task.text, "annotators": task.annotators,
                "latency_requests": task.latency_requests, "footprint": task.footprint,
                "training": rows, "rules": _rules(rows, task),
            }
        },
    )  # fmt: skip


def _rules(rows: pd.DataFrame, task: Task) -> str | None:
    """Return the shipped keyword rules, where any is for one of the labels; with them errors are attributed."""
    known = {str(rule["label"]) for rule in yaml.safe_load(RULES.read_text(encoding="utf-8"))}
    return str(RULES) if known & set(rows[task.label].astype(str)) else None


def _log_model(candidate: Candidate, pipeline: Pipeline, task: Task, example: str) -> ModelInfo:
    outputs = [ColSpec("string", "prediction"), *(ColSpec("double", f"score.{label}") for label in pipeline.classes_)]
    signature = ModelSignature(Schema([ColSpec("string", task.text)]), Schema(outputs))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.skops"
        skops.io.dump(pipeline, path)
        return mlflow.pyfunc.log_model(
            name=candidate.name,
            python_model=str(MODEL_CODE),
            artifacts={"pipeline": str(path), **({"rules": str(RULES)} if candidate.rules else {})},
            signature=signature,
            input_example=pd.DataFrame({task.text: [example]}),
            pip_requirements=[f"{package}=={version(package)}" for package in PINNED],
        )
