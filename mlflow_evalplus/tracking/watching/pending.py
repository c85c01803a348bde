"""Which models of an experiment wait for an evaluation on one version of the data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from mlflow.entities import LoggedModel, Run
from mlflow.entities.logged_model_status import LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError, did_you_mean, shorten
from mlflow_evalplus.tracking.watching import claim
from mlflow_evalplus.tracking.writer import NOTE

MEASURED = f"quality/{names.N_EXAMPLES}"
EXTERNAL = "mlflow.model.isExternal"  # MLflow's tag on a model that it only knows of


class UnknownExperiment(TrackingError):
    """There is no experiment of this name or id."""


@dataclass(frozen=True)
class Look:
    """What an experiment holds for one version of the data; `failures` are runs by model."""

    models: list[LoggedModel]
    pending: list[LoggedModel]
    given_up: list[LoggedModel]
    failures: Mapping[str, list[Run]]
    n_elsewhere: int


def experiment_id(client: MlflowClient, given: str) -> str:
    """Return the id of an experiment that is given by name or id.

    Raises
    ------
    UnknownExperiment
    """
    found = client.get_experiment_by_name(given)
    if found is None and given.isdigit():
        with suppress(MlflowException):
            found = client.get_experiment(given)
    if found is None or found.lifecycle_stage != "active":
        known = [experiment.name for experiment in client.search_experiments()]
        raise UnknownExperiment(
            f"there is no experiment {given!r}; experiments are {shorten(known)}." + did_you_mean(given, known)
        )
    return str(found.experiment_id)


def look(
    client: MlflowClient,
    experiment_id: str,
    digest: str,
    *,
    newest: int | None = None,
    tries: int = 3,
    known: dict[str, set[str]],
) -> Look:
    """Sort the models by what their runs on these data say; claims that nobody works on are ended.

    A model in whose evaluations MLflow was away `tries` times waits until the others are done: it may be the cause.
    `known` remembers from look to look which models a run holds.
    """
    models = list(islice(_models(client, experiment_id), newest))
    done, busy, failures = set[str](), set[str](), defaultdict[str, list[Run]](list)
    unanswered = Counter[str]()
    condition = f"tags.`{names.TAG_DATA_DIGEST}` = '{digest}'"
    for run in _pages(lambda token: client.search_runs([experiment_id], condition, page_token=token)):
        claimed = _claimed(run)
        if claim.is_evaluation(run):
            done |= _evaluated(client, run, models, known)
        elif claim.is_at_work(run):
            busy.add(claimed)
        elif claimed:
            run = claim.bury(client, run) if run.info.status == "RUNNING" else run
            failures[claimed] += [run] if run.info.status == "FAILED" else []
            unanswered[claimed] += run.data.tags.get(NOTE) == claim.UNANSWERED
    free = [model for model in models if model.model_id not in done | busy]
    return Look(
        models=models,
        pending=sorted(
            (model for model in free if len(failures[model.model_id]) < tries),
            key=lambda model: unanswered[model.model_id] >= tries,
        ),
        given_up=[model for model in free if len(failures[model.model_id]) >= tries],
        failures=failures,
        n_elsewhere=sum(model.model_id in busy - done for model in models),
    )


def _models(client: MlflowClient, experiment_id: str) -> Iterator[LoggedModel]:
    """Yield the models that can be loaded, the newest first: not those that are still uploaded, or live elsewhere."""
    order = [{"field_name": "creation_timestamp", "ascending": False}]
    for model in _pages(lambda token: client.search_logged_models([experiment_id], order_by=order, page_token=token)):
        if model.status == LoggedModelStatus.READY and EXTERNAL not in model.tags:
            yield model


def _pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def _evaluated(client: MlflowClient, run: Run, models: Sequence[LoggedModel], known: dict[str, set[str]]) -> set[str]:
    """Return the models that a run evaluates: by its claim, else those that carry its figures, else the one it holds.

    A search does not tell the model inputs of a run; so runs are read one by one, and what they hold is `known` then.
    """
    if names.TAG_CLAIM in run.data.tags:
        return {_claimed(run)}
    run_id = run.info.run_id
    if run_id not in known:
        known[run_id] = {model.model_id for model in models if _carries(model, run_id)} or _held(client.get_run(run_id))
    return known[run_id]


def _carries(model: LoggedModel, run_id: str) -> bool:
    return any(metric.run_id == run_id and metric.key == MEASURED for metric in model.metrics or [])


def _held(run: Run) -> set[str]:
    """Return the model that a run reads or makes; where there are several, nobody knows which of them it evaluates."""
    inputs = run.inputs.model_inputs if run.inputs else []
    outputs = run.outputs.model_outputs if run.outputs else []
    held = {model.model_id for model in (*inputs, *outputs)}
    return held if len(held) == 1 else set()


def _claimed(run: Run) -> str:
    return str(run.data.tags.get(names.TAG_CLAIM, "").partition(" ")[0])
