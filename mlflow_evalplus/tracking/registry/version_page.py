"""Why a model version is there: its description and tags, since the registry's pages show no metrics."""

from __future__ import annotations

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown, summary
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.promotions import plain
from mlflow_evalplus.results import Evaluation, Outcome, Verdict
from mlflow_evalplus.tracking.registry.events import CHAMPION, Event

MAX_LENGTH = 5000  # of a description and of a tag, in every database that MLflow knows
OWN_TAGS = (
    names.TAG_RUN, names.TAG_VERDICT, names.TAG_DATA_DIGEST, names.TAG_ACCURACY, names.TAG_PROMOTED_AS,
    names.TAG_BOUNDS, names.TAG_BASELINE_RUN, names.TAG_REQUIREMENTS_DIGEST, names.TAG_FORCED,
)  # fmt: skip


def tags(run: Run, evaluation: Evaluation, alias: str, forced: bool, baseline: str) -> dict[str, str]:
    """Return the tags of a version that is promoted as `alias`, held against a baseline's run."""
    outcome = evaluation.verdict.outcome.value
    found = {
        names.TAG_RUN: run.info.run_id,
        names.TAG_VERDICT: outcome,
        names.TAG_DATA_DIGEST: evaluation.data_digest,
        names.TAG_ACCURACY: str(evaluation.metrics["accuracy"]),
        names.TAG_PROMOTED_AS: alias,
        names.TAG_BOUNDS: bounds(evaluation.verdict),
        names.TAG_BASELINE_RUN: baseline,
        names.TAG_REQUIREMENTS_DIGEST: evaluation.requirements.digest if evaluation.requirements else "",
        names.TAG_FORCED: outcome if forced else "",
    }
    return {key: value for key, value in found.items() if value}


def bounds(verdict: Verdict) -> str:
    """Return every gate in words, with what was measured; at most 5,000 characters, the rest counted."""
    said = [
        plain(f"{gate.requirement}: {interval(gate.estimate) if gate.estimate else 'not measured'}", 500)
        for gate in verdict.gates
    ]
    kept = list(said)
    while (
        len(text := "; ".join(kept + ([f"… {len(said) - len(kept)} more"] if len(kept) < len(said) else [])))
        > MAX_LENGTH
    ):
        kept.pop()
    return text


def description(run: Run, evaluation: Evaluation, event: Event, baseline: Run | None = None) -> str:
    """Return the decision, the reason, the run's summary and where it comes from as Markdown, at most 5,000 characters.

    Of a summary that is longer the end is left out. `event` is the promotion, `baseline` what was asked for instead of
    the run's own. The first line is plain: the list of versions shows Markdown as it is typed.
    """
    when = f"{event.at:%Y-%m-%d %H:%M UTC}"
    digest = evaluation.requirements.digest if evaluation.requirements else "none"
    opening = [
        _decision(evaluation.verdict, event),
        f"Why this version: {markdown.escape(event.why, limit=1000)}" if event.why else "",
        _beside(run, baseline),
        _asked(run, digest),
    ]
    source = (
        f"Promoted {when} from run {markdown.escape(run.info.run_name)} (`{run.info.run_id}`); "
        f"requirements {markdown.code(digest)}; test data {markdown.code(evaluation.data_digest)}, "
        f"{evaluation.n:,} examples."
    )
    start = "\n\n".join(fact for fact in opening if fact)
    return f"{start}\n\n{cut(summary.page(evaluation), MAX_LENGTH - len(start) - len(source) - 4)}\n\n{source}"


def _decision(verdict: Verdict, event: Event) -> str:
    if event.forced:
        return f"Champion, forced: did not pass ({verdict.outcome})"
    cleared = "cleared" if verdict.outcome is Outcome.PASS else "not cleared"
    return f"{'Champion' if event.alias == CHAMPION else 'Challenger'}: {cleared} for launch"


def _beside(run: Run, baseline: Run | None) -> str:
    recorded = run.data.tags.get(names.TAG_BASELINE)
    if baseline and baseline.info.run_id != run.data.tags.get(names.TAG_BASELINE_RUN):
        return f"Held against the baseline {markdown.escape(baseline.info.run_name)} (`{baseline.info.run_id}`)"
    return f"Beside the baseline {markdown.escape(recorded)}" if recorded else ""


def _asked(run: Run, digest: str) -> str:
    logged = run.data.tags.get(names.TAG_REQUIREMENTS_DIGEST, "none")
    if digest == logged:
        return ""
    return f"Held against requirements {markdown.code(digest)}; the run was logged with {markdown.code(logged)}"


def cut(page: str, limit: int) -> str:
    """Return a page of at most `limit` characters: whole lines of its beginning, and that there is more."""
    if len(page) <= limit:
        return page
    more = "\n\n… the rest is on the run's page."
    return page[: limit - len(more)].rpartition("\n")[0] + more


def write(client: MlflowClient, version: ModelVersion, wanted: dict[str, str], text: str) -> None:
    """Write description and tags on a version; of our tags those that no longer hold are taken away."""
    if version.description != text:
        client.update_model_version(version.name, version.version, description=text)
    for key, value in wanted.items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(version.name, version.version, key, value)
    for key in OWN_TAGS:
        if key in version.tags and key not in wanted:
            client.delete_model_version_tag(version.name, version.version, key)
