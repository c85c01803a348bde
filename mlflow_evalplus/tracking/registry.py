"""The winner goes to the model registry, with the reason on its version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

import mlflow
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from mlflow_evalplus import names
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.render import markdown, summary
from mlflow_evalplus.results import Evaluation, Outcome
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.series import load_decided

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class Promotion:
    """What `promote` did.

    Attributes
    ----------
    name, version : str
        The registered model and its version.
    alias : str
        ``champion`` or ``challenger``.
    reason : str
        Whether it is cleared for launch, and the verdict in a sentence.
    created : bool
        False where this run's version was there before.
    """

    name: str
    version: str
    alias: str
    reason: str
    created: bool


def promote(run_id: str, name: str, *, why: str = "") -> Promotion:
    """Register the model of an evaluated run and record why on the version.

    The alias ``champion`` is set where the run's verdict is pass; else ``challenger``, with the words "not
    cleared for launch". The same run promoted twice makes one version.

    Parameters
    ----------
    run_id : str
        A run that carries an evaluation and a logged model.
    name : str
        Registered model; made where it does not exist.
    why : str, optional
        A sentence of the one who promotes, recorded with the rest.

    Returns
    -------
    Promotion

    Raises
    ------
    TrackingError
        The run has no evaluation or no logged model, or MLflow refuses.
    """
    client = store.client()
    with store.reaching():
        run = client.get_run(run_id)
    evaluation = load_decided(run)
    cleared = evaluation.verdict.outcome is Outcome.PASS
    alias = CHAMPION if cleared else CHALLENGER
    reason = ("cleared for launch. " if cleared else "not cleared for launch. ") + evaluation.verdict.sentence
    with store.reaching():
        model_uri = _model_uri(run)
        version, created = _version(run, name, model_uri)
        client.update_model_version(name, version.version, description=_evidence(run, evaluation, alias, why))
        for key, value in _tags(run, evaluation, alias).items():
            client.set_model_version_tag(name, version.version, key, value)
        client.set_registered_model_alias(name, alias, version.version)
    return Promotion(name, str(version.version), alias, reason, created)


def _model_uri(run: Run) -> str:
    outputs = run.outputs.model_outputs if run.outputs else []
    inputs = run.inputs.model_inputs if run.inputs else []
    ids = [model.model_id for model in (*outputs, *inputs)]
    if not ids:
        raise TrackingError(
            f"run {run.info.run_id} has no logged model to register; evaluate one with "
            "mlflow.models.evaluate(model=…, evaluators=['evalplus'], …)"
        )
    return f"models:/{ids[-1]}"


def _version(run: Run, name: str, model_uri: str) -> tuple[ModelVersion, bool]:
    client = mlflow.MlflowClient()
    quote = '"' if "'" in name else "'"
    for version in client.search_model_versions(f"name = {quote}{name.replace(quote, '')}{quote}"):
        if version.tags.get(names.TAG_RUN) == run.info.run_id:
            return version, False
    return mlflow.register_model(model_uri, name), True


def _tags(run: Run, evaluation: Evaluation, alias: str) -> dict[str, str]:
    accuracy = evaluation.metrics["accuracy"]
    tags = {
        names.TAG_RUN: run.info.run_id,
        names.TAG_VERDICT: evaluation.verdict.outcome.value,
        names.TAG_DATA_DIGEST: evaluation.data_digest,
        names.TAG_ACCURACY: str(accuracy),
        names.TAG_PROMOTED_AS: alias,
    }
    if evaluation.requirements:
        tags[names.TAG_REQUIREMENTS_DIGEST] = evaluation.requirements.digest
    return tags


def _evidence(run: Run, evaluation: Evaluation, alias: str, why: str) -> str:
    """Return the version's description: the registry page shows no metrics, so the evidence stands here."""
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    digest = evaluation.requirements.digest if evaluation.requirements else "none"
    baseline = run.data.tags.get(names.TAG_BASELINE)
    facts = [
        f"**{'Cleared' if alias == CHAMPION else 'Not cleared'} for launch**",
        f"Why this version: {markdown.escape(why, limit=1000)}" if why else "",
        f"Beside the baseline {markdown.escape(baseline)}" if baseline else "",
        summary.page(evaluation),
        f"Promoted {when} from run {markdown.escape(run.info.run_name)} (`{run.info.run_id}`); "
        f"requirements `{digest}`; test data `{evaluation.data_digest}`, {evaluation.n:,} examples.",
    ]
    return "\n\n".join(fact for fact in facts if fact)
