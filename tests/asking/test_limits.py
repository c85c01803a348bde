"""Turns per minute, against a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.asking import limits
from mlflow_evalplus.asking.limits import Limits
from mlflow_evalplus.asking.retries import LONGEST_S, asked_wait, backoff
from tests.generated import inputs


class Clock:
    """A clock that `sleep` moves; tasks that sleep are woken in the order of their time."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "asyncio", Fake(made))
        yield made


class Fake:
    def __init__(self, clock: Clock) -> None:
        self.sleep = clock.sleep
        self.Lock = asyncio.Lock


def turns(made: Limits, clock: Clock, tokens: list[int], used: list[int] | None = None) -> list[float]:
    """Return when each turn came; each settles at once where it is told what it used."""

    async def all_turns() -> list[float]:
        times = []
        for i, expected in enumerate(tokens):
            await made.turn(expected)
            times.append(clock())
            if used:
                made.settle(expected, used[i])
        return times

    return asyncio.run(all_turns())


@given(rate=st.floats(1, 600), n=st.integers(2, 30))
@settings(max_examples=inputs(60), deadline=None)
def test_no_minute_has_more_requests_than_the_limit(rate: float, n: int) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "asyncio", Fake(clock))
        times = turns(Limits(rate, clock=clock), clock, [0] * n)
    assert times[0] == 0
    for start in times:
        assert sum(start <= time < start + 60 for time in times) <= rate + 1
    assert times[-1] == pytest.approx((n - 1) * 60 / rate, rel=1e-6)


@given(tokens=st.lists(st.integers(1, 500), min_size=2, max_size=30))
@settings(max_examples=inputs(60), deadline=None)
def test_tokens_are_spread_over_the_minute(tokens: list[int]) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "asyncio", Fake(clock))
        times = turns(Limits(tokens_per_minute=1000, clock=clock), clock, tokens)
    assert times[-1] == pytest.approx(sum(tokens[:-1]) * 60 / 1000, rel=1e-6)


def test_tokens_that_were_not_used_are_given_back(clock: Clock) -> None:
    times = turns(Limits(tokens_per_minute=600, clock=clock), clock, [100] * 5, used=[10] * 5)
    assert times == pytest.approx([0, 1, 2, 3, 4])
    later = turns(Limits(tokens_per_minute=600, clock=clock), clock, [10] * 3, used=[100] * 3)
    assert later[2] - later[0] == pytest.approx(20)


def test_time_that_passes_unused_is_not_saved_up(clock: Clock) -> None:
    made = Limits(60, clock=clock)
    turns(made, clock, [0])
    clock.now += 100
    times = turns(made, clock, [0] * 3)
    assert [time - times[0] for time in times] == pytest.approx([0, 1, 2])


def test_nobody_sends_in_a_pause_and_the_longest_counts(clock: Clock) -> None:
    made = Limits(600, clock=clock)
    made.pause(30)
    made.pause(5)
    assert turns(made, clock, [0])[0] == pytest.approx(30)


def test_those_that_were_refused_come_first_after_a_pause(clock: Clock) -> None:
    starts = []
    for seed in range(20):
        clock.now, made = 0.0, Limits(clock=clock, rng=random.Random(seed))
        made.pause(30)
        starts += turns(made, clock, [0])
    assert 30 < min(starts) < 33 < 42 < max(starts) <= 45  # half a pause
    clock.now, made = 0.0, Limits(clock=clock)
    made.pause(30)
    asyncio.run(made.turn(again=True))
    assert clock() == 30


def test_without_limits_nobody_waits(clock: Clock) -> None:
    assert turns(Limits(clock=clock), clock, [1000] * 5) == [0] * 5


@given(attempt=st.integers(0, 1000), seed=st.integers(0, 1000))
@settings(max_examples=inputs(100), deadline=None)
def test_waits_double_up_to_a_bound(attempt: int, seed: int) -> None:
    wait = backoff(attempt, random.Random(seed))
    whole = min(0.5 * 2.0 ** min(attempt, 10), LONGEST_S)
    assert whole / 2 <= wait <= whole


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "1.5"}, 1.5), ({"retry-after": "-3"}, 0), ({"retry-after": "nonsense"}, None),
     ({"retry-after": "nan"}, None), ({"retry-after": "inf"}, None), ({"retry-after-ms": "x", "retry-after": "2"}, 2),
     ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0), ({"retry-after": ""}, None),
     ({"retry-after": "Wed, 21 Oct 99999 07:28:00 GMT"}, None), ({"retry-after": "31536000"}, 31536000),
     ({"retry-after-ms": "-1"}, 0), ({"retry-after": "Wed, 99 Foo 2026"}, None)],
)  # fmt: skip
def test_what_a_header_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers) == pytest.approx(float("nan") if seconds is None else seconds, nan_ok=True)
