from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.tracking.watching import claim
from tests.generated import inputs

MODEL, DIGEST = "m-1", "abc"


class Store:
    """As much of MLflow as a claim needs, in memory; whoever calls it waits for its turn first.

    Between two calls anything may happen, and the clocks of those who begin runs are not in order.
    """

    def __init__(self, clocks: Sequence[int]) -> None:
        self.runs: dict[str, Any] = {}
        self.clocks = list(clocks)
        self.turns = [threading.Semaphore(0) for _ in clocks]
        self.waits = [threading.Semaphore(0) for _ in clocks]
        self.ended = [False] * len(clocks)
        self.local = threading.local()

    def wait(self) -> None:
        number = self.local.number
        self.waits[number].release()
        self.turns[number].acquire()

    def create_run(self, experiment_id: str, tags: dict[str, str], run_name: str) -> Any:
        self.wait()
        run_id = f"run{self.local.number}"
        info = SimpleNamespace(run_id=run_id, experiment_id=experiment_id, status="RUNNING",
                               start_time=self.clocks[self.local.number])  # fmt: skip
        self.runs[run_id] = SimpleNamespace(info=info, data=SimpleNamespace(tags=dict(tags)))
        return self.copy(run_id)

    def copy(self, run_id: str) -> Any:
        run = self.runs[run_id]
        data = SimpleNamespace(tags=dict(run.data.tags))
        return SimpleNamespace(info=SimpleNamespace(**vars(run.info)), data=data)

    def search_runs(self, experiment_ids: list[str], condition: str) -> list[Any]:
        self.wait()
        assert f"{MODEL} {DIGEST}" in condition
        return [self.copy(run_id) for run_id in self.runs]

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.wait()
        self.runs[run_id].data.tags[key] = value

    def delete_run(self, run_id: str) -> None:
        self.wait()
        del self.runs[run_id]

    def finish(self, run_id: str) -> None:
        self.wait()
        self.runs[run_id].info.status = "FINISHED"
        self.runs[run_id].data.tags[names.TAG_KIND] = names.KIND_EVALUATION


def race(store: Store, order: Iterator[int], finishing: bool) -> list[str | None]:
    """Let everybody claim at once, one call at a time in this order; return who got it."""
    got: list[str | None] = [None] * len(store.clocks)

    def act(number: int) -> None:
        store.local.number = number
        try:
            got[number] = claim.claim("1", MODEL, "model", DIGEST)
            if got[number] and finishing:
                store.finish(got[number])
        finally:
            store.ended[number] = True
            store.waits[number].release()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(len(got))]
    for number, thread in enumerate(threads):
        thread.start()
        store.waits[number].acquire()
    for chosen in order:
        running = [number for number in range(len(got)) if not store.ended[number]]
        if not running:
            break
        number = running[chosen % len(running)]
        store.turns[number].release()
        store.waits[number].acquire()
    for thread in threads:
        thread.join(10)
    return got


def forever(given: Sequence[int]) -> Iterator[int]:
    """Yield the turns as drawn, then everybody's in turn, so that nobody waits without an end."""
    yield from given
    yield from range(10_000)


@given(
    clocks=st.lists(st.integers(0, 3), min_size=2, max_size=4),
    order=st.lists(st.integers(0, 11), max_size=40),
    finishing=st.booleans(),
)
@settings(deadline=None, max_examples=inputs(150))
def test_of_claims_made_at_once_exactly_one_wins_whatever_the_clocks_say(
    clocks: list[int], order: list[int], finishing: bool
) -> None:
    store = Store(clocks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claim.time, "sleep", lambda seconds: None)
        patch.setattr(claim, "resolve_tags", lambda tags: tags)
        patch.setattr(claim, "is_at_work", lambda run: run.info.status == "RUNNING")  # as another process sees it
        patch.setattr(claim.store, "client", lambda: store)
        winners = [run_id for run_id in race(store, forever(order), finishing) if run_id]
    claim._at_work.clear()
    assert len(winners) == 1
    assert list(store.runs) == winners  # the others' runs are gone


def by(who: str, run_id: str = "r", heartbeat: float | None = None, status: str = "RUNNING") -> Any:
    tags = {names.TAG_CLAIM: f"{MODEL} {DIGEST}", names.TAG_CLAIMED_BY: who}
    if heartbeat is not None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - heartbeat))
        tags[names.TAG_HEARTBEAT] = stamp
    info = SimpleNamespace(run_id=run_id, status=status, start_time=int(1000 * (time.time() - 10_000)))
    return SimpleNamespace(info=info, data=SimpleNamespace(tags=tags))


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")


@linux
def test_a_process_of_this_machine_is_looked_at_whatever_its_heartbeat() -> None:
    host, machine, _, _ = claim.me().split()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    begun = claim._begin_of(child.pid)
    assert claim.is_at_work(by(f"{host} {machine} {child.pid} {begun}", heartbeat=9_000))
    assert not claim.is_at_work(by(f"{host} {machine} {child.pid} {int(begun) + 1}", heartbeat=0))  # number given anew
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not claim.is_at_work(by(f"{host} {machine} {child.pid} {begun}", heartbeat=0))  # a corpse
    child.communicate()
    assert not claim.is_at_work(by(f"{host} {machine} {child.pid} {begun}", heartbeat=0))


@pytest.mark.parametrize("who", ["other 1/pid:[1] 5 7", "{host} 9/pid:[9] 1 7", "{host} - 1 -", "nonsense", ""])
def test_elsewhere_the_heartbeat_tells_who_is_at_work(who: str) -> None:
    """Of two containers with one host name as well: neither sees the other's processes."""
    who = who.format(host=claim.me().split()[0])
    assert claim.is_at_work(by(who, heartbeat=claim.DEAD_AFTER_S - 20))
    assert not claim.is_at_work(by(who, heartbeat=claim.DEAD_AFTER_S + 20))
    assert not claim.is_at_work(by(who))  # begun long ago, and never a sign
    assert not claim.is_at_work(by(who, heartbeat=0, status="FINISHED"))


def test_a_run_of_this_very_process_is_at_work_only_while_it_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "_at_work", {"r"})
    assert claim.is_at_work(by(claim.me(), heartbeat=9_000))
    assert not claim.is_at_work(by(claim.me(), "other", heartbeat=0))


def test_the_heartbeat_goes_on_though_the_store_does_not_answer(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "HEARTBEAT_S", 0.01)
    run_id = mlflow.MlflowClient().create_run(mlflow.get_experiment_by_name("tests").experiment_id).info.run_id
    answers = iter([OSError("away"), RuntimeError("odd")])
    beats, ready, beat = list[str](), threading.Event(), claim._beat

    def flaky(client: Any, run: str) -> None:
        failure = next(answers, None)
        if failure:
            raise failure
        beat(client, run)
        beats.append(run)
        ready.set()

    monkeypatch.setattr(claim, "_beat", flaky)
    with claim.beating(run_id):
        assert ready.wait(10)
    assert set(beats) == {run_id}
    assert names.TAG_HEARTBEAT in mlflow.get_run(run_id).data.tags
