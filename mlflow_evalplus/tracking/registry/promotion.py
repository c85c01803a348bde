"""The winner goes to the model registry, with the reason on its version, and comes back where it has to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from mlflow_evalplus import names
from mlflow_evalplus import requirements as asked
from mlflow_evalplus.errors import TrackingError, shorten
from mlflow_evalplus.requirements import Requirements
from mlflow_evalplus.results import Outcome
from mlflow_evalplus.tracking import store
from mlflow_evalplus.tracking.baseline import find_baseline, names_version
from mlflow_evalplus.tracking.registry import ledger, model_page, rules, version_page, versions
from mlflow_evalplus.tracking.registry.events import CHAMPION, PROMOTE, ROLLBACK, Event, History
from mlflow_evalplus.tracking.series import load_decided


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
    replaced : str
        The version that the alias named before; empty where it named none.
    forced : bool
        Whether it became champion although it did not pass.
    """

    name: str
    version: str
    alias: str
    reason: str
    created: bool
    replaced: str = ""
    forced: bool = False


def promote(
    run_id: str | None,
    name: str,
    *,
    why: str = "",
    alias: str | None = None,
    version: int | str | None = None,
    force: bool = False,
    baseline: str | None = None,
    requirements: str | Path | Mapping[str, Any] | Requirements | None = None,
) -> Promotion:
    """Give the model of an evaluated run an alias in the registry, and record why, on the version and in the history.

    The same promotion twice makes one version and one entry in the history. A process that is killed leaves the old
    champion or the new one; the next call completes what it left. The version that was champion stays registered:
    `rollback` returns to it.

    Parameters
    ----------
    run_id : str or None
        A run that carries an evaluation and a logged model. None where `version` knows its run.
    name : str
        Registered model; made where it does not exist.
    why : str, optional
        A sentence of the one who promotes, recorded with the rest.
    alias : {'champion', 'challenger'}, optional
        By default ``champion`` where the run's verdict is pass, else ``challenger``: not cleared for launch.
    version : int or str, optional
        An existing version, which is taken instead of registering the run's model. Without `run_id` its evidence is
        that of the run that it was promoted from, else of the newest evaluated run of its model.
    force : bool
        Make it champion although it does not pass; `why` must say for what reason.
    baseline : str, optional
        What a requirement compares it with: a run's id or name, ``previous``, ``champion`` (of this registered model),
        or ``models:/NAME@ALIAS``; by default the run that is recorded on it. Where it is champion itself by now, it is
        what it was held against then.
    requirements : path, mapping or Requirements, optional
        What it is held against; what was logged by default.

    Returns
    -------
    Promotion

    Raises
    ------
    TrackingError
        The run did not pass and is to be champion, has no evaluation or no logged model; there is no such version, or
        it holds another model than the run; there is no such baseline; or MLflow refuses.
    ComparisonError
        The baseline saw another test set.
    RequirementsError
        The requirements are wrong.

    Examples
    --------
    >>> promote("3f2a…", "sentiment", force=True)
    Traceback (most recent call last):
    mlflow_evalplus.errors.TrackingError: force needs a reason: --force --why "…" (in Python force=True, why=…)
    """
    rules.check(alias, force, why)
    if not run_id and version is None:
        raise TrackingError("neither a run nor a version was given; give one of the two")
    client = store.client()
    with store.reaching():
        taken = versions.existing(client, name, str(version)) if version is not None else None
        run = client.get_run(run_id or "") if taken is None or run_id else versions.run_of(client, taken, name)
    base = _baseline(client, run, name, baseline) if baseline else None
    wanted = asked.load(requirements) if requirements is not None else None
    evaluation = load_decided(run, requirements=wanted, baseline=base)
    base_id = base.info.run_id if base else run.data.tags.get(names.TAG_BASELINE_RUN, "")
    said = rules.sentence(run, evaluation, base_id)
    alias = rules.granted(run, evaluation, name, alias, force, said)
    cleared = evaluation.verdict.outcome is Outcome.PASS
    forced = alias == CHAMPION and not cleared
    reason = f"{'cleared' if cleared else 'not cleared'} for launch. {said}"
    tags = version_page.tags(run, evaluation, alias, forced, base_id)
    with store.reaching():
        found, created = (versions.of_run(taken, run), False) if taken else versions.version_of(client, run, name, tags)
        rules.not_both(client, found, alias, reason)
        event = _wanted(PROMOTE, alias, found, tags, why, forced)
        page = version_page.description(run, evaluation, ledger.told(client, name, event) or event, base)
        version_page.write(client, found, tags, page)
        event = ledger.move(client, name, event)
        model_page.write(client, name)
    return Promotion(name, str(found.version), alias, reason, created, event.replaced, forced)


def rollback(name: str, *, why: str = "", to: int | str | None = None) -> Event:
    """Return the alias champion to the previous champion, like an undo: after 1, 2, 3 to 2, and then to 1.

    After a crash look at `history` first, or name the version: with `to` it is safe to repeat.

    Parameters
    ----------
    name : str
        Registered model.
    why : str, optional
        Recorded in the history.
    to : int or str, optional
        A version that has been champion before. Where it is champion now nothing is done.

    Returns
    -------
    Event
        ``version`` is champion now, ``replaced`` was.

    Raises
    ------
    TrackingError
        There is no such model, no champion, no previous one, `to` never was one, or the version was deleted.
    """
    client = store.client()
    with store.reaching():
        versions.registered(client, name)
        told = ledger.read(client, name)
        target = rules.previous(told, name) if to is None else rules.earlier(told, name, str(to))
        try:
            version = client.get_model_version(name, target)
        except MlflowException as error:
            left = [
                number for number in dict.fromkeys(told.champions) if number not in (target, told.aliases.get(CHAMPION))
            ]
            other = f"name another that was champion: {shorten(left)}" if left else "promote another run"
            raise TrackingError(f"version {target} of {name!r}, to go back to, is no longer there; {other}") from error
        tags = version.tags
        wanted = _wanted(ROLLBACK, CHAMPION, version, tags, why, names.TAG_FORCED in tags)
        event = ledger.move(client, name, wanted)
        model_page.write(client, name)
    return event


def history(name: str) -> History:
    """Return who gave which version of a registered model the alias champion or challenger, when and why.

    What a killed `promote` or `rollback` left unfinished is settled first.

    Parameters
    ----------
    name : str
        Registered model.

    Returns
    -------
    History
        ``rows``, the oldest first; ``champions``, to which rollbacks return; ``frame()``.

    Raises
    ------
    TrackingError
        There is no such model.
    """
    client = store.client()
    with store.reaching():
        versions.registered(client, name)
        return ledger.read(client, name)


def _baseline(client: MlflowClient, run: Run, name: str, given: str) -> Run:
    """Return what the run is held against; where it is champion itself, what it was held against before it was."""
    found = find_baseline(given, [run], name=name)
    champion = names_version(given)
    if found.info.run_id != run.info.run_id and not (champion and versions.same_model(found, run)):
        return found
    with store.reaching():
        own = versions.all_of(client, run, name) if champion else []
        held = next((v.tags[names.TAG_BASELINE_RUN] for v in own if names.TAG_BASELINE_RUN in v.tags), None)
        if held:
            return client.get_run(held)
    raise TrackingError(
        f"baseline {given!r} is the model of {run.info.run_name} itself; name another run: --baseline RUN "
        "(in Python baseline=…)"
    )


def _wanted(kind: str, alias: str, version: ModelVersion, tags: dict[str, str], why: str, forced: bool) -> Event:
    return Event(
        kind, alias, str(version.version), datetime.now(timezone.utc), run_id=tags.get(names.TAG_RUN, ""),
        verdict=tags.get(names.TAG_VERDICT, ""), why=why, forced=forced,
        baseline=tags.get(names.TAG_BASELINE_RUN, ""), requirements=tags.get(names.TAG_REQUIREMENTS_DIGEST, ""),
    )  # fmt: skip
