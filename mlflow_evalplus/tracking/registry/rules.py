"""What may be promoted and rolled back, and what is said where it may not."""

from __future__ import annotations

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from mlflow_evalplus.errors import TrackingError, shorten
from mlflow_evalplus.results import Evaluation, Outcome
from mlflow_evalplus.tracking.registry.events import CHALLENGER, CHAMPION, History


def check(alias: str | None, force: bool, why: str) -> None:
    """Refuse an alias that there is not, and force without a reason or for a challenger."""
    if alias not in (None, CHAMPION, CHALLENGER):
        raise TrackingError(f"alias {alias!r} is neither 'champion' nor 'challenger'")
    if force and not why.strip():
        raise TrackingError('force needs a reason: --force --why "…" (in Python force=True, why=…)')
    if force and alias == CHALLENGER:
        raise TrackingError(
            "a challenger needs no force: leave out --force (in Python force=True), or ask for the alias 'champion'"
        )


def sentence(run: Run, evaluation: Evaluation, baseline: str) -> str:
    """Return the verdict in a sentence; where it is open for want of a baseline, what to do."""
    said = evaluation.verdict.sentence.rstrip(".") + "."
    thresholds = evaluation.requirements.thresholds if evaluation.requirements else ()
    alone = baseline in ("", run.info.run_id) and any(threshold.not_worse_than for threshold in thresholds)
    if not alone or evaluation.verdict.outcome is not Outcome.UNDECIDED:
        return said
    return f"{said} Say what it is compared with: --baseline RUN, previous or champion (in Python baseline=…)."


def granted(run: Run, evaluation: Evaluation, name: str, alias: str | None, force: bool, said: str) -> str:
    """Return the alias that the run gets; champion only where it passed or is forced."""
    cleared = evaluation.verdict.outcome is Outcome.PASS
    if alias == CHAMPION and not cleared and not force:
        raise TrackingError(
            f"run {run.info.run_name} is not made champion of {name!r}: it did not pass. {said} "
            'Fix that, promote it as challenger, or force it with a reason: --force --why "…" (in Python force=True, '
            "why=…)"
        )
    return alias or (CHAMPION if cleared or force else CHALLENGER)


def not_both(client: MlflowClient, version: ModelVersion, alias: str, reason: str) -> None:
    """Refuse to make the champion its own challenger."""
    champion = str(client.get_registered_model(version.name).aliases.get(CHAMPION)) if alias == CHALLENGER else ""
    if champion == str(version.version):
        raise TrackingError(
            f"version {champion} of {version.name!r} is the champion and cannot be its challenger as well: {reason} "
            f"Roll back (mlflow-evalplus rollback --name '{version.name}'), or keep it with a reason: "
            '--force --why "…" (in Python force=True, why=…)'
        )


def previous(told: History, name: str) -> str:
    """Return the version that a rollback returns to."""
    champion = told.aliases.get(CHAMPION)
    if champion is None:
        raise TrackingError(
            f"{name!r} has no champion to go back from; promote a run, or name a version: --to VERSION (in Python to=…)"
        )
    if len(told.champions) < 2:
        later = [e.version for e in told.rows if e.alias == CHAMPION and e.done and e.version not in ("", champion)]
        forward = f"; to go forward again: --to {later[-1]} (in Python to={later[-1]})" if later else ""
        raise TrackingError(
            f"version {champion} of {name!r} is its oldest champion: there is nothing older to go back to{forward}"
        )
    return told.champions[-2]


def earlier(told: History, name: str, version: str) -> str:
    """Return a version that is named to go back to; it must have been champion."""
    known = dict.fromkeys(e.version for e in told.rows if e.alias == CHAMPION and e.done and e.version)
    if version not in known:
        raise TrackingError(f"version {version!r} of {name!r} has never been champion; champions were {shorten(known)}")
    return version
