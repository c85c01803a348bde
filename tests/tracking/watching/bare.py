"""What the tests of the watcher share: models in a store, and an evaluation that takes no time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities import Run
from mlflow.pyfunc import PythonModel

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking.entry import LabelledData, Request

ROWS = pd.DataFrame({"text": [f"message {i}" for i in range(20)], "label": ["good", "bad"] * 10})


class Good(PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        return ["good"] * len(model_input)


class Broken(PythonModel):
    def predict(self, context, model_input: pd.DataFrame, params=None):
        raise RuntimeError("no <b>luck</b>, *none*")


def write(rows: pd.DataFrame, path: str = "test.csv") -> str:
    """Write an evaluation set that nobody has touched for a minute."""
    rows.to_csv(path, index=False)
    before = Path(path).stat().st_mtime - 60
    os.utime(path, (before, before))
    return path


def bare_models(*model_names: str) -> list[str]:
    """Make logged models without any file, one after the other; return their ids."""
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("tests").experiment_id
    made = [client.create_logged_model(experiment, name=name) for name in model_names]
    for model in made:
        client.finalize_logged_model(model.model_id, "READY")
    return [model.model_id for model in made]


def claims(status: str | None = None) -> list[Run]:
    """Return the watcher's runs that are not deleted, the newest first."""
    client = mlflow.MlflowClient()
    found = client.search_runs([client.get_experiment_by_name("tests").experiment_id])
    return [r for r in found if names.TAG_CLAIM in r.data.tags and status in (None, r.info.status)]


def model_of(run: Run) -> str:
    return run.data.tags[names.TAG_CLAIM].split()[0]


def quick(
    seen: list[str], before: Callable[[str], None] = lambda model: None
) -> Callable[[str, LabelledData, Request], tuple[Evaluation, str]]:
    """Return a stand-in for `evaluate_on` that asks no model; `before` may raise as a model would."""
    evaluation = ep.evaluate(ROWS.assign(prediction="good"))

    def evaluate_on(model: str, data: LabelledData, request: Request) -> tuple[Evaluation, str]:
        seen.append(model.removeprefix("models:/"))
        before(seen[-1])
        client, run_id = mlflow.MlflowClient(), str(request.run_id)
        client.set_tag(run_id, names.TAG_KIND, names.KIND_EVALUATION)
        client.set_terminated(run_id)
        return evaluation, run_id

    return evaluate_on
