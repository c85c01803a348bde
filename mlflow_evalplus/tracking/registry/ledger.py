"""The ledger of a registered model's aliases: one tag of the model for each change, never taken away.

A tag is written when the change begins and once more when it is done; between the two the alias is set, the one step
that counts. So whoever is killed leaves the old version or the new one, and the alias tells which.
"""

from __future__ import annotations

import getpass
import os
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import cache

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import TypeAdapter, ValidationError

from mlflow_evalplus import names
from mlflow_evalplus.render.promotions import plain
from mlflow_evalplus.tracking.registry.events import (
    CHALLENGER,
    CHAMPION,
    PROMOTE,
    Event,
    History,
    arrange,
    frontier,
    settle,
)

MAX_WHY = 1000
MAX_READS = 20
MAX_TRIES = 3


def read(client: MlflowClient, name: str) -> History:
    """Return the history of a registered model, and write down what killed processes left to be written."""
    tags, aliases = _moment(client, name)
    events = [event for key, value in tags.items() if (event := _parse(key, value))]
    now = datetime.now(timezone.utc)
    effects = settle(events, aliases, now)
    with suppress(MlflowException):  # one who may only read is not refused
        for event in effects:
            _write(client, name, event)
    known = {event.event_id: event for event in (*events, *effects)}
    return arrange(known.values(), aliases, now)


def move(client: MlflowClient, name: str, wanted: Event) -> Event:
    """Set an alias and record it; where the alias is set and nothing new is said of it, nothing is recorded.

    Killed at any point it leaves the old version or the new one, and the next call completes the history.
    """
    past = read(client, name)
    last, found = _standing(past, wanted), past.aliases.get(wanted.alias, "")
    if last:
        _one_alias_only(client, name, wanted)
        return last
    now = datetime.now(timezone.utc)
    event = replace(
        wanted, at=now, by=_user(), why=plain(wanted.why, MAX_WHY), found=found,
        event_id=f"{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}",
        after=frontier(event for event in past.rows if event.alias == wanted.alias),
    )  # fmt: skip
    _write(client, name, event)
    _set_alias(client, name, event)
    _one_alias_only(client, name, event)
    event = replace(event, done=datetime.now(timezone.utc))
    _write(client, name, event)
    return replace(event, replaced=found)


def told(client: MlflowClient, name: str, wanted: Event) -> Event | None:
    """Return the promotion of which `wanted` says nothing new; None where it would be recorded.

    Where a rollback returned to the version since, it is the promotion before that.
    """
    past = read(client, name)
    last = _standing(past, wanted)
    own = [e for e in past.rows if e.done and (e.kind, e.alias, e.version) == (PROMOTE, wanted.alias, wanted.version)]
    return own[-1] if last and own else last


def _standing(past: History, wanted: Event) -> Event | None:
    """Return the change that is in effect, where it is this one; a reason that is not given again is no other."""
    last, same = past.last(wanted.alias), ("version", "run_id", "verdict", "forced", "baseline", "requirements")
    if last is None or past.aliases.get(wanted.alias) != wanted.version:
        return None
    alike = all(getattr(wanted, field) == getattr(last, field) for field in same)
    return last if alike and plain(wanted.why, MAX_WHY) in ("", last.why) else None


def _set_alias(client: MlflowClient, name: str, event: Event) -> None:
    """Set the alias; where two set it for the first time at once, MLflow refuses one of them."""
    for left in range(MAX_TRIES - 1, -1, -1):
        try:
            client.set_registered_model_alias(name, event.alias, event.version)
            return
        except MlflowException:
            if not left:
                raise


def _one_alias_only(client: MlflowClient, name: str, event: Event) -> None:
    """Take the alias challenger from the champion."""
    if event.alias == CHAMPION and str(client.get_registered_model(name).aliases.get(CHALLENGER)) == event.version:
        client.delete_registered_model_alias(name, CHALLENGER)


def _moment(client: MlflowClient, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the ledger's tags and the aliases of one moment: MLflow reads the two one after the other.

    Tags never return to an earlier state, so two equal readings in a row saw the same moment.
    """
    seen = None
    for _ in range(MAX_READS):
        model = client.get_registered_model(name)
        tags = {key: value for key, value in model.tags.items() if key.startswith(f"{names.TAG_EVENT}.")}
        now = (tags, {alias: str(version) for alias, version in model.aliases.items()})
        if now == seen:
            break
        seen = now
    return now


@cache
def _adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Event)


def _write(client: MlflowClient, name: str, event: Event) -> None:
    value = _adapter().dump_json(event, exclude_defaults=True, exclude={"event_id", "replaced"}).decode()
    client.set_registered_model_tag(name, f"{names.TAG_EVENT}.{event.event_id}", value)


def _parse(key: str, value: str) -> Event | None:
    """Return the event in a tag; None for one that is not ours or that somebody has spoilt."""
    try:
        event = _adapter().validate_json(value)
    except ValidationError:
        return None
    dated = event.at is not None and all(time.tzinfo for time in (event.at, event.done) if time)
    return replace(event, event_id=key.removeprefix(f"{names.TAG_EVENT}."), replaced="") if dated else None


def _user() -> str:
    with suppress(OSError, KeyError, ImportError):  # what getpass raises where a container's user has no name
        return plain(os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser(), 100)
    return ""
