"""The clock is a fake one here, so that what is asked, and when it ends, is exact and takes no time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.tracking import timing

ROWS = pd.DataFrame({"row": range(1000)})


class Clock:
    """Time passes only while the model answers: `per_call` seconds and `per_row` for each row."""

    def __init__(self, per_call: float, per_row: float = 0.0) -> None:
        self.now, self.per_call, self.per_row = 0.0, per_call, per_row
        self.asked: list[pd.DataFrame] = []

    def perf_counter(self) -> float:
        return self.now

    def predict(self, rows: pd.DataFrame) -> None:
        self.asked.append(rows)
        self.now += self.per_call + self.per_row * len(rows)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Clock]:
    def start(per_call: float, per_row: float = 0.0) -> Clock:
        made = Clock(per_call, per_row)
        monkeypatch.setattr(timing, "time", made)
        return made

    return start


@pytest.mark.parametrize(
    ("per_call", "requests", "n", "warm_up"),
    [
        (0.001, 200, 400, 5),  # cheap: as many as p99 needs
        (0.0075, 200, 267, 5),  # until 2 s
        (0.02, 200, 200, 5),  # 4 s: what was asked
        (0.08, 200, 126, 5),  # 10 s
        (3.0, 200, 4, 1),
        (30.0, 200, 1, 1),
        (0.001, 7, 7, 5),
        (0.001, 1000, 1000, 5),
    ],
)
def test_requests_end_where_they_are_enough_or_too_dear(
    clock: Callable[..., Clock], per_call: float, requests: int, n: int, warm_up: int
) -> None:
    made = clock(per_call)
    taken = timing.time_requests(made.predict, ROWS, requests)
    assert len(taken) == pytest.approx(n, abs=1 if n > 100 else 0)
    assert taken == pytest.approx(np.full(len(taken), 1000 * per_call))
    assert len(made.asked) == len(taken) + warm_up
    assert {len(rows) for rows in made.asked} == {1}


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_wherever_they_end_the_rows_are_spread_over_the_data(clock: Callable[..., Clock], n: int) -> None:
    """Data are often sorted, by label or by length: the first half of them would be another model's."""
    made = clock(0.02)
    timing.time_requests(made.predict, ROWS.head(n), 200)
    places = [int(rows["row"].iloc[0]) for rows in made.asked]
    tenths = np.bincount(np.array(places) * 10 // max(n, 10), minlength=10)
    assert set(places) <= set(range(n))
    if n == 1000:
        assert tenths.min() >= 0.9 * len(places) / 10


def test_batches_are_asked_for_half_a_second_with_ever_other_rows(clock: Callable[..., Clock]) -> None:
    made = clock(0.01)
    taken = timing.time_batches(made.predict, ROWS, 1e-6)
    assert list(taken) == [8, 32, 128]
    for size, seconds in taken.items():
        assert seconds == pytest.approx(np.full(len(seconds), 0.01))
        assert sum(seconds) == pytest.approx(0.5, abs=0.011)
        asked = [rows["row"].tolist() for rows in made.asked if len(rows) == size]
        assert len(asked) == len(seconds) + 1
        assert [*chain.from_iterable(asked)] == [i % 1000 for i in range(size * len(asked))]


def test_a_slow_batch_is_asked_six_times_and_one_too_slow_is_left_out(clock: Callable[..., Clock]) -> None:
    made = clock(0.0, per_row=0.02)
    taken = timing.time_batches(made.predict, ROWS, 0.02)
    # 8 rows take 0.16 s; 7 calls of 128 would take 18 s
    assert {size: len(seconds) for size, seconds in taken.items()} == {8: 6, 32: 6}
    assert made.now < timing.MAX_SECONDS
    assert timing.time_batches(clock(0.0, per_row=1.0).predict, ROWS, 1.0) == {}


def test_batches_end_in_time_whatever_a_call_costs(clock: Callable[..., Clock]) -> None:
    """The one call of all rows says little of a model whose calls, not rows, take long, such as a remote one."""
    made = clock(8.0)
    assert timing.time_batches(made.predict, ROWS, 0.008, seconds_per_call=8.0) == {}
    assert made.asked == []
    assert {size: len(seconds) for size, seconds in timing.time_batches(made.predict, ROWS, 0.008).items()} == {8: 1}
    assert made.now == 16  # the call that began in time is waited for


def test_few_rows_repeat_to_fill_a_batch(clock: Callable[..., Clock]) -> None:
    made = clock(0.2)
    timing.time_batches(made.predict, ROWS.head(3), 0.0, share=0.1)
    first = made.asked[0]
    assert first["row"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert first.index.tolist() == list(range(8))
