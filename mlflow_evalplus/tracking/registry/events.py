"""Changes of a registered model's aliases, and the order in which they were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from mlflow_evalplus import names

if TYPE_CHECKING:
    import pandas as pd

CHAMPION, CHALLENGER = "champion", "challenger"
PROMOTE, ROLLBACK, OUTSIDE = "promote", "rollback", "outside"
_NEVER = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of an alias.

    Attributes
    ----------
    kind : str
        ``promote``, ``rollback``, or ``outside``: champion was set or taken away by other means than these two.
    alias, version : str
        What names which version now; `version` is empty where the alias was taken away.
    at : datetime or None
        When it began, in UTC; of a change from outside, when the change after it began, and None before there is one.
    by : str
        The user's name; empty where it is not known.
    run_id, verdict, why : str
        Of the version, and the reason that was given.
    forced : bool
        Whether it was promoted although it did not pass.
    baseline, requirements : str
        The run that it was held against, and the digest of what was asked; empty for none.
    done : datetime or None
        When it was known to be in effect; None where it is not: its process was ended before, or is still at it. Of a
        change from outside that nothing has followed it is the time of reading.
    replaced : str
        The version that the alias named before; empty for none.
    event_id : str
        Ends the tag's key: ``evalplus.event.<event_id>``.
    found : str
        The version that the alias named when it began.
    after : tuple of str
        The ids of the last changes of the alias that it knew when it began. Of two changes, of which neither knows
        the other, they were made at once.
    """

    kind: str
    alias: str
    version: str
    at: datetime | None
    by: str = ""
    run_id: str = ""
    verdict: str = ""
    why: str = ""
    forced: bool = False
    baseline: str = ""
    requirements: str = ""
    done: datetime | None = None
    replaced: str = ""
    event_id: str = ""
    found: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Who gave which version of a registered model an alias, and why.

    Attributes
    ----------
    rows : tuple of Event
        The oldest first. Changes made at once stand in an order that ends in what the alias names now.
    aliases : mapping of str to str
        Alias → version now.
    """

    rows: tuple[Event, ...]
    aliases: Mapping[str, str]

    def last(self, alias: str = CHAMPION) -> Event | None:
        """Return the change that is in effect, or None where there is none."""
        return next((event for event in reversed(self.rows) if event.alias == alias and event.done), None)

    @property
    def champions(self) -> tuple[str, ...]:
        """The versions to which rollbacks return, the present champion last.

        A rollback takes away what came after the version that it returns to.
        """
        stack: list[str] = []
        for event in self.rows:
            if event.alias != CHAMPION or not event.done or not event.version:
                continue
            if event.kind == ROLLBACK and event.version in stack:
                while stack[-1] != event.version:
                    stack.pop()
            elif stack[-1:] != [event.version]:
                stack.append(event.version)
        return tuple(stack)

    def frame(self) -> pd.DataFrame:
        """Return one row per change, in the columns ``names.HISTORY_COLUMNS``; `in_effect` is whether it ever was.

        `at` is empty (NaT) for a change from outside that nothing has followed.
        """
        import pandas as pd

        rows = [
            (e.at, e.by, e.kind, e.alias, e.version, e.replaced, e.run_id, e.verdict, e.forced, e.why, bool(e.done))
            for e in self.rows
        ]
        frame = pd.DataFrame(rows, columns=list(names.HISTORY_COLUMNS))
        return frame.assign(at=pd.to_datetime(frame["at"], utc=True))


def settle(events: Iterable[Event], aliases: Mapping[str, str], now: datetime) -> tuple[Event, ...]:
    """Return, as done, the events that are in effect although nobody has written so.

    An event is in effect that a later one knew of; and one whose version the alias names, where no event that is done
    explains it: of several the latest.
    """
    events = tuple(events)
    seen = {known for event in events for known in event.after}
    open_ = [event for event in events if not event.done]
    effects = {event.event_id: event for event in open_ if event.event_id in seen}
    done = [event for event in events if event.done or event.event_id in seen]
    for alias, version in aliases.items():
        last = frontier(event for event in done if event.alias == alias)
        if any(event.version == version for event in done if event.event_id in last):
            continue
        able = [event for event in open_ if (event.alias, event.version) == (alias, version)]
        effects |= {event.event_id: event for event in sorted(able, key=_begun)[-1:]}
    return tuple(replace(event, done=now) for event in effects.values())


def frontier(events: Iterable[Event]) -> tuple[str, ...]:
    """Return the ids of the events of one alias that are done, and after which none is done that knew of them."""
    done = [event for event in events if event.done and event.event_id]
    seen = {known for event in done for known in event.after}
    return tuple(sorted(event.event_id for event in done if event.event_id not in seen))


def arrange(events: Iterable[Event], aliases: Mapping[str, str], now: datetime) -> History:
    """Return settled events as a history, each with what it replaced.

    An event stands after those that it knew of. Among the last, made at once, the one comes last whose version the
    alias names. Where none does, or where one found a version that none had set, champion was moved from outside.
    """
    by_alias: dict[str, list[Event]] = {CHAMPION: []}
    for event in events:
        by_alias.setdefault(event.alias, []).append(event)
    rows = [list(_told(_ordered(own, aliases.get(alias, "")), alias, aliases, now)) for alias, own in by_alias.items()]
    merged: list[Event] = []
    while any(rows):
        earliest = min((own for own in rows if own), key=lambda own: own[0].at or now)
        merged.append(earliest.pop(0))
    return History(tuple(merged), dict(aliases))


def _ordered(events: list[Event], version: str) -> Iterator[Event]:
    """Yield the events of one alias in order; of the last, made at once, the one of `version` at the end."""
    known = {event.event_id: event for event in events}
    last = _named(known, frontier(events), version)
    before = _before(known)
    while before:
        free = [event_id for event_id, others in before.items() if not others & before.keys()]
        # none is free where somebody changed a tag by hand so that two are each before the other
        event = min((known[i] for i in free or before), key=lambda event: (event is last, _finished(event)))
        del before[event.event_id]
        yield event


def _before(known: Mapping[str, Event]) -> dict[str, set[str]]:
    """Return event → what was done before it.

    That is what it knew of; and where an event knew several, made at once, the one whose version it found was the last.
    """
    before = {event_id: {*event.after} for event_id, event in known.items()}
    for event in known.values():
        found = _named(known, event.after, event.found)
        if found:
            before[found.event_id] |= {*event.after} - {found.event_id}
    return before


def _named(known: Mapping[str, Event], ids: Iterable[str], version: str) -> Event | None:
    """Return, of the events with these ids, the latest of this version."""
    able = [known[event_id] for event_id in ids if event_id in known and known[event_id].version == version]
    return max(able, key=_finished, default=None)


def _told(events: Iterable[Event], alias: str, aliases: Mapping[str, str], now: datetime) -> Iterator[Event]:
    """Yield each event with what it replaced, and the changes from outside where the ledger tells of them."""
    before: Event | None = None
    version = ""
    for event in events:
        alone = before is None or before.event_id in event.after
        if alone and alias == CHAMPION and event.found != version:
            yield _outside(event.found, version, event.at, event.at or now)
        replaced = event.found if alone or not event.done else version
        yield replace(event, replaced=replaced)
        if event.done:
            before, version = event, event.version
    if alias == CHAMPION and aliases.get(alias, "") != version:
        yield _outside(aliases.get(alias, ""), version, None, now)


def _outside(version: str, replaced: str, before: datetime | None, done: datetime) -> Event:
    return Event(OUTSIDE, CHAMPION, version, before, done=done, replaced=replaced)


def _begun(event: Event) -> tuple[datetime, str]:
    return event.at or _NEVER, event.event_id


def _finished(event: Event) -> tuple[datetime, str]:
    return event.done or event.at or _NEVER, event.event_id
