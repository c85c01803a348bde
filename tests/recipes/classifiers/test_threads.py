"""One thread for each core that nobody else uses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.classifiers import serving, threads
from recipes.classifiers.threads import threads_for


@given(st.floats(0.1, 128), st.integers(1, 128), st.none() | st.floats(0, 1))
def test_there_is_always_a_thread_and_never_more_than_cores(usable: float, cores: int, others: float | None) -> None:
    found = threads_for(usable, cores, others)
    assert 1 <= found <= max(1, usable)
    assert found <= cores
    assert found <= threads_for(usable, cores, 0.0)


def test_a_core_in_use_by_others_gets_none() -> None:
    assert [threads_for(8, 8, busy / 8) for busy in range(9)] == [8, 7, 6, 5, 4, 3, 2, 1, 1]


def test_it_looks_at_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "usable_cores", lambda: 2.0)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(threads, "other_load", lambda before, after: 0.5)
    assert threads.free_cores(0.0) == 1
    monkeypatch.setattr(threads, "other_load", lambda before, after: None)
    assert threads.free_cores(0.0) == 2


@given(st.floats(0, 4))
def test_the_code_that_serves_has_the_same_rule(busy: float) -> None:
    """It must stand alone, so it has its own: two cores, 10 seconds, of which our own process used one core."""
    system = SimpleNamespace(cpu_count=lambda: 4, sched_getaffinity=lambda _: range(4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "os", system)
        patch.setattr(serving, "Path", lambda _: SimpleNamespace(read_text=lambda: "max 100000"))
        found = serving.free_cores((0.0, 5.0, 100.0), (10.0, 15.0, 100.0 + 10 * busy + 10))
        assert found == threads_for(4, 4, busy / 4)
        patch.setattr(serving, "Path", lambda _: SimpleNamespace(read_text=lambda: "150000 100000"))
        assert serving.free_cores((0.0, 0.0, 0.0), (10.0, 0.0, 0.0)) == 1
