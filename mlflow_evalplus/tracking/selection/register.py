"""The chosen candidate goes to the model registry, with the evidence on its version."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Object, Property

from mlflow_evalplus import names
from mlflow_evalplus.asking.candidate import Candidate
from mlflow_evalplus.asking.endpoint import Endpoint
from mlflow_evalplus.asking.recorded import Recorded
from mlflow_evalplus.errors import TrackingError, did_you_mean, shorten
from mlflow_evalplus.render import markdown, selection_candidate
from mlflow_evalplus.results import Selection
from mlflow_evalplus.tracking import store, writer
from mlflow_evalplus.tracking.registry import ledger, model_page, rules, version_page, versions
from mlflow_evalplus.tracking.registry.events import CHALLENGER, CHAMPION, PROMOTE, Event
from mlflow_evalplus.tracking.registry.promotion import Promotion
from mlflow_evalplus.tracking.selection import endpoint_model
from mlflow_evalplus.tracking.selection.mlflow_model import MlflowModel

MODEL_NAME = "endpoint"
PACKAGES = ("mlflow", "openai")  # what a registered endpoint needs
_MESSAGES = Array(Object([Property("role", DataType.string), Property("content", DataType.string)]))
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec("string", "text", required=False), ColSpec(_MESSAGES, "messages", required=False)]),
    outputs=Schema([ColSpec("string")]),
)


def register_chosen(
    selection: Selection,
    candidates: Sequence[Candidate],
    runs: Mapping[str, str],
    name: str,
    *,
    candidate: str = "",
    system: str = "",
    alias: str | None = None,
    force: bool = False,
    why: str = "",
) -> Promotion:
    """Register the chosen candidate and give it an alias; the same again makes one version.

    An endpoint becomes a pyfunc model that holds its configuration and the name of the environment variable of its
    key, never the key. An MLflow model is registered by its own URI.

    Parameters
    ----------
    selection : Selection
    candidates : sequence of Candidate
        Those that were asked.
    runs : mapping of str to str
        Candidate → its run, as ``log_selection(…).candidates``.
    name : str
        Registered model; made where it does not exist.
    candidate : str, optional
        Another than the chosen one: it is registered as challenger, or as champion with `force`.
    system : str, optional
        The system prompt that all were asked with; a registered endpoint goes on with it.
    alias : {'champion', 'challenger'}, optional
        By default ``champion`` where the decision chose it, else ``challenger``.
    force : bool
        Make it champion although the decision did not choose it; `why` must say for what reason.
    why : str, optional
        Recorded with the rest.

    Returns
    -------
    Promotion

    Raises
    ------
    TrackingError
        None is chosen, there is no such candidate, it is no model (recorded answers), or MLflow refuses.
    """
    rules.check(alias, force, why)
    wanted = candidate or selection.decision.chosen
    asked = _asked(selection, candidates, wanted)
    alias = _granted(selection, wanted, alias, force)
    forced = alias == CHAMPION and wanted != selection.decision.chosen
    config = _configuration(asked, system) if isinstance(asked, Endpoint) else None
    client = store.client()
    with store.reaching():
        run = client.get_run(runs[wanted])
        tags = _tags(selection, wanted, run, alias, forced)
        found, created = _version(client, run, name, asked, config, tags)
        reason = f"{_said(selection, wanted)}. {selection.decision.reason}"
        rules.not_both(client, found, alias, reason)
        event = _event(found, alias, tags, why, forced)
        page = _description(selection, wanted, run, ledger.told(client, name, event) or event)
        version_page.write(client, found, tags, page)
        event = ledger.move(client, name, event)
        model_page.write(client, name)
    return Promotion(name, str(found.version), alias, reason, created, event.replaced, forced)


def _asked(selection: Selection, candidates: Sequence[Candidate], wanted: str) -> Candidate:
    """Return the candidate to register; it must be one that can be."""
    known = [candidate.name for candidate in selection.candidates]
    if not wanted:
        decision = selection.decision
        raise TrackingError(
            f"no candidate is chosen ({decision.outcome}): {decision.reason} To register one of {shorten(known)} "
            "all the same, as challenger, name it: --take CANDIDATE (in Python candidate=…)"
        )
    found = next((candidate for candidate in candidates if candidate.name == wanted), None)
    if wanted not in known or found is None:
        raise TrackingError(
            f"no candidate is called {wanted!r}; they are {shorten(known)}.{did_you_mean(wanted, known)}"
        )
    if isinstance(found, Endpoint | MlflowModel):
        return found
    if isinstance(found, Recorded):
        raise TrackingError(
            f"candidate {wanted!r} is a file of recorded answers, in which there is no model to register. The evidence "
            "stays on its run; to register what gave the answers, name its endpoint or its MLflow model in "
            "candidates.yaml and select again"
        )
    raise TrackingError(
        f"candidate {wanted!r} ({found.about.get('kind', 'of its own kind')}) is no endpoint and no MLflow model; log "
        "it with mlflow.transformers.log_model or mlflow.pyfunc.log_model, name its URI as model: in candidates.yaml, "
        "and select again"
    )


def _granted(selection: Selection, wanted: str, alias: str | None, force: bool) -> str:
    chosen = wanted == selection.decision.chosen
    if alias == CHAMPION and not chosen and not force:
        raise TrackingError(
            f"candidate {wanted!r} is not made champion: the decision is another. {selection.decision.reason} Register "
            'it as challenger, or force it with a reason: --force --why-take "…" (in Python force=True, why=…)'
        )
    return alias or (CHAMPION if chosen or force else CHALLENGER)


def _configuration(endpoint: Endpoint, system: str) -> dict[str, Any]:
    """Return what a registered endpoint holds; its key is read from the environment where it is used."""
    if not endpoint.address_is_whole:
        raise TrackingError(
            f"the address of candidate {endpoint.name!r} holds a user, a password or a query, which are not written "
            "into a registry; give the key by api_key_env, and an address without them"
        )
    return {
        "base_url": endpoint.base_url, "model": endpoint.model, "parameters": endpoint.parameters, "system": system,
        "api_key_env": endpoint.api_key_env, "timeout_s": endpoint.timeout_s, "max_retries": endpoint.max_retries,
        "concurrency": endpoint.concurrency,
    }  # fmt: skip


def _version(
    client: MlflowClient, run: Run, name: str, asked: Candidate, config: dict[str, Any] | None, tags: dict[str, str]
) -> tuple[ModelVersion, bool]:
    """Return the version of the candidate's run, registered where there is none, and whether it is new."""
    if isinstance(asked, MlflowModel):
        uri = _resolved(client, asked.uri)
        own = versions.all_of(client, run, name)
        taken = own[0] if own else _same(client, name, uri)
        return (taken, False) if taken else (mlflow.register_model(uri, name, tags=tags), True)
    if not versions.all_of(client, run, name) and not (run.outputs and run.outputs.model_outputs):
        log_endpoint(config or {}, run.info.run_id)
        run = client.get_run(run.info.run_id)
    return versions.version_of(client, run, name, tags)


def log_endpoint(config: Mapping[str, Any], run_id: str) -> str:
    """Log an endpoint as a model from code into a run; return its URI."""
    needed = [f"{package}=={installed(package)}" for package in PACKAGES]
    with writer.run(run_id=run_id, needed=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # MLflow's remark that there is no example of the input
        info = mlflow.pyfunc.log_model(
            name=MODEL_NAME, python_model=str(Path(endpoint_model.__file__)), model_config=dict(config),
            signature=SIGNATURE, pip_requirements=needed,
        )  # fmt: skip
    return str(info.model_uri)


def _resolved(client: MlflowClient, uri: str) -> str:
    """Return a URI without an alias, which MLflow would register and not find again."""
    registered, at, alias = uri.removeprefix("models:/").partition("@")
    if not uri.startswith("models:/") or not at:
        return uri
    return f"models:/{registered}/{client.get_model_version_by_alias(registered, alias).version}"


def _same(client: MlflowClient, name: str, uri: str) -> ModelVersion | None:
    """Return the version that the URI names, where it is one of this registered model."""
    registered, _, version = uri.removeprefix("models:/").rpartition("/")
    return client.get_model_version(name, version) if uri.startswith("models:/") and registered == name else None


def _said(selection: Selection, wanted: str) -> str:
    among = f"{len(selection.candidates)} candidates on {selection.n:,} questions"
    return f"{'chosen' if wanted == selection.decision.chosen else 'not chosen'} among {among}"


def _tags(selection: Selection, wanted: str, run: Run, alias: str, forced: bool) -> dict[str, str]:
    verdict = selection[wanted].verdict
    found = {
        names.TAG_RUN: run.info.run_id,
        names.TAG_VERDICT: verdict.outcome.value,
        names.TAG_QUESTIONS_DIGEST: selection.digest,
        names.TAG_DECISION: selection.decision.outcome,
        names.TAG_CHOSEN: selection.decision.chosen,
        names.TAG_PROMOTED_AS: alias,
        names.TAG_BOUNDS: version_page.bounds(verdict),
        names.TAG_REQUIREMENTS_DIGEST: run.data.tags.get(names.TAG_REQUIREMENTS_DIGEST, ""),
        names.TAG_FORCED: selection.decision.outcome if forced else "",
    }
    return {key: value for key, value in found.items() if value}


def _event(version: ModelVersion, alias: str, tags: Mapping[str, str], why: str, forced: bool) -> Event:
    return Event(
        PROMOTE, alias, str(version.version), datetime.now(timezone.utc), run_id=tags[names.TAG_RUN],
        verdict=tags[names.TAG_VERDICT], why=why, forced=forced,
        requirements=tags.get(names.TAG_REQUIREMENTS_DIGEST, ""),
    )  # fmt: skip


def _description(selection: Selection, wanted: str, run: Run, event: Event) -> str:
    """Return the decision, the reason, the candidate's summary and where it is from, at most 5,000 characters."""
    title = "Champion" if event.alias == CHAMPION else "Challenger"
    opening = [
        f"{title}{', forced' if event.forced else ''}: {_said(selection, wanted)}",
        markdown.escape(selection.decision.reason, limit=1000),
        f"Why this version: {markdown.escape(event.why, limit=1000)}" if event.why else "",
    ]
    source = (
        f"Registered {event.at:%Y-%m-%d %H:%M UTC} from run {markdown.escape(run.info.run_name)} "
        f"(`{run.info.run_id}`); questions {markdown.code(selection.digest)}, {selection.n:,} of them."
    )
    start = "\n\n".join(fact for fact in opening if fact)
    summary = selection_candidate.summary(selection, wanted)
    return f"{start}\n\n{version_page.cut(summary, version_page.MAX_LENGTH - len(start) - len(source) - 4)}\n\n{source}"
