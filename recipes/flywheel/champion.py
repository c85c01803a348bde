"""The model that is in use, out of the registry, and its evaluation on the very same test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mlflow
import pandas as pd
from mlflow.entities import Run

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.tracking import store, writer
from mlflow_evalplus.tracking.baseline import MODEL, run_of_model
from mlflow_evalplus.tracking.registry import versions
from mlflow_evalplus.tracking.registry.events import CHAMPION
from mlflow_evalplus.tracking.scoring import call_model, caller, inputs_only, read_output
from recipes.data.inputs import dataset_of
from recipes.flywheel.parts import Answer
from recipes.sentiment.train import Task, evaluate_model


@dataclass(frozen=True)
class Champion:
    """A version of a registered model."""

    name: str
    version: str

    @property
    def uri(self) -> str:
        """What loads it, whatever becomes of its alias."""
        return f"models:/{self.name}/{self.version}"


def find_champion(given: str, name: str) -> Champion | None:
    """Return the version that is meant, or None where `name` has no champion and none was asked for.

    Parameters
    ----------
    given : str
        ``models:/sentiment@champion`` or ``models:/sentiment/3``; empty for the champion of `name`.
    name : str

    Raises
    ------
    TrackingError
        What was given is no model's address, or there is no such version.
    """
    address = MODEL.fullmatch(given or f"models:/{name}@{CHAMPION}")
    if not address:
        raise TrackingError(f"{given!r} names no registered model; write models:/NAME@champion or models:/NAME/3")
    client = store.client()
    with store.reaching():
        if not given and not any(model.name == name for model in client.search_registered_models()):
            return None
        model = versions.registered(client, address["name"])
        if address["version"]:
            found = str(versions.existing(client, model.name, address["version"]).version)
        elif address["alias"] in model.aliases:
            found = str(model.aliases[address["alias"]])
        elif not given:
            return None
        else:
            known = ", ".join(sorted(model.aliases)) or "none"
            raise TrackingError(f"{model.name!r} has no alias {address['alias']!r}; its aliases: {known}")
    return Champion(model.name, found)


def run_of(champion: Champion, digest: str = "") -> Run | None:
    """Return the evaluated run of a champion, the one on the test rows of this digest before any other."""
    try:
        return run_of_model(champion.name, version=champion.version, data_digest=digest)
    except TrackingError:
        return None


def evaluated(champion: Champion, test: pd.DataFrame, task: Task, digest: str, tags: Mapping[str, str]) -> Run:
    """Return the champion's run on these test rows: the one that there is, else a new one.

    Parameters
    ----------
    test : pandas.DataFrame
    task : Task
    digest : str
        Of the test rows, as the challenger's run has it.
    tags : mapping of str to str
        Of a new run.
    """
    known = run_of(champion, digest)
    if known and known.data.tags.get(names.TAG_DATA_DIGEST) == digest:
        return known
    name = f"champion: {champion.name} version {champion.version}"
    with writer.run(name, tags=tags, needed=True) as run:
        inputs = dataset_of(test, task.test_source or task.source, text=task.text, label=task.label)
        mlflow.log_input(inputs, context="evaluation")
        evaluate_model(champion.uri, inputs, task)
    return store.client().get_run(run.run_id)


def answers_of(uri: str, label: str) -> Answer:
    """Return what asks a model for a prediction of each row; the label column is not shown to it."""
    model = mlflow.pyfunc.load_model(uri)
    call, classes = caller(model)

    def answer(rows: pd.DataFrame) -> Sequence[str]:
        said, _ = read_output(call_model(call, inputs_only(model, rows, [label])), classes)
        return [str(one) for one in said]

    return answer
