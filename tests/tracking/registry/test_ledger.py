"""The ledger against a simulation: several processes at once, a schedule at random, kills between any two steps."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from mlflow_evalplus import names
from mlflow_evalplus.tracking.registry import events, ledger
from mlflow_evalplus.tracking.registry.events import CHALLENGER, CHAMPION, OUTSIDE, PROMOTE, ROLLBACK, Event, History
from tests.generated import inputs

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
NAME = "sentiment"


class Registry:
    """What the ledger asks of MLflow, in memory; `step` is called before each of a database's steps."""

    def __init__(self, step: Callable[[], None] = lambda: None, refuse: bool = False) -> None:
        self.tags: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.step, self.refuse, self.champions = step, refuse, []

    def get_registered_model(self, name: str) -> SimpleNamespace:
        self.step()
        tags = dict(self.tags)
        self.step()
        return SimpleNamespace(tags=tags, aliases=dict(self.aliases))

    def set_registered_model_tag(self, name: str, key: str, value: str) -> None:
        self.step()
        if self.refuse:
            raise MlflowException("may only read")
        self.tags[key] = value

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self.step()
        self.aliases[alias] = version
        if alias == CHAMPION:
            self.champions.append(version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        self.step()
        self.aliases.pop(alias, None)


class Killed(BaseException):
    """Ends a process where it stands."""


@dataclass
class Process:
    """A promotion or a rollback that makes a step only when it is told to, and may be killed before any."""

    work: Callable[[], Event]
    dies_after: int | None
    steps: int = 0
    began: int = -1
    ended: int = -1
    result: Event | None = None
    error: Exception | None = None
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.process = self  # type: ignore[attr-defined]
        self.thread.start()
        self.back.acquire()

    def _run(self) -> None:
        try:
            with suppress(Killed):
                self.result = self.work()
        except Exception as error:
            self.error = error
        finally:
            self.ended = 0
            self.back.release()

    def step(self) -> None:
        """Wait, inside the process, until it is its turn."""
        self.back.release()
        self.turn.acquire()
        if self.steps == self.dies_after:
            raise Killed
        self.steps += 1


def told(history: History) -> list[Event]:
    """Return the rows without the time at which a change from outside was seen, which is that of the reading."""
    return [replace(event, at=NOON, done=NOON) if event.kind == OUTSIDE else event for event in history.rows]


def simulate(registry: Registry, processes: list[Process], schedule: random.Random) -> None:
    """Run the processes, one step of one of them after the other, until all have ended."""
    registry.step = lambda: threading.current_thread().process.step()  # type: ignore[attr-defined]
    clock = 0
    waiting = list(processes)
    running: list[Process] = []
    while waiting or running:
        clock += 1
        process = schedule.choice([*running, *waiting[:1]])
        if process in waiting:
            waiting.remove(process)
            running.append(process)
            process.began = clock
            process.start()
        else:
            process.turn.release()
            process.back.acquire()
        if process.ended == 0:
            process.ended = clock
            process.thread.join()
            if process.error:
                raise process.error
            running.remove(process)
    registry.step = lambda: None


def promotion(version: str, why: str = "", alias: str = CHAMPION) -> Event:
    return Event(PROMOTE, alias, version, NOON, run_id=f"run {version}", verdict="pass", why=why)


def moving(registry: Registry, version: str, why: str) -> Callable[[], Event]:
    return lambda: ledger.move(registry, NAME, promotion(version, why))


def rolling(registry: Registry, why: str) -> Callable[[], Event]:
    """Return what a rollback does."""

    def work() -> Event:
        back = ledger.read(registry, NAME).champions
        return ledger.move(registry, NAME, Event(ROLLBACK, CHAMPION, back[-2 if len(back) > 1 else -1], NOON, why=why))

    return work


schedules = st.integers(0, 2**32).map(random.Random)
actors = st.lists(st.tuples(st.sampled_from("ppppr"), st.none() | st.integers(0, 12)), min_size=1, max_size=6)


@given(actors, schedules, st.booleans())
@settings(deadline=None, max_examples=inputs(200))
def test_whatever_the_interleaving_and_the_kills_there_is_one_champion_and_a_complete_history(
    actors: list[tuple[str, int | None]], schedule: random.Random, alike: bool
) -> None:
    registry = Registry()
    ledger.move(registry, NAME, promotion("0", "the first"))
    whys = [f"why {number}" for number in range(len(actors))]
    versions = ["1" if alike and n % 2 else str(n + 1) for n in range(len(actors))]
    processes = [
        Process(moving(registry, version, why) if kind == "p" else rolling(registry, why), dies)
        for version, (kind, dies), why in zip(versions, actors, whys, strict=True)
    ]
    simulate(registry, processes, schedule)

    history = ledger.read(registry, NAME)
    kinds = {kind for kind, _ in actors}
    done = [event for event in history.rows if event.done]
    assert done[-1].version == history.champions[-1] == registry.aliases[CHAMPION] == registry.champions[-1]
    assert told(ledger.read(registry, NAME)) == told(history), "reading again changes nothing"
    if kinds == {"p"} and not alike:
        assert [event for event in history.rows if event.kind == OUTSIDE] == []
    place = {event.why: number for number, event in enumerate(done) if event.why}
    assert len(place) == len([event for event in done if event.kind != OUTSIDE]), "nothing twice"
    for why, process in zip(whys, processes, strict=True):
        if process.result is not None and process.result.why == why:
            assert why in place
    before = {e.why: b.version for b, e in pairwise(done)}
    assert all(e.replaced == before[e.why] for e in done[1:] if e.kind != OUTSIDE), "each replaced the one before it"
    for why, process in zip(whys, processes, strict=True):
        for other_why, other in zip(whys, processes, strict=True):
            if {why, other_why} <= place.keys() and process.result and process.ended < other.began:
                assert place[why] < place[other_why], "what ended before another began stands before it"


@given(actors, schedules)
@settings(deadline=None, max_examples=inputs(100))
def test_what_was_once_said_to_be_in_effect_is_never_taken_back(
    actors: list[tuple[str, int | None]], schedule: random.Random
) -> None:
    registry, readings = Registry(), []
    ledger.move(registry, NAME, promotion("0", "the first"))

    def reader() -> Event | None:
        readings.extend(ledger.read(registry, NAME) for _ in range(4))

    processes = [Process(moving(registry, str(n + 1), f"why {n}"), dies) for n, (_, dies) in enumerate(actors)]
    simulate(registry, [Process(reader, None), *processes], schedule)
    said = [{event.event_id for event in told.rows if event.done and event.event_id} for told in readings]
    said.append({event.event_id for event in ledger.read(registry, NAME).rows if event.done})
    assert all(earlier <= later for earlier, later in pairwise(said))


@pytest.mark.parametrize("dies_after", range(14))
def test_a_killed_promotion_is_found_done_where_its_alias_was_set_and_not_where_it_was_not(dies_after: int) -> None:
    registry = Registry()
    ledger.move(registry, NAME, promotion("1"))
    simulate(registry, [Process(moving(registry, "2", "better"), dies_after)], random.Random(0))
    rows = ledger.read(registry, NAME).rows
    tried = [event for event in rows if event.version == "2"]
    assert (registry.aliases[CHAMPION] == "2") == bool(tried and tried[0].done)
    ledger.move(registry, NAME, promotion("2", "better"))
    last = ledger.read(registry, NAME).last()
    assert (last.version, last.replaced, registry.aliases) == ("2", "1", {CHAMPION: "2"})
    assert len([event for event in ledger.read(registry, NAME).rows if event.done]) == 2


def test_the_same_promotion_twice_is_one_event_and_a_new_reason_is_another() -> None:
    registry = Registry()
    for why in ("good", "good", "", "still good"):
        ledger.move(registry, NAME, promotion("1", why))
    assert [(e.why, e.replaced) for e in ledger.read(registry, NAME).rows] == [("good", ""), ("still good", "1")]
    assert ledger.read(registry, NAME).champions == ("1",)
    ledger.move(registry, NAME, replace(promotion("1"), verdict="fail", forced=True))
    assert ledger.read(registry, NAME).last().forced


def test_rollbacks_go_back_like_an_undo() -> None:
    registry = Registry()
    for version in "123":
        ledger.move(registry, NAME, promotion(version))

    def back(to: str) -> tuple[str, ...]:
        ledger.move(registry, NAME, Event(ROLLBACK, CHAMPION, to, NOON))
        return ledger.read(registry, NAME).champions

    assert back("2") == ("1", "2")
    assert back("1") == ("1",)
    assert back("3") == ("1", "3"), "it was taken away, so it is a champion anew"
    ledger.move(registry, NAME, promotion("1"))
    assert ledger.read(registry, NAME).champions == ("1", "3", "1")


def test_a_champion_that_somebody_else_set_is_told_where_it_stood() -> None:
    registry = Registry()
    registry.aliases[CHAMPION] = "7"
    (row,) = ledger.read(registry, NAME).rows
    assert (row.kind, row.version, row.replaced, row.by) == (OUTSIDE, "7", "", "")
    ledger.move(registry, NAME, promotion("8"))
    registry.aliases[CHAMPION] = "9"
    ledger.move(registry, NAME, promotion("10"))
    del registry.aliases[CHAMPION]
    told = ledger.read(registry, NAME)
    assert [(e.kind, e.replaced, e.version) for e in told.rows] == [
        (OUTSIDE, "", "7"), (PROMOTE, "7", "8"), (OUTSIDE, "8", "9"), (PROMOTE, "9", "10"), (OUTSIDE, "10", ""),
    ]  # fmt: skip
    assert told.champions == ("7", "8", "9", "10")


def test_a_champion_is_no_longer_the_challenger() -> None:
    registry = Registry()
    ledger.move(registry, NAME, promotion("1"))
    for version in "23":
        ledger.move(registry, NAME, promotion(version, alias=CHALLENGER))
    assert registry.aliases == {CHAMPION: "1", CHALLENGER: "3"}
    ledger.move(registry, NAME, promotion("2"))
    assert registry.aliases == {CHAMPION: "2", CHALLENGER: "3"}
    ledger.move(registry, NAME, promotion("3"))
    assert registry.aliases == {CHAMPION: "3"}
    rows = ledger.read(registry, NAME).rows
    assert [(e.alias, e.version) for e in rows] == [
        (CHAMPION, "1"), (CHALLENGER, "2"), (CHALLENGER, "3"), (CHAMPION, "2"), (CHAMPION, "3"),
    ]  # fmt: skip


def test_one_who_may_only_read_sees_what_a_killed_promotion_did() -> None:
    registry = Registry()
    registry.aliases[CHAMPION] = "1"
    event = replace(promotion("1"), event_id="20260101T120000.000000Z-aa")
    ledger._write(registry, NAME, event)
    registry.refuse = True
    assert ledger.read(registry, NAME).last().version == "1"


json_values = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.dictionaries(
    st.sampled_from(["kind", "alias", "version", "at", "after", "done", "why"]), inner), max_leaves=6)  # fmt: skip


@given(st.lists(st.text() | json_values.map(json.dumps), max_size=4))
@settings(deadline=None)
def test_a_tag_that_somebody_spoilt_hides_nothing_else(spoilt: list[str]) -> None:
    registry = Registry()
    ledger.move(registry, NAME, promotion("1"))
    registry.tags |= {f"{names.TAG_EVENT}.{number}": value for number, value in enumerate(spoilt)}
    assert ledger.read(registry, NAME).last().version == "1"
    assert ledger.move(registry, NAME, promotion("2")).replaced == "1"


def test_tags_that_are_each_before_the_other_do_not_hang_the_history() -> None:
    circle = [replace(promotion(i), event_id=i, after=(j,), done=NOON) for i, j in ("ab", "ba", "ca")]
    assert {event.event_id for event in events.arrange(circle, {CHAMPION: "c"}, NOON).rows if event.event_id} == {
        *"abc"
    }


@given(st.text(min_size=0, max_size=3000) | st.just('\x00"\\' * 2000), st.text(max_size=300))
@settings(deadline=None, max_examples=inputs(50))
def test_every_reason_fits_into_a_tag_and_comes_back(why: str, user: str) -> None:
    registry = Registry()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "_user", lambda: ledger.plain(user, 100))
        event = ledger.move(registry, NAME, promotion("1", why))
    (value,) = registry.tags.values()
    assert len(value) <= 5000  # what a database column holds
    assert "\x00" not in value
    value.encode()
    last = ledger.read(registry, NAME).last()
    assert (last.why, last.by) == (event.why, event.by)
    assert last.why[:500].split() == ledger.plain(why, 10_000)[:500].split() or len(why) > 1000


def test_a_ledger_of_events_of_several_machines_whose_clocks_differ_is_in_the_true_order() -> None:
    """Each event says which ones it knew of, so the clocks do not matter."""
    registry, hours = Registry(), iter([9, 9, 9, 2, 2, 2, 5, 5, 5])

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOON + timedelta(hours=next(hours))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "datetime", Clock)
        for version in "123":
            ledger.move(registry, NAME, promotion(version))
    assert [event.version for event in ledger.read(registry, NAME).rows] == ["1", "2", "3"]


def test_an_empty_history_has_columns_and_no_champion() -> None:
    told = History((), {})
    assert list(told.frame().columns) == list(names.HISTORY_COLUMNS)
    assert (len(told.frame()), told.last(), told.champions) == (0, None, ())
    assert events.settle([], {CHAMPION: "1"}, NOON) == ()
    assert events.frontier([]) == ()


def test_the_frame_says_what_never_took_effect() -> None:
    registry = Registry()
    ledger.move(registry, NAME, promotion("1", "good"))
    known = events.frontier(ledger.read(registry, NAME).rows)
    ledger._write(registry, NAME, replace(promotion("2"), event_id="x", found="1", after=known))
    frame = ledger.read(registry, NAME).frame()
    assert frame[["version", "replaced", "why", "in_effect"]].to_numpy().tolist() == [
        ["1", "", "good", True], ["2", "1", "", False],
    ]  # fmt: skip


def test_a_rollback_that_was_killed_after_its_step_is_in_effect_although_its_version_was_champion_before() -> None:
    registry = Registry()
    for version in "12":
        ledger.move(registry, NAME, promotion(version))
    known = events.frontier(ledger.read(registry, NAME).rows)
    begun = Event(ROLLBACK, CHAMPION, "1", NOON, event_id="20260101T120000.000000Z-aa", found="2", after=known)
    ledger._write(registry, NAME, begun)
    assert ledger.read(registry, NAME).last().version == "2"
    registry.aliases[CHAMPION] = "1"
    history = ledger.read(registry, NAME)
    assert (history.last().kind, history.last().version, history.champions) == (ROLLBACK, "1", ("1",))


def test_what_a_later_event_knew_of_is_in_effect() -> None:
    first = replace(promotion("1"), event_id="a")
    second = replace(promotion("2"), event_id="b", found="1", after=("a",), done=NOON)
    settled = events.settle([first, second], {CHAMPION: "2"}, NOON)
    assert [(event.event_id, event.done) for event in settled] == [("a", NOON)]


def test_of_two_made_at_once_the_one_that_the_next_found_was_the_last() -> None:
    """Whoever set the alias last may have been the first to write that it was done."""
    at = [NOON + timedelta(minutes=minute) for minute in range(9)]
    first = replace(promotion("1"), at=at[0], event_id="a", done=at[3])
    other = replace(promotion("2"), at=at[1], event_id="b", done=at[4])
    after = replace(promotion("3"), at=at[5], event_id="c", found="1", after=("a", "b"), done=at[6])
    rows = events.arrange([first, other, after], {CHAMPION: "3"}, at[8]).rows
    assert [(event.version, event.replaced) for event in rows] == [("2", ""), ("1", "2"), ("3", "1")]


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_an_alias_that_mlflow_refuses_because_another_sets_it_is_set_again(refusals: int) -> None:
    registry, left = Registry(), [MlflowException("UNIQUE constraint failed")] * refusals
    original = registry.set_registered_model_alias

    def refusing(*arguments: str) -> None:
        if left:
            raise left.pop()
        original(*arguments)

    registry.set_registered_model_alias = refusing  # type: ignore[method-assign]
    if refusals == 3:
        with pytest.raises(MlflowException, match="UNIQUE"):
            ledger.move(registry, NAME, promotion("1"))
    else:
        ledger.move(registry, NAME, promotion("1"))
        assert ledger.read(registry, NAME).last().version == registry.aliases[CHAMPION] == "1"
