"""Versions of a registered model: found, made once, and the runs that they come from."""

from __future__ import annotations

from collections.abc import Iterator

import mlflow
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError, did_you_mean, shorten


def version_of(client: MlflowClient, run: Run, name: str, tags: dict[str, str]) -> tuple[ModelVersion, bool]:
    """Return the run's version, registered where there is none; of two that were registered at once the first stays."""
    found = all_of(client, run, name)
    if found:
        return found[0], False
    model = _model_id(run)
    if model is None:
        raise TrackingError(
            f"run {run.info.run_id} has no logged model to register; evaluate one with "
            "mlflow.models.evaluate(model=…, evaluators=['evalplus'], …)"
        )
    made = mlflow.register_model(f"models:/{model}", name, tags=tags)
    first = min(all_of(client, run, name), key=_number, default=made)
    if _number(first) < _number(made):
        client.delete_model_version(name, made.version)
        return first, False
    return made, True


def all_of(client: MlflowClient, run: Run, name: str) -> list[ModelVersion]:
    """Return the versions that were promoted from a run, the first of them first."""
    found = client.search_model_versions(f"tags.`{names.TAG_RUN}` = '{run.info.run_id}'")
    return sorted((version for version in found if version.name == name), key=_number)


def _number(version: ModelVersion) -> int:
    return int(version.version)


def existing(client: MlflowClient, name: str, version: str) -> ModelVersion:
    """Return a version; the error says which there are."""
    registered(client, name)
    try:
        return client.get_model_version(name, version)
    except MlflowException as error:
        known = sorted(_number(v) for v in client.search_model_versions() if v.name == name)
        raise TrackingError(f"{name!r} has no version {version}; versions are {shorten(known)}") from error


def registered(client: MlflowClient, name: str) -> RegisteredModel:
    """Return a registered model; the error says which there are."""
    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = [model.name for model in client.search_registered_models()]
        there = f"models are {shorten(known)}" if known else "there is none yet; make one with: mlflow-evalplus promote"
        raise TrackingError(f"no registered model is called {name!r}; {there}.{did_you_mean(name, known)}") from None


def same_model(one: Run, other: Run) -> bool:
    """Return whether two runs are known to have evaluated one logged model."""
    model = _model_id(one)
    return model is not None and model == _model_id(other)


def of_run(version: ModelVersion, run: Run) -> ModelVersion:
    """Return the version; the run's evidence must not be that of another model."""
    held, evaluated = _model_of(version), _model_id(run)
    if held and evaluated and held != evaluated:
        raise TrackingError(
            f"version {version.version} of {version.name!r} holds model {held}, but run {run.info.run_id} evaluated "
            f"{evaluated}; give the run that evaluated this version, or register that model: leave out "
            "--version (in Python version=…)"
        )
    return version


def run_of(client: MlflowClient, version: ModelVersion, name: str, data_digest: str = "") -> Run:
    """Return the run that a version was promoted from, else the newest evaluated run of its model.

    With `data_digest` the newest of its model on that test set comes before both.
    """
    found = _newest(client, version, data_digest) if data_digest else None
    if found is None and names.TAG_RUN in version.tags:
        return client.get_run(version.tags[names.TAG_RUN])
    found = found or _newest(client, version)
    if found:
        return found
    raise TrackingError(
        f"no evaluated run of version {version.version} of {name!r} was found; evaluate it with: "
        f"mlflow-evalplus evaluate --model 'models:/{name}/{version.version}' --data …, or give its run"
    )


def _newest(client: MlflowClient, version: ModelVersion, data_digest: str = "") -> Run | None:
    model = _model_of(version)
    measured = _measured_in(client, model) if model else {version.run_id}
    runs = _evaluated(client, data_digest)
    return next((r for r in runs if r.info.run_id in measured or (model and model == _model_id(r))), None)


def _evaluated(client: MlflowClient, data_digest: str) -> Iterator[Run]:
    experiments, token = [e.experiment_id for e in client.search_experiments()], None
    wanted = f"tags.`{names.TAG_KIND}` = '{names.KIND_EVALUATION}'"
    if data_digest:
        wanted += f" AND tags.`{names.TAG_DATA_DIGEST}` = '{data_digest}'"
    while experiments:
        runs = client.search_runs(
            experiments, wanted,
            order_by=["attributes.start_time DESC"], page_token=token,
        )  # fmt: skip
        yield from runs
        token = runs.token
        if not token:
            return


def _measured_in(client: MlflowClient, model: str) -> set[str]:
    """Return the runs that gave a logged model its figures: a search for runs does not tell the models they took."""
    try:
        return {metric.run_id for metric in client.get_logged_model(model).metrics or ()}
    except MlflowException:  # the model was deleted
        return set()


def _model_id(run: Run) -> str | None:
    """Return the id of the model that a run evaluated, else of the last that it logged."""
    outputs = run.outputs.model_outputs if run.outputs else []
    inputs = run.inputs.model_inputs if run.inputs else []
    return next((str(model.model_id) for model in reversed((*outputs, *inputs))), None)


def _model_of(version: ModelVersion) -> str | None:
    source = str(version.source or "")
    return version.model_id or (source.removeprefix("models:/") if source.startswith("models:/m-") else None)
