"""A file of predictions, or a model and a file, evaluated as one MLflow run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from mlflow_evalplus import requirements as asked
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.core.columns import column_names, require_columns
from mlflow_evalplus.core.data.checks import Columns
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.core.text import derived_slices
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import awaited, store, writer
from mlflow_evalplus.tracking.data_checks import with_data_checks
from mlflow_evalplus.tracking.reader import load
from mlflow_evalplus.tracking.spool import NotLogged


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
    store_text : str or None
        How much of the texts is stored.
    timing : bool
        Whether a model is timed and its footprint measured, which asks it for thousands of rows.
    run_name, experiment : str or None
    run_id : str or None
        A run that is there already takes the evaluation; name and experiment are then its own.
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
    store_text: StoreText | None = None
    timing: bool = True
    run_name: str | None = None
    experiment: str | None = None
    run_id: str | None = None
    log: bool = True

    @property
    def run(self) -> dict[str, Any]:
        """Which run takes it, as `writer.run` is told: one that is there keeps its name."""
        name = None if self.run_id else self.run_name
        return {"name": name, "run_id": self.run_id, "experiment": self.experiment}

    @property
    def reasons(self) -> dict[str, Any]:
        """What ``attribute`` is told."""
        training = read_file(self.training) if self.training else None
        return {"training": training, "text": self.text, "rules": self.rules}


def evaluate_file(path: str, request: Request, *, prediction: str = "prediction") -> tuple[Evaluation, str | None]:
    """Evaluate a file of labels and predictions; return the evaluation and the run's id, if logged.

    Columns named ``score.<label>`` are taken as probabilities. All checks come before the run begins.

    Raises
    ------
    EvalPlusError
        The file or the requirements are wrong; `NotLogged`, with the evaluation, where MLflow does not take it.
    """
    frame = read_file(path)
    scores = {str(c).removeprefix("score."): str(c) for c in frame.columns if str(c).startswith("score.")}
    evaluation = evaluate(
        frame, request.label, prediction, scores=scores, slices=request.slices, text=request.text,
        cluster=request.cluster, example_id=request.example_id, annotators=request.annotators,
        requirements=request.requirements, store_text=request.store_text,
    )  # fmt: skip
    reasons = request.reasons
    evaluation = attribute(evaluation, **reasons)
    wanted = evaluation.requirements or asked.load(request.requirements)
    columns = Columns(
        request.text or wanted.task.text_column, request.label or wanted.task.label,
        tuple(wanted.slices if request.slices is None else request.slices), wanted.cluster, (),
    )  # fmt: skip
    evaluation = with_data_checks(evaluation, reasons["training"], frame, columns, request.annotators)
    if not request.log:
        return evaluation, None
    try:
        with writer.run(**request.run) as run:
            writer.log(evaluation, run.run_id)
    except NotLogged as error:
        error.evaluation = evaluation
        raise
    return evaluation, run.run_id


@dataclass(frozen=True)
class LabelledData:
    """A file of labelled data, read and checked, with what the evaluator is told of it.

    Attributes
    ----------
    frame : pandas.DataFrame
    label : str
        Column.
    config : dict
        The evaluator's.
    """

    frame: pd.DataFrame
    label: str
    config: dict[str, Any]

    def digest(self) -> str:
        """Return what tells this version of the data: the ``evalplus.data_digest`` of every evaluation on it."""
        from mlflow_evalplus.tracking.evaluator import data_digest

        return data_digest(self._dataset(), self.config)

    def evaluate_without_run(self, model: Any, config: dict[str, Any]) -> Evaluation:
        """Evaluate a loaded model; nothing is logged."""
        from mlflow_evalplus.tracking.evaluator import evaluation_of

        return evaluation_of(model, self._dataset(), config)

    def _dataset(self) -> Any:
        from mlflow.data.evaluation_dataset import EvaluationDataset

        return EvaluationDataset(self.frame, targets=self.label)


def evaluate_model(model: str, path: str, request: Request) -> tuple[Evaluation, str | None]:
    """Evaluate an MLflow model on a file of labelled data through ``mlflow.models.evaluate``."""
    return evaluate_on(model, read_labelled(path, request), request)


def read_labelled(path: str, request: Request) -> LabelledData:
    """Read a file of labelled data for a model.

    Raises
    ------
    EvalPlusError
        The file or the requirements are wrong, or a named column is not there.
    """
    wanted = asked.changed(asked.load(request.requirements), store_text=request.store_text)
    frame = read_file(path)
    label = request.label or wanted.task.label
    chosen = list(wanted.slices if request.slices is None else request.slices)
    own = {"cluster": request.cluster, "example_id": request.example_id, **request.reasons}
    derived = derived_slices(chosen, column_names(frame))
    named = [label, *chosen, *request.annotators, request.text, request.cluster, request.example_id]
    require_columns(frame, [column for column in named if column and column not in derived])
    config: dict[str, Any] = {"requirements": wanted, "slices": chosen, "annotators": request.annotators, **own}
    return LabelledData(frame, label, config if request.timing else {**config, "latency_requests": 0})


def evaluate_on(model: str, data: LabelledData, request: Request) -> tuple[Evaluation, str | None]:
    """Evaluate an MLflow model on data that were read already; the run begins when the model has been loaded."""
    with store.reaching():
        store.client()
        loaded = mlflow.pyfunc.load_model(model)
    config = {**data.config, "footprint": model if Path(model).is_dir() else True}
    if not request.log:
        return data.evaluate_without_run(loaded, config), None
    with store.reaching(), writer.run(**request.run, needed=True) as run, awaited.logging_into(run.run_id):
        mlflow.models.evaluate(
            loaded, data.frame, targets=data.label, model_type="classifier",
            evaluators=["evalplus"], evaluator_config={"evalplus": config},
        )  # fmt: skip
    return load(run.run_id, predictions=False), run.run_id
