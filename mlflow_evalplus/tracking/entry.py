"""A file of predictions, or a model and a file, evaluated as one MLflow run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlflow

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.columns import column_names, require_columns
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.reader import load
from mlflow_evalplus.tracking.writer import log as log_evaluation


def evaluate_file(
    path: str,
    *,
    prediction: str = "prediction",
    label: str | None = None,
    slices: Sequence[str] | None = None,
    text: str | None = None,
    cluster: str | None = None,
    example_id: str | None = None,
    requirements: str | None = None,
    run_name: str | None = None,
    experiment: str | None = None,
    log: bool = True,
) -> tuple[Evaluation, str | None]:
    """Evaluate a file of labels and predictions; return the evaluation and the run's id, if logged.

    Columns named ``score.<label>`` are taken as probabilities. All checks come before the run begins.
    """
    frame = read_file(path)
    scores = {str(c).removeprefix("score."): str(c) for c in frame.columns if str(c).startswith("score.")}
    evaluation = evaluate(
        frame,
        label,
        prediction,
        scores=scores,
        slices=slices,
        text=text,
        cluster=cluster,
        example_id=example_id,
        requirements=requirements,
    )
    if not log:
        return evaluation, None
    with _run(run_name, experiment) as run_id:
        log_evaluation(evaluation, run_id)
    return evaluation, run_id


def evaluate_model(
    model: str,
    path: str,
    *,
    label: str | None = None,
    slices: Sequence[str] | None = None,
    text: str | None = None,
    cluster: str | None = None,
    example_id: str | None = None,
    requirements: str | None = None,
    run_name: str | None = None,
    experiment: str | None = None,
    log: bool = True,
) -> tuple[Evaluation, str | None]:
    """Evaluate an MLflow model on a file of labelled data through ``mlflow.models.evaluate``."""
    wanted = asked.load(requirements)
    frame = read_file(path)
    label = label or wanted.task.label
    chosen = list(wanted.slices if slices is None else slices)
    own = {"text": text, "cluster": cluster, "example_id": example_id}
    derived = derived_slices(chosen, column_names(frame))
    own_columns = [column for column in (label, *chosen, *own.values()) if column and column not in derived]
    require_columns(frame, own_columns)
    with store.reaching():
        store.client()
        loaded = mlflow.pyfunc.load_model(model)
    config: dict[str, Any] = {"requirements": wanted, "slices": chosen, **own}
    if not log:
        return _without_run(loaded, frame, label, config), None
    with store.reaching(), _run(run_name, experiment) as run_id:
        mlflow.models.evaluate(
            loaded, frame, targets=label, model_type="classifier",
            evaluators=["evalplus"], evaluator_config={"evalplus": config},
        )  # fmt: skip
    return load(run_id, predictions=False), run_id


def _without_run(model: Any, frame: Any, label: str, config: dict[str, Any]) -> Evaluation:
    from mlflow.data.evaluation_dataset import EvaluationDataset

    from mlflow_evalplus.tracking.evaluator import evaluation_of

    return evaluation_of(model, EvaluationDataset(frame, targets=label), config)


@contextmanager
def _run(run_name: str | None, experiment: str | None) -> Iterator[str]:
    """Begin a run, or take up the one that ``mlflow run`` began for us; an error marks it FAILED."""
    with store.reaching():
        store.client()
        if experiment and "MLFLOW_RUN_ID" not in os.environ:
            mlflow.set_experiment(experiment)
        run = mlflow.start_run(run_name=run_name)
    with run:
        yield str(run.info.run_id)
