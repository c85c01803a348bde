"""A file of predictions, or a model and a file, evaluated as one MLflow run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.attribution import attribute
from mlflow_evalplus.core.columns import column_names, require_columns
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.reader import load
from mlflow_evalplus.tracking.writer import log as log_evaluation


@dataclass(frozen=True)
class Request:
    """What a user names besides the rows; None and nothing mean what the requirements say.

    Attributes
    ----------
    label, text, cluster, example_id : str or None
    slices : sequence of str or None
    annotators : sequence of str
        Columns.
    requirements, training, rules : str or None
        Files: what is asked; what the model learnt from and keyword rules, which tell why answers are wrong.
    run_name, experiment : str or None
    log : bool
        Whether an MLflow run is written.
    """

    label: str | None = None
    slices: Sequence[str] | None = None
    text: str | None = None
    cluster: str | None = None
    example_id: str | None = None
    annotators: Sequence[str] = ()
    requirements: str | None = None
    training: str | None = None
    rules: str | None = None
    run_name: str | None = None
    experiment: str | None = None
    log: bool = True

    @property
    def reasons(self) -> dict[str, Any]:
        """What ``attribute`` is told."""
        training = read_file(self.training) if self.training else None
        return {"training": training, "text": self.text, "rules": self.rules}


def evaluate_file(path: str, request: Request, *, prediction: str = "prediction") -> tuple[Evaluation, str | None]:
    """Evaluate a file of labels and predictions; return the evaluation and the run's id, if logged.

    Columns named ``score.<label>`` are taken as probabilities. All checks come before the run begins.
    """
    frame = read_file(path)
    scores = {str(c).removeprefix("score."): str(c) for c in frame.columns if str(c).startswith("score.")}
    evaluation = evaluate(
        frame, request.label, prediction, scores=scores, slices=request.slices, text=request.text,
        cluster=request.cluster, example_id=request.example_id, annotators=request.annotators,
        requirements=request.requirements,
    )  # fmt: skip
    evaluation = attribute(evaluation, **request.reasons)
    if not request.log:
        return evaluation, None
    with _run(request) as run_id:
        log_evaluation(evaluation, run_id)
    return evaluation, run_id


def evaluate_model(model: str, path: str, request: Request) -> tuple[Evaluation, str | None]:
    """Evaluate an MLflow model on a file of labelled data through ``mlflow.models.evaluate``."""
    wanted = asked.load(request.requirements)
    frame = read_file(path)
    label = request.label or wanted.task.label
    chosen = list(wanted.slices if request.slices is None else request.slices)
    own = {"cluster": request.cluster, "example_id": request.example_id, **request.reasons}
    derived = derived_slices(chosen, column_names(frame))
    named = [label, *chosen, *request.annotators, request.text, request.cluster, request.example_id]
    require_columns(frame, [column for column in named if column and column not in derived])
    with store.reaching():
        store.client()
        loaded = mlflow.pyfunc.load_model(model)
    config: dict[str, Any] = {"requirements": wanted, "slices": chosen, "annotators": request.annotators, **own}
    config["footprint"] = model if Path(model).is_dir() else True
    if not request.log:
        return _without_run(loaded, frame, label, config), None
    with store.reaching(), _run(request) as run_id:
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
def _run(request: Request) -> Iterator[str]:
    """Begin a run, or take up the one that ``mlflow run`` began for us; an error marks it FAILED."""
    with store.reaching():
        store.client()
        if request.experiment and "MLFLOW_RUN_ID" not in os.environ:
            mlflow.set_experiment(request.experiment)
        run = mlflow.start_run(run_name=request.run_name)
    with run:
        yield str(run.info.run_id)
